"""The program: a plan as both backends run it, integers only.

A program is one table of steps over two stretches of memory:

- ``constants``: weights, biases, multipliers, tables; read only, shared by all threads;
- ``arena``: the activations of up to ``capacity`` patches; part of a `Workspace`, private to one thread.

Every step is one row of int64 with the columns of `Column`. Offsets into ``constants`` are bytes. Offsets
into ``arena`` are bytes *per patch*: with room for ``capacity`` patches, a tensor whose offset is ``o`` and
whose patch takes ``s`` bytes lies at ``o * capacity .. o * capacity + n * s`` for ``n <= capacity`` patches.
The planner has proved every range (`yamjit.plan.arena`); kernels neither check nor allocate.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import ALIGNMENT, aligned_bytes, padded

__all__ = [
    "COLUMNS",
    "PANEL_IMAGE_ROWS",
    "PANEL_ROWS",
    "SCRATCH_ROWS",
    "Column",
    "Program",
    "Requantization",
    "Rounding",
    "ScratchLayout",
    "StepOp",
    "Window",
    "Workspace",
    "image_size",
    "panel_stride",
    "scratch_layout",
]


class StepOp(enum.IntEnum):
    """What a step does; each is one kernel of the same name in either backend."""

    QUANTIZE = 0
    CONV = 1
    DEPTHWISE = 2
    POINTWISE = 3
    MEAN = 4
    LOOKUP = 5


class Column(enum.IntEnum):
    """Columns of a step."""

    OP = 0
    INPUT = 1
    OUTPUT = 2
    WEIGHTS = 3
    BIAS = 4
    MULTIPLIER = 5
    SHIFT = 6
    OFFSET = 7
    SCALE = 8
    INPUT_H = 9
    INPUT_W = 10
    INPUT_C = 11
    OUTPUT_H = 12
    OUTPUT_W = 13
    OUTPUT_C = 14
    KERNEL_H = 15
    KERNEL_W = 16
    STRIDE_H = 17
    STRIDE_W = 18
    PAD_TOP = 19
    PAD_LEFT = 20
    INPUT_ZERO_POINT = 21
    OUTPUT_ZERO_POINT = 22
    ACTIVATION_MIN = 23
    ACTIVATION_MAX = 24
    ROUNDING = 25


COLUMNS = len(Column)


class Window(NamedTuple):
    """How a convolution walks over its input, and what stands for zero in it."""

    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    input_zero_point: int


class Rounding(enum.IntEnum):
    """How an accumulator is rounded to a quantized value; each is exact for the operators that TFLite rounds so."""

    #: ``MultiplyByQuantizedMultiplier``: a rounding high multiply, then a rounding shift.
    TWICE = 0
    #: The same where the clamp hides what two roundings do to negative numbers: one 64-bit shift.
    ONE_SHIFT = 1
    #: A product with the real scale in float64, ties away from zero.
    REAL = 2


class Requantization(NamedTuple):
    """How int32 accumulators become int8, per output channel (``reference/README.md`` derives it).

    Parameters
    ----------
    bias : np.ndarray [shape=(channels,), int32]
        Where the accumulators start; holds the input's zero point where the kernel does not subtract it.
    multiplier : np.ndarray [shape=(channels,), int32]
        In [0, 2**31).
    shift : np.ndarray [shape=(channels,), int32]
        TFLite's: > 0 left, <= 0 right; in [-31, 16].
    offset : np.ndarray [shape=(channels,), int64]
        What `Rounding.ONE_SHIFT` adds before it shifts.
    scale : np.ndarray [shape=(channels,), float64]
        The real factor that `multiplier` and `shift` stand for.
    zero_point, activation_min, activation_max : int
        Of the output.
    rounding : Rounding
    """

    bias: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int64]
    scale: npt.NDArray[np.float64]
    zero_point: int
    activation_min: int
    activation_max: int
    rounding: int


@dataclass(frozen=True, slots=True, eq=False)
class Workspace:
    """The memory that one thread runs a program in.

    Parameters
    ----------
    arena : np.ndarray [shape=(program.arena_bytes * capacity + ALIGNMENT,), uint8]
        Kernels may read, but not write, beyond the end of a tensor.
    scratch : np.ndarray [shape=(n_bytes,), uint8]
        What a kernel builds on its way, see `scratch_layout`.
    capacity : int > 0
        Patches that the arena has room for.
    """

    arena: npt.NDArray[np.uint8]
    scratch: npt.NDArray[np.uint8]
    capacity: int
    arena_address: int = field(init=False)
    scratch_address: int = field(init=False)

    def __post_init__(self) -> None:
        # NumPy takes a microsecond to tell an address, and a batch of one patch takes few hundred.
        object.__setattr__(self, "arena_address", self.arena.ctypes.data)
        object.__setattr__(self, "scratch_address", self.scratch.ctypes.data)

    def tensor(
        self, offset: int, patches: int, shape: tuple[int, ...], dtype: npt.DTypeLike = np.int8
    ) -> npt.NDArray[Any]:
        """Return the tensor at `offset` as a view [shape=(patches, *shape)]."""
        return np.ndarray((patches, *shape), dtype, self.arena, offset * self.capacity)


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """The table of steps, its constants, and the size of the memory it runs in.

    Parameters
    ----------
    steps : np.ndarray [shape=(n_steps, COLUMNS), int64]
    constants : np.ndarray [shape=(n_bytes,), uint8]
        Aligned to `ALIGNMENT`.
    arena_bytes : int
        Per patch; a multiple of `ALIGNMENT`.
    patchwise : int
        Number of leading steps that may run patch after patch instead of all patches step after step: what is kept of
        them shares no memory with anything else of theirs.
    kept : tuple of int
        Those of the patchwise steps whose output is kept for each patch, since later steps read it; each patch may
        overwrite the output of the others.
    pairs : tuple of int
        First steps of pairs, which may run as one step with the next: what the first writes is read by the second
        alone, and what the first reads lies apart from what the second writes.
    """

    steps: npt.NDArray[np.int64]
    constants: npt.NDArray[np.uint8]
    arena_bytes: int
    patchwise: int = 0
    kept: tuple[int, ...] = ()
    pairs: tuple[int, ...] = ()

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory that a workspace has."""
        return scratch_layout(self.steps).size

    def workspace(self, capacity: int) -> Workspace:
        """Return memory to run up to `capacity` patches at once."""
        return Workspace(
            arena=aligned_bytes(self.arena_bytes * capacity + ALIGNMENT),
            scratch=aligned_bytes(self.scratch_bytes),
            capacity=capacity,
        )


