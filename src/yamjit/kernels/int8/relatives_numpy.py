"""Steps of int8 values that YAMNet has none of, in NumPy: the twins of `yamjit.kernels.int8.relatives_plain`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from yamjit.kernels.int8.softmax import softmax
from yamjit.kernels.program import BLEND_SHIFT, TABLE, StepOp
from yamjit.kernels.step_view import StepView
from yamjit.kernels.sums import pad_image, tap

__all__ = ["STEPS"]


def _softmax(step: StepView) -> None:
    x, table = step.image("INPUT").astype(np.int64), step.constant("WEIGHTS", (TABLE,), np.int32)
    step.image("OUTPUT")[...] = softmax(x, table.astype(np.int64))


def _average_pool(step: StepView) -> None:
    x, out, window = step.image("INPUT"), step.image("OUTPUT"), step.window()
    kernel = (step["KERNEL_H"], step["KERNEL_W"])
    total, count = np.zeros(out.shape, np.int64), np.zeros(out.shape, np.int64)
    images = [pad_image(values, kernel, window, out.shape) for values in (x, np.ones_like(x))]
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            values, inside = (tap(image, ky, kx, window, out.shape) for image in images)
            total += values
            count += inside
    count = np.maximum(count, 1)
    value = (np.abs(total) + count // 2) // count
    out[...] = np.clip(np.where(total > 0, value, -value), step["ACTIVATION_MIN"], step["ACTIVATION_MAX"])


def _lookup_two(step: StepView) -> None:
    x, out = step.image("INPUT").astype(np.int64) + 128, step.image("OUTPUT")
    if step["OTHER"] < 0:
        tables = step.constant("WEIGHTS", (step["INPUT_C"], TABLE))
        out[...] = tables[np.arange(step["INPUT_C"]), x]
        return
    table = step.constant("WEIGHTS", (TABLE, TABLE))
    other = step.tensor("OTHER", (1, step["INPUT_W"], step["INPUT_C"])).astype(np.int64) + 128
    out[...] = table[x, other]


def _blend(step: StepView) -> None:
    height, width, channels = step.sizes("INPUT")
    rows, columns, _ = step.sizes("OUTPUT")
    taps: npt.NDArray[np.int32] = step.constant("WEIGHTS", (rows * columns, 2, 4), np.int32)
    x = step.tensor("INPUT", (height * width, channels)).astype(np.int64)
    total = (x[:, taps[:, 0]] * taps[:, 1, :, None].astype(np.int64)).sum(axis=2)
    value = (np.abs(total) + (1 << (BLEND_SHIFT - 1))) >> BLEND_SHIFT
    step.tensor("OUTPUT", (rows * columns, channels))[...] = np.where(total > 0, value, -value)


#: Kernels by the operation of the step that they run.
STEPS: dict[StepOp, Callable[[StepView], None]] = {
    StepOp.SOFTMAX: _softmax,
    StepOp.AVERAGE_POOL: _average_pool,
    StepOp.LOOKUP_TWO: _lookup_two,
    StepOp.BLEND: _blend,
}
