"""The backends as parameters of tests; those that are not here, or could not compile, are skipped."""

from __future__ import annotations

import importlib.util
import os

import pytest

from yamjit.kernels.machine_code.shipped import library_path

__all__ = ["BACKENDS", "FAST_BACKENDS", "NO_COMPILER", "wants_library"]

#: Without its compiler Numba's backend would take minutes over a whole model.
NO_COMPILER = importlib.util.find_spec("numba") is None or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"

_NO_LIBRARY = "no library of compiled kernels is at hand (install a platform wheel, or set YAMJIT_LIBRARY)"

#: Mark of a test that wants the library of a wheel.
wants_library = pytest.mark.skipif(library_path() is None, reason=_NO_LIBRARY)

#: Backends of compiled code.
FAST_BACKENDS = [
    pytest.param("compiled", marks=wants_library),
    pytest.param("numba", marks=[pytest.mark.numba, pytest.mark.skipif(NO_COMPILER, reason="Numba does not compile")]),
]

BACKENDS = ["numpy", *FAST_BACKENDS]
