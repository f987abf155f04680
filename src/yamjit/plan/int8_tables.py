"""Operators of int8 values as tables: what TFLite computes for each value, or for each pair of values.

A table of one operand has the outputs for the inputs -128 .. 127, int8 [shape=(256,)]; one of two operands has a row
for each value of the first, int8 [shape=(256, 256)]. Equation numbers are those of ``reference/README.md``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32 import functions
from yamjit.kernels.int8.numpy import multiply_by_quantized_multiplier, round_half_away
from yamjit.plan.quantization import quantize_multiplier
from yamjit.tflite.graph import Quantization

__all__ = [
    "add_table",
    "extreme_table",
    "function_table",
    "hard_swish_table",
    "leaky_relu_table",
    "mul_table",
    "prelu_table",
    "requantization_table",
    "tanh_table",
]

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Bounds = tuple[int, int]

_EVERY = np.arange(-128, 128, dtype=np.int64)
_WHOLE: Bounds = (-128, 127)
#: Farther than any int8 is from another.
_FARTHEST = 2.0**10

#: Bits that the operands of a sum are shifted to the left by, and those of HARD_SWISH.
_SUM_BITS, _HARD_SWISH_BITS = 20, 7
_INT16_MIN, _INT16_MAX = -(2**15), 2**15 - 1


def requantization_table(source: Quantization, output: Quantization, bounds: Bounds = _WHOLE) -> Int8:
    """Return the values of one quantization in another, within bounds: QUANTIZE of int8, and RELU, equation (39)."""
    scaled = _scaled(_values(source), float(source.scale[0]) / float(output.scale[0]))
    return _clamped(scaled + _zero(output), bounds)


def leaky_relu_table(source: Quantization, output: Quantization, alpha: float) -> Int8:
    """Return LEAKY_RELU, equation (40)."""
    x, factor = _values(source), float(source.scale[0]) / float(output.scale[0])
    slope = float(np.float32(source.scale[0]) * np.float32(alpha) / np.float32(output.scale[0]))
    return _clamped(np.where(x >= 0, _scaled(x, factor), _scaled(x, slope)) + _zero(output))


def prelu_table(source: Quantization, alpha: Quantization, output: Quantization) -> Int8:
    """Return PRELU of a value and a slope, equation (40)."""
    x, slopes = _values(source)[:, None], _values(alpha)
    factor = float(np.float32(source.scale[0] / output.scale[0]))
    below = float(np.float32(np.float32(source.scale[0] * alpha.scale[0]) / output.scale[0]))
    return _clamped(np.where(x >= 0, _scaled(x, factor), _scaled(x * slopes, below)) + _zero(output))


def tanh_table(source: Quantization, output_zero_point: int) -> Int8:
    """Return TANH, equation (15) with another function; the output's scale is 1/128."""
    x = source.scale[0] * _values(source).astype(np.float32)
    rounded = round_half_away((functions.tanh(x) * np.float32(128)).astype(np.float64))
    return _clamped(rounded.astype(np.int64) + output_zero_point)


def function_table(function: Callable[[Float32], Float32], source: Quantization, output: Quantization) -> Int8:
    """Return a function of real numbers, LOG or EXP, rounded once; the least value where it is not a number."""
    with np.errstate(over="ignore", invalid="ignore"):
        real = function(source.scale[0] * _values(source).astype(np.float32))
        scaled = (np.where(np.isnan(real), -np.inf, real).astype(np.float32) / output.scale[0]).astype(np.float64)
    return _clamped(round_half_away(np.clip(scaled, -_FARTHEST, _FARTHEST)).astype(np.int64) + _zero(output))


def hard_swish_table(source: Quantization, output: Quantization) -> Int8:
    """Return HARD_SWISH as TFLite computes it in int16, equation (43)."""
    hires = np.float32(source.scale[0]) / np.float32(1 << _HARD_SWISH_BITS)
    output_multiplier, output_shift = _halved(float(hires / np.float32(output.scale[0])))
    relu_multiplier, relu_shift = _halved(float(hires / np.float32(3 / 32768)))
    x = _int16(_values(source) << _HARD_SWISH_BITS)
    relu = _int16(x << (relu_shift - 1)) if relu_shift > 0 else x
    relu = _high_product(relu, relu_multiplier, rounded=True)
    if relu_shift > 0:
        relu = _int16(relu << 1)
    if relu_shift < 0:
        relu = _divided(relu, -relu_shift)
    relu = (relu + (1 << 15)) >> 1
    found = _high_product(relu, _high_product(x, output_multiplier, rounded=True), rounded=False)
    return _clamped(_divided(found, -output_shift) + _zero(output))


# -- Two operands -----------------------------------------------------------------------------------------------


def add_table(left: Quantization, right: Quantization, output: Quantization, bounds: Bounds, sign: int = 1) -> Int8:
    """Return sums, or differences where `sign` is -1, equation (41)."""
    twice = 2 * max(float(left.scale[0]), float(right.scale[0]))
    one, other = (_scaled(_values(item) << _SUM_BITS, float(item.scale[0]) / twice) for item in (left, right))
    total = one[:, None] + sign * other
    scaled = _scaled(total, twice / (2.0**_SUM_BITS * float(output.scale[0])))
    return _clamped(scaled + _zero(output), bounds)


def mul_table(left: Quantization, right: Quantization, output: Quantization, bounds: Bounds) -> Int8:
    """Return products, equation (42)."""
    factor = float(np.float32(left.scale[0]) * np.float32(right.scale[0]) / np.float32(output.scale[0]))
    return _clamped(_scaled(_values(left)[:, None] * _values(right), factor) + _zero(output), bounds)


def extreme_table(greatest: bool) -> Int8:
    """Return the greater of two values, or the lesser."""
    return _clamped((np.maximum if greatest else np.minimum)(_EVERY[:, None], _EVERY))


# -- Their arithmetic -------------------------------------------------------------------------------------------


def _values(quantization: Quantization) -> Int64:
    """Return every int8 less the zero point."""
    return _EVERY - _zero(quantization)


def _zero(quantization: Quantization) -> int:
    return int(quantization.zero_point[0])


def _scaled(values: Int64, factor: float) -> Int64:
    """Multiply integers by a real factor in TFLite's two roundings, equation (8)."""
    multipliers = quantize_multiplier(factor)
    return multiply_by_quantized_multiplier(values, multipliers.multiplier, multipliers.shift)


def _clamped(values: Int64, bounds: Bounds = _WHOLE) -> Int8:
    return np.clip(values, *bounds).astype(np.int8)


def _halved(factor: float) -> tuple[int, int]:
    """Return a real factor as an int16 multiplier and a shift."""
    multipliers = quantize_multiplier(factor)
    return min((int(multipliers.multiplier[0]) + 2**15) >> 16, _INT16_MAX), int(multipliers.shift[0])


def _int16(values: Int64) -> Int64:
    return np.clip(values, _INT16_MIN, _INT16_MAX)


def _high_product(values: Int64, factor: int | Int64, *, rounded: bool) -> Int64:
    """Return the high 16 bits of twice a product, rounded to the nearest or towards zero."""
    products = values * factor
    if rounded:
        return (products + 2**14) >> 15
    return np.asarray(np.sign(products) * (np.abs(products) >> 15))


def _divided(values: Int64, exponent: int) -> Int64:
    """Return ``values / 2**exponent``, halves away from zero, equation (7)."""
    half = (1 << exponent) >> 1
    return np.asarray(np.sign(values) * ((np.abs(values) + half) >> exponent))
