"""SOFTMAX of int8 values in fixed point, as TFLite's reference computes it, and the table that it reads.

Numbers in brackets are equations of ``reference/README.md``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

__all__ = ["RECIPROCAL_SLOPE", "RECIPROCAL_START", "SUM_BITS", "exponentials", "softmax"]

Int64 = npt.NDArray[np.int64]

#: Integer bits of the sum of exponentials, each of which is at most 1.
SUM_BITS = 12

#: 48/17 and -32/17 with 29 bits after the point: the line that Newton's method begins with.
RECIPROCAL_START, RECIPROCAL_SLOPE = 1515870810, -1010580540

_MOST = 2**31 - 1
#: Integer bits of the exponents, and the others.
_EXPONENT_BITS, _FRACTION_BITS = 5, 26
#: exp(-1/8) and 1/3 with 31 bits after the point.
_EIGHTH, _THIRD = 1895147668, 715827883
#: exp(-2**n) with 31 bits after the point, for n from -2 on.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def softmax(x: Int64, table: Int64) -> Int64:
    """Return the int8 probabilities of rows [shape=(..., channels)], equation (44), of scale 1/256 and zero point -128.

    `table` is what `exponentials` returns.
    """
    powers = table[x.max(axis=-1, keepdims=True) - x]
    total = _divided(powers, SUM_BITS).sum(axis=-1, keepdims=True)
    bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
    inverse = _reciprocal((total << (32 - bits)) - 2**31)
    value = _divided(_high_product(inverse, powers), SUM_BITS + bits - 9)
    return np.asarray(np.clip(value - 128, -128, 127))


def exponentials(scale: float, beta: float) -> npt.NDArray[np.int32]:
    """Return ``exp(-beta * scale * n)`` for n = 0 .. 255 with 31 bits after the point, equation (45)."""
    real = min(float(np.float32(beta)) * float(np.float32(scale)) * 2.0**_FRACTION_BITS, float(_MOST))
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2.0**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    least = -math.floor(31 * 2.0 ** (_FRACTION_BITS - shift))
    differences = -np.arange(256, dtype=np.int64)
    inside = np.maximum(differences, least)
    scaled = _high_product(inside << max(shift, 0), multiplier)
    return np.where(differences >= least, _exponential(scaled), 0).astype(np.int32)


def _exponential(x: Int64) -> Int64:
    """Return the exponential of numbers <= 0 with 26 bits after the point: of a quarter, times powers for the rest."""
    quarter = 1 << (_FRACTION_BITS - 2)
    part = (x & (quarter - 1)) - quarter
    y = (part << _EXPONENT_BITS) + 2**28
    square = _high_product(y, y)
    cube, fourth = _high_product(square, y), _high_product(square, square)
    series = _divided(_high_product(_divided(fourth, 2) + cube, _THIRD) + square, 1)
    found = _EIGHTH + _high_product(_EIGHTH + 0 * y, y + series)
    for place, power in enumerate(_POWERS, _FRACTION_BITS - 2):
        found = np.where((part - x) & (1 << place), _high_product(found, power), found)
    return np.where(x == 0, _MOST, found)


def _high_product(a: Int64, b: Int64 | int) -> Int64:
    """Return the high 32 bits of twice a product, rounded to nearest, halves upwards, equation (6)."""
    return (a * b + 2**30) >> 31


def _divided(x: Int64, exponent: Int64 | int) -> Int64:
    """Return ``x / 2**exponent``, halves away from zero, equation (7)."""
    half = (np.int64(1) << exponent) >> 1
    return np.asarray(np.sign(x) * ((np.abs(x) + half) >> exponent))


def _reciprocal(x: Int64) -> Int64:
    """Return ``1 / (1 + x)`` for fractions of 31 bits, by Newton's method."""
    half = (x + 2**31) >> 1
    y = RECIPROCAL_START + _high_product(half, RECIPROCAL_SLOPE)
    for _ in range(3):
        y = y + (_high_product(y, 2**29 - _high_product(half, y)) << 2)
    return np.minimum(y << 1, _MOST)
