"""Kernels and the backends that run them: arrays and integers, never a graph."""

from __future__ import annotations

import importlib.util
from typing import Protocol

from yamjit import checks
from yamjit.errors import DependencyError
from yamjit.kernels.program import Program, Workspace

__all__ = ["BACKENDS", "Backend", "load_backend"]

BACKENDS = ("auto", "numba", "numpy")

#: Patches after which "auto" turns to Numba: whoever has run so many has spent on NumPy what compiling takes.
_PATCHES_WORTH_NUMBA = 2800


class Backend(Protocol):
    """What runs a program. Both backend modules are one; every backend gives the same integers."""

    def run(self, program: Program, workspace: Workspace, patches: int, first: int, last: int, /) -> None:
        """Run the steps ``first .. last - 1`` over the first `patches` patches of a workspace."""


def load_backend(name: str = "auto") -> Backend:
    """Return a backend by name, and import no more than it needs.

    Raises
    ------
    InputError
        If there is no such backend.
    DependencyError
        If it is Numba and Numba is not installed.
    """
    checks.choice(name, "backend", BACKENDS)
    if name == "numpy":
        from yamjit.kernels.int8 import numpy as numpy_backend

        return numpy_backend
    if name == "numba":
        if not _has_numba():
            raise DependencyError("the numba backend needs Numba: pip install numba")
        from yamjit.kernels.int8 import compiled as numba_backend

        return numba_backend
    return _AutoBackend() if _has_numba() else load_backend("numpy")


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


def _is_ready() -> bool:
    """Return whether the compiled kernels can be had without compiling."""
    from yamjit.kernels.int8 import compiled as numba_backend

    return numba_backend.is_ready()


class _AutoBackend:
    """Numba where its kernels are at hand compiled; else NumPy first, and Numba once there are many patches."""

    def __init__(self) -> None:
        self._backend = load_backend("numba" if _is_ready() else "numpy")
        self._left = float(_PATCHES_WORTH_NUMBA)

    def run(self, program: Program, workspace: Workspace, patches: int, first: int, last: int, /) -> None:
        """Run steps, and change the backend when it pays."""
        if self._left > 0:
            self._left -= patches * (last - first) / len(program.steps)
            if self._left <= 0:
                self._backend = load_backend("numba")
        self._backend.run(program, workspace, patches, first, last)
