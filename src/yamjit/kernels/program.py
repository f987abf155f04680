"""The program: a plan as both backends run it.

A program is one table of steps over two blocks of memory:

- ``constants``: weights, biases, multipliers, tables; read only, shared by all threads;
- ``arena``: the activations of up to ``capacity`` patches; part of a `Workspace`, private to one thread.

Every step is one row of int64 with the columns of `Column`. Offsets into ``constants`` are bytes. Offsets
into ``arena`` are bytes *per patch*: with room for ``capacity`` patches, a tensor whose offset is ``o`` and
whose patch takes ``s`` bytes lies at ``o * capacity .. o * capacity + n * s`` for ``n <= capacity`` patches.
`yamjit.kernels.program_proof` has proved every range; kernels neither check nor allocate.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.memory import ALIGNMENT, padded
from yamjit.kernels.workspace import ScratchLayout, Workspace
from yamjit.reprs import brief_repr

__all__ = [
    "BLEND_SHIFT",
    "COLUMNS",
    "FFT_BYTES",
    "FIRST_IS_CONSTANT",
    "NO_MAX",
    "NO_MIN",
    "PANEL_IMAGE_ROWS",
    "PANEL_ROWS",
    "SCRATCH_ROWS",
    "SECOND_IS_CONSTANT",
    "SPARE",
    "TABLE",
    "Column",
    "Dequantization",
    "Program",
    "Requantization",
    "Rounding",
    "Scaling",
    "StepOp",
    "Window",
    "image_size",
    "panel_stride",
    "scratch_layout",
]


class StepOp(enum.IntEnum):
    """What a step does; each is one kernel in either backend.

    The numbers below 24 give int8 values, as YAMNet has them; those from 24 to 31 are of bytes as well; those from 56
    to 63 and from 72 to 79 are hybrid; those from 80 on are of spectra. The numbers from 16 to 23, and from 64 to 79,
    are those of vector kernels.
    """

    QUANTIZE = 0
    CONV = 1
    DEPTHWISE = 2
    POINTWISE = 3
    MEAN = 4
    LOOKUP = 5
    MAX_POOL = 6
    #: Runs of bytes, and rows of two tensors side by side, whatever the type of values.
    MOVE = 24
    JOIN = 25
    #: Operations of int8 values that YAMNet has none of. `LOOKUP_TWO` has a table of all pairs of values or, where the
    #: second operand is constant, one for each of its values; `BLEND` sums four pixels with weights.
    SOFTMAX = 26
    AVERAGE_POOL = 27
    LOOKUP_TWO = 28
    BLEND = 29
    #: Operations that give float32 values.
    DEQUANTIZE = 32
    CONV_F32 = 33
    DEPTHWISE_F32 = 34
    POINTWISE_F32 = 35
    MAX_POOL_F32 = 36
    AVERAGE_POOL_F32 = 37
    MEAN_F32 = 38
    SOFTMAX_F32 = 39
    ADD = 40
    SUB = 41
    MUL = 42
    DIV = 43
    MAXIMUM = 44
    MINIMUM = 45
    CLAMP = 46
    SQRT = 47
    RSQRT = 48
    LOG = 49
    EXP = 50
    LOGISTIC = 51
    TANH = 52
    #: As TFLite's optimised kernels compute it, and as they sum up a depthwise convolution: from the bias on.
    LOGISTIC_OPTIMISED = 53
    DEPTHWISE_FROM_BIAS = 54
    #: Products of float32 values, quantized at run time, with int8 weights: over a patch, in the last over each row.
    CONV_HYBRID = 56
    DEPTHWISE_HYBRID = 57
    POINTWISE_HYBRID = 58
    ROWS_HYBRID = 59
    #: Spectra, as float32 values, complex ones in two; `LOG_BANDS` gives float64 values in two to `COSINES`.
    RFFT = 80
    COMPLEX_ABS = 81
    SPECTROGRAM = 82
    LOG_BANDS = 83
    COSINES = 84


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
    #: The second tensor that a step reads, `FIRST_IS_CONSTANT` or `SECOND_IS_CONSTANT`.
    OTHER = 26


COLUMNS = len(Column)

#: What `Column.OTHER` says where one of two operands is the constant at `Column.WEIGHTS`.
SECOND_IS_CONSTANT, FIRST_IS_CONSTANT = -1, -2

#: Values of an int8, which a table has an entry for.
TABLE = 256

#: Bits of the fraction that the weights of `StepOp.BLEND` have: they add up to one.
BLEND_SHIFT = 20

#: Bytes of the tables of a Fourier transform for each of its real values.
FFT_BYTES = 20

#: What `Column.ACTIVATION_MIN` and `Column.ACTIVATION_MAX` say where float32 values have no such bound but those of
#: their type; others are the bounds themselves.
NO_MIN, NO_MAX = -128, 127


class Window(NamedTuple):
    """How a convolution walks over its input, and what stands for zero in it."""

    stride_h: int
    stride_w: int
    pad_top: int
    pad_left: int
    input_zero_point: int


class Rounding(enum.IntEnum):
    """How an accumulator is rounded to a quantized value, as TFLite does it for one operator or another."""

    #: ``MultiplyByQuantizedMultiplier``: a rounding high multiply, then a rounding shift.
    TWICE = 0
    #: One 64-bit shift, which gives the same where the clamp hides what two roundings do to negative numbers.
    ONE_SHIFT = 1
    #: A product with the real scale in float64, ties away from zero.
    REAL = 2


class Requantization(NamedTuple):
    """How int32 accumulators become int8, per output channel (``reference/README.md`` derives it)."""

    #: Values that accumulators start with; they account for the input's zero point where the kernel does not.
    bias: npt.NDArray[np.int32]
    #: TFLite's multipliers, in [0, 2**31).
    multiplier: npt.NDArray[np.int32]
    #: TFLite's shifts, to the left where > 0 and to the right where < 0; in [-31, 16].
    shift: npt.NDArray[np.int32]
    #: Numbers that `Rounding.ONE_SHIFT` adds before it shifts.
    offset: npt.NDArray[np.int64]
    #: Real factors that `multiplier` and `shift` stand for.
    scale: npt.NDArray[np.float64]
    #: Zero point of the output, and the values that it is clamped to.
    zero_point: int
    activation_min: int
    activation_max: int
    rounding: int


class Scaling(enum.IntEnum):
    """How a hybrid step quantizes its input at run time, and in which order it scales its accumulators.

    With `s` the scale of the input and `w` that of an output channel's weights, an accumulator `a` as float32 becomes
    ``a * (s * w)``, ``(a * w) * s`` or ``(a * s) * w``: float32 rounds them differently, and TFLite's kernel sets
    differ in which one they take. The bias is added to that, then the activation is applied.
    """

    #: Symmetric, ``a * (s * w)``: products of one scale, in either kernel set.
    SYMMETRIC = 0
    #: Asymmetric, ``a * (s * w)``: fully connected layers, the reference's depthwise convolution, and the optimised
    #: convolution.
    JOINT = 1
    #: Asymmetric, ``(a * w) * s``: the reference's convolution.
    WEIGHTS_FIRST = 2
    #: Asymmetric, ``(a * w) * s`` in whole fours of channels, ``(a * s) * w`` in those that are left: the optimised
    #: depthwise convolution.
    WEIGHTS_FIRST_IN_FOURS = 3


class Dequantization(NamedTuple):
    """How int32 accumulators of a hybrid step become float32, per output channel."""

    #: Scales of the weights.
    scale: npt.NDArray[np.float32]
    #: What is added to the scaled accumulators.
    bias: npt.NDArray[np.float32]
    #: Bounds of the activation; infinite where there is none.
    activation_min: np.float32
    activation_max: np.float32
    scaling: int


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Program:
    """The table of steps [shape=(n_steps, COLUMNS)], its constants, and the size of the memory it runs in."""

    steps: npt.NDArray[np.int64]
    #: Constants of all steps; the block and each constant in it are aligned to `ALIGNMENT`.
    constants: npt.NDArray[np.uint8]
    #: Size of the activations of a patch, a multiple of `ALIGNMENT`.
    arena_bytes: int
    #: Number of leading steps that may run patch after patch, instead of each for all patches: no other step among them
    #: writes to the memory of an output that is kept.
    patchwise: int = 0
    #: Patchwise steps whose output is kept for each patch, since later steps read it; the output of the others may be
    #: overwritten by the next patch.
    kept: tuple[int, ...] = ()
    #: First steps of pairs. The two steps of a pair may run as one: only the second reads what the first writes, and
    #: the second does not write to what the first reads.
    pairs: tuple[int, ...] = ()

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory that a workspace has."""
        return scratch_layout(self.steps).size

    def workspace(self, capacity: int) -> Workspace:
        """Return memory to run up to `capacity` patches at once."""
        return Workspace.of(self.arena_bytes, self.scratch_bytes, capacity)


