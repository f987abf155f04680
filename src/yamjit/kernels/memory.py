"""Aligned memory: sizes rounded up, blocks at aligned addresses, arrays one after the other in a block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["ALIGNMENT", "Packer", "aligned_bytes", "padded"]

#: Every array in a block of constants and every tensor in an arena starts at a multiple of this, in bytes.
ALIGNMENT = 64


def padded(size: int, unit: int = ALIGNMENT) -> int:
    """Return `size` rounded up to a multiple of `unit`."""
    return -(-size // unit) * unit


def aligned_bytes(size: int) -> npt.NDArray[np.uint8]:
    """Return `size` zero bytes that start at a multiple of `ALIGNMENT`."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return np.ndarray((size,), np.uint8, memory, start)  # a slice of nothing would not be aligned


class Packer:
    """Packs arrays into one block, each at a multiple of `ALIGNMENT`; so is `size`, the bytes of the block so far."""

    def __init__(self) -> None:
        self._arrays: list[tuple[int, npt.NDArray[np.generic]]] = []
        self.size = 0

    def add(self, array: npt.NDArray[np.generic]) -> int:
        """Add an array; returns where in the block it starts, in bytes."""
        start = self.size
        self._arrays.append((start, array))
        self.size += padded(array.nbytes)
        return start

    def block(self) -> npt.NDArray[np.uint8]:
        """Return a block of `size` bytes that holds the arrays."""
        block = aligned_bytes(self.size)
        for start, array in self._arrays:
            block[start : start + array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)
        return block
