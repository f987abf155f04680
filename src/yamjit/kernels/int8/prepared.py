"""What compiled code runs: a table of steps, each with its columns as a program has them and those of `Prepared`."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import COLUMNS, ScratchLayout, Workspace

__all__ = ["INT8_TO_UINT8", "PREPARED_COLUMNS", "Prepared", "PreparedProgram", "VectorOp"]


class VectorOp(enum.IntEnum):
    """Operations of steps that have a vector kernel, beside those of `StepOp`."""

    POINTWISE = 16
    POINTWISE_RAW = 17
    CONV = 18
    DEPTHWISE = 19


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
    #: Whether its input and its output are kept for each patch, and not overwritten by the next patch.
    INPUT_KEPT = COLUMNS + 16
    OUTPUT_KEPT = COLUMNS + 17


PREPARED_COLUMNS = COLUMNS + len(Prepared)

#: Turns the sign bit of four int8: they become uint8 that are 128 more.
INT8_TO_UINT8 = 0x80808080


@dataclass(frozen=True, slots=True, eq=False)
class PreparedProgram:
    """What the compiled entry runs: steps [shape=(n_steps, PREPARED_COLUMNS)], and the constants that they refer to."""

    steps: npt.NDArray[np.int64]
    #: What kernels read of each step: packed constants, and those of the program that plain kernels take.
    constants: npt.NDArray[np.uint8]
    scratch: ScratchLayout
    #: Size of the activations of a patch, as the program has it.
    arena_bytes: int
    steps_address: int = field(init=False)
    constants_address: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps_address", self.steps.ctypes.data)
        object.__setattr__(self, "constants_address", self.constants.ctypes.data)

    def workspace(self, capacity: int) -> Workspace:
        """Return memory to run up to `capacity` patches at once."""
        return Workspace.of(self.arena_bytes, self.scratch.size, capacity)
