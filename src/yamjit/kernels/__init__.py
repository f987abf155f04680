"""Kernels and the backends that run them: arrays and integers, never a graph."""

from __future__ import annotations

import importlib.util

from yamjit import checks
from yamjit.errors import DependencyError
from yamjit.kernels.backends import AutoBackend, Backend, CompiledBackend, NumpyBackend

__all__ = ["BACKENDS", "Backend", "load_backend"]

BACKENDS = ("auto", "numba", "numpy")


def load_backend(name: str = "auto") -> Backend:
    """Return a backend by name, importing only what it needs; `DependencyError` if that is Numba and not installed."""
    checks.choice(name, "backend", BACKENDS)
    if name == "numpy" or (name == "auto" and not _has_numba()):
        return NumpyBackend()
    if not _has_numba():
        raise DependencyError("the numba backend needs Numba: pip install numba")
    return CompiledBackend() if name == "numba" else AutoBackend()


def _has_numba() -> bool:
    return importlib.util.find_spec("numba") is not None
