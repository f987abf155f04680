"""The int8 kernels in NumPy: exact, no compiler needed, and the twins that jitted kernels are tested against.

Activations are NHWC int8 [shape=(n, height, width, channels)]; the leading axis runs over the patches. Every kernel
fills ``out`` and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Requantization, Rounding, StepOp, Window
from yamjit.kernels.step_view import StepView
from yamjit.kernels.sums import exact_matmul, pad_image, tap

__all__ = [
    "STEPS",
    "conv_s8",
    "depthwise_s8",
    "lookup_s8",
    "max_pool_s8",
    "mean_s8",
    "multiply_by_quantized_multiplier",
    "pointwise_s8",
    "quantize_f32",
    "round_half_away",
]

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]


# -- Kernels ----------------------------------------------------------------------------------------------------


def quantize_f32(x: npt.NDArray[np.float32], scale: np.float32, zero_point: int, out: Int8) -> None:
    """Quantize finite floats: ``clamp(round(x / scale) + zero_point)``, divided in float32, ties away from zero."""
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = round_half_away((x / scale).astype(np.float64))
    np.clip(rounded + zero_point, -128, 127, out=rounded)
    out[...] = rounded


def conv_s8(x: Int8, weights: Int8, window: Window, requantization: Requantization, out: Int8) -> None:
    """Convolve with ``weights`` [shape=(kernel_h, kernel_w, input_c, output_c)]."""
    kernel_h, kernel_w, input_c, output_c = weights.shape
    padded = pad_image(x, weights.shape[:2], window, out.shape)
    taps = [
        tap(padded, ky, kx, window, out.shape).reshape(-1, input_c) for ky in range(kernel_h) for kx in range(kernel_w)
    ]
    acc = exact_matmul(np.concatenate(taps, axis=1), weights.reshape(-1, output_c))
    out[...] = _requantize(acc + requantization.bias, requantization).reshape(out.shape)


def depthwise_s8(x: Int8, weights: Int8, window: Window, requantization: Requantization, out: Int8) -> None:
    """Convolve each channel with a filter of its own: ``weights`` [shape=(kernel_h, kernel_w, channels)]."""
    kernel_h, kernel_w, _ = weights.shape
    padded = pad_image(x, weights.shape[:2], window, out.shape)
    acc = np.broadcast_to(requantization.bias, out.shape).copy()
    for ky in range(kernel_h):
        for kx in range(kernel_w):
            acc += tap(padded, ky, kx, window, out.shape) * weights[ky, kx].astype(np.int32)
    out[...] = _requantize(acc.astype(np.int64), requantization)


def pointwise_s8(x: Int8, weights: Int8, requantization: Requantization, out: Int8) -> None:
    """Multiply rows by a matrix [shape=(input_c, output_c)]: 1x1 convolutions and fully connected layers.

    The bias holds the input's zero point: ``bias - zero_point * weights.sum(0)``.
    """
    acc = exact_matmul(x, weights)
    out[...] = _requantize(acc + requantization.bias, requantization)


def mean_s8(x: Int8, requantization: Requantization, out: Int8) -> None:
    """Average ``x`` [shape=(n, positions, channels)] over positions into ``out`` [shape=(n, channels)].

    The bias holds the input's zero point, the multiplier the number of positions.
    """
    acc = x.sum(axis=1, dtype=np.int64)
    out[...] = _requantize(acc + requantization.bias, requantization)


def lookup_s8(x: Int8, table: Int8, out: Int8) -> None:
    """Look every value up in a table of 256: ``out = table[x + 128]``."""
    np.take(table, x.astype(np.int16) + 128, out=out)


def max_pool_s8(
    x: Int8, kernel: tuple[int, int], window: Window, activation_min: int, activation_max: int, out: Int8
) -> None:
    """Take the greatest value in each window of `kernel` (height, width)."""
    rows = _greatest(x, 1, out.shape[1], (kernel[0], window.stride_h, window.pad_top))
    greatest = _greatest(rows, 2, out.shape[2], (kernel[1], window.stride_w, window.pad_left))
    np.clip(greatest, activation_min, activation_max, out=out)


# -- Their arithmetic -------------------------------------------------------------------------------------------


def _requantize(acc: Int64, requantization: Requantization) -> Int64:
    """Return int32 accumulators [shape=(..., channels)] as quantized values, clamped."""
    if requantization.rounding == Rounding.ONE_SHIFT:
        acc *= requantization.multiplier
        acc += requantization.offset
        acc >>= 31 - requantization.shift.astype(np.int64)
    elif requantization.rounding == Rounding.REAL:
        acc = round_half_away(acc * requantization.scale).astype(np.int64)
    else:
        acc = multiply_by_quantized_multiplier(acc, requantization.multiplier, requantization.shift)
    acc += requantization.zero_point
    return np.clip(acc, requantization.activation_min, requantization.activation_max, out=acc)


def round_half_away(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return float64 values rounded to integers, ties away from zero."""
    whole = np.trunc(x)
    whole += np.copysign(np.abs(x - whole) >= 0.5, x)
    return whole


