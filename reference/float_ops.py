"""Operators of float32 as plain loops: every product, sum and quotient is rounded once, in TFLite's order.

Numbers in brackets are the equations of ``README.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from reference.arithmetic import output_size, padding_before

__all__ = [
    "ACTIVATIONS",
    "average_pool_2d_f32",
    "binary_f32",
    "conv_2d_f32",
    "depthwise_conv_2d_f32",
    "max_pool_2d_f32",
    "mean_f32",
    "softmax_f32",
]

Float32 = npt.NDArray[np.float32]

_LEAST, _GREATEST = np.finfo(np.float32).min, np.finfo(np.float32).max

#: Bounds of the activations.
ACTIVATIONS = {
    "NONE": (_LEAST, _GREATEST),
    "RELU": (np.float32(0), _GREATEST),
    "RELU6": (np.float32(0), np.float32(6)),
    "RELU_N1_TO_1": (np.float32(-1), np.float32(1)),
}


def clamp_f32(value: np.float32, activation: str) -> np.float32:
    """Return a value within the bounds of an activation, equation (30)."""
    low, high = ACTIVATIONS[activation]
    value = low if value < low else value
    return high if high < value else value


def _taps(
    shape: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: str,
    place: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (filter_y, filter_x, in_y, in_x) of the taps of a window that lie inside an image, row after row."""
    _, height, width, _ = shape
    top = place[0] * stride[0] - padding_before(padding, height, size[0], stride[0], dilation[0])
    left = place[1] * stride[1] - padding_before(padding, width, size[1], stride[1], dilation[1])
    for filter_y in range(size[0]):
        for filter_x in range(size[1]):
            in_y, in_x = top + filter_y * dilation[0], left + filter_x * dilation[1]
            if 0 <= in_y < height and 0 <= in_x < width:
                yield filter_y, filter_x, in_y, in_x


def _output(
    shape: tuple[int, ...],
    size: tuple[int, int],
    stride: tuple[int, int],
    padding: str,
    depth: int,
    dilation: tuple[int, int] = (1, 1),
) -> Float32:
    batches, height, width, _ = shape
    out_height = output_size(padding, height, size[0], stride[0], dilation[0])
    out_width = output_size(padding, width, size[1], stride[1], dilation[1])
    return np.zeros((batches, out_height, out_width, depth), np.float32)


def conv_2d_f32(
    input: Float32,  # noqa: A002
    filter: Float32,  # noqa: A002
    bias: Float32,
    *,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    activation: str = "NONE",
) -> Float32:
    """Convolve, equation (31): taps row after row, in each the inputs in turn; the bias last.

    Parameters
    ----------
    input : np.ndarray [shape=(batch, height, width, in_depth), float32]
    filter : np.ndarray [shape=(out_depth, height, width, in_depth), float32]
    bias : np.ndarray [shape=(out_depth,), float32]
    padding : {"SAME", "VALID"}
    stride, dilation : (int, int)
    activation : {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}
    """
    size = (filter.shape[1], filter.shape[2])
    output = _output(input.shape, size, stride, padding, len(filter), dilation)
    for batch, out_y, out_x, out_channel in np.ndindex(output.shape):
        total = np.float32(0)
        for filter_y, filter_x, in_y, in_x in _taps(input.shape, size, stride, padding, (out_y, out_x), dilation):
            for channel in range(input.shape[3]):
                total = total + input[batch, in_y, in_x, channel] * filter[out_channel, filter_y, filter_x, channel]
        output[batch, out_y, out_x, out_channel] = clamp_f32(total + bias[out_channel], activation)
    return output


