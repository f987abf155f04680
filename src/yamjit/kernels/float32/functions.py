"""Functions of float32 values in NumPy, each operation with the rounding that compiled code has too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32 import constants as c

__all__ = ["exp", "log", "logistic", "tanh"]

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