def multiply_by_quantized_multiplier(
    acc: Int64, multiplier: npt.NDArray[np.int32], shift: npt.NDArray[np.int32]
) -> Int64:
    """Return ``round(acc * multiplier * 2**(shift - 31))`` with both of TFLite's roundings."""
    left = np.maximum(shift, 0).astype(np.int64)
    right = np.maximum(-shift, 0).astype(np.int64)
    high = ((acc << left) * multiplier + 2**30) >> 31
    half = (1 << right) >> 1
    return (high + half - ((high < 0) & (right > 0))) >> right


def _greatest(x: Int8, axis: int, count: int, walk: tuple[int, int, int]) -> Int8:
    """Return the greatest values of `count` windows along an axis; `walk` is their size, stride and padding."""
    kernel, stride, pad = walk
    starts = [at * stride - pad for at in range(count)]
    lines = np.moveaxis(x, axis, 0)
    windows = [lines[max(start, 0) : start + kernel].max(axis=0, initial=np.int8(-128)) for start in starts]
    return np.stack(windows, axis)


# -- What a step's columns say ---------------------------------------------------------------------------------


def _requantization(step: StepView) -> Requantization:
    channels = (step["OUTPUT_C"],)
    return Requantization(
        step.constant("BIAS", channels, np.int32),
        step.constant("MULTIPLIER", channels, np.int32),
        step.constant("SHIFT", channels, np.int32),
        step.constant("OFFSET", channels, np.int64),
        step.constant("SCALE", channels, np.float64),
        step["OUTPUT_ZERO_POINT"],
        step["ACTIVATION_MIN"],
        step["ACTIVATION_MAX"],
        step["ROUNDING"],
    )


def _quantize(step: StepView) -> None:
    size = (step["INPUT_C"],)
    scale = step.constant("WEIGHTS", (1,), np.float32)[0]
    quantize_f32(step.tensor("INPUT", size, np.float32), scale, step["OUTPUT_ZERO_POINT"], step.tensor("OUTPUT", size))


def _conv(step: StepView) -> None:
    weights = step.constant("WEIGHTS", (step["KERNEL_H"], step["KERNEL_W"], step["INPUT_C"], step["OUTPUT_C"]))
    conv_s8(step.image("INPUT"), weights, step.window(), _requantization(step), step.image("OUTPUT"))


def _depthwise(step: StepView) -> None:
    weights = step.constant("WEIGHTS", (step["KERNEL_H"], step["KERNEL_W"], step["OUTPUT_C"]))
    depthwise_s8(step.image("INPUT"), weights, step.window(), _requantization(step), step.image("OUTPUT"))


def _pointwise(step: StepView) -> None:
    x = step.image("INPUT").reshape(-1, step["INPUT_C"])
    weights = step.constant("WEIGHTS", (step["INPUT_C"], step["OUTPUT_C"]))
    pointwise_s8(x, weights, _requantization(step), step.image("OUTPUT").reshape(-1, step["OUTPUT_C"]))


def _mean(step: StepView) -> None:
    x = step.tensor("INPUT", (step["INPUT_H"] * step["INPUT_W"], step["INPUT_C"]))
    mean_s8(x, _requantization(step), step.tensor("OUTPUT", (step["OUTPUT_C"],)))


def _lookup(step: StepView) -> None:
    size = (step["INPUT_C"],)
    lookup_s8(step.tensor("INPUT", size), step.constant("WEIGHTS", (256,)), step.tensor("OUTPUT", size))


def _max_pool(step: StepView) -> None:
    kernel, bounds = (step["KERNEL_H"], step["KERNEL_W"]), (step["ACTIVATION_MIN"], step["ACTIVATION_MAX"])
    max_pool_s8(step.image("INPUT"), kernel, step.window(), *bounds, step.image("OUTPUT"))


#: The step operations of int8 values, and what runs each.
STEPS: dict[StepOp, Callable[[StepView], None]] = {
    StepOp.QUANTIZE: _quantize,
    StepOp.CONV: _conv,
    StepOp.DEPTHWISE: _depthwise,
    StepOp.POINTWISE: _pointwise,
    StepOp.MEAN: _mean,
    StepOp.LOOKUP: _lookup,
    StepOp.MAX_POOL: _max_pool,
}
