"""The plain hybrid kernels in Numba: each takes one patch of what its twin in `yamjit.kernels.hybrid.numpy` takes all.

They serve every step that has no vector kernel. `scratch` holds at least as many int32 as there are output channels;
`quantized` has room for the inputs as int8: an image, which `image` is by rows, or a row of a matrix. Nothing here
changes the shape of an array, since code without Numba's runtime cannot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.kernels.hybrid.quantizing import InputScale, quantize_part, scale_of
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.program import Dequantization, Scaling, Window

__all__ = ["conv_f32_s8", "depthwise_f32_s8", "pointwise_f32_s8", "rows_f32_s8"]

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]


@jit
def conv_f32_s8(
    x: Float32,
    weights: Int8,
    window: Window,
    dequantization: Dequantization,
    quantized: Int8,
    image: Int8,
    scratch: Int32,
    out: Float32,
) -> None:
    """Convolve; the image has a range."""
    kernel_h, kernel_w, input_c, output_c = weights.shape
    by = _quantize(x, dequantization, quantized)
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            scratch[:output_c] = 0
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < image.shape[0] and 0 <= ix < image.shape[1]:
                        for ci in range(input_c):
                            _add_products(image[iy, ix, ci], by.zero_point, weights[ky, kx, ci], scratch)
            _finish(scratch, by.scale, dequantization, out[oy, ox])


@jit
def depthwise_f32_s8(
    x: Float32,
    weights: Int8,
    window: Window,
    dequantization: Dequantization,
    quantized: Int8,
    image: Int8,
    scratch: Int32,
    out: Float32,
) -> None:
    """Convolve each channel with a filter of its own; the image has a range."""
    kernel_h, kernel_w, channels = weights.shape
    by = _quantize(x, dequantization, quantized)
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            scratch[:channels] = 0
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < image.shape[0] and 0 <= ix < image.shape[1]:
                        pixel, tap = image[iy, ix], weights[ky, kx]
                        for c in range(channels):
                            value = np.int32(np.int32(pixel[c]) - by.zero_point)
                            scratch[c] += np.int32(value * np.int32(tap[c]))
            _finish(scratch, by.scale, dequantization, out[oy, ox])


@jit
def pointwise_f32_s8(
    x: Float32,
    rows: Float32,
    weights: Int8,
    dequantization: Dequantization,
    quantized: Int8,
    scratch: Int32,
    out: Float32,
) -> None:
    """Multiply `rows`, which are all the values `x`, by a matrix; they have one range."""
    by = scale_of(x, dequantization.scaling == Scaling.SYMMETRIC)
    for row in range(rows.shape[0]):
        quantize_part(rows[row], row * rows.shape[1], x.size, by, 0, quantized)
        _multiply(quantized, by, weights, dequantization, scratch, out[row])


@jit
def rows_f32_s8(
    x: Float32, weights: Int8, dequantization: Dequantization, quantized: Int8, scratch: Int32, out: Float32
) -> None:
    """Multiply rows by a matrix, each with a range of its own; where all are zeros, what comes is the bias as it is."""
    silent = True
    for row in range(x.shape[0]):
        by = _quantize(x[row], dequantization, quantized)
        _multiply(quantized, by, weights, dequantization, scratch, out[row])
        silent = silent and not x[row].any()
    if silent:
        for row in range(x.shape[0]):
            for c in range(out.shape[1]):
                out[row, c] = _activate(dequantization.bias[c], dequantization)


# -- Their arithmetic -------------------------------------------------------------------------------------------


@jit
def _quantize(x: Float32, dequantization: Dequantization, out: Int8) -> InputScale:
    """Quantize a row over its own range, and return how."""
    by = scale_of(x, dequantization.scaling == Scaling.SYMMETRIC)
    quantize_part(x, 0, x.size, by, 0, out)
    return by


@jit
def _multiply(
    row: Int8, by: InputScale, weights: Int8, dequantization: Dequantization, scratch: Int32, out: Float32
) -> None:
    inputs, outputs = weights.shape
    scratch[:outputs] = 0
    for ci in range(inputs):
        _add_products(row[ci], by.zero_point, weights[ci], scratch)
    _finish(scratch, by.scale, dequantization, out)


@jit
def _add_products(quantized: np.int8, zero_point: np.int32, weights: Int8, acc: Int32) -> None:
    """Add the products of one input with the weights of all output channels."""
    value = np.int32(np.int32(quantized) - zero_point)
    for co in range(weights.size):
        acc[co] += np.int32(value * np.int32(weights[co]))


@jit
def _finish(acc: Int32, scale: np.float32, dequantization: Dequantization, out: Float32) -> None:
    """Scale the accumulators of one position into ``out`` [shape=(channels,)], with bias and activation."""
    channels, bias, scaling = dequantization.scale, dequantization.bias, dequantization.scaling
    first = 0
    if scaling == Scaling.WEIGHTS_FIRST:
        first = out.size
    elif scaling == Scaling.WEIGHTS_FIRST_IN_FOURS:
        first = out.size - out.size % 4
    for c in range(first):
        scaled = np.float32(np.float32(np.float32(acc[c]) * channels[c]) * scale)
        out[c] = _activate(np.float32(scaled + bias[c]), dequantization)
    for c in range(first, out.size):
        value = np.float32(acc[c])
        if scaling == Scaling.WEIGHTS_FIRST_IN_FOURS:
            scaled = np.float32(np.float32(value * scale) * channels[c])
        else:
            scaled = np.float32(value * np.float32(scale * channels[c]))
        out[c] = _activate(np.float32(scaled + bias[c]), dequantization)


@jit
def _activate(value: np.float32, dequantization: Dequantization) -> np.float32:
    """Return a value within the bounds of the activation; NaN stays NaN."""
    low, high = dequantization.activation_min, dequantization.activation_max
    above = low if value < low else value
    return high if above > high else above
