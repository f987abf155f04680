"""What compiled code runs: a table of steps, each with its columns as a program has them and those of `Prepared`."""

from __future__ import annotations

import enum

from yamjit.kernels.program import COLUMNS
from yamjit.kernels.vectors.target import Target

__all__ = ["INT8_TO_UINT8", "Prepared", "Proof", "VectorOp"]


class VectorOp(enum.IntEnum):
    """Operations of steps that have a vector kernel, beside those of `StepOp`."""

    POINTWISE = 16
    POINTWISE_RAW = 17
    CONV = 18
    DEPTHWISE = 19
    # Products of float32, for which nothing is packed.
    POINTWISE_F32 = 64
    CONV_F32 = 65
    DEPTHWISE_F32 = 66
    DEPTHWISE_FROM_BIAS = 67
    # Products of float32 inputs, quantized at run time, and int8 weights.
    POINTWISE_HYBRID = 72
    ROWS_HYBRID = 73
    CONV_HYBRID = 74
    DEPTHWISE_HYBRID = 75


class Prepared(enum.IntEnum):
    """Columns that a prepared step has after those of `Column`: offsets of packed constants, and how it runs."""

    WEIGHTS = COLUMNS
    BIAS = COLUMNS + 1
    MULTIPLIER = COLUMNS + 2
    SHIFT = COLUMNS + 3
    OFFSET = COLUMNS + 4
    SCALE = COLUMNS + 5
    REAL_OFFSET = COLUMNS + 6
    PROVEN = COLUMNS + 7
    #: Number of quads of inputs in a group, and of groups: rows of an image, or one pixel where there are 0.
    QUADS = COLUMNS + 8
    GROUPS = COLUMNS + 9
    PANEL_STRIDE = COLUMNS + 10
    IMAGE_H = COLUMNS + 11
    IMAGE_W = COLUMNS + 12
    #: Whether the step may run patch after patch.
    PATCHWISE = COLUMNS + 13
    FLIP = COLUMNS + 14
    #: Whether the step makes a pair with the next one.
    PAIRED = COLUMNS + 15
    #: Whether its input, its output, and its second input if it has one, are kept for each patch, and not overwritten
    #: by the next patch.
    INPUT_KEPT = COLUMNS + 16
    OUTPUT_KEPT = COLUMNS + 17
    OTHER_KEPT = COLUMNS + 18


class Proof(enum.IntEnum):
    """What `Prepared.PROVEN` says of float32 in place of the 64-bit shift: how it may be rounded to give the same."""

    NONE = 0
    #: Downwards.
    DOWN = 1
    #: Downwards, or to the nearest.
    NEAREST = 2
    #: To the nearest, the product and its sum with the offset apart.
    APART = 3

    @staticmethod
    def of(target: Target) -> Proof:
        """Return the proof that kernels for a target ask for, where they round in float32."""
        if target.rounds_apart:
            return Proof.APART
        return Proof.DOWN if target.rounds_down else Proof.NEAREST


#: Turns the sign bit of four int8: they become uint8 that are 128 more.
INT8_TO_UINT8 = 0x80808080
