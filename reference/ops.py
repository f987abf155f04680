"""Every operator of a quantized YAMNet as plain loops: obviously right, never optimised.

Integer operators take what TFLite's kernels take (offsets, multipliers, shifts, a clamp range), which
`reference.arithmetic` prepares from scales; they index arrays element by element and compute in Python
integers. Float operators compute in NumPy float32 scalars, in TFLite's order. Numbers in brackets are the
equations of ``README.md``.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.arithmetic import (
    INT8_MAX,
    INT8_MIN,
    clamp,
    multiply_by_quantized_multiplier,
    output_size,
    padding_before,
    round_half_away,
)

__all__ = [
    "complex_abs",
    "conv_2d_s8",
    "depthwise_conv_2d_s8",
    "dequantize_s8",
    "fully_connected_f32",
    "fully_connected_s8",
    "gather",
    "log",
    "logistic_s8",
    "max_pool_2d_s8",
    "mean_s8",
    "mul",
    "pad",
    "quantize_s8",
    "reshape",
    "rfft_2d",
    "split",
    "strided_slice",
]

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]
Array = npt.NDArray[Any]


# The integer network.


def conv_2d_s8(
    input: Int8,  # noqa: A002
    filter: Int8,  # noqa: A002
    bias: Sequence[int] | Array | None,
    *,
    input_offset: int,
    output_offset: int,
    output_multiplier: Sequence[int],
    output_shift: Sequence[int],
    quantized_activation_min: int,
    quantized_activation_max: int,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> Int8:
    """Convolve, equations (8) to (11) and (13).

    Parameters
    ----------
    input : np.ndarray [shape=(batch, height, width, in_channels), int8]
    filter : np.ndarray [shape=(out_channels, filter_height, filter_width, in_channels), int8]
    bias : sequence of int [len=out_channels] or None
    input_offset : int
        Minus the zero point of the input.
    output_offset : int
        Zero point of the output.
    output_multiplier, output_shift : sequence of int [len=out_channels]
    quantized_activation_min, quantized_activation_max : int
    padding : {"SAME", "VALID"}
    stride, dilation : (int, int)
        Vertical, horizontal.

    Returns
    -------
    output : np.ndarray [shape=(batch, out_height, out_width, out_channels), int8]
    """
    batches, input_height, input_width, input_depth = input.shape
    output_depth, filter_height, filter_width, _ = filter.shape
    output_height = output_size(padding, input_height, filter_height, stride[0], dilation[0])
    output_width = output_size(padding, input_width, filter_width, stride[1], dilation[1])
    pad_height = padding_before(padding, input_height, filter_height, stride[0], dilation[0])
    pad_width = padding_before(padding, input_width, filter_width, stride[1], dilation[1])
    output = np.zeros((batches, output_height, output_width, output_depth), np.int8)
    for batch, out_y, out_x, out_channel in np.ndindex(output.shape):
        in_y_origin = out_y * stride[0] - pad_height
        in_x_origin = out_x * stride[1] - pad_width
        acc = 0
        for filter_y in range(filter_height):
            in_y = in_y_origin + dilation[0] * filter_y
            for filter_x in range(filter_width):
                in_x = in_x_origin + dilation[1] * filter_x
                is_point_inside_image = 0 <= in_x < input_width and 0 <= in_y < input_height
                if not is_point_inside_image:
                    continue
                for in_channel in range(input_depth):
                    input_val = int(input[batch, in_y, in_x, in_channel])
                    filter_val = int(filter[out_channel, filter_y, filter_x, in_channel])
                    acc += filter_val * (input_val + input_offset)
        if bias is not None:
            acc += int(bias[out_channel])
        acc = multiply_by_quantized_multiplier(acc, output_multiplier[out_channel], output_shift[out_channel])
        acc += output_offset
        acc = clamp(acc, quantized_activation_min, quantized_activation_max)
        output[batch, out_y, out_x, out_channel] = acc
    return output


def depthwise_conv_2d_s8(
    input: Int8,  # noqa: A002
    filter: Int8,  # noqa: A002
    bias: Sequence[int] | Array | None,
    *,
    input_offset: int,
    output_offset: int,
    output_multiplier: Sequence[int],
    output_shift: Sequence[int],
    quantized_activation_min: int,
    quantized_activation_max: int,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
) -> Int8:
    """Convolve every channel on its own, equations (8) to (11) and (13).

    Parameters are those of `conv_2d_s8`, but `filter` has shape (1, filter_height, filter_width,
    in_channels * depth_multiplier), and output channel ``c`` reads input channel ``c // depth_multiplier``.
    """
    batches, input_height, input_width, input_depth = input.shape
    _, filter_height, filter_width, output_depth = filter.shape
    depth_multiplier = output_depth // input_depth
    output_height = output_size(padding, input_height, filter_height, stride[0], dilation[0])
    output_width = output_size(padding, input_width, filter_width, stride[1], dilation[1])
    pad_height = padding_before(padding, input_height, filter_height, stride[0], dilation[0])
    pad_width = padding_before(padding, input_width, filter_width, stride[1], dilation[1])
    output = np.zeros((batches, output_height, output_width, output_depth), np.int8)
    for batch, out_y, out_x, out_channel in np.ndindex(output.shape):
        in_channel = out_channel // depth_multiplier
        in_y_origin = out_y * stride[0] - pad_height
        in_x_origin = out_x * stride[1] - pad_width
        acc = 0
        for filter_y in range(filter_height):
            in_y = in_y_origin + dilation[0] * filter_y
            for filter_x in range(filter_width):
                in_x = in_x_origin + dilation[1] * filter_x
                is_point_inside_image = 0 <= in_x < input_width and 0 <= in_y < input_height
                if not is_point_inside_image:
                    continue
                input_val = int(input[batch, in_y, in_x, in_channel])
                filter_val = int(filter[0, filter_y, filter_x, out_channel])
                acc += filter_val * (input_val + input_offset)
        if bias is not None:
            acc += int(bias[out_channel])
        acc = multiply_by_quantized_multiplier(acc, output_multiplier[out_channel], output_shift[out_channel])
        acc += output_offset
        acc = clamp(acc, quantized_activation_min, quantized_activation_max)
        output[batch, out_y, out_x, out_channel] = acc
    return output


def fully_connected_s8(
    input: Int8,  # noqa: A002
    filter: Int8,  # noqa: A002
    bias: Sequence[int] | Array | None,
    *,
    input_offset: int,
    filter_offset: int,
    output_offset: int,
    effective_output_scale: Sequence[float],
    quantized_activation_min: int,
    quantized_activation_max: int,
) -> Int8:
    """Multiply by a matrix, equations (9), (16), (10) and (11): one rounding, in double.

    Parameters
    ----------
    input : np.ndarray [shape=(batch, depth), int8]
    filter : np.ndarray [shape=(units, depth), int8]
    bias : sequence of int [len=units] or None
    input_offset, filter_offset : int
        Minus the zero points of the input and the weights.
    output_offset : int
        Zero point of the output.
    effective_output_scale : sequence of float [len=units]
    quantized_activation_min, quantized_activation_max : int

    Returns
    -------
    output : np.ndarray [shape=(batch, units), int8]
    """
    batches, accum_depth = input.shape
    output_depth = filter.shape[0]
    output = np.zeros((batches, output_depth), np.int8)
    for batch in range(batches):
        for out_channel in range(output_depth):
            acc = 0
            for depth in range(accum_depth):
                input_val = int(input[batch, depth])
                filter_val = int(filter[out_channel, depth])
                acc += (filter_val + filter_offset) * (input_val + input_offset)
            if bias is not None:
                acc += int(bias[out_channel])
            acc = round_half_away(float(acc) * effective_output_scale[out_channel])
            acc += output_offset
            output[batch, out_channel] = clamp(acc, quantized_activation_min, quantized_activation_max)
    return output


def mean_s8(
    input: Int8,  # noqa: A002
    *,
    input_zero_point: int,
    output_offset: int,
    output_multiplier: int,
    output_shift: int,
) -> Int8:
    """Average over height and width, equations (8), (10) and (14).

    Parameters
    ----------
    input : np.ndarray [shape=(batch, height, width, channels), int8]
    input_zero_point, output_offset : int
    output_multiplier, output_shift : int
        As `reference.arithmetic.mean_multiplier` returns them.

    Returns
    -------
    output : np.ndarray [shape=(batch, 1, 1, channels), int8]
    """
    batches, height, width, depth = input.shape
    output = np.zeros((batches, 1, 1, depth), np.int8)
    for batch in range(batches):
        for channel in range(depth):
            acc = 0
            for in_y in range(height):
                for in_x in range(width):
                    acc += int(input[batch, in_y, in_x, channel])
            acc -= input_zero_point * height * width
            acc = multiply_by_quantized_multiplier(acc, output_multiplier, output_shift)
            output[batch, 0, 0, channel] = clamp(acc + output_offset, INT8_MIN, INT8_MAX)
    return output


def max_pool_2d_s8(
    input: Int8,  # noqa: A002
    *,
    filter_size: tuple[int, int],
    quantized_activation_min: int,
    quantized_activation_max: int,
    padding: str = "SAME",
    stride: tuple[int, int] = (1, 1),
) -> Int8:
    """Take the greatest value in each window, equations (13) and (24); what lies outside the image is skipped.

    Parameters
    ----------
    input : np.ndarray [shape=(batch, height, width, channels), int8]
    filter_size : (int, int)
        Height, width.
    quantized_activation_min, quantized_activation_max : int
    padding : {"SAME", "VALID"}
    stride : (int, int)
        Vertical, horizontal.

    Returns
    -------
    output : np.ndarray [shape=(batch, out_height, out_width, channels), int8]
    """
    batches, input_height, input_width, depth = input.shape
    output_height = output_size(padding, input_height, filter_size[0], stride[0], 1)
    output_width = output_size(padding, input_width, filter_size[1], stride[1], 1)
    pad_height = padding_before(padding, input_height, filter_size[0], stride[0], 1)
    pad_width = padding_before(padding, input_width, filter_size[1], stride[1], 1)
    output = np.zeros((batches, output_height, output_width, depth), np.int8)
    for batch, out_y, out_x, channel in np.ndindex(output.shape):
        greatest = INT8_MIN
        for filter_y in range(filter_size[0]):
            in_y = out_y * stride[0] - pad_height + filter_y
            for filter_x in range(filter_size[1]):
                in_x = out_x * stride[1] - pad_width + filter_x
                if 0 <= in_x < input_width and 0 <= in_y < input_height:
                    greatest = max(greatest, int(input[batch, in_y, in_x, channel]))
        greatest = clamp(greatest, quantized_activation_min, quantized_activation_max)
        output[batch, out_y, out_x, channel] = greatest
    return output


def logistic_s8(input: Int8, table: Sequence[int]) -> Int8:  # noqa: A002
    """Look every value up in `reference.arithmetic.logistic_table`, equation (15)."""
    output = np.zeros(input.shape, np.int8)
    for index in np.ndindex(input.shape):
        output[index] = table[int(input[index]) - INT8_MIN]
    return output


def quantize_s8(input: Float32, scale: float, zero_point: int) -> Int8:  # noqa: A002
    """Quantize float32 to int8, equation (2).

    Raises
    ------
    OverflowError, ValueError
        If a value over `scale` is not finite or leaves int32, which is undefined in TFLite.
    """
    output = np.zeros(input.shape, np.int8)
    for index in np.ndindex(input.shape):
        quotient = float(np.float32(input[index]) / np.float32(scale))
        if abs(quotient) >= 2**31:
            raise OverflowError(f"{input[index]} / {scale} leaves int32")
        output[index] = clamp(round_half_away(quotient) + zero_point, INT8_MIN, INT8_MAX)
    return output


def dequantize_s8(input: Int8, scale: float, zero_point: int) -> Float32:  # noqa: A002
    """Return the real values of int8 numbers, equation (1)."""
    output = np.zeros(input.shape, np.float32)
    for index in np.ndindex(input.shape):
        output[index] = np.float32(scale) * np.float32(int(input[index]) - zero_point)
    return output


# The float front end.


def mul(a: Float32, b: Float32) -> Float32:
    """Multiply the rows of `a` by the vector `b`, equation (18)."""
    output = np.zeros(a.shape, np.float32)
    for index in np.ndindex(a.shape):
        output[index] = np.float32(a[index]) * np.float32(b[index[-1]])
    return output


def rfft_2d(input: Float32, fft_length: tuple[int, int]) -> npt.NDArray[np.complex64]:  # noqa: A002
    """Transform the last axis by the definition of the DFT, equation (19).

    The sums are exact (`math.fsum`), the sines and cosines double; TFLite's fast transform in double comes
    within a few units of 2**-52 of the largest magnitude, before both are rounded to float32.

    Parameters
    ----------
    input : np.ndarray [shape=(..., 1, n), float32]
    fft_length : (1, length)
        The last axis is cut or padded with zeros to `length`.

    Returns
    -------
    output : np.ndarray [shape=(..., 1, length // 2 + 1), complex64]
    """
    length = fft_length[1]
    taken = min(length, input.shape[-1])
    turns = [cmath.exp(-2j * math.pi * step / length) for step in range(length)]
    output = np.zeros((*input.shape[:-1], length // 2 + 1), np.complex64)
    for lead in np.ndindex(input.shape[:-1]):
        samples = [float(value) for value in input[lead]]
        for k in range(length // 2 + 1):
            terms = [samples[n] * turns[k * n % length] for n in range(taken)]
            real = math.fsum(term.real for term in terms)
            imaginary = math.fsum(term.imag for term in terms)
            place = (*lead, k)
            output[place] = np.complex64(complex(real, imaginary))
    return output


def complex_abs(input: npt.NDArray[np.complex64]) -> Float32:  # noqa: A002
    """Return magnitudes as C's ``hypotf`` does: squares, sum and root in double, equation (20)."""
    output = np.zeros(input.shape, np.float32)
    for index in np.ndindex(input.shape):
        value = complex(input[index])
        output[index] = np.float32(math.sqrt(value.real * value.real + value.imag * value.imag))
    return output


def fully_connected_f32(input: Float32, filter: Float32, bias: Float32 | None) -> Float32:  # noqa: A002
    """Multiply by a matrix in float32, one product after the other, the bias last, equation (21).

    Parameters
    ----------
    input : np.ndarray [shape=(batch, depth), float32]
    filter : np.ndarray [shape=(units, depth), float32]
    bias : np.ndarray [shape=(units,), float32] or None
    """
    batches, accum_depth = input.shape
    output = np.zeros((batches, filter.shape[0]), np.float32)
    for batch in range(batches):
        for out_channel in range(filter.shape[0]):
            total = np.float32(0)
            for depth in range(accum_depth):
                total = total + np.float32(input[batch, depth]) * np.float32(filter[out_channel, depth])
            if bias is not None:
                total = total + np.float32(bias[out_channel])
            output[batch, out_channel] = total
    return output


def log(input: Float32) -> Float32:  # noqa: A002
    """Return natural logarithms, correctly rounded but for double rounding, equation (22).

    C's ``logf`` may be off by one unit in the last place.
    """
    output = np.zeros(input.shape, np.float32)
    for index in np.ndindex(input.shape):
        output[index] = np.float32(math.log(float(input[index])))
    return output


# Operators that only move data.


def strided_slice(
    input: Array,  # noqa: A002
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int],
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
) -> Array:
    """Take every `strides`-th element from `begin` up to `end`, per axis; a bit in a mask drops the bound."""
    picks = []
    for axis, size in enumerate(input.shape):
        first = None if begin_mask >> axis & 1 else int(begin[axis])
        last = None if end_mask >> axis & 1 else int(end[axis])
        picks.append(range(*slice(first, last, int(strides[axis])).indices(size)))
    output = np.zeros([len(pick) for pick in picks], input.dtype)
    for index in np.ndindex(output.shape):
        output[index] = input[tuple(pick[i] for pick, i in zip(picks, index, strict=True))]
    return output


def reshape(input: Array, shape: Sequence[int]) -> Array:  # noqa: A002
    """Give the same elements another shape; -1 stands for what is left."""
    sizes = [int(size) for size in shape]
    if -1 in sizes:
        known = math.prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = input.size // known
    output = np.zeros(sizes, input.dtype)
    if output.size != input.size:
        raise ValueError(f"{input.size} elements do not fill shape {tuple(sizes)}")
    for target, source in zip(np.ndindex(output.shape), np.ndindex(input.shape), strict=True):
        output[target] = input[source]
    return output


def gather(input: Array, indices: npt.NDArray[np.int32], axis: int = 0) -> Array:  # noqa: A002
    """Take the slices of `input` along `axis` that `indices` names, equation (17)."""
    output = np.zeros(input.shape[:axis] + indices.shape + input.shape[axis + 1 :], input.dtype)
    for before in np.ndindex(input.shape[:axis]):
        for at in np.ndindex(indices.shape):
            for after in np.ndindex(input.shape[axis + 1 :]):
                source = (*before, int(indices[at]), *after)
                output[before + at + after] = input[source]
    return output


def pad(input: Array, paddings: npt.NDArray[np.int32]) -> Array:  # noqa: A002
    """Surround with zeros: `paddings` has a row (before, after) for each axis."""
    sizes = [int(before) + size + int(after) for size, (before, after) in zip(input.shape, paddings, strict=True)]
    output = np.zeros(sizes, input.dtype)
    for index in np.ndindex(input.shape):
        output[tuple(i + int(before) for i, (before, _) in zip(index, paddings, strict=True))] = input[index]
    return output


def split(input: Array, axis: int, num_splits: int) -> list[Array]:  # noqa: A002
    """Cut into `num_splits` equal parts along `axis`."""
    if input.shape[axis] % num_splits:
        raise ValueError(f"axis {axis} of shape {input.shape} is not a multiple of {num_splits}")
    size = input.shape[axis] // num_splits
    shape = [size if at == axis else extent for at, extent in enumerate(input.shape)]
    outputs = []
    for part in range(num_splits):
        output = np.zeros(shape, input.dtype)
        for index in itertools.product(*(range(extent) for extent in shape)):
            source = list(index)
            source[axis] += part * size
            output[index] = input[tuple(source)]
        outputs.append(output)
    return outputs
