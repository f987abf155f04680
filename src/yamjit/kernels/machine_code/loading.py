"""Entries: the few functions at which Python enters compiled code, loaded if they can be and compiled if they must.

What was compiled once is loaded from the cache by `yamjit.kernels.machine_code.native`, without importing Numba. What
is not there is compiled, which takes seconds and is told to the logger of this module.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from yamjit.kernels.machine_code.cache import Slot

__all__ = ["Entry", "is_interpreted"]

_log = logging.getLogger(__name__)


class Entry:
    """A compiled function, to be called as the Python function that it is made from.

    With ``NUMBA_DISABLE_JIT=1`` it is that Python function.

    Parameters
    ----------
    module : str
        The module of the function, imported when there is something to compile.
    name : str
        The function's: it takes integers and floats, returns nothing, raises nothing and allocates nothing. What it
        calls is decorated with `yamjit.kernels.machine_code.library.jit`; it is not.
    arguments : tuple of type
        `int` (compiled: int64) or `float` (float64), one for each argument.

    Examples
    --------
    >>> run_steps = Entry("yamjit.kernels.int8.steps", "run_steps", (int,) * 8)
    """

    def __init__(self, module: str, name: str, arguments: tuple[type[int] | type[float], ...]) -> None:
        self._module = module
        self._name = name
        self._arguments = arguments
        self._function: Callable[..., int | None] | None = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: float) -> None:
        """Run the function, with the GIL released; `arguments` are plain Python integers and floats."""
        function = self._function or self.prepare()
        status = function(*arguments)
        if status:
            # Only with NUMBA_BOUNDSCHECK=1.
            raise IndexError(f"{self._name} stopped with status {status}: an index is out of bounds")

    def prepare(self) -> Callable[..., int | None]:
        """Load or compile the function now; return it."""
        with self._lock:
            if self._function is None:
                self._function = self._python() if is_interpreted() else self._loaded() or self._compiled()
            return self._function

    def is_ready(self) -> bool:
        """Load the function if that is a matter of milliseconds; return whether it can be called without waiting."""
        if self._function is None and not is_interpreted():
            with self._lock:
                self._function = self._function or self._loaded()
        return self._function is not None

    def _python(self) -> Callable[..., None]:
        function: Callable[..., None] = getattr(importlib.import_module(self._module), self._name)
        return function

    def _loaded(self) -> Callable[..., int] | None:
        """Return the function from the cache, if it is there."""
        from yamjit.kernels.machine_code import native

        content = self._slot.read()
        if content is None:
            return None
        try:
            return native.load(native.ObjectCode.from_bytes(content), self._name, self._arguments)
        except RuntimeError as error:
            _log.info("compiled code is there but not used: %s", error)
            return None

    def _compiled(self) -> Callable[..., int]:
        """Return the function newly compiled, unless another process has done that meanwhile."""
        with self._slot.turn():
            return self._loaded() or self._newly_compiled()

    def _newly_compiled(self) -> Callable[..., int]:
        from yamjit.kernels.machine_code import native

        _log.info("compiling %s for this machine, once: this takes some seconds", self._name)
        start = time.perf_counter()
        from yamjit.kernels.machine_code import library as compilation

        code, is_free = compilation.compile_object(self._python(), self._name, self._arguments)
        function = native.load(code, self._name, self._arguments)
        _log.info("compiled %s in %.1f s", self._name, time.perf_counter() - start)
        if is_free and compilation.follows_environment():
            self._slot.keep(code.to_bytes())
        return function

    @functools.cached_property
    def _slot(self) -> Slot:
        from yamjit.kernels.machine_code import native

        types = " ".join(argument.__name__ for argument in self._arguments)
        return Slot(self._name, f"{self._module} {types} {native.processor()}")


def is_interpreted() -> bool:
    """Return whether Numba is told to leave Python functions as they are; does not import it."""
    numba: Any = sys.modules.get("numba")
    if numba is not None:
        return bool(numba.config.DISABLE_JIT)
    return os.environ.get("NUMBA_DISABLE_JIT", "") not in ("", "0")
