"""Where float32 gives the same integers as the 64-bit shift, proven for every accumulator that a channel can reach.

The exact result of an accumulator is ``(acc * multiplier + offset) >> shift``, a staircase with 255 steps between -128
and 127. ``rint(fma(acc, scale, offset))`` in float32 is a staircase as well: conversion of an integer below 2**24 is
exact, and neither a fused multiply-add nor rounding falls where its argument rises. Two staircases are equal if they
agree on both sides of every step. Where they are, vector kernels take the second one, in three instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["IntegerFactors", "RealFactors", "find_real_factors"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

#: The steps of the staircase: it has at least this value from the step on.
_STEPS = np.arange(-127, 128, dtype=np.int64)

#: Accumulators up to this are exact in float32.
_EXACT = 2**24

#: What is tried for channels that the nearest scale does not suit: its neighbours, in units of its last place, each
#: with offsets at these parts of the way from the least to the greatest that may do.
_NEIGHBOURS = np.arange(-10, 11)
_PLACES = (0.2, 0.5, 0.8)


class IntegerFactors(NamedTuple):
    """Factors per channel that make an int8 exactly: ``(acc * multiplier + offset) >> shift``, clamped."""

    #: In [0, 2**31).
    multiplier: Int64
    #: Below 2**62 in magnitude.
    offset: Int64
    #: In [32, 54].
    shift: Int64


class RealFactors(NamedTuple):
    """Factors per channel that make the same int8 in float32: ``rint(fma(acc, scale, offset))``, clamped."""

    scale: Float32
    offset: Float32
    #: Whether the int8 is the same for every accumulator that the channel can reach.
    proven: Bool


def find_real_factors(integers: IntegerFactors, low: Int64, high: Int64) -> RealFactors:
    """Find factors for float32 and prove them for the accumulators of each channel, from `low` to `high`."""
    exact = (low >= -_EXACT) & (high <= _EXACT) & (integers.multiplier > 0)
    scale = (integers.multiplier * np.exp2(-integers.shift.astype(np.float64))).astype(np.float32)
    found = RealFactors(scale, np.zeros_like(scale), np.zeros_like(exact))
    _try(found, np.flatnonzero(exact), integers, low, high, scale[exact], 0.5)
    left = np.flatnonzero(exact & ~found.proven)
    neighbours = (scale[left, None].view(np.int32) + _NEIGHBOURS.astype(np.int32)).view(np.float32)
    for place in _PLACES if left.size else ():
        _try(found, left.repeat(_NEIGHBOURS.size), integers, low, high, neighbours.reshape(-1), place)
    return found


def _try(
    found: RealFactors,
    channels: Int64,
    integers: IntegerFactors,
    low: Int64,
    high: Int64,
    scale: Float32,
    place: float,
) -> None:
    """Try a scale for each of some channels, with the offset at `place` on the way from the least to the greatest."""
    staircase = _Staircase(IntegerFactors(*(factor[channels] for factor in integers)), low[channels], high[channels])
    offset = staircase.offset(scale, place)
    good = staircase.agrees(scale, offset)
    found.scale[channels[good]], found.offset[channels[good]] = scale[good], offset[good]
    found.proven[channels[good]] = True


class _Staircase:
    """The exact results of channels: where each of them rises."""

    def __init__(self, integers: IntegerFactors, low: Int64, high: Int64) -> None:
        self._low, self._high = low[:, None], high[:, None]
        beyond = integers.offset[:, None] - (_STEPS << integers.shift[:, None])
        # The least accumulator at each step: -offset / multiplier, rounded up.
        self._at = -(beyond // integers.multiplier[:, None])
        self._ideal = integers.offset * np.exp2(-integers.shift.astype(np.float64)) - 0.5

    def offset(self, scale: Float32, place: float) -> Float32:
        """Return the offset at `place` on the way from the least to the greatest that put every step where it is."""
        reached = (self._at > self._low) & (self._at <= self._high)
        rises = _STEPS - 0.5 - self._at * scale[:, None].astype(np.float64)
        least = np.where(reached, rises, -np.inf).max(axis=1)
        greatest = np.where(reached, rises + scale[:, None], np.inf).min(axis=1)
        flat = ~reached.any(axis=1)
        least[flat], greatest[flat] = self._ideal[flat], self._ideal[flat]
        return (least + (greatest - least) * place).astype(np.float32)

    def agrees(self, scale: Float32, offset: Float32) -> Bool:
        """Return whether float32 is at least as high at each step, and lower before it."""
        at = _real(np.clip(self._at, self._low, self._high), scale, offset) >= _STEPS
        before = _real(np.clip(self._at - 1, self._low, self._high), scale, offset) < _STEPS
        agrees = (at | (self._at > self._high)) & (before | (self._at <= self._low))
        return np.asarray(agrees.all(axis=1))


def _real(acc: Int64, scale: Float32, offset: Float32) -> Float64:
    """Return ``rint(fma(acc, scale, offset))``; NaN where float64 cannot tell what a fused multiply-add gives.

    The product of 24 by 24 bits is exact in float64. Where the sum is exact as well, it is rounded once, to float32, as
    a fused multiply-add does.
    """
    product = acc * scale[:, None].astype(np.float64)
    added = np.broadcast_to(offset[:, None].astype(np.float64), product.shape)
    total = product + added
    # Knuth's TwoSum: what the addition loses.
    back = total - product
    lost = (product - (total - back)) + (added - back)
    return np.where(lost == 0, np.rint(total.astype(np.float32)), np.nan)
