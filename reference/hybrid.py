"""The hybrid operators as plain loops: float32 inputs, quantized at run time, times int8 weights.

Numbers in brackets are equations of ``README.md``. Arithmetic is that of NumPy's float32 scalars where the equations
say no more, sums of products are Python integers. Inputs are finite, and the largest of a row is 0 or above 4e-37.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.arithmetic import clamp, output_size, padding_before, round_half_away

__all__ = ["Row", "conv_2d", "depthwise_conv_2d", "fully_connected", "quantize_row"]

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

_F32 = np.float32
#: Values that TFLite rounds at a time.
_LANES = 8

_BOUNDS = {"NONE": (-math.inf, math.inf), "RELU": (0, math.inf), "RELU_N1_TO_1": (-1, 1), "RELU6": (0, 6)}


class Row(NamedTuple):
    """Quantized inputs: ``real = scale * (quantized - zero_point)``."""

    quantized: list[int]
    scale: np.float32
    zero_point: int


def quantize_row(values: Float32, *, symmetric: bool) -> Row:
    """Quantize a flat row over its own range, equations (25) to (28)."""
    low, high = min(_F32(0), values.min()), max(_F32(0), values.max())
    if low == high:
        return Row([0] * values.size, _F32(1), 0)
    if symmetric:
        reach = max(-low, high)
        return Row(_quantize(values, _F32(127) / reach, 0, -127), reach / _F32(127), 0)
    step = float(high - low) / 255
    scale = _F32(step)
    below, above = float(low) / step, float(high) / step
    zero_point = -128 - below if 128 + abs(below) < 127 + abs(above) else 127 - above
    rounded = clamp(round_half_away(zero_point), -128, 127)
    return Row(_quantize(values, _F32(1 / float(scale)), rounded, -128), scale, rounded)


def _quantize(values: Float32, inverse: np.float32, zero_point: int, least: int) -> list[int]:
    whole = values.size - values.size % _LANES
    quantized = []
    for index, value in enumerate(values):
        scaled = value * inverse
        half_more = int(scaled + np.copysign(_F32(0.5), scaled))
        rounded = half_more if index < whole else round_half_away(float(scaled))
        quantized.append(clamp(rounded + zero_point, least, 127))
    return quantized


def fully_connected(
    input: Float32,  # noqa: A002
    filter: Int8,  # noqa: A002
    filter_scale: Float32,
    bias: Float32 | None,
    *,
    asymmetric: bool,
    activation: str = "NONE",
) -> Float32:
    """Multiply rows, each with a range of its own, by ``filter`` [shape=(units, depth)]: (29) in its first form.

    Where all of `input` is 0 the output is the bias, even if that is -0.
    """
    rows = input.reshape(-1, filter.shape[1])
    scales = np.broadcast_to(filter_scale, len(filter))
    bias = np.zeros(len(filter), np.float32) if bias is None else bias
    output = np.zeros((len(rows), len(filter)), np.float32)
    for number, values in enumerate(rows):
        row = quantize_row(values, symmetric=not asymmetric)
        for unit, weights in enumerate(filter.tolist()):
            acc = sum(w * (q - row.zero_point) for w, q in zip(weights, row.quantized, strict=True))
            scaled = _F32(acc) * (row.scale * scales[unit]) + bias[unit]
            output[number, unit] = _activate(scaled if input.any() else bias[unit], activation)
    return output


def conv_2d(
    input: Float32,  # noqa: A002
    filter: Int8,  # noqa: A002
    filter_scale: Float32,
    bias: Float32,
    *,
    kernels: str,
    activation: str = "NONE",
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
) -> Float32:
    """Convolve with ``filter`` [shape=(out_channels, height, width, in_channels)]; each image has a range.

    `kernels` is "reference" or "optimised". With one scale, or equal ones, inputs are quantized symmetrically.
    """
    scales = np.broadcast_to(filter_scale, len(filter))
    symmetric = bool((scales == scales[0]).all())

    def dequantize(acc: np.float32, scale: np.float32, channel: int) -> np.float32:
        if symmetric or kernels == "optimised":
            return acc * (scale * scales[channel])
        return acc * scales[channel] * scale

    def taps(channel: int, y: int, x: int) -> list[tuple[int, int]]:
        return [(c, int(filter[channel, y, x, c])) for c in range(filter.shape[3])]

    walk = _Walk(len(filter), filter.shape[1:3], padding, stride, activation)
    return _convolve(input, walk, bias, taps, dequantize, symmetric=symmetric)


def depthwise_conv_2d(
    input: Float32,  # noqa: A002
    filter: Int8,  # noqa: A002
    filter_scale: Float32,
    bias: Float32,
    *,
    kernels: str,
    activation: str = "NONE",
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
) -> Float32:
    """Convolve each channel with a filter of its own, ``filter`` [shape=(1, height, width, channels)]."""
    channels = filter.shape[3]

    def dequantize(acc: np.float32, scale: np.float32, channel: int) -> np.float32:
        if kernels == "reference":
            return acc * (scale * filter_scale[channel])
        if channel < channels - channels % 4:
            return acc * filter_scale[channel] * scale
        return acc * scale * filter_scale[channel]

    def taps(channel: int, y: int, x: int) -> list[tuple[int, int]]:
        return [(channel, int(filter[0, y, x, channel]))]

    walk = _Walk(channels, filter.shape[1:3], padding, stride, activation)
    return _convolve(input, walk, bias, taps, dequantize, symmetric=False)


class _Walk(NamedTuple):
    channels: int
    window: tuple[int, ...]
    padding: str
    stride: tuple[int, int]
    activation: str


def _convolve(
    images: Float32,
    walk: _Walk,
    bias: Float32,
    taps: Callable[[int, int, int], list[tuple[int, int]]],
    dequantize: Callable[[np.float32, np.float32, int], np.float32],
    *,
    symmetric: bool,
) -> Float32:
    """Sum products exactly, equation (9); what lies outside an image is 0. Then (29)."""
    sizes = list(zip(images.shape[1:3], walk.window, walk.stride, strict=True))
    height, width = (output_size(walk.padding, size, window, step, 1) for size, window, step in sizes)
    top, left = (padding_before(walk.padding, size, window, step, 1) for size, window, step in sizes)
    output = np.zeros((len(images), height, width, walk.channels), np.float32)
    for number, image in enumerate(images):
        row = quantize_row(image.reshape(-1), symmetric=symmetric)
        quantized = np.array(row.quantized).reshape(image.shape) - row.zero_point
        for y, x, channel in np.ndindex(output.shape[1:]):
            acc = 0
            for ky, kx in np.ndindex(*walk.window):
                iy, ix = y * walk.stride[0] + ky - top, x * walk.stride[1] + kx - left
                if 0 <= iy < image.shape[0] and 0 <= ix < image.shape[1]:
                    acc += sum(weight * int(quantized[iy, ix, c]) for c, weight in taps(channel, ky, kx))
            value = dequantize(_F32(acc), row.scale, channel) + bias[channel]
            output[number, y, x, channel] = _activate(value, walk.activation)
    return output


def _activate(value: np.float32, activation: str) -> Any:
    low, high = _BOUNDS[activation]
    above = value if value > low else _F32(low)
    return above if above < high else _F32(high)
