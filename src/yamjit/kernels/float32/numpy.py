"""Kernels of float32 in NumPy, vectorised over positions and output channels.

Sums are taken in the order of TFLite's reference kernels, term by term, with two roundings for a product and a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.float32 import functions
from yamjit.kernels.program import FIRST_IS_CONSTANT, NO_MAX, NO_MIN, StepOp
from yamjit.kernels.step_view import StepView

__all__ = ["STEPS"]

Float32 = npt.NDArray[np.float32]

_F = np.float32
_LEAST, _GREATEST = np.finfo(_F).min, np.finfo(_F).max


def _bounds(step: StepView) -> tuple[np.float32, np.float32]:
    """Return what values are clamped to."""
    low, high = step["ACTIVATION_MIN"], step["ACTIVATION_MAX"]
    return _LEAST if low == NO_MIN else _F(low), _GREATEST if high == NO_MAX else _F(high)


def _clamped(step: StepView, x: Float32) -> Float32:
    """Return values within their bounds; a zero keeps its sign, and NaN stays."""
    low, high = _bounds(step)
    x = np.where(x < low, low, x)
    return np.where(high < x, high, x)


# -- Products ---------------------------------------------------------------------------------------------------


def _taps(step: StepView, x: Float32, fill: float = 0.0) -> Iterator[Float32]:
    """Yield what each tap of a window sees of images [shape=(patches, height, width, channels)], `fill` beside them."""
    window = step.window()
    (_, height, width, channels), (out_h, out_w, _) = x.shape, step.sizes("OUTPUT")
    reach_h = (out_h - 1) * window.stride_h + step["KERNEL_H"]
    reach_w = (out_w - 1) * window.stride_w + step["KERNEL_W"]
    shape = (len(x), max(reach_h, window.pad_top + height), max(reach_w, window.pad_left + width), channels)
    padded = np.full(shape, fill, _F)
    padded[:, window.pad_top : window.pad_top + height, window.pad_left : window.pad_left + width] = x
    for ky in range(step["KERNEL_H"]):
        rows = slice(ky, ky + (out_h - 1) * window.stride_h + 1, window.stride_h)
        for kx in range(step["KERNEL_W"]):
            yield padded[:, rows, kx : kx + (out_w - 1) * window.stride_w + 1 : window.stride_w]


def _conv(step: StepView) -> None:
    inputs, outputs = step["INPUT_C"], step["OUTPUT_C"]
    weights = step.constant("WEIGHTS", (step["KERNEL_H"] * step["KERNEL_W"], inputs, outputs), _F)
    out = step.image("OUTPUT", _F)
    total = np.zeros(out.shape, _F)
    for tap, factors in zip(_taps(step, step.image("INPUT", _F)), weights, strict=True):
        for channel in range(inputs):
            total += tap[..., channel, None] * factors[channel]
    out[...] = _clamped(step, total + step.constant("BIAS", (outputs,), _F))


def _depthwise(step: StepView) -> None:
    outputs = step["OUTPUT_C"]
    weights = step.constant("WEIGHTS", (step["KERNEL_H"] * step["KERNEL_W"], outputs), _F)
    out = step.image("OUTPUT", _F)
    bias, first = step.constant("BIAS", (outputs,), _F), step["OP"] == StepOp.DEPTHWISE_FROM_BIAS
    total = np.zeros(out.shape, _F) + (bias if first else _F(0))
    for tap, factors in zip(_taps(step, step.image("INPUT", _F)), weights, strict=True):
        total += np.repeat(tap, outputs // step["INPUT_C"], axis=-1) * factors
    out[...] = _clamped(step, total if first else total + bias)


def _pointwise(step: StepView) -> None:
    inputs, outputs = step["INPUT_C"], step["OUTPUT_C"]
    weights = step.constant("WEIGHTS", (inputs, outputs), _F)
    x, out = step.image("INPUT", _F), step.image("OUTPUT", _F)
    total = np.zeros(out.shape, _F)
    for channel in range(inputs):
        total += x[..., channel, None] * weights[channel]
    out[...] = _clamped(step, total + step.constant("BIAS", (outputs,), _F))


# -- Pools, means, softmax --------------------------------------------------------------------------------------


def _max_pool(step: StepView) -> None:
    greatest: Any = _LEAST
    for tap in _taps(step, step.image("INPUT", _F), _LEAST):
        greatest = np.where(greatest < tap, tap, greatest)
    step.image("OUTPUT", _F)[...] = _clamped(step, greatest)


def _average_pool(step: StepView) -> None:
    x, out = step.image("INPUT", _F), step.image("OUTPUT", _F)
    total, count = np.zeros(out.shape, _F), np.zeros(out.shape, _F)
    for tap, inside in zip(_taps(step, x), _taps(step, np.ones_like(x)), strict=True):
        total += tap
        count += inside
    out[...] = _clamped(step, total / count)


def _mean(step: StepView) -> None:
    x, out = step.image("INPUT", _F), step.image("OUTPUT", _F)
    total = np.zeros(out[:, :, 0].shape, _F)
    for position in range(step["INPUT_W"]):
        total += x[:, :, position]
    out[:, :, 0] = total / _F(step["INPUT_W"])


def _softmax(step: StepView) -> None:
    x, out = step.image("INPUT", _F), step.image("OUTPUT", _F)
    beta = step.constant("WEIGHTS", (1,), _F)[0]
    out[...] = functions.exp((x - x.max(axis=-1, keepdims=True)) * beta)
    total = np.zeros(out.shape[:-1], _F)
    for channel in range(step["OUTPUT_C"]):
        total += out[..., channel]
    out /= total[..., None]


# -- Value by value ---------------------------------------------------------------------------------------------


def _of_one(function: Callable[[Float32], Any]) -> Callable[[StepView], None]:
    def run(step: StepView) -> None:
        step.image("OUTPUT", _F)[...] = function(step.image("INPUT", _F))

    return run


def _of_two(function: Callable[[Float32, Float32], Any]) -> Callable[[StepView], None]:
    def run(step: StepView) -> None:
        x, shape = step.image("INPUT", _F), (1, step["OUTPUT_W"], step["OUTPUT_C"])
        if step["OTHER"] >= 0:
            found = function(x, step.tensor("OTHER", shape, _F))
        elif step["OTHER"] == FIRST_IS_CONSTANT:
            found = function(step.constant("WEIGHTS", shape, _F), x)
        else:
            found = function(x, step.constant("WEIGHTS", shape, _F))
        step.image("OUTPUT", _F)[...] = _clamped(step, found)

    return run


def _clamp(step: StepView) -> None:
    step.image("OUTPUT", _F)[...] = _clamped(step, step.image("INPUT", _F))


def _dequantize(step: StepView) -> None:
    scale = step.constant("WEIGHTS", (1,), _F)[0]
    whole = step.image("INPUT").astype(_F) - _F(step["INPUT_ZERO_POINT"])
    step.image("OUTPUT", _F)[...] = whole * scale


# -- Bytes ------------------------------------------------------------------------------------------------------


def _move(step: StepView) -> None:
    runs, length = step["OUTPUT_W"], step["OUTPUT_C"]
    starts = step.constant("WEIGHTS", (runs,), np.int32)
    x, out = step.tensor("INPUT", (step["INPUT_C"],)), step.tensor("OUTPUT", (runs, length))
    whole = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)
    out[...] = whole[:, np.maximum(starts, 0)]
    out[:, starts < 0] = step["INPUT_ZERO_POINT"]


def _join(step: StepView) -> None:
    rows, width, more = step["OUTPUT_W"], step["INPUT_C"], step["OUTPUT_C"] - step["INPUT_C"]
    parts = [step.tensor("INPUT", (rows, width))]
    if step["OTHER"] >= 0:
        parts.append(step.tensor("OTHER", (rows, more)))
    else:
        constant = np.broadcast_to(step.constant("WEIGHTS", (rows, more)), (len(parts[0]), rows, more))
        parts.insert(0 if step["OTHER"] == FIRST_IS_CONSTANT else 1, constant)
    np.concatenate(parts, axis=-1, out=step.tensor("OUTPUT", (rows, width + more)))


def _quietly(run: Callable[[StepView], None]) -> Callable[[StepView], None]:
    """Return a kernel that says nothing of infinities and NaN, which are results like others."""

    def quiet(step: StepView) -> None:
        with np.errstate(all="ignore"):
            run(step)

    return quiet


#: Kernels by the operation of the step that they run.
STEPS: Mapping[StepOp, Callable[[StepView], None]] = MappingProxyType(
    {
        op: _quietly(run)
        for op, run in {
            StepOp.MOVE: _move,
            StepOp.JOIN: _join,
            StepOp.DEQUANTIZE: _dequantize,
            StepOp.CONV_F32: _conv,
            StepOp.DEPTHWISE_F32: _depthwise,
            StepOp.DEPTHWISE_FROM_BIAS: _depthwise,
            StepOp.POINTWISE_F32: _pointwise,
            StepOp.MAX_POOL_F32: _max_pool,
            StepOp.AVERAGE_POOL_F32: _average_pool,
            StepOp.MEAN_F32: _mean,
            StepOp.SOFTMAX_F32: _softmax,
            StepOp.ADD: _of_two(np.add),
            StepOp.SUB: _of_two(np.subtract),
            StepOp.MUL: _of_two(np.multiply),
            StepOp.DIV: _of_two(np.divide),
            StepOp.MAXIMUM: _of_two(lambda a, b: np.where(a > b, a, b)),
            StepOp.MINIMUM: _of_two(lambda a, b: np.where(a < b, a, b)),
            StepOp.CLAMP: _clamp,
            StepOp.SQRT: _of_one(np.sqrt),
            StepOp.RSQRT: _of_one(lambda x: _F(1) / np.sqrt(x)),
            StepOp.LOG: _of_one(functions.log),
            StepOp.EXP: _of_one(functions.exp),
            StepOp.LOGISTIC: _of_one(functions.logistic),
            StepOp.TANH: _of_one(functions.tanh),
            StepOp.LOGISTIC_OPTIMISED: _of_one(functions.logistic_optimised),
        }.items()
    }
)
