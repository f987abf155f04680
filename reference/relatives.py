"""Operators of int8 values that YAMNet has none of, as plain loops; numbers in brackets are equations of ``README.md``.

Each takes real scales and zero points, and prepares its integers itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    activation_range,
    clamp,
    multiply_by_quantized_multiplier,
    output_size,
    padding_before,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

__all__ = [
    "Scale",
    "add_s8",
    "average_pool_2d_s8",
    "hard_swish_s8",
    "leaky_relu_s8",
    "mul_s8",
    "prelu_s8",
    "requantize_s8",
    "resize_bilinear_s8",
    "softmax_s8",
]

Int8 = npt.NDArray[np.int8]

_INT32_MAX = 2**31 - 1
#: exp(-2**n) with 31 bits after the point, by the bit of the exponent.
_POWERS = {24: 1672461947, 25: 1302514674, 26: 790015084, 27: 290630308, 28: 39332535, 29: 720401, 30: 242}


class Scale(NamedTuple):
    """A quantization: ``real = scale * (quantized - zero_point)``."""

    scale: float
    zero_point: int

    def of(self, quantized: int) -> int:
        """Return a value less the zero point."""
        return int(quantized) - self.zero_point


def _scaled(value: int, factor: float) -> int:
    return multiply_by_quantized_multiplier(value, *quantize_multiplier(factor))


def _each(compute: Callable[..., int], *operands: Int8) -> Int8:
    """Compute value by value; a size of 1 is repeated."""
    operands = tuple(np.broadcast_arrays(*operands))
    output = np.zeros(operands[0].shape, np.int8)
    for index in np.ndindex(output.shape):
        output[index] = compute(*(int(operand[index]) for operand in operands))
    return output


def requantize_s8(x: Int8, source: Scale, output: Scale, low: int = INT8_MIN, high: int = INT8_MAX) -> Int8:
    """Give values another quantization, and bounds, equation (39)."""
    factor = source.scale / output.scale
    return _each(lambda q: clamp(_scaled(source.of(q), factor) + output.zero_point, low, high), x)


def leaky_relu_s8(x: Int8, source: Scale, output: Scale, alpha: float) -> Int8:
    """Multiply what is below zero by a slope, equation (40)."""
    factor = source.scale / output.scale
    slope = float(np.float32(source.scale) * np.float32(alpha) / np.float32(output.scale))

    def one(q: int) -> int:
        value = source.of(q)
        return clamp(_scaled(value, factor if value >= 0 else slope) + output.zero_point, INT8_MIN, INT8_MAX)

    return _each(one, x)


def prelu_s8(x: Int8, slopes: Int8, source: Scale, alpha: Scale, output: Scale) -> Int8:
    """Multiply what is below zero by slopes, equation (40)."""
    factor = float(np.float32(source.scale) / np.float32(output.scale))
    below = float(np.float32(source.scale) * np.float32(alpha.scale) / np.float32(output.scale))

    def one(q: int, slope: int) -> int:
        value = source.of(q)
        found = _scaled(value, factor) if value >= 0 else _scaled(value * alpha.of(slope), below)
        return clamp(found + output.zero_point, INT8_MIN, INT8_MAX)

    return _each(one, x, slopes)


def add_s8(a: Int8, b: Int8, left: Scale, right: Scale, output: Scale, activation: str = "NONE", sign: int = 1) -> Int8:
    """Add, or subtract where `sign` is -1, equation (41)."""
    twice = 2 * max(left.scale, right.scale)
    low, high = activation_range(activation, output.scale, output.zero_point)

    def one(p: int, q: int) -> int:
        first = _scaled(left.of(p) * 2**20, left.scale / twice)
        second = _scaled(right.of(q) * 2**20, right.scale / twice)
        total = _scaled(first + sign * second, twice / (2**20 * output.scale))
        return clamp(total + output.zero_point, low, high)

    return _each(one, a, b)


def mul_s8(a: Int8, b: Int8, left: Scale, right: Scale, output: Scale, activation: str = "NONE") -> Int8:
    """Multiply, equation (42)."""
    factor = float(np.float32(left.scale) * np.float32(right.scale) / np.float32(output.scale))
    low, high = activation_range(activation, output.scale, output.zero_point)
    return _each(lambda p, q: clamp(_scaled(left.of(p) * right.of(q), factor) + output.zero_point, low, high), a, b)


def hard_swish_s8(x: Int8, source: Scale, output: Scale) -> Int8:
    """Compute ``x * min(max(x + 3, 0), 6) / 6`` in int16, equation (43)."""
    hires = np.float32(source.scale) / np.float32(128)
    output_factor, output_shift = _int16_multiplier(float(hires / np.float32(output.scale)))
    relu_factor, relu_shift = _int16_multiplier(float(hires / np.float32(3 / 32768)))

    def one(q: int) -> int:
        value = _int16(source.of(q) * 128)
        relu = _int16(value << max(relu_shift - 1, 0))
        relu = _int16_product(relu, relu_factor)
        if relu_shift > 0:
            relu = _int16(relu * 2)
        relu = rounding_divide_by_pot(relu, max(-relu_shift, 0))
        relu = (relu + 2**15) >> 1
        product = relu * _int16_product(value, output_factor)
        found = rounding_divide_by_pot(math.trunc(product / 2**15), -output_shift)
        return clamp(found + output.zero_point, INT8_MIN, INT8_MAX)

    return _each(one, x)


def _int16_multiplier(factor: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(factor)
    return min((multiplier + 2**15) >> 16, 2**15 - 1), shift


def _int16(value: int) -> int:
    return clamp(value, -(2**15), 2**15 - 1)


def _int16_product(a: int, b: int) -> int:
    return (a * b + 2**14) >> 15


def average_pool_2d_s8(
    x: Int8, size: tuple[int, int], scale: Scale, *, padding: str, stride: tuple[int, int], activation: str = "NONE"
) -> Int8:
    """Average the values of each window that lie inside the image, halves away from zero, equation (46)."""
    batches, height, width, channels = x.shape
    low, high = activation_range(activation, scale.scale, scale.zero_point)
    shape = [output_size(padding, n, k, s, 1) for n, k, s in zip((height, width), size, stride, strict=True)]
    output = np.zeros((batches, *shape, channels), np.int8)
    for batch, out_y, out_x, channel in np.ndindex(output.shape):
        top = out_y * stride[0] - padding_before(padding, height, size[0], stride[0], 1)
        left = out_x * stride[1] - padding_before(padding, width, size[1], stride[1], 1)
        values = [
            int(x[batch, y, column, channel])
            for y in range(max(top, 0), min(top + size[0], height))
            for column in range(max(left, 0), min(left + size[1], width))
        ]
        total, half = sum(values), len(values) // 2
        average = (total + half) // len(values) if total > 0 else -((half - total) // len(values))
        output[batch, out_y, out_x, channel] = clamp(average, low, high)
    return output


def softmax_s8(x: Int8, scale: float, beta: float) -> Int8:
    """Divide exponentials by their sum, row by row of [shape=(rows, depth)], equations (44) and (45)."""
    output = np.zeros_like(x)
    multiplier, shift = quantize_multiplier(min(beta * scale * 2.0**26, float(_INT32_MAX)))
    least = -math.floor(31 * 2**26 / 2**shift)
    for row, values in enumerate(x):
        powers = []
        for value in values:
            difference = int(value) - int(values.max())
            scaled = saturating_rounding_doubling_high_mul(difference * 2**shift, multiplier)
            powers.append(_exponential(scaled) if difference >= least else 0)
        total = sum(rounding_divide_by_pot(power, 12) for power in powers)
        bits = total.bit_length()
        inverse = _reciprocal(total * 2 ** (32 - bits) - 2**31)
        for place, power in enumerate(powers):
            product = saturating_rounding_doubling_high_mul(inverse, power)
            output[row, place] = clamp(rounding_divide_by_pot(product, bits + 3) - 128, INT8_MIN, INT8_MAX)
    return output


def _exponential(x: int) -> int:
    """Return ``exp(x / 2**26)`` with 31 bits after the point, for x <= 0, equation (45)."""
    high = saturating_rounding_doubling_high_mul
    if x == 0:
        return _INT32_MAX
    part = x % 2**24 - 2**24
    y = part * 32 + 2**28
    square = high(y, y)
    fourth, cube = rounding_divide_by_pot(high(square, square), 2), high(square, y)
    series = rounding_divide_by_pot(high(fourth + cube, 715827883) + square, 1)
    found = 1895147668 + high(1895147668, y + series)
    for bit, power in _POWERS.items():
        if (part - x) >> bit & 1:
            found = high(found, power)
    return found


def _reciprocal(x: int) -> int:
    """Return ``1 / (1 + x)`` of a fraction with 31 bits, by Newton's method, equation (44)."""
    high = saturating_rounding_doubling_high_mul
    half = (x + 2**31) // 2
    y = 1515870810 + high(half, -1010580540)
    for _ in range(3):
        y += high(y, 2**29 - high(half, y)) * 4
    return min(2 * y, _INT32_MAX)