class ScratchLayout(NamedTuple):
    """Where in scratch memory a kernel builds what; the sizes are those of the most demanding step, in bytes.

    Parameters
    ----------
    spare : int
        Room for two vectors.
    accumulators : int
        int32 of `SCRATCH_ROWS` output positions.
    image : int
        An input with its border.
    panel : int
        Rows of a matrix.
    border : int
        What stands for a row outside an image.
    size : int
        Of all of it.
    """

    spare: int
    accumulators: int
    image: int
    panel: int
    border: int
    size: int


#: Output positions whose accumulators are kept at a time.
SCRATCH_ROWS = 16

#: Rows of a matrix that are multiplied at a time, where they are not those of so many output rows of an image.
PANEL_ROWS = 96
PANEL_IMAGE_ROWS = 6


def scratch_layout(steps: npt.NDArray[np.int64]) -> ScratchLayout:
    """Return where the kernels of a program build what they build."""
    channels = image = panel = border = 0
    for row in steps.tolist():
        if row[Column.OP] in (StepOp.CONV, StepOp.DEPTHWISE):
            height, width = image_size(row)
            image = max(image, height * width * row[Column.INPUT_C])
            border = max(border, row[Column.INPUT_W] * row[Column.INPUT_C])
        if row[Column.OP] == StepOp.POINTWISE:
            rows = max(PANEL_ROWS, PANEL_IMAGE_ROWS * row[Column.INPUT_W])
            panel = max(panel, rows * panel_stride(row[Column.INPUT_C]))
        if row[Column.OP] not in (StepOp.QUANTIZE, StepOp.LOOKUP):
            channels = max(channels, row[Column.OUTPUT_C])
    accumulators = SCRATCH_ROWS * 4 * (channels + ALIGNMENT)
    starts = [0]
    for size in (2 * ALIGNMENT, accumulators, image, panel, border):
        starts.append(starts[-1] + padded(size) + 4 * ALIGNMENT)
    return ScratchLayout(*starts)


def panel_stride(channels: int) -> int:
    """Return the bytes from row to row of a panel: rows that are a multiple of 512 apart collide in the cache."""
    return channels + ALIGNMENT if channels % 512 == 0 else channels


def image_size(row: Sequence[int] | npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return (height, width) of a step's input with the border that its kernel reaches."""
    reach_h = (row[Column.OUTPUT_H] - 1) * row[Column.STRIDE_H] + row[Column.KERNEL_H]
    reach_w = (row[Column.OUTPUT_W] - 1) * row[Column.STRIDE_W] + row[Column.KERNEL_W]
    height = max(reach_h, row[Column.PAD_TOP] + row[Column.INPUT_H])
    width = max(reach_w, row[Column.PAD_LEFT] + row[Column.INPUT_W])
    return int(height), int(width)
