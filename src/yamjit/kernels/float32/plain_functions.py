"""Functions of one float32 value as compiled code has them: operation for operation those of `functions`."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.float32.constants import (
    EXP_POLYNOMIAL,
    EXP_STEPS,
    EXP_TABLE,
    GREATEST_EXPONENT,
    HALF_EXP_EVEN,
    HALF_EXP_ODD,
    HALF_LN2_HEAD,
    HALF_LN2_TAIL,
    HALF_LOG2_E,
    INVERSE_FACTORIALS,
    INVERSES,
    LEAST_EXPONENT,
    LN2,
    LN2_HEAD,
    LN2_TAIL,
    LOG2_E,
    LOG_OFFSET,
    LOG_POLYNOMIAL,
    LOGARITHMS,
    LOGISTIC_GREATEST,
    LOGISTIC_IS_EXP,
    LOGISTIC_IS_ONE,
    LOGISTIC_LEAST,
    STEPS_PER_E,
    TANH_IS_ONE,
)
from yamjit.kernels.machine_code.jit import jit

__all__ = ["exp", "log", "logistic", "logistic_optimised", "root", "tanh"]

#: What a float64 is rounded to an integer by, if it is added and taken away again.
_ROUNDER = 1.5 * 2.0**52
_INFINITY, _NAN = np.float32(np.inf), np.float32(np.nan)
_ZERO, _ONE = np.float32(0), np.float32(1)
_GREATEST, _LEAST = np.float32(GREATEST_EXPONENT), np.float32(LEAST_EXPONENT)
_SUBNORMAL, _SCALE = np.int64(0x00800000), np.float32(2.0**23)
_HALF = np.float32(0.5)
_EVEN_0, _EVEN_1 = HALF_EXP_EVEN
_ODD_0, _ODD_1 = HALF_EXP_ODD
_LOG_A, _LOG_B, _LOG_C = LOG_POLYNOMIAL
_EXP_A, _EXP_B, _EXP_C = EXP_POLYNOMIAL


@jit
def log(x: np.float32) -> np.float32:
    """Return the natural logarithm."""
    if x == _ZERO:
        return -_INFINITY
    if not x > _ZERO:
        return _NAN
    if x == _INFINITY:
        return x
    bits = np.int64(np.float32(x).view(np.int32))
    if bits < _SUBNORMAL:
        bits = np.int64(np.float32(x * _SCALE).view(np.int32)) - np.int64(23 << 23)
    offset = bits - np.int64(LOG_OFFSET)
    interval, exponent = (offset >> 19) & 15, offset >> 23
    z = np.float64(np.int32(bits - (exponent << 23)).view(np.float32))
    r = z * INVERSES[interval] - 1.0
    whole = LOGARITHMS[interval] + np.float64(exponent) * LN2
    square = r * r
    y = _LOG_B * r + _LOG_C
    y = _LOG_A * square + y
    return np.float32(y * square + (whole + r))


@jit
def exp(x: np.float32) -> np.float32:
    """Return the exponential."""
    if x != x:
        return x
    if x > _GREATEST:
        return _INFINITY
    if x < _LEAST:
        return _ZERO
    z = STEPS_PER_E * np.float64(x)
    steps = (z + _ROUNDER) - _ROUNDER
    r = z - steps
    count = np.int64(steps)
    power = np.int64(EXP_TABLE[count & (EXP_STEPS - 1)] + (count << 47)).view(np.float64)
    z = _EXP_A * r + _EXP_B
    y = _EXP_C * r + 1.0
    y = z * (r * r) + y
    return np.float32(y * power)


@jit
def logistic(x: np.float32) -> np.float32:
    """Return ``1 / (1 + exp(-x))``."""
    if x > LOGISTIC_IS_ONE:
        return _ONE
    if x < LOGISTIC_IS_EXP:
        return exp(x)
    return np.float32(_ONE / np.float32(_ONE + exp(-x)))


@jit
def logistic_optimised(x: np.float32) -> np.float32:
    """Return ``e / (1 + e)``, where `e` is the square of ``exp(x / 2)``."""
    if x != x:
        return x
    if x < LOGISTIC_LEAST:
        return _ZERO
    half = np.float32(min(x, LOGISTIC_GREATEST) * _HALF)
    nearest = np.float32(np.float32(half * HALF_LOG2_E) + _HALF)
    power_of_2 = np.int64(nearest)
    if np.float32(power_of_2) > nearest:
        power_of_2 -= np.int64(1)
    whole = np.float32(power_of_2)
    r = np.float32(half - np.float32(whole * HALF_LN2_HEAD))
    r = np.float32(r - np.float32(whole * HALF_LN2_TAIL))
    square = np.float32(r * r)
    odd = np.float32(np.float32(square * _ODD_1) + _ODD_0)
    even = np.float32(np.float32(square * _EVEN_1) + _EVEN_0)
    series = np.float32(np.float32(r * odd) + even)
    series = np.float32(np.float32(square * series) + np.float32(r + _ONE))
    root = np.float32(series * np.int32((power_of_2 + np.int64(127)) << np.int64(23)).view(np.float32))
    power = np.float32(root * root)
    return np.float32(power / np.float32(_ONE + power))


@jit
def tanh(x: np.float32) -> np.float32:
    """Return the hyperbolic tangent."""
    if x != x:
        return x
    size = min(np.float64(abs(x)), TANH_IS_ONE) * -2.0
    exponent = (size * LOG2_E + _ROUNDER) - _ROUNDER
    r = (size - exponent * LN2_HEAD) - exponent * LN2_TAIL
    series = 0.0
    for factor in INVERSE_FACTORIALS:
        series = series * r + factor
    power = np.int64((np.int64(exponent) + 1023) << 52).view(np.float64)
    t = power * (series * (r * r) + r) + (power - 1.0)
    return np.float32(np.copysign(-t / (t + 2.0), np.float64(x)))


@jit
def root(x: np.float32) -> np.float32:
    """Return the square root: one instruction, where NumPy's would call the C library."""
    return _NAN if x < _ZERO else np.float32(math.sqrt(x))
