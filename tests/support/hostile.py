"""Values of any kind: a call answers each with an error of yamjit's, or with what was asked for."""

from __future__ import annotations

import numpy as np

__all__ = ["HOSTILE"]

HOSTILE = (
    *(None, 5, -1, 1.5, float("nan")),
    *("x", "\0", "", b"x", "\ud800"),
    *([], {}, [None], ["a"], [1], [("a", 0)]),
    *(object(), np.array([1, 2])),
)
