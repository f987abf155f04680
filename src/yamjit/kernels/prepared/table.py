"""The table of prepared steps as compiled code reads it: a row, and where in memory lies what it names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.program import Column, Requantization, StepOp, Window
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = [
    "Channels",
    "Memory",
    "channels_of",
    "input_of",
    "input_size",
    "is_hybrid",
    "is_int8",
    "is_spectral",
    "other_of",
    "other_size",
    "output_of",
    "output_size",
    "requantization_of",
    "row_of",
    "window_of",
]


class Channels(NamedTuple):
    """Addresses of the packed constants of a step's output channels.

    With `scale` and `real_offset`, float32 makes the same results in the blocks of channels that `proven` marks: each
    has a `Proof`.
    """

    weights: int
    bias: int
    multiplier: int
    offset: int
    shift: int
    scale: int
    real_offset: int
    proven: int


class Memory(NamedTuple):
    """Addresses of what a step reads and writes, and the number of patches that the arena has room for."""

    constants: int
    arena: int
    spare: int
    accumulators: int
    image: int
    panel: int
    border: int
    capacity: int


@jit
def is_int8(op: int) -> bool:
    """Return whether a step of this operation, plain or over vectors, gives int8 values as YAMNet has them."""
    return op < StepOp.MOVE


@jit
def is_hybrid(op: int) -> bool:
    """Return whether a step of this operation, plain or over vectors, multiplies float32 with int8 values."""
    return StepOp.CONV_HYBRID <= op < VectorOp.POINTWISE_F32 or VectorOp.POINTWISE_HYBRID <= op < StepOp.RFFT


@jit
def is_spectral(op: int) -> bool:
    """Return whether a step of this operation is of spectra."""
    return op >= StepOp.RFFT


@jit
def row_of(steps: int, index: int) -> Any:
    """Return a row of the table."""
    return carray(pointer(steps + index * PREPARED_COLUMNS * 8), PREPARED_COLUMNS, np.int64)


@jit
def input_of(s: Any, memory: Memory, patch: int) -> int:
    """Return where the input of a patch lies."""
    return memory.arena + s[Column.INPUT] * memory.capacity + s[Prepared.INPUT_KEPT] * patch * input_size(s)


@jit
def output_of(s: Any, memory: Memory, patch: int) -> int:
    """Return where the output of a patch lies."""
    return memory.arena + s[Column.OUTPUT] * memory.capacity + s[Prepared.OUTPUT_KEPT] * patch * output_size(s)


@jit
def input_size(s: Any) -> int:
    """Return the bytes of one patch's input."""
    width = 4 if s[Column.OP] == StepOp.QUANTIZE or s[Column.OP] > StepOp.DEQUANTIZE else 1
    return s[Column.INPUT_H] * s[Column.INPUT_W] * s[Column.INPUT_C] * width


@jit
def output_size(s: Any) -> int:
    """Return the bytes of one patch's output."""
    width = 4 if s[Column.OP] >= StepOp.DEQUANTIZE else 1
    return s[Column.OUTPUT_H] * s[Column.OUTPUT_W] * s[Column.OUTPUT_C] * width


@jit
def other_of(s: Any, memory: Memory, patch: int) -> int:
    """Return where the second input of a patch lies, for a step that has one."""
    return memory.arena + s[Column.OTHER] * memory.capacity + s[Prepared.OTHER_KEPT] * patch * other_size(s)


@jit
def other_size(s: Any) -> int:
    """Return the bytes of one patch's second input."""
    if s[Column.OP] == StepOp.JOIN:
        return s[Column.OUTPUT_W] * (s[Column.OUTPUT_C] - s[Column.INPUT_C])
    return s[Column.OUTPUT_W] * s[Column.OUTPUT_C] * (4 if s[Column.OP] > StepOp.DEQUANTIZE else 1)


@jit
def channels_of(s: Any, constants: int) -> Channels:
    """Return where the packed constants of output channels lie."""
    return Channels(
        constants + s[Prepared.WEIGHTS],
        constants + s[Prepared.BIAS],
        constants + s[Prepared.MULTIPLIER],
        constants + s[Prepared.OFFSET],
        constants + s[Prepared.SHIFT],
        constants + s[Prepared.SCALE],
        constants + s[Prepared.REAL_OFFSET],
        constants + s[Prepared.PROVEN],
    )


@jit
def window_of(s: Any) -> Window:
    """Return how a convolution walks over its input."""
    return Window(
        s[Column.STRIDE_H],
        s[Column.STRIDE_W],
        s[Column.PAD_TOP],
        s[Column.PAD_LEFT],
        s[Column.INPUT_ZERO_POINT],
    )


@jit
def requantization_of(s: Any, constants: int) -> Requantization:
    """Return how plain kernels make an int8 of an accumulator."""
    channels = s[Column.OUTPUT_C]
    return Requantization(
        carray(pointer(constants + s[Column.BIAS]), channels, np.int32),
        carray(pointer(constants + s[Column.MULTIPLIER]), channels, np.int32),
        carray(pointer(constants + s[Column.SHIFT]), channels, np.int32),
        carray(pointer(constants + s[Column.OFFSET]), channels, np.int64),
        carray(pointer(constants + s[Column.SCALE]), channels, np.float64),
        s[Column.OUTPUT_ZERO_POINT],
        s[Column.ACTIVATION_MIN],
        s[Column.ACTIVATION_MAX],
        s[Column.ROUNDING],
    )
