"""The hybrid kernels in NumPy: exact, and the twin that each jitted kernel is tested against.

Activations are NHWC float32 [shape=(n, height, width, channels)]; the leading axis runs over the patches. Every kernel
fills ``out`` and nothing else. Inputs are quantized, products are summed exactly, and sums become float32 again; all of
it in float32 and the order of TFLite's kernels, see `Scaling`. Inputs are finite; of others only what is computed is
defined, and the same in every backend.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import NO_MAX, NO_MIN, Dequantization, Scaling, StepOp, Window
from yamjit.kernels.step_view import StepView
from yamjit.kernels.sums import exact_matmul, pad_image, tap

__all__ = [
    "STEPS",
    "Quantized",
    "conv_f32_s8",
    "depthwise_f32_s8",
    "pointwise_f32_s8",
    "quantize_rows",
    "rows_f32_s8",
]

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_F32 = np.float32

#: What convolutions clamp to where the activation has no bound; fully connected layers have infinities.
_GREATEST = float(np.finfo(np.float32).max)

#: Values that TFLite quantizes at a time, by truncating a sum that rounds: the float32 before 0.5 becomes 1. What is
#: left of a row is rounded as C does.
_LANES = 8
_HALF, _BELOW_HALF = _F32(0.5), _F32(0.49999997)


class Quantized(NamedTuple):
    """Rows of floats [shape=(n, size)] as int8 less their zero points, and a scale for each [shape=(n, 1)]."""

    values: npt.NDArray[np.int32]
    scale: Float32


def quantize_rows(x: Float32, *, symmetric: bool) -> Quantized:
    """Quantize each row over its own range, as TFLite does at run time."""
    with np.errstate(all="ignore"):
        low = np.fmin.reduce(x, axis=1, keepdims=True, initial=_F32(0))
        high = np.fmax.reduce(x, axis=1, keepdims=True, initial=_F32(0))
        return _symmetric(x, np.maximum(-low, high)) if symmetric else _asymmetric(x, low, high)


def _symmetric(x: Float32, reach: Float32) -> Quantized:
    zero = reach == 0
    scale = np.where(zero, _F32(1), reach / _F32(127))
    inverse = np.where(zero, _F32(0), _F32(127) / reach)
    return Quantized(_clamp(_rounded(x * inverse), -127, 127), scale)


def _asymmetric(x: Float32, low: Float32, high: Float32) -> Quantized:
    zero = low == high
    step = np.where(zero, 1.0, (high - low).astype(np.float64) / 255)
    scale = step.astype(np.float32)
    inverse = np.where(zero | (scale == 0), 0.0, 1 / scale.astype(np.float64)).astype(np.float32)
    zero_point = np.where(zero, np.int32(0), _zero_point(low / step, high / step))
    return Quantized(_clamp(_rounded(x * inverse), -128 - zero_point, 127 - zero_point), scale)


def _zero_point(low: Float64, high: Float64) -> npt.NDArray[np.int32]:
    """Return the zero point for a range in steps: by the end of it that errs less."""
    exact = np.where(128 + np.abs(low) < 127 + np.abs(high), -128 - low, 127 - high)
    whole = np.trunc(exact)
    return _clamp(whole + np.copysign(np.abs(exact - whole) >= 0.5, exact), -128, 127)


def _rounded(x: Float32) -> Float32:
    """Return rows rounded to integers: halves away from zero, and a little more but in the last values of a row."""
    size = x.shape[1]
    half = np.where(np.arange(size) < size - size % _LANES, _HALF, _BELOW_HALF)
    return np.trunc(x + np.copysign(half, x))


def _clamp(x: npt.NDArray[np.floating[Any]], low: Any, high: Any) -> npt.NDArray[np.int32]:
    """Return values as integers within bounds; NaN becomes the lower one."""
    above = np.where(x > low, x, low)
    return np.where(above < high, above, high).astype(np.int32)


# -- Kernels ----------------------------------------------------------------------------------------------------


def conv_f32_s8(x: Float32, weights: Int8, window: Window, dequantization: Dequantization, out: Float32) -> None:
    """Convolve with ``weights`` [shape=(kernel_h, kernel_w, input_c, output_c)]; each patch has a range."""
    kernel_h, kernel_w, input_c, output_c = weights.shape
    quantized = _quantized(x, dequantization)
    padded = pad_image(quantized.values.reshape(x.shape), weights.shape[:2], window, out.shape)
    taps = [
        tap(padded, ky, kx, window, out.shape).reshape(-1, input_c) for ky in range(kernel_h) for kx in range(kernel_w)
    ]
    acc = exact_matmul(np.concatenate(taps, axis=1), weights.reshape(-1, output_c))
    out[...] = _dequantize(acc.reshape(out.shape), quantized.scale, dequantization)


def depthwise_f32_s8(x: Float32, weights: Int8, window: Window, dequantization: Dequantization, out: Float32) -> None:
    """Convolve each channel with a filter of its own: ``weights`` [shape=(kernel_h, kernel_w, channels)]."""
    kernel_h, kernel_w, _ = weights.shape
    quantized = _quantized(x, dequantization)
    padded = pad_image(quantized.values.reshape(x.shape), weights.shape[:2], window, out.shape)
    acc = np.zeros(out.shape, np.int32)
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            acc += tap(padded, ky, kx, window, out.shape) * weights[ky, kx].astype(np.int32)
    out[...] = _dequantize(acc, quantized.scale, dequantization)


def pointwise_f32_s8(x: Float32, weights: Int8, dequantization: Dequantization, out: Float32) -> None:
    """Multiply ``x`` [shape=(n, positions, inputs)] by a matrix [shape=(inputs, outputs)]; each patch has a range."""
    quantized = _quantized(x, dequantization)
    acc = exact_matmul(quantized.values.reshape(-1, weights.shape[0]), weights)
    out[...] = _dequantize(acc.reshape(out.shape), quantized.scale, dequantization)


def rows_f32_s8(x: Float32, weights: Int8, dequantization: Dequantization, out: Float32) -> None:
    """Do what `pointwise_f32_s8` does where each row has a range of its own: fully connected layers.

    What comes of a patch that is all zeros is the bias as it is, the sign of a zero included.
    """
    pointwise_f32_s8(x.reshape(-1, 1, x.shape[2]), weights, dequantization, out.reshape(-1, 1, out.shape[2]))
    silent = ~x.any(axis=(1, 2))
    out[silent] = _activate(dequantization.bias, dequantization)


def _quantized(x: Float32, dequantization: Dequantization) -> Quantized:
    return quantize_rows(x.reshape(len(x), -1), symmetric=dequantization.scaling == Scaling.SYMMETRIC)


def _dequantize(acc: npt.NDArray[Any], scale: Float32, dequantization: Dequantization) -> Float32:
    """Return accumulators [shape=(n, ..., channels)] as float32, with bias and activation."""
    values, channels = acc.astype(np.float32), dequantization.scale
    scale = scale.reshape(-1, *(1,) * (acc.ndim - 1))
    with np.errstate(all="ignore"):
        if dequantization.scaling == Scaling.WEIGHTS_FIRST:
            values = values * channels * scale
        elif dequantization.scaling == Scaling.WEIGHTS_FIRST_IN_FOURS:
            whole = channels.size - channels.size % 4
            four, rest = values[..., :whole], values[..., whole:]
            values = np.concatenate([four * channels[:whole] * scale, rest * scale * channels[whole:]], axis=-1)
        else:
            values = values * (scale * channels)
        values = values + dequantization.bias
    return _activate(values, dequantization)


def _activate(values: Float32, dequantization: Dequantization) -> Float32:
    """Return values within the bounds of the activation; NaN stays NaN."""
    low, high = dequantization.activation_min, dequantization.activation_max
    above = np.where(values < low, low, values)
    return np.where(above > high, high, above)


# -- Steps ------------------------------------------------------------------------------------------------------


def _dequantization(step: StepView, most: float) -> Dequantization:
    """Return how a step's sums become floats; where the activation has no bound, `most` is that."""
    channels, low, high = (step["OUTPUT_C"],), step["ACTIVATION_MIN"], step["ACTIVATION_MAX"]
    return Dequantization(
        step.constant("MULTIPLIER", channels, np.float32),
        step.constant("BIAS", channels, np.float32),
        _F32(-most if low == NO_MIN else low),
        _F32(most if high == NO_MAX else high),
        step["ROUNDING"],
    )


