"""How compiled checks of a plan file read it, and say what is wrong: a number in each of four int64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.memory import ALIGNMENT

__all__ = ["MOST", "integers", "product", "refuse", "within", "wrong"]

#: Products of sizes stop here: far above what fits any memory, far below what overflows.
MOST = np.int64(2**40)


@jit
def integers(address: int, count: int) -> Any:
    """Return `count` int64 from `address` on."""
    return carray(pointer(address), count, np.int64)


@jit
def refuse(found: Any, fault: int, number: int, field: int, value: int) -> bool:
    """Say what is wrong in `found`: a `Fault`, which step or head, which column or field, and its value."""
    found[0], found[1], found[2], found[3] = fault, number, field, value
    return False


@jit
def product(a: int, b: int) -> int:
    """Return the product of two integers, at most `MOST`; -1 where one is negative."""
    if a < 0 or b < 0:
        return np.int64(-1)
    return a * b if b == 0 or a <= MOST // b else MOST


@jit
def within(place: int, size: int, available: int) -> bool:
    """Return whether `size` bytes from an aligned place on are among those available; nothing overflows."""
    return place >= 0 and place % ALIGNMENT == 0 and size >= 0 and place <= available and size <= available - place


@jit
def wrong(field: int) -> Any:
    """Return a column or field, of whatever table, as the integer that says that it is wrong."""
    return np.int64(field)
