"""Kernels and the backends that run them: arrays and integers, never a graph."""

from __future__ import annotations

import importlib.util

from yamjit import checks
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install
from yamjit.kernels.backends import AutoBackend, Backend, CompiledBackend, NumbaBackend, NumpyBackend
from yamjit.kernels.machine_code.shipped import library_at_hand, load_library

__all__ = ["BACKENDS", "Backend", "load_backend"]

BACKENDS = ("auto", "compiled", "numba", "numpy")


def load_backend(name: str = "auto") -> Backend:
    """Return a backend by name, importing only what it needs.

    "auto" is "compiled" where there is a library; else NumPy, which Numba follows where that is installed.
    Raises `DependencyError` if what is named is not there, and `InputError` if ``$YAMJIT_LOWERING`` cannot be had.
    """
    checks.choice(name, "backend", BACKENDS)
    if name == "compiled":
        return CompiledBackend(load_library())
    if name == "numba":
        if not _has_numba():
            raise DependencyError(f"the numba backend needs Numba: {how_to_install('yamjit[compile]')}")
        return NumbaBackend()
    library = library_at_hand() if name == "auto" else None
    if library is not None:
        return CompiledBackend(library)
    return AutoBackend() if name == "auto" and _has_numba() else NumpyBackend()


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
