"""Integer primitives of TFLite's reference kernels, and the parameters that are prepared from scales.

Plain Python integers and floats, TFLite's vocabulary; numbers in brackets are the equations of ``README.md``.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "INT8_MAX",
    "INT8_MIN",
    "activation_range",
    "clamp",
    "effective_scale",
    "is_collapsible",
    "logistic_table",
    "mean_multiplier",
    "multiply_by_quantized_multiplier",
    "output_size",
    "padding_before",
    "quantize_multiplier",
    "requantize_collapsed",
    "round_half_away",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
    "window_span",
]

INT8_MIN, INT8_MAX = -128, 127
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def clamp(value: int, low: int, high: int) -> int:
    """Return `value` held within ``[low, high]``: the lower bound is applied first, as TFLite does."""
    return min(max(value, low), high)


def round_half_away(value: float) -> int:
    """Round to the nearest integer, halves away from zero (C's ``round``), equation (4).

    Not ``floor(value + 0.5)``: the sum itself rounds, and turns 0.49999999999999994 into 1.
    """
    whole = math.trunc(value)
    if abs(value - whole) < 0.5:  # the difference is exact
        return whole
    return whole + 1 if value > 0 else whole - 1


def effective_scale(input_scale: float, filter_scale: float, output_scale: float) -> float:
    """Return the real factor from accumulator to output, equation (3).

    The scales are float32 numbers, the arithmetic is double.
    """
    return float(input_scale) * float(filter_scale) / float(output_scale)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Write ``real`` as ``multiplier * 2**(shift - 31)``, equation (5).

    Parameters
    ----------
    real : float >= 0

    Returns
    -------
    multiplier : int
        0, or in ``[2**30, 2**31)``.
    shift : int
        Positive shifts left. At least -31; below that the multiplier is flushed to zero.
    """
    if real == 0.0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    multiplier = round_half_away(mantissa * 2**31)
    if multiplier == 2**31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def saturating_rounding_doubling_high_mul(a: int, b: int) -> int:
    """Return the high 32 bits of ``2 * a * b``, rounded to nearest, halves upwards, equation (6)."""
    if a == b == INT32_MIN:
        return INT32_MAX
    return (a * b + 2**30) >> 31


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    """Return ``x / 2**exponent`` rounded to nearest, halves away from zero, equation (7)."""
    mask = 2**exponent - 1
    remainder = x & mask
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if remainder > threshold else 0)


def multiply_by_quantized_multiplier(x: int, multiplier: int, shift: int) -> int:
    """Return ``x * multiplier * 2**(shift - 31)`` in TFLite's two roundings, equation (8).

    Raises
    ------
    OverflowError
        If `x` shifted left leaves int32, which is undefined in TFLite.
    """
    left_shift = max(shift, 0)
    right_shift = max(-shift, 0)
    shifted = x * 2**left_shift
    if not INT32_MIN <= shifted <= INT32_MAX:
        raise OverflowError(f"{x} << {left_shift} leaves int32")
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(shifted, multiplier), right_shift)


def is_collapsible(shift: int, output_offset: int, quantized_activation_min: int) -> bool:
    """Return whether `requantize_collapsed` may stand for both roundings: the condition of theorem (12)."""
    return shift == 0 or (shift < 0 and output_offset <= quantized_activation_min)


def requantize_collapsed(
    acc: int,
    bias: int,
    multiplier: int,
    shift: int,
    output_offset: int,
    quantized_activation_min: int,
    quantized_activation_max: int,
) -> int:
    """Return the output of an accumulator by one addition and one shift of 64 bits, equation (12).

    Equal to both roundings of (8), then (10), wherever `is_collapsible` holds.

    Parameters
    ----------
    acc : int
        The accumulator without its bias.
    bias : int
    multiplier, shift : int
        As `quantize_multiplier` returns them; ``shift <= 0``.
    output_offset : int
        Zero point of the output.
    quantized_activation_min, quantized_activation_max : int
    """
    right_shift = -shift
    constant = bias * multiplier + 2**30 + (2 ** (30 + right_shift) if right_shift > 0 else 0)
    total = acc * multiplier + constant
    if not -(2**63) <= total < 2**63:
        raise OverflowError(f"{total} leaves int64")
    scaled = (total >> (31 + right_shift)) + output_offset
    return clamp(scaled, quantized_activation_min, quantized_activation_max)


def activation_range(activation: str, output_scale: float, output_zero_point: int) -> tuple[int, int]:
    """Return the clamp range of an activation fused into an int8 operator, equation (11).

    Parameters
    ----------
    activation : {"NONE", "RELU", "RELU_N1_TO_1", "RELU6"}
    output_scale : float
        A float32 number; the division by it is in float32.
    output_zero_point : int

    Returns
    -------
    quantized_activation_min, quantized_activation_max : int
    """
    bounds = {"NONE": (None, None), "RELU": (0, None), "RELU_N1_TO_1": (-1, 1), "RELU6": (0, 6)}
    low, high = bounds[activation]

    def quantized(bound: int) -> int:
        return output_zero_point + round_half_away(float(np.float32(bound) / np.float32(output_scale)))

    return (
        INT8_MIN if low is None else max(INT8_MIN, quantized(low)),
        INT8_MAX if high is None else min(INT8_MAX, quantized(high)),
    )


def mean_multiplier(input_scale: float, output_scale: float, count: int) -> tuple[int, int]:
    """Return multiplier and shift of a mean over `count` elements, equation (14).

    The division by `count` goes into the multiplier, which may thereby drop below ``2**30``.
    """
    multiplier, shift = quantize_multiplier(float(input_scale) / float(output_scale))
    extra = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << extra) // count, shift - extra


def logistic_table(input_scale: float, input_zero_point: int, output_zero_point: int = INT8_MIN) -> list[int]:
    """Return the logistic of every int8 value, from -128 to 127, equation (15); the output scale is 1/256."""
    table = []
    for quantized in range(INT8_MIN, INT8_MAX + 1):
        real = np.float32(input_scale) * np.float32(quantized - input_zero_point)
        exponential = np.float32(math.exp(-real)) if real > -88 else np.float32(np.inf)
        probability = np.float32(1) / (np.float32(1) + exponential)
        rounded = round_half_away(float(probability * np.float32(256)))
        table.append(clamp(rounded + output_zero_point, INT8_MIN, INT8_MAX))
    return table


def window_span(filter_size: int, dilation: int) -> int:
    """Return how many pixels a filter of `filter_size` taps spans."""
    return (filter_size - 1) * dilation + 1


def output_size(padding: str, input_size: int, filter_size: int, stride: int, dilation: int) -> int:
    """Return the height or width of a convolution's output, equation (13)."""
    if padding == "SAME":
        return (input_size + stride - 1) // stride
    return (input_size + stride - window_span(filter_size, dilation)) // stride


def padding_before(padding: str, input_size: int, filter_size: int, stride: int, dilation: int) -> int:
    """Return the rows above or the columns left of the image that count as zero, equation (13).

    If the padding is odd in all, the greater half is below and to the right.
    """
    if padding == "VALID":
        return 0
    size = output_size(padding, input_size, filter_size, stride, dilation)
    total = (size - 1) * stride + window_span(filter_size, dilation) - input_size
    return max(total, 0) // 2
