"""Where the activations of one patch lie: tensors that are never alive together share memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yamjit.kernels.memory import padded

__all__ = ["Lifetime", "assign_offsets"]


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Memory of `size` bytes per patch, needed from step `first`, which writes it, to `last`, the last to read it."""

    size: int
    first: int
    last: int

    def overlaps(self, other: Lifetime) -> bool:
        """Whether both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


def assign_offsets(lifetimes: Sequence[Lifetime]) -> tuple[list[int], int]:
    """Place every tensor at the lowest offset that is free all its life, the largest first.

    The offsets, multiples of `ALIGNMENT` in the order of `lifetimes`, and the total size are in bytes.
    """
    offsets = [0] * len(lifetimes)
    placed: list[int] = []
    for index in sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].size, i)):
        neighbours = sorted((offsets[other], other) for other in placed if lifetimes[index].overlaps(lifetimes[other]))
        offset = 0
        for start, other in neighbours:
            if offset + lifetimes[index].size <= start:
                break
            offset = max(offset, padded(start + lifetimes[other].size))
        offsets[index] = offset
        placed.append(index)
    total = max((o + padded(t.size) for o, t in zip(offsets, lifetimes, strict=True)), default=0)
    return offsets, total