def resize_bilinear_s8(
    x: Int8, size: tuple[int, int], *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Int8:
    """Blend the four pixels around each of the output, in parts of 1024 of a pixel, equation (47)."""
    batches, *shape, channels = x.shape
    output = np.zeros((batches, *size, channels), np.int8)

    def around(place: int, axis: int) -> tuple[int, int, int]:
        n, count = shape[axis], size[axis]
        scale = (1024 * n + count // 2) // count
        if align_corners and count > 1:
            scale = (1024 * (n - 1) + (count - 1) // 2) // (count - 1)
        at = place * scale + (scale // 2 - 512 if half_pixel_centers else 0)
        before = max(math.trunc(at / 1024), 0)
        return before, min((at + 1023) // 1024, n - 1), at - 1024 * before

    for batch, out_y, out_x, channel in np.ndindex(output.shape):
        (top, bottom, down), (left, right, across) = around(out_y, 0), around(out_x, 1)
        pixels: Any = x[batch, ..., channel].astype(int)
        total = pixels[top, left] * (1024 - down) * (1024 - across) + pixels[bottom, left] * down * (1024 - across)
        total += pixels[top, right] * (1024 - down) * across + pixels[bottom, right] * down * across
        half = 2**19 if total > 0 else -(2**19)
        output[batch, out_y, out_x, channel] = math.trunc((int(total) + half) / 2**20)
    return output
