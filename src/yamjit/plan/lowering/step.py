"""What lowerings share: the step that they make, its columns, and the constants of a requantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import NO_MAX, NO_MIN, Column, Rounding, StepOp
from yamjit.plan.quantization import Multipliers, one_shift_offset
from yamjit.tflite.graph import Activation, Operator, Padding, Quantization, Tensor
from yamjit.tflite.node import FLOAT32, INT8, Node
from yamjit.tflite.operators.windows import WindowOptions

__all__ = [
    "Alias",
    "Step",
    "clamps",
    "flat",
    "float_clamps",
    "image",
    "is_temporary",
    "make_step",
    "requantization",
    "sizes",
    "temporary",
    "window",
]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step before its memory is laid out: it runs `operator` on tensor `input` and writes tensor `output`.

    `columns` are sizes and clamps; `constants` are arrays to be packed, by the column that will hold their offset.
    `other` is the second tensor that it reads, if there is one.
    """

    op: StepOp
    operator: Operator
    input: int
    output: int
    columns: Mapping[Column, int]
    constants: Mapping[Column, npt.NDArray[np.generic]] = field(default_factory=dict)
    other: int | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """An operator that does nothing to memory: tensor `output` is tensor `input` under another shape."""

    input: int
    output: int


#: Tensors that are not in the graph, which pass from one step of an operator to the next, have numbers from here on.
_FIRST_TEMPORARY = 2**20
_TEMPORARIES = 2**20


def temporary(node: Node, number: int) -> int:
    """Return a tensor that one of an operator's steps writes for another: the first has number 0."""
    return _FIRST_TEMPORARY + node.operator.index * _TEMPORARIES + node.first_temporary + number


def is_temporary(tensor: int) -> bool:
    """Return whether a tensor is none of the graph."""
    return tensor >= _FIRST_TEMPORARY


def make_step(
    op: StepOp,
    node: Node,
    columns: Mapping[Column, int],
    constants: Mapping[Column, npt.NDArray[np.generic]] | None = None,
) -> Step:
    """Make the step from an operator's first input to its first output."""
    return Step(op, node.operator, node.operator.inputs[0], node.operator.outputs[0], columns, constants or {})


def flat(inputs: int, outputs: int) -> dict[Column, int]:
    """Return the columns of a step that sees a patch as values in a row."""
    return sizes((1, 1, inputs), (1, 1, outputs))


def image(node: Node, tensor: Tensor) -> tuple[int, int, int]:
    """Return (height, width, channels) of the one image that a tensor is."""
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise node.error(f"one image (1, height, width, channels) is accepted, found {tensor.shape}", tensor)
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def sizes(source: tuple[int, int, int], output: tuple[int, int, int]) -> dict[Column, int]:
    """Return the columns of a step from image to image, each given as (height, width, channels)."""
    columns = (Column.INPUT_H, Column.INPUT_W, Column.INPUT_C, Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C)
    return dict(zip(columns, (*source, *output), strict=True))


def window(node: Node, options: WindowOptions, kernel: tuple[int, ...]) -> dict[Column, int]:
    """Return the columns that say how a window walks; SAME puts the odd row or column of padding at the end."""
    read, written = node.input(0, INT8, FLOAT32).shape[1:3], node.output(INT8, FLOAT32).shape[1:3]
    stride = (options.stride_h, options.stride_w)
    whole = ((n - 1) * step + taps - size for n, step, taps, size in zip(written, stride, kernel, read, strict=True))
    pad_top, pad_left = (0 if options.padding == Padding.VALID else max(0, size) // 2 for size in whole)
    return {
        Column.KERNEL_H: kernel[0],
        Column.KERNEL_W: kernel[1],
        Column.STRIDE_H: stride[0],
        Column.STRIDE_W: stride[1],
        Column.PAD_TOP: pad_top,
        Column.PAD_LEFT: pad_left,
    }


def float_clamps(activation: Activation) -> dict[Column, int]:
    """Return the columns of the bounds that an activation sets to float32 values."""
    bounds = {
        Activation.NONE: (NO_MIN, NO_MAX),
        Activation.RELU: (0, NO_MAX),
        Activation.RELU6: (0, 6),
        Activation.RELU_N1_TO_1: (-1, 1),
    }
    return dict(zip((Column.ACTIVATION_MIN, Column.ACTIVATION_MAX), bounds[activation], strict=True))


def clamps(low: int, high: int, result: Quantization) -> dict[Column, int]:
    """Return the columns of an output's zero point and bounds."""
    return {
        Column.OUTPUT_ZERO_POINT: int(result.zero_point[0]),
        Column.ACTIVATION_MIN: low,
        Column.ACTIVATION_MAX: high,
    }


def requantization(
    node: Node,
    bias: npt.NDArray[np.int64],
    bound: npt.NDArray[np.int64],
    multipliers: Multipliers,
    rounding: Rounding,
) -> dict[Column, npt.NDArray[np.generic]]:
    """Return the constants of a requantization, once it is proven that nothing in it can overflow.

    `bound` is the largest magnitude that an accumulator can reach, per channel.
    """
    reach = bound * np.maximum(multipliers.scale, 1.0)
    doubled = bound * np.exp2(np.clip(multipliers.shift, 0, 62))
    if (np.maximum(reach, doubled) >= 2.0**31 - 256).any():
        channel = int(np.argmax(np.maximum(reach, doubled)))
        raise node.error(f"the accumulator of channel {channel} could overflow 32 bits")
    offset = one_shift_offset(multipliers) if rounding == Rounding.ONE_SHIFT else np.zeros(bias.size, np.int64)
    return {
        Column.BIAS: bias.astype(np.int32),
        Column.MULTIPLIER: np.broadcast_to(multipliers.multiplier, bias.shape),
        Column.SHIFT: np.broadcast_to(multipliers.shift, bias.shape),
        Column.OFFSET: offset,
        Column.SCALE: np.broadcast_to(multipliers.scale, bias.shape),
    }
