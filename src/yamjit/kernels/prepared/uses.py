"""What kernels read and write for a prepared step, besides activations: a table of the vector kernels.

Functions of a row name nothing but numbers and each other, so that they can also be compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.packing import BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
from yamjit.kernels.program import PANEL_IMAGE_ROWS, PANEL_ROWS, SCRATCH_ROWS, Column, Rounding, StepOp
from yamjit.kernels.step_kernels import KERNELS, PER_CHANNEL

__all__ = [
    "BLOCK_BYTES",
    "MOST_TAPS",
    "PLAIN_CONSTANTS",
    "SCALES_BYTES",
    "USES",
    "VECTOR_KERNELS",
    "WALK",
    "Row",
    "Use",
    "VectorKernel",
    "constants_of",
    "use_of",
]

Row = list[int]

#: Columns of the constants that plain kernels read.
PLAIN_CONSTANTS = (Column.WEIGHTS, *PER_CHANNEL)

#: Columns that say how a kernel walks over its input: the first fields of a `Use`.
WALK = (Prepared.QUADS, Prepared.GROUPS, Prepared.PANEL_STRIDE, Prepared.IMAGE_H, Prepared.IMAGE_W)

#: Bytes of packed constants for a block of 16 channels, by the column of their offset.
BLOCK_BYTES: Mapping[Prepared, int] = MappingProxyType(
    {
        Prepared.BIAS: 4 * BLOCK,
        Prepared.MULTIPLIER: 4 * BLOCK,
        Prepared.SHIFT: 4 * BLOCK,
        Prepared.OFFSET: 8 * BLOCK,
        Prepared.SCALE: 4 * BLOCK,
        Prepared.REAL_OFFSET: 4 * BLOCK,
        Prepared.PROVEN: 1,
    }
)


#: Bytes of the scales of a quantized row: two factors in float32, and a zero point in int32.
SCALES_BYTES = 12

#: Most products of an input less its zero point and a weight, of at most 255 and 127, that float32 sums exactly.
MOST_TAPS = 2**24 // (255 * 127)


class Use(NamedTuple):
    """How the kernel of a step walks over its input, and how much it touches; 0 where it does neither."""

    # `WALK`.
    quads: int
    groups: int
    panel_stride: int
    image_h: int
    image_w: int
    #: Bytes of packed weights.
    weights: int
    #: Blocks of channels whose packed factors it reads.
    blocks: int
    # Bytes of each part of the scratch memory, without `REACH`.
    spare: int
    accumulators: int
    image: int
    panel: int
    border: int


class VectorKernel(NamedTuple):
    """A vector kernel: the step operation that it computes, for which steps it does, and what it uses for one."""

    step: StepOp
    suits: Callable[[Row], bool]
    use: Callable[[Row], Use]
    #: Columns of packed constants that it reads besides weights, and of plain ones.
    packed: frozenset[Prepared] = frozenset(BLOCK_BYTES)
    plain: frozenset[Column] = frozenset()


# -- What kernels use -------------------------------------------------------------------------------------------


def _nothing(row: Row) -> Use:
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _sums(row: Row) -> Use:
    """Use an accumulator for each channel, as plain kernels that sum do."""
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 4 * row[Column.OUTPUT_C], 0, 0, 0)


def _rounds_by_one_shift(row: Row) -> bool:
    """Whether accumulators are rounded by one shift and clamped to the whole range of an int8."""
    clamps = (row[Column.OUTPUT_ZERO_POINT], row[Column.ACTIVATION_MIN], row[Column.ACTIVATION_MAX])
    return row[Column.ROUNDING] == Rounding.ONE_SHIFT and clamps == (-128, -128, 127)


def _suits_depthwise(row: Row) -> bool:
    channels, stride = row[Column.OUTPUT_C], row[Column.STRIDE_H]
    whole = channels % CHUNK == 0 and stride in (1, 2)
    several = CHUNK % channels == 0 and stride == 1
    kernel = (row[Column.KERNEL_H], row[Column.KERNEL_W])
    return _rounds_by_one_shift(row) and kernel == (3, 3) and row[Column.STRIDE_W] == stride and (whole or several)


def _suits_all(row: Row) -> bool:
    return True


def _widened(rows: int, inputs: int) -> int:
    """Return the bytes that rows of a product may take, each value in two: rows are filled up, and one is to spare."""
    return (rows + 1) * (2 * ((inputs + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT) + ALIGNMENT)


def _pointwise(row: Row) -> Use:
    """Use a panel of rows: copies, or in a pair the output of the step before, which is several rows of an image."""
    inputs, positions = row[Column.INPUT_C], row[Column.INPUT_H] * row[Column.INPUT_W]
    quads, blocks = (inputs + 3) // 4, (row[Column.OUTPUT_C] + BLOCK - 1) // BLOCK
    # Rows a multiple of 512 bytes apart would collide in the cache.
    stride = inputs if inputs % 512 else inputs + ALIGNMENT
    rows = max(PANEL_ROWS, PANEL_IMAGE_ROWS * row[Column.INPUT_W] if positions > PANEL_ROWS else 0)
    weights, spare = blocks * BLOCK * quads * 4, _widened(rows, stride)
    return Use(quads, 0, stride, 0, 0, weights, blocks, spare, 0, 0, rows * stride, 0)


def _pointwise_raw(row: Row) -> Use:
    """Use the same with accumulators as they are: their factors are those of the program."""
    use = _pointwise(row)
    stride, accumulators = use.panel_stride, SCRATCH_ROWS * use.blocks * BLOCK * 4
    spare, panel = _widened(SCRATCH_ROWS, stride), SCRATCH_ROWS * stride
    return Use(use.quads, 0, stride, 0, 0, use.weights, use.blocks, spare, accumulators, 0, panel, 0)


def _image_h(row: Row) -> int:
    """Return the height of an image with its border: before it and itself, or more where the kernel ends later."""
    last = row[Column.STRIDE_H] * (row[Column.OUTPUT_H] - 1)
    return max(row[Column.PAD_TOP] + row[Column.INPUT_H], last + row[Column.KERNEL_H])


def _image_w(row: Row) -> int:
    last = row[Column.STRIDE_W] * (row[Column.OUTPUT_W] - 1)
    return max(row[Column.PAD_LEFT] + row[Column.INPUT_W], last + row[Column.KERNEL_W])


def _conv(row: Row) -> Use:
    """Use an image with its border; a group of quads lies in one row of it."""
    height, width, groups = _image_h(row), _image_w(row), row[Column.KERNEL_H]
    quads = (row[Column.KERNEL_W] * row[Column.INPUT_C] + 3) // 4
    blocks = (row[Column.OUTPUT_C] + BLOCK - 1) // BLOCK
    weights, image = blocks * BLOCK * groups * quads * 4, height * width * row[Column.INPUT_C]
    spare = _widened(row[Column.OUTPUT_W], groups * quads * 4)
    return Use(quads, groups, 0, height, width, weights, blocks, spare, 0, image, 0, 0)


def _pointwise_hybrid(row: Row) -> Use:
    """Use a panel of quantized rows, and scales for each, where accumulators are; sums stay in registers."""
    use = _pointwise(row)
    rows, stride = PANEL_ROWS, use.panel_stride
    spare, scales, panel = _widened(rows, stride), rows * SCALES_BYTES, rows * stride
    return Use(use.quads, 0, stride, 0, 0, use.weights, use.blocks, spare, scales, 0, panel, 0)


def _conv_hybrid(row: Row) -> Use:
    use, scales = _conv(row), SCALES_BYTES
    height, width, weights, blocks = use.image_h, use.image_w, use.weights, use.blocks
    return Use(use.quads, use.groups, 0, height, width, weights, blocks, use.spare, scales, use.image, 0, 0)


def _suits_depthwise_hybrid(row: Row) -> bool:
    return row[Column.OUTPUT_C] % BLOCK == 0 and row[Column.KERNEL_H] * row[Column.KERNEL_W] <= MOST_TAPS


def _depthwise_hybrid(row: Row) -> Use:
    """Use an image of a block of channels in float32, and what is seen beyond the end of its last row."""
    height, width, channels = _image_h(row), _image_w(row), row[Column.OUTPUT_C]
    weights = row[Column.KERNEL_H] * row[Column.KERNEL_W] * channels * 4
    image = (height * width + 3 * row[Column.STRIDE_W]) * BLOCK * 4
    return Use(0, 0, 0, height, width, weights, channels // BLOCK, 0, 0, image, 0, 0)


def _image_hybrid(row: Row) -> Use:
    """Use an accumulator for each channel, and an image of int8."""
    image = row[Column.INPUT_H] * row[Column.INPUT_W] * row[Column.INPUT_C]
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 4 * row[Column.OUTPUT_C], image, 0, 0)


def _row_hybrid(row: Row) -> Use:
    """Use an accumulator for each channel, and a row of int8."""
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 4 * row[Column.OUTPUT_C], 0, row[Column.INPUT_C], 0)


def _rfft(row: Row) -> Use:
    """Use a row of float64."""
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 0, 8 * row[Column.INPUT_C], 0, 0)


def _spectrogram(row: Row) -> Use:
    """Use a frame of float64, filled up with zeros."""
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 0, 16 * (row[Column.OUTPUT_C] - 1), 0, 0)


def _depthwise(row: Row) -> Use:
    """Use images of whole chunks where they lie, and a row of border; others are given a border of their own.

    A vector that begins outside an image reads the border, whether or not it was filled.
    """
    height, width, inputs = _image_h(row), _image_w(row), row[Column.INPUT_C]
    chunks = (row[Column.OUTPUT_C] + CHUNK - 1) // CHUNK
    image, border = (height * width * inputs, CHUNK) if inputs < CHUNK else (0, row[Column.INPUT_W] * inputs)
    weights, blocks = chunks * DEPTHWISE_CHUNK_BYTES, chunks * CHUNK // BLOCK
    return Use(0, 0, 0, height, width, weights, blocks, 0, 0, image, 0, border)


#: Sums of weights, their scales, and biases.
_HYBRID = frozenset({Prepared.BIAS, Prepared.SCALE, Prepared.REAL_OFFSET})


def _float_products(row: Row) -> Use:
    """Use packed weights and biases, and memory for the rows of a tile."""
    blocks = (row[Column.OUTPUT_C] + BLOCK - 1) // BLOCK
    return Use(0, 0, 0, 0, 0, blocks * BLOCK * row[Column.INPUT_C] * 4, blocks, 0, 0, 0, 0, 0)


def _float_conv(row: Row) -> Use:
    """Use the same, and an image of float32 with its border."""
    use, image = _float_products(row), 4 * _image_h(row) * _image_w(row) * row[Column.INPUT_C]
    weights = use.weights * row[Column.KERNEL_H] * row[Column.KERNEL_W]
    return Use(0, 0, 0, 0, 0, weights, use.blocks, 0, 0, image, 0, 0)


def _float_depthwise(row: Row) -> Use:
    """Use an image of a block of channels in float32, with its border."""
    return Use(0, 0, 0, 0, 0, 0, 0, 0, 0, _image_h(row) * _image_w(row) * BLOCK * 4, 0, 0)


def _suits_float_depthwise(row: Row) -> bool:
    """Whether a filter is 3 by 3, and vectors of up to 16 channels are of one input each, or all of the same."""
    outputs, inputs = row[Column.OUTPUT_C], row[Column.INPUT_C]
    whole = outputs == inputs or (outputs % inputs == 0 and outputs // inputs % 16 == 0)
    return whole and outputs >= 16 and row[Column.KERNEL_H] == 3 and row[Column.KERNEL_W] == 3


VECTOR_KERNELS: Mapping[int, VectorKernel] = MappingProxyType(
    {
        VectorOp.POINTWISE: VectorKernel(StepOp.POINTWISE, _rounds_by_one_shift, _pointwise),
        VectorOp.POINTWISE_RAW: VectorKernel(
            StepOp.POINTWISE,
            _suits_all,
            _pointwise_raw,
            packed=frozenset({Prepared.BIAS}),
            plain=frozenset({Column.MULTIPLIER, Column.SHIFT, Column.OFFSET, Column.SCALE}),
        ),
        VectorOp.CONV: VectorKernel(StepOp.CONV, _rounds_by_one_shift, _conv),
        VectorOp.DEPTHWISE: VectorKernel(StepOp.DEPTHWISE, _suits_depthwise, _depthwise),
        VectorOp.POINTWISE_HYBRID: VectorKernel(StepOp.POINTWISE_HYBRID, _suits_all, _pointwise_hybrid, _HYBRID),
        VectorOp.ROWS_HYBRID: VectorKernel(StepOp.ROWS_HYBRID, _suits_all, _pointwise_hybrid, _HYBRID),
        VectorOp.CONV_HYBRID: VectorKernel(StepOp.CONV_HYBRID, _suits_all, _conv_hybrid, _HYBRID),
        VectorOp.DEPTHWISE_HYBRID: VectorKernel(
            StepOp.DEPTHWISE_HYBRID,
            _suits_depthwise_hybrid,
            _depthwise_hybrid,
            frozenset({Prepared.SCALE, Prepared.REAL_OFFSET}),
        ),
        VectorOp.POINTWISE_F32: VectorKernel(
            StepOp.POINTWISE_F32, _suits_all, _float_products, packed=frozenset({Prepared.BIAS})
        ),
        VectorOp.CONV_F32: VectorKernel(StepOp.CONV_F32, _suits_all, _float_conv, packed=frozenset({Prepared.BIAS})),
        **{
            op: VectorKernel(
                step,
                _suits_float_depthwise,
                _float_depthwise,
                packed=frozenset(),
                plain=frozenset({Column.WEIGHTS, Column.BIAS}),
            )
            for op, step in (
                (VectorOp.DEPTHWISE_F32, StepOp.DEPTHWISE_F32),
                (VectorOp.DEPTHWISE_FROM_BIAS, StepOp.DEPTHWISE_FROM_BIAS),
            )
        },
    }
)


#: What the kernel of each operation uses for a step.
USES: Mapping[int, Callable[[Row], Use]] = MappingProxyType(
    {
        **{op: _sums if Column.MULTIPLIER in kernel.reads else _nothing for op, kernel in KERNELS.items()},
        **dict.fromkeys((StepOp.CONV_HYBRID, StepOp.DEPTHWISE_HYBRID), _image_hybrid),
        **dict.fromkeys((StepOp.POINTWISE_HYBRID, StepOp.ROWS_HYBRID), _row_hybrid),
        StepOp.RFFT: _rfft,
        StepOp.SPECTROGRAM: _spectrogram,
        **{op: kernel.use for op, kernel in VECTOR_KERNELS.items()},
    }
)


# -- What a step uses -------------------------------------------------------------------------------------------


def use_of(row: Row) -> Use:
    """Return what the kernel of a prepared step uses."""
    return USES[row[Column.OP]](row)


def constants_of(row: Row) -> dict[Column | Prepared, int]:
    """Return how many bytes of constants the kernel of a prepared step reads, by the column of their offset."""
    kernel = VECTOR_KERNELS.get(row[Column.OP])
    step = KERNELS[kernel.step if kernel else StepOp(row[Column.OP])]
    sizes: dict[Column | Prepared, int] = {
        column: step.weights(row) if column == Column.WEIGHTS else row[Column.OUTPUT_C] * PER_CHANNEL[column]
        for column in PLAIN_CONSTANTS
        if column in (kernel.plain if kernel else step.reads)
    }
    if kernel:
        use = kernel.use(row)
        sizes[Prepared.WEIGHTS] = use.weights
        sizes |= {column: use.blocks * size for column, size in BLOCK_BYTES.items() if column in kernel.packed}
    return sizes
