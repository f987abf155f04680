"""Entries in this process: loaded if they can be and compiled if they must.

What was compiled once is loaded from the cache by `yamjit.kernels.machine_code.native`, without importing Numba. What
is not there is compiled, which takes a while and is told to the logger of this module.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from yamjit.announcing import logger
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.settings import is_interpreted

if TYPE_CHECKING:
    from yamjit.kernels.machine_code.cache import CachedCode

__all__ = ["LoadedEntry"]


class LoadedEntry:
    """An entry compiled for this machine; with ``NUMBA_DISABLE_JIT=1``, the Python function that it is made from."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._function: Callable[..., int | None] | None = None
        self._lock = threading.Lock()

    def __call__(self, *arguments: float) -> None:
        """Run the function, with the GIL released; `arguments` are plain Python integers and floats."""
        function = self._function or self.prepare()
        status = function(*arguments)
        if status:
            # Only with NUMBA_BOUNDSCHECK=1.
            raise IndexError(f"{self._entry.name} stopped with status {status}: an index is out of bounds")

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
        from yamjit.kernels.vectors.processor import host_target

        return self._entry.function(host_target())

    def _loaded(self) -> Callable[..., int] | None:
        """Return the function from the cache, if it is there."""
        from yamjit.kernels.machine_code import native

        content = self._cached.read()
        if content is None:
            return None
        try:
            return native.load(native.ObjectCode.from_bytes(content), self._entry.name, self._entry.arguments)
        except RuntimeError as error:
            logger(__name__).info("compiled code is there but not used: %s", error)
            return None

    def _compiled(self) -> Callable[..., int]:
        """Return the function newly compiled, unless another process has done that meanwhile."""
        with self._cached.turn():
            return self._loaded() or self._newly_compiled()

    def _newly_compiled(self) -> Callable[..., int]:
        from yamjit.kernels.machine_code import native

        # A warning: someone is waiting, who may not have asked for a log.
        text = "compiling %s of yamjit for this processor, once: this takes a minute, more on a small computer"
        logger(__name__).warning(text, self._entry.name)
        start = time.perf_counter()
        from yamjit.kernels.machine_code import compiler
        from yamjit.kernels.vectors.processor import host_target

        code = compiler.compile_object(self._entry, host_target())
        function = native.load(code, self._entry.name, self._entry.arguments)
        logger(__name__).info("compiled %s in %.1f s", self._entry.name, time.perf_counter() - start)
        if code.is_free and compiler.follows_environment():
            self._cached.keep(code.to_bytes())
        return function

    @functools.cached_property
    def _cached(self) -> CachedCode:
        from yamjit.kernels.machine_code import native
        from yamjit.kernels.machine_code.cache import CachedCode

        types = " ".join(argument.__name__ for argument in self._entry.arguments)
        return CachedCode(self._entry.name, f"{self._entry.module} {types} {native.processor()}")