def _conv(step: StepView) -> None:
    weights = step.constant("WEIGHTS", (step["KERNEL_H"], step["KERNEL_W"], step["INPUT_C"], step["OUTPUT_C"]))
    x, out = step.image("INPUT", np.float32), step.image("OUTPUT", np.float32)
    conv_f32_s8(x, weights, step.window(), _dequantization(step, _GREATEST), out)


def _depthwise(step: StepView) -> None:
    weights = step.constant("WEIGHTS", (step["KERNEL_H"], step["KERNEL_W"], step["OUTPUT_C"]))
    x, out = step.image("INPUT", np.float32), step.image("OUTPUT", np.float32)
    depthwise_f32_s8(x, weights, step.window(), _dequantization(step, _GREATEST), out)


def _matrices(step: StepView) -> tuple[Float32, Int8, Float32]:
    """Return rows, weights, and rows to be written."""
    rows, inputs, outputs = step["INPUT_H"] * step["INPUT_W"], step["INPUT_C"], step["OUTPUT_C"]
    x, out = step.tensor("INPUT", (rows, inputs), np.float32), step.tensor("OUTPUT", (rows, outputs), np.float32)
    return x, step.constant("WEIGHTS", (inputs, outputs)), out


def _pointwise(step: StepView) -> None:
    x, weights, out = _matrices(step)
    pointwise_f32_s8(x, weights, _dequantization(step, _GREATEST), out)


def _rows(step: StepView) -> None:
    x, weights, out = _matrices(step)
    rows_f32_s8(x, weights, _dequantization(step, np.inf), out)


#: Kernels by the operation of the step that they run.
STEPS: Mapping[StepOp, Callable[[StepView], None]] = MappingProxyType(
    {
        StepOp.CONV_HYBRID: _conv,
        StepOp.DEPTHWISE_HYBRID: _depthwise,
        StepOp.POINTWISE_HYBRID: _pointwise,
        StepOp.ROWS_HYBRID: _rows,
    }
)
