"""Inputs quantized at run time over vectors: the twin of `yamjit.kernels.hybrid.quantizing`, for one target."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.hybrid.quantizing import InputScale, quantize_part, scale_between
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.reals import RealOps

__all__ = ["Quantizer", "make_quantizer"]

_ZERO = np.float32(0)
#: Values that TFLite quantizes at a time; what is left of a row is rounded in another way.
_LANES = 8


class Quantizer(NamedTuple):
    """Jitted functions of addresses.

    ``scale_of(x, size, symmetric)`` returns how `size` float32 are quantized over their range; ``quantize(x, first,
    count, size, by, flip, out)`` quantizes `count` of them from number `first` on, which lie at `x`, to int8 with the
    bits of `flip` turned.
    """

    scale_of: Any
    quantize: Any


def make_quantizer(ops: VectorOps) -> Quantizer:
    """Make the functions for a target."""
    reals, lanes = RealOps(ops.target), ops.lanes
    load, same, times = reals.load_floats, reals.same_floats, reals.times
    least, greatest, least_lane, greatest_lane = reals.least, reals.greatest, reals.least_lane, reals.greatest_lane
    rounded, add, splat, store = reals.rounded, reals.add, ops.splat, reals.store_octets

    @jit
    def scale_of(x: int, size: int, symmetric: bool) -> InputScale:
        lows, highs = same(_ZERO), same(_ZERO)
        whole = size - size % lanes
        for i in range(0, whole, lanes):
            values = load(x + 4 * i)
            lows, highs = least(values, lows), greatest(values, highs)
        low, high = least_lane(lows), greatest_lane(highs)
        rest = carray(pointer(x + 4 * whole), size - whole, np.float32)
        for i in range(rest.size):
            low = rest[i] if rest[i] < low else low
            high = rest[i] if rest[i] > high else high
        return scale_between(low, high, symmetric)

    @jit
    def quantize(x: int, first: int, count: int, size: int, by: InputScale, flip: int, out: int) -> None:
        inverse, low, high = same(by.inverse), same(by.low), same(by.high)
        zero_point, turned = splat(np.int64(by.zero_point)), splat(flip)
        before = max(min(count, size - size % _LANES - first), 0)
        whole = before - before % lanes
        for i in range(0, whole, lanes):
            store(out + i, add(rounded(times(load(x + 4 * i), inverse), low, high), zero_point), turned)
        rest = carray(pointer(x + 4 * whole), count - whole, np.float32)
        quantize_part(rest, first + whole, size, by, flip, carray(pointer(out + whole), rest.size, np.int8))

    return Quantizer(scale_of, quantize)
