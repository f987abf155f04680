"""The plain kernels in Numba: each takes one image of what its twin in `yamjit.kernels.int8.numpy` takes a batch of.

They serve every step that has no vector kernel. `scratch` holds at least as many int32 as there are output channels;
arrays that may have any shape in the twin are flat. Every operand is cast to its width: compiled code widens where
NumPy scalars wrap, and with the casts both agree.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.program import Requantization, Rounding, Window

__all__ = ["conv_s8", "depthwise_s8", "finish", "lookup_s8", "max_pool_s8", "mean_s8", "pointwise_s8", "quantize_f32"]

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]

#: The float32 before 0.5.
_BELOW_HALF = np.float32(0.49999997)


# -- Kernels ----------------------------------------------------------------------------------------------------


@jit
def quantize_f32(x: npt.NDArray[np.float32], scale: np.float32, zero_point: int, out: Int8) -> None:
    """Quantize finite floats."""
    shift = np.float32(zero_point)
    for i in range(x.size):
        value = np.float32(x[i] / scale)
        # Ties go away from zero: no sum of a float32 and this rounds up to an integer but that of a half or more.
        rounded = np.trunc(np.float32(value + np.copysign(_BELOW_HALF, value)))
        # Beyond 2**24 the sum is not exact, and clamped.
        out[i] = np.int8(np.int32(min(max(np.float32(rounded + shift), np.float32(-128)), np.float32(127))))


@jit
def conv_s8(x: Int8, weights: Int8, window: Window, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Convolve."""
    kernel_h, kernel_w, input_c, output_c = weights.shape
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            _start(requantization.bias, scratch)
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < x.shape[0] and 0 <= ix < x.shape[1]:
                        for ci in range(input_c):
                            value = np.int32(np.int32(x[iy, ix, ci]) - np.int32(window.input_zero_point))
                            row = weights[ky, kx, ci]
                            for co in range(output_c):
                                scratch[co] += np.int32(value * np.int32(row[co]))
            finish(scratch, requantization, out[oy, ox])


@jit
def depthwise_s8(
    x: Int8, weights: Int8, window: Window, requantization: Requantization, scratch: Int32, out: Int8
) -> None:
    """Convolve each channel with a filter of its own."""
    kernel_h, kernel_w, channels = weights.shape
    zero_point = np.int32(window.input_zero_point)
    for oy in range(out.shape[0]):
        for ox in range(out.shape[1]):
            _start(requantization.bias, scratch)
            for ky in range(kernel_h):
                iy = oy * window.stride_h + ky - window.pad_top
                for kx in range(kernel_w):
                    ix = ox * window.stride_w + kx - window.pad_left
                    if 0 <= iy < x.shape[0] and 0 <= ix < x.shape[1]:
                        pixel = x[iy, ix]
                        tap = weights[ky, kx]
                        for c in range(channels):
                            value = np.int32(np.int32(pixel[c]) - zero_point)
                            scratch[c] += np.int32(value * np.int32(tap[c]))
            finish(scratch, requantization, out[oy, ox])


