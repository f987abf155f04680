"""Where float32 gives the same integers as the 64-bit shift, proven for every accumulator that a channel can reach.

The exact result of an accumulator is ``(acc * multiplier + offset) >> shift``, a staircase with 255 steps between -128
and 127. In float32, conversion of an integer below 2**24 is exact, and neither a fused multiply-add nor rounding falls
where its argument rises: they make a staircase as well, in three instructions. Two staircases are equal if they agree
on both sides of every step.

``floor(fma(acc, scale, offset))``, the sum rounded downwards too, is the floor of the exact sum. Most models have
multipliers of no more than the 24 bits of a float32, so that scale and offset are exact as well, and nothing is left to
prove. Processors that only round to the nearest take ``rint(fma(acc, scale, offset - 0.5))``, which errs where a sum
just below a step is rounded to it. Without a fused multiply-add, product and sum are rounded apart, as
float32 is here: ``rint(acc * scale + (offset - 0.5))``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.prepared.columns import Proof

__all__ = ["IntegerFactors", "RealFactors", "find_real_factors"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

#: The steps of the staircase: it has at least this value from the step on.
_STEPS = np.arange(-127, 128, dtype=np.int64)

#: Accumulators up to this are exact in float32.
_EXACT = 2**24

#: Scales that are tried: the nearest one, then its neighbours, in units of its last place.
_NEIGHBOURS = sorted(range(-6, 7), key=abs)
#: Offsets that are tried with each: the nearest one, then those at parts of the way from the least to the greatest that
#: would do in exact arithmetic.
_PLACES = (None, 0.5, 0.2, 0.8)

_HALF = np.float32(0.5)

#: Numbers below this have their integers in the low bits once 1.5 * 2**23 is added to them.
_MOST_APART = 2.0**22


class IntegerFactors(NamedTuple):
    """Factors per channel that make an int8 exactly: ``(acc * multiplier + offset) >> shift``, clamped."""

    #: In [0, 2**31).
    multiplier: Int64
    #: Below 2**62 in magnitude.
    offset: Int64
    #: In [32, 54].
    shift: Int64


class RealFactors(NamedTuple):
    """Factors per channel that make the same int8 in float32."""

    scale: Float32
    offset: Float32
    #: A `Proof` for every accumulator that the channel can reach.
    proven: Int8


def find_real_factors(integers: IntegerFactors, low: Int64, high: Int64, wanted: Proof) -> RealFactors:
    """Find factors for float32 and prove them for the accumulators of each channel, from `low` to `high`.

    The nearest ones are tried, then others as long as they do not come to the proof that is `wanted`. `Proof.APART`
    tells nothing of the others, and is looked for alone.
    """
    fits = (low >= -_EXACT) & (high <= _EXACT) & (integers.multiplier > 0)
    # Products are multiples of the multiplier's last bit: what the offset has below it never makes a difference.
    offset = integers.offset & -(integers.multiplier & -integers.multiplier)
    scale, scale_is_exact = _to_float32(integers.multiplier, integers.shift)
    nearest, nearest_is_exact = _to_float32(offset, integers.shift)
    exact = Proof.NONE if wanted == Proof.APART else Proof.DOWN
    proven = np.where(fits & scale_is_exact & nearest_is_exact, exact, Proof.NONE).astype(np.int8)
    found = RealFactors(scale.copy(), nearest, proven)
    for neighbour in _NEIGHBOURS:
        for place in _PLACES:
            left = np.flatnonzero(fits & (found.proven < wanted))
            if not left.size:
                return found
            tried = (scale[left].view(np.int32) + np.int32(neighbour)).view(np.float32)
            _try(found, left, integers, low, high, tried, place, wanted == Proof.APART)
    return found


def _to_float32(numbers: Int64, shift: Int64) -> tuple[Float32, Bool]:
    """Return ``numbers / 2**shift``, and where that is exact."""
    real = numbers.astype(np.float32)
    return np.ldexp(real, -shift.astype(np.int32)), (real.astype(np.float64) == numbers) & (np.abs(numbers) < 2**53)


def _try(
    found: RealFactors,
    channels: Int64,
    integers: IntegerFactors,
    low: Int64,
    high: Int64,
    scale: Float32,
    place: float | None,
    apart: bool,
) -> None:
    """Try a scale for each of some channels, with the offset at `place`, and keep what proves more than was found."""
    staircase = _Staircase(IntegerFactors(*(factor[channels] for factor in integers)), low[channels], high[channels])
    offset = staircase.nearest_offset() if place is None else staircase.offset(scale, place)
    proof = staircase.proof_apart(scale, offset) if apart else staircase.proof(scale, offset)
    better = proof > found.proven[channels]
    found.scale[channels[better]], found.offset[channels[better]] = scale[better], offset[better]
    found.proven[channels[better]] = proof[better]


class _Staircase:
    """The exact results of channels: where each of them rises."""

    def __init__(self, integers: IntegerFactors, low: Int64, high: Int64) -> None:
        self._low, self._high = low[:, None], high[:, None]
        beyond = integers.offset[:, None] - (_STEPS << integers.shift[:, None])
        # The least accumulator at each step: -offset / multiplier, rounded up.
        self._at = -(beyond // integers.multiplier[:, None])
        self._ideal = integers.offset * np.exp2(-integers.shift.astype(np.float64))

    def nearest_offset(self) -> Float32:
        """Return the offset that is nearest to the exact one."""
        return self._ideal.astype(np.float32)

    def offset(self, scale: Float32, place: float) -> Float32:
        """Return the offset at `place` on the way from the least to the greatest that put every step where it is."""
        reached = (self._at > self._low) & (self._at <= self._high)
        rises = _STEPS - self._at * scale[:, None].astype(np.float64)
        least = np.where(reached, rises, -np.inf).max(axis=1)
        greatest = np.where(reached, rises + scale[:, None], np.inf).min(axis=1)
        flat = ~reached.any(axis=1)
        least[flat], greatest[flat] = self._ideal[flat], self._ideal[flat]
        return (least + (greatest - least) * place).astype(np.float32)

    def proof(self, scale: Float32, offset: Float32) -> Int8:
        """Return how float32 may be rounded to be at least as high at each step, and lower before it."""
        down = self._agrees(_down, scale, offset)
        nearest = self._agrees(_nearest, scale, offset - _HALF)
        return np.where(down & nearest, Proof.NEAREST, np.where(down, Proof.DOWN, Proof.NONE)).astype(np.int8)

    def proof_apart(self, scale: Float32, offset: Float32) -> Int8:
        """Return whether float32 is as high where product and sum are rounded to the nearest apart."""
        ends = np.stack((self._low, self._high)) * scale[:, None].astype(np.float64) + offset[:, None]
        holds = (np.abs(ends) < _MOST_APART).all(axis=(0, 2))
        apart = holds & self._agrees(_apart, scale, offset - _HALF)
        return np.where(apart, Proof.APART, Proof.NONE).astype(np.int8)

    def _agrees(self, rises: _Rises, scale: Float32, offset: Float32) -> Bool:
        at, _ = rises(np.clip(self._at, self._low, self._high), scale, offset)
        _, before = rises(np.clip(self._at - 1, self._low, self._high), scale, offset)
        agrees = (at | (self._at > self._high)) & (before | (self._at <= self._low))
        return np.asarray(agrees.all(axis=1))


#: Tells of the accumulator at each step whether float32 surely has reached the step, and whether it surely has not.
_Rises = Callable[[Int64, Float32, Float32], tuple[Bool, Bool]]


def _down(acc: Int64, scale: Float32, offset: Float32) -> tuple[Bool, Bool]:
    """Compare ``floor(fma(acc, scale, offset))``, both rounded downwards, with each step."""
    total, lost = _sum(acc, scale, offset)
    reached = (total > _STEPS) | ((total == _STEPS) & (lost >= 0))
    return reached, ~reached


def _nearest(acc: Int64, scale: Float32, offset: Float32) -> tuple[Bool, Bool]:
    """Compare ``rint(fma(acc, scale, offset))`` with each step: for sure only where float64 holds the exact sum.

    It is then rounded once, to float32, as a fused multiply-add does.
    """
    total, lost = _sum(acc, scale, offset)
    result = np.rint(total.astype(np.float32))
    return (lost == 0) & (result >= _STEPS), (lost == 0) & (result < _STEPS)


def _apart(acc: Int64, scale: Float32, offset: Float32) -> tuple[Bool, Bool]:
    """Compare ``rint(acc * scale + offset)``, each rounded to the nearest, with each step."""
    product = acc.astype(np.float32) * scale[:, None]
    reached = np.rint(product + offset[:, None]) >= _STEPS
    return reached, ~reached


def _sum(acc: Int64, scale: Float32, offset: Float32) -> tuple[Float64, Float64]:
    """Return ``acc * scale + offset`` in float64, and what it lacks of the exact sum: Knuth's TwoSum.

    The product of 24 by 24 bits is exact in float64.
    """
    product = acc * scale[:, None].astype(np.float64)
    added = np.broadcast_to(offset[:, None].astype(np.float64), product.shape)
    total = product + added
    back = total - product
    return total, (product - (total - back)) + (added - back)
