"""Functions of float32 values in NumPy, each operation with the rounding that compiled code has too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32 import constants as c

__all__ = ["exp", "log", "logistic", "logistic_alone", "logistic_optimised", "tanh"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_SMALLEST_NORMAL = 0x00800000


def log(x: Float32) -> Float32:
    """Return natural logarithms: the C library's bits for every finite number; -inf for 0, NaN below."""
    subnormal = (x > 0) & (x < np.float32(2.0**-126))
    bits = np.where(subnormal, x * np.float32(2.0**23), x).astype(np.float32).view(np.int32).astype(np.int64)
    bits -= subnormal.astype(np.int64) * (23 << 23)
    offset = bits - c.LOG_OFFSET
    interval, exponent = (offset >> 19) & 15, offset >> 23
    z = (bits - (exponent << 23)).astype(np.int32).view(np.float32).astype(np.float64)
    a, b, d = c.LOG_POLYNOMIAL
    r = z * c.INVERSES[interval] - 1.0
    whole = c.LOGARITHMS[interval] + exponent.astype(np.float64) * c.LN2
    square = r * r
    y = b * r + d
    y = a * square + y
    found = (y * square + (whole + r)).astype(np.float32)
    found = np.where(x > 0, found, np.float32(np.nan))
    found = np.where(x == 0, np.float32(-np.inf), found)
    return np.where(np.isposinf(x), x, found).astype(np.float32)


def exp(x: Float32) -> Float32:
    """Return exponentials: the C library's bits for all but 2 of the numbers whose exponential is finite and not 0."""
    inside = np.clip(np.nan_to_num(x), np.float32(c.LEAST_EXPONENT), np.float32(c.GREATEST_EXPONENT))
    z = c.STEPS_PER_E * inside.astype(np.float64)
    steps = np.rint(z)
    r = z - steps
    count = steps.astype(np.int64)
    power = (c.EXP_TABLE[count & (c.EXP_STEPS - 1)] + (count << 47)).view(np.float64)
    a, b, d = c.EXP_POLYNOMIAL
    z = a * r + b
    y = d * r + 1.0
    y = z * (r * r) + y
    found = (y * power).astype(np.float32)
    found = np.where(x > np.float32(c.GREATEST_EXPONENT), np.float32(np.inf), found)
    found = np.where(x < np.float32(c.LEAST_EXPONENT), np.float32(0), found)
    return np.where(np.isnan(x), x, found).astype(np.float32)


def logistic(x: Float32) -> Float32:
    """Return ``1 / (1 + exp(-x))`` as TFLite's reference does: 1 above a number, ``exp(x)`` below another."""
    one = np.float32(1)
    between = one / (one + exp(-x))
    found = np.where(x > c.LOGISTIC_IS_ONE, one, between)
    return np.where(x < c.LOGISTIC_IS_EXP, exp(x), found).astype(np.float32)


def logistic_optimised(x: Float32) -> Float32:
    """Return ``e / (1 + e)`` as TFLite's optimised kernels do, where `e` is the square of ``exp(x / 2)``.

    They compute the last values of a tensor, those that do not fill a vector of four, by `logistic_alone`.
    """
    one = np.float32(1)
    half = np.minimum(np.where(np.isnan(x), np.float32(0), x), c.LOGISTIC_GREATEST) * np.float32(0.5)
    half = np.maximum(half, c.LOGISTIC_LEAST)
    whole = np.floor(half * c.HALF_LOG2_E + np.float32(0.5))
    r = half - whole * c.HALF_LN2_HEAD
    r = r - whole * c.HALF_LN2_TAIL
    square = r * r
    (even_0, even_1), (odd_0, odd_1) = c.HALF_EXP_EVEN, c.HALF_EXP_ODD
    series = r * (square * odd_1 + odd_0) + (square * even_1 + even_0)
    series = square * series + (r + one)
    root = series * ((np.maximum(whole.astype(np.int32), -126) + 127) << 23).view(np.float32)
    power = root * root
    found = np.where(x < c.LOGISTIC_LEAST, np.float32(0), power / (one + power))
    return np.where(np.isnan(x), x, found).astype(np.float32)


def logistic_alone(x: Float32) -> Float32:
    """Return ``e / (1 + e)``, where `e` is ``exp(x)``: what TFLite's optimised kernels take of single values."""
    one = np.float32(1)
    power = exp(np.minimum(x, c.LOGISTIC_GREATEST))
    return np.asarray(power / (one + power))


def tanh(x: Float32) -> Float32:
    """Return hyperbolic tangents, correctly rounded but for the rarest ties of the double precision below."""
    size = np.minimum(np.abs(np.nan_to_num(x)), np.float32(c.TANH_IS_ONE)).astype(np.float64) * -2.0
    exponent = np.rint(size * c.LOG2_E)
    r = (size - exponent * c.LN2_HEAD) - exponent * c.LN2_TAIL
    series = np.zeros_like(r)
    for factor in c.INVERSE_FACTORIALS:
        series = series * r + factor
    power = ((exponent.astype(np.int64) + 1023) << 52).view(np.float64)
    t = power * (series * (r * r) + r) + (power - 1.0)
    found = np.copysign(-t / (t + 2.0), x.astype(np.float64)).astype(np.float32)
    return np.where(np.isnan(x), x, found).astype(np.float32)