#: Number of output positions whose accumulators are in memory at a time.
SCRATCH_ROWS = 16

#: Bytes of scratch memory that every kernel may use as it likes; products have more where their rows are longer.
SPARE = 8192

#: Number of rows of a matrix that are multiplied at a time.
PANEL_ROWS = 96
#: Number of output rows of an image that are multiplied at a time, in a pair of steps whose image has more positions.
PANEL_IMAGE_ROWS = 6


#: Steps that have an accumulator for each output channel.
_SUMMING = frozenset(
    {
        *(StepOp.CONV, StepOp.DEPTHWISE, StepOp.POINTWISE, StepOp.MEAN),
        *(StepOp.CONV_HYBRID, StepOp.DEPTHWISE_HYBRID, StepOp.POINTWISE_HYBRID, StepOp.ROWS_HYBRID),
    }
)


def scratch_layout(steps: npt.NDArray[np.int64]) -> ScratchLayout:
    """Return where the kernels that run `steps` have their intermediate results."""
    spare, channels, image, panel, border = SPARE, 0, 0, 0, 0
    for row in steps.tolist():
        if row[Column.OP] == StepOp.CONV_F32:
            height, width = image_size(row)
            image = max(image, 4 * height * width * row[Column.INPUT_C])
        if row[Column.OP] in (StepOp.DEPTHWISE_F32, StepOp.DEPTHWISE_FROM_BIAS):
            # A vector of channels at a time.
            height, width = image_size(row)
            image = max(image, height * width * ALIGNMENT)
        if row[Column.OP] in (StepOp.CONV, StepOp.DEPTHWISE):
            height, width = image_size(row)
            image = max(image, height * width * row[Column.INPUT_C])
            border = max(border, row[Column.INPUT_W] * row[Column.INPUT_C])
        if row[Column.OP] in (StepOp.CONV_HYBRID, StepOp.DEPTHWISE_HYBRID):
            height, width = image_size(row)
            image = max(image, height * width * row[Column.INPUT_C])
        if row[Column.OP] == StepOp.DEPTHWISE_HYBRID:
            # A vector of channels at a time, as float32; tiles see three positions beyond the last row.
            image = max(image, (height * width + 3 * row[Column.STRIDE_W]) * ALIGNMENT)
        if row[Column.OP] in (StepOp.CONV, StepOp.CONV_HYBRID):
            seen = row[Column.KERNEL_H] * padded(row[Column.KERNEL_W] * row[Column.INPUT_C], 4)
            spare = max(spare, (row[Column.OUTPUT_W] + 1) * (2 * padded(seen) + ALIGNMENT))
        if row[Column.OP] in (StepOp.POINTWISE, StepOp.POINTWISE_HYBRID, StepOp.ROWS_HYBRID):
            rows = max(PANEL_ROWS, PANEL_IMAGE_ROWS * row[Column.INPUT_W])
            panel = max(panel, rows * panel_stride(row[Column.INPUT_C]))
            spare = max(spare, (rows + 1) * (2 * padded(panel_stride(row[Column.INPUT_C])) + ALIGNMENT))
        if row[Column.OP] == StepOp.RFFT:
            image = max(image, 8 * row[Column.INPUT_C])
        if row[Column.OP] == StepOp.SPECTROGRAM:
            image = max(image, 16 * row[Column.OUTPUT_C])
        if row[Column.OP] in _SUMMING:
            channels = max(channels, row[Column.OUTPUT_C])
    accumulators = SCRATCH_ROWS * 4 * (channels + ALIGNMENT)
    starts = [0]
    for size in (spare, accumulators, image, panel, border):
        starts.append(starts[-1] + padded(size) + 4 * ALIGNMENT)
    return ScratchLayout(*starts)


def panel_stride(channels: int) -> int:
    """Return the bytes from row to row of a panel: rows that are a multiple of 512 apart collide in the cache."""
    return channels + ALIGNMENT if channels % 512 == 0 else channels


def image_size(row: Sequence[int]) -> tuple[int, int]:
    """Return (height, width) of a step's input with the border that its kernel reaches."""
    reach_h = (row[Column.OUTPUT_H] - 1) * row[Column.STRIDE_H] + row[Column.KERNEL_H]
    reach_w = (row[Column.OUTPUT_W] - 1) * row[Column.STRIDE_W] + row[Column.KERNEL_W]
    height = max(reach_h, row[Column.PAD_TOP] + row[Column.INPUT_H])
    width = max(reach_w, row[Column.PAD_LEFT] + row[Column.INPUT_W])
    return height, width