def depthwise_conv_2d_f32(
    input: Float32,  # noqa: A002
    filter: Float32,  # noqa: A002
    bias: Float32,
    *,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    activation: str = "NONE",
) -> Float32:
    """Convolve each channel with filters of its own, equation (32).

    Parameters
    ----------
    input : np.ndarray [shape=(batch, height, width, in_depth), float32]
    filter : np.ndarray [shape=(1, height, width, out_depth), float32]
        Its depth is a multiple of that of the input.
    bias : np.ndarray [shape=(out_depth,), float32]
    padding, stride, dilation, activation
        As in `conv_2d_f32`.
    """
    size = (filter.shape[1], filter.shape[2])
    output = _output(input.shape, size, stride, padding, filter.shape[3], dilation)
    multiplier = filter.shape[3] // input.shape[3]
    for batch, out_y, out_x, out_channel in np.ndindex(output.shape):
        total = np.float32(0)
        for filter_y, filter_x, in_y, in_x in _taps(input.shape, size, stride, padding, (out_y, out_x), dilation):
            factor = filter[0, filter_y, filter_x, out_channel]
            total = total + input[batch, in_y, in_x, out_channel // multiplier] * factor
        output[batch, out_y, out_x, out_channel] = clamp_f32(total + bias[out_channel], activation)
    return output


def max_pool_2d_f32(
    input: Float32,  # noqa: A002
    filter_size: tuple[int, int],
    *,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    activation: str = "NONE",
) -> Float32:
    """Take the greatest value in each window, equation (33); see `conv_2d_f32` for what is alike."""
    output = _output(input.shape, filter_size, stride, padding, input.shape[3])
    for batch, out_y, out_x, channel in np.ndindex(output.shape):
        greatest = _LEAST
        for _, _, in_y, in_x in _taps(input.shape, filter_size, stride, padding, (out_y, out_x)):
            value = input[batch, in_y, in_x, channel]
            greatest = value if greatest < value else greatest
        output[batch, out_y, out_x, channel] = clamp_f32(greatest, activation)
    return output


def average_pool_2d_f32(
    input: Float32,  # noqa: A002
    filter_size: tuple[int, int],
    *,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    activation: str = "NONE",
) -> Float32:
    """Average the values of each window that lie inside the image, equation (34)."""
    output = _output(input.shape, filter_size, stride, padding, input.shape[3])
    for batch, out_y, out_x, channel in np.ndindex(output.shape):
        total, count = np.float32(0), 0
        for _, _, in_y, in_x in _taps(input.shape, filter_size, stride, padding, (out_y, out_x)):
            total, count = total + input[batch, in_y, in_x, channel], count + 1
        output[batch, out_y, out_x, channel] = clamp_f32(total / np.float32(count), activation)
    return output


def mean_f32(input: Float32, axes: tuple[int, ...]) -> Float32:  # noqa: A002
    """Average over axes, which stay with size 1, equation (35): values are added in the order of memory."""
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(input.shape))
    total = np.zeros(shape, np.float32)
    for index in np.ndindex(input.shape):
        place = tuple(0 if axis in axes else number for axis, number in enumerate(index))
        total[place] = total[place] + input[index]
    return total / np.float32(input.size // total.size)


def softmax_f32(input: Float32, beta: float, exp: Callable[[Float32], Float32]) -> Float32:  # noqa: A002
    """Divide exponentials by their sum, row by row of [shape=(rows, depth)], equation (36)."""
    output = np.zeros_like(input)
    for row, values in enumerate(input):
        powers = exp((values - values.max()) * np.float32(beta))
        total = np.float32(0)
        for power in powers:
            total = total + power
        output[row] = powers / total
    return output


def binary_f32(name: str, left: Float32, right: Float32, activation: str = "NONE") -> Float32:
    """Compute ADD, SUB, MUL, DIV, MAXIMUM or MINIMUM value by value, equation (37); a size of 1 is repeated."""
    left, right = np.broadcast_arrays(left, right)
    output = np.zeros(left.shape, np.float32)
    for index in np.ndindex(output.shape):
        a, b = left[index], right[index]
        found = {
            "ADD": lambda a, b: a + b,
            "SUB": lambda a, b: a - b,
            "MUL": lambda a, b: a * b,
            "DIV": lambda a, b: a / b,
            "MAXIMUM": lambda a, b: a if a > b else b,
            "MINIMUM": lambda a, b: a if a < b else b,
        }[name](a, b)
        output[index] = clamp_f32(found, activation)
    return output