@jit
def pointwise_s8(x: Int8, weights: Int8, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Multiply rows by a matrix."""
    input_c, output_c = weights.shape
    in_fours = input_c - input_c % 4
    for row in range(x.shape[0]):
        _start(requantization.bias, scratch)
        for ci in range(0, in_fours, 4):
            x0, x1 = np.int32(x[row, ci]), np.int32(x[row, ci + 1])
            x2, x3 = np.int32(x[row, ci + 2]), np.int32(x[row, ci + 3])
            w0, w1, w2, w3 = weights[ci], weights[ci + 1], weights[ci + 2], weights[ci + 3]
            for co in range(output_c):
                low = np.int32(x0 * np.int32(w0[co])) + np.int32(x1 * np.int32(w1[co]))
                high = np.int32(x2 * np.int32(w2[co])) + np.int32(x3 * np.int32(w3[co]))
                scratch[co] += np.int32(low + high)
        for ci in range(in_fours, input_c):
            for co in range(output_c):
                scratch[co] += np.int32(np.int32(x[row, ci]) * np.int32(weights[ci, co]))
        finish(scratch, requantization, out[row])


@jit
def mean_s8(x: Int8, requantization: Requantization, scratch: Int32, out: Int8) -> None:
    """Average over positions."""
    _start(requantization.bias, scratch)
    for position in range(x.shape[0]):
        for c in range(x.shape[1]):
            scratch[c] += np.int32(x[position, c])
    finish(scratch, requantization, out)


@jit
def lookup_s8(x: Int8, table: Int8, out: Int8) -> None:
    """Look every value up."""
    for i in range(x.size):
        out[i] = table[np.int64(x[i]) + 128]


@jit
def max_pool_s8(
    x: Int8, kernel: tuple[int, int], window: Window, activation_min: int, activation_max: int, out: Int8
) -> None:
    """Take the greatest value in each window."""
    low, high = np.int32(activation_min), np.int32(activation_max)
    for oy in range(out.shape[0]):
        top = oy * window.stride_h - window.pad_top
        for ox in range(out.shape[1]):
            left = ox * window.stride_w - window.pad_left
            for c in range(out.shape[2]):
                greatest = np.int32(-128)
                for iy in range(max(top, 0), min(top + kernel[0], x.shape[0])):
                    for ix in range(max(left, 0), min(left + kernel[1], x.shape[1])):
                        greatest = max(greatest, np.int32(x[iy, ix, c]))
                out[oy, ox, c] = np.int8(min(max(greatest, low), high))


# -- Their arithmetic -------------------------------------------------------------------------------------------


@jit
def _start(bias: Int32, acc: Int32) -> None:
    """Start the accumulators at the bias."""
    for c in range(bias.size):
        acc[c] = bias[c]


@jit
def finish(acc: Int32, requantization: Requantization, out: Int8) -> None:
    """Requantize and clamp the accumulators of one position into ``out`` [shape=(channels,)]."""
    multiplier, shift, offset = requantization.multiplier, requantization.shift, requantization.offset
    zero_point = np.int64(requantization.zero_point)
    low, high = np.int64(requantization.activation_min), np.int64(requantization.activation_max)
    if requantization.rounding == Rounding.ONE_SHIFT:
        for c in range(out.size):
            product = np.int64(acc[c]) * np.int64(multiplier[c]) + offset[c]
            value = (product >> np.int64(31 - shift[c])) + zero_point
            out[c] = np.int8(min(max(value, low), high))
    elif requantization.rounding == Rounding.REAL:
        for c in range(out.size):
            value = np.int32(_round_half_away(np.float64(acc[c]) * requantization.scale[c])) + zero_point
            out[c] = np.int8(min(max(value, low), high))
    else:
        for c in range(out.size):
            value = _multiply_by_quantized_multiplier(acc[c], multiplier[c], shift[c]) + zero_point
            out[c] = np.int8(min(max(value, low), high))


@jit
def _round_half_away(x: float) -> Any:
    """Return `x` rounded to an integer in its own type, ties away from zero."""
    whole = np.trunc(x)
    return whole + np.copysign(x * 0 + 1, x) if abs(x - whole) >= 0.5 else whole


@jit
def _multiply_by_quantized_multiplier(acc: np.int32, multiplier: np.int32, shift: np.int32) -> Any:
    """Return ``round(acc * multiplier * 2**(shift - 31))`` with both of TFLite's roundings."""
    left = np.int64(max(shift, np.int32(0)))
    right = np.int64(max(np.int32(-shift), np.int32(0)))
    high = ((np.int64(acc) << left) * np.int64(multiplier) + np.int64(2**30)) >> np.int64(31)
    half = (np.int64(1) << right) >> np.int64(1)
    nudge = np.int64(1) if high < 0 and right > 0 else np.int64(0)
    return (high + half - nudge) >> right
