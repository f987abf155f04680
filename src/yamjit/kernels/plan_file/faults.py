"""How compiled checks of a plan file read it, and say what is wrong: a number in each of four int64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer

__all__ = ["integers", "refuse", "within"]


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
def within(place: int, size: int, available: int) -> bool:
    """Return whether `size` bytes from an aligned place on are among those available; nothing overflows."""
    return place >= 0 and place % 64 == 0 and size >= 0 and place <= available and size <= available - place
