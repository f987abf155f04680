"""The backends as parameters of tests; Numba's is left out where it could not compile."""

from __future__ import annotations

import importlib.util
import os

import pytest

__all__ = ["BACKENDS", "NO_COMPILER"]

#: Without its compiler Numba's backend would take minutes over a whole model.
NO_COMPILER = importlib.util.find_spec("numba") is None or os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"

BACKENDS = [
    "numpy",
    pytest.param("numba", marks=[pytest.mark.numba, pytest.mark.skipif(NO_COMPILER, reason="Numba does not compile")]),
]
