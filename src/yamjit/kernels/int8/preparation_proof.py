"""Proof that what compiled code runs touches nothing beside its memory, and is what its program says.

Compiled code reads every column of a prepared step, and where the parts of scratch memory begin, and checks none. All
are derived here once more, from the program and from what kernels touch (`VECTOR_KERNELS`), and must be equal to what
was prepared; packed constants must fill their block, each byte belonging to one column of one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from yamjit.errors import ModelError
from yamjit.kernels.int8.packing import BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
from yamjit.kernels.int8.prepared import INT8_TO_UINT8, PREPARED_COLUMNS, Prepared, PreparedProgram, VectorOp
from yamjit.kernels.memory import ALIGNMENT, padded
from yamjit.kernels.program import PANEL_IMAGE_ROWS, PANEL_ROWS, SCRATCH_ROWS, Column, Program, Rounding, StepOp
from yamjit.kernels.program_proof import KERNELS, prove_program, writers

__all__ = ["REACH", "VECTOR_KERNELS", "Use", "VectorKernel", "prove_preparation", "scratch_needs", "uses_of"]

Row = list[int]

#: Bytes that a vector may reach beyond the end of what it reads or writes: those of the widest.
REACH = 64

_REALS = (Prepared.SCALE, Prepared.REAL_OFFSET)


class Use(NamedTuple):
    """What a kernel reads and writes for one step, besides activations and the constants of the program."""

    #: How it walks over its input; columns that are left out are 0.
    walk: Mapping[Prepared, int]
    #: Bytes of packed constants that it reads, by the column of their offset.
    packed: Mapping[Prepared, int]
    #: Bytes that it touches in each part of the scratch memory, without `REACH`.
    scratch: Mapping[str, int]


class VectorKernel(NamedTuple):
    """A vector kernel: the step operation that it computes, for which steps it does, and what it uses for one."""

    step: StepOp
    suits: Callable[[Row], bool]
    use: Callable[[Row], Use]


# -- What kernels read and write --------------------------------------------------------------------------------


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


def _packed(weights: int, channels: int) -> Mapping[Prepared, int]:
    """Return the bytes of packed constants for `channels` channels, a multiple of a block."""
    four = dict.fromkeys((Prepared.BIAS, Prepared.MULTIPLIER, Prepared.SHIFT, *_REALS), 4 * channels)
    return {**four, Prepared.WEIGHTS: weights, Prepared.OFFSET: 8 * channels, Prepared.PROVEN: channels // BLOCK}


def _packed_matrix(quads: int, outputs: int) -> Mapping[Prepared, int]:
    """Return the same for a matrix of blocks of outputs: of each output, four bytes a quad."""
    channels = padded(outputs, BLOCK)
    return _packed(channels * quads * 4, channels)


def _pointwise(row: Row) -> Use:
    """Use a panel of rows: copies, or in a pair the output of the step before, which is several rows of an image."""
    inputs, positions = row[Column.INPUT_C], row[Column.INPUT_H] * row[Column.INPUT_W]
    quads = (inputs + 3) // 4
    # Rows a multiple of 512 bytes apart would collide in the cache.
    stride = inputs if inputs % 512 else inputs + ALIGNMENT
    rows = max(PANEL_ROWS, PANEL_IMAGE_ROWS * row[Column.INPUT_W] if positions > PANEL_ROWS else 0)
    walk = {Prepared.QUADS: quads, Prepared.PANEL_STRIDE: stride}
    return Use(walk, _packed_matrix(quads, row[Column.OUTPUT_C]), {"panel": rows * stride})


def _pointwise_raw(row: Row) -> Use:
    """Use the same with accumulators as they are: their factors are those of the program."""
    walk, packed, _ = _pointwise(row)
    packed = {column: packed[column] for column in (Prepared.WEIGHTS, Prepared.BIAS)}
    accumulators = SCRATCH_ROWS * packed[Prepared.BIAS]
    return Use(walk, packed, {"panel": SCRATCH_ROWS * walk[Prepared.PANEL_STRIDE], "accumulators": accumulators})


def _image(row: Row) -> dict[Prepared, int]:
    """Return the size of an image with its border: before it and itself, or more where the kernel ends later."""
    sizes = []
    for before, size, count, stride, kernel in (
        (Column.PAD_TOP, Column.INPUT_H, Column.OUTPUT_H, Column.STRIDE_H, Column.KERNEL_H),
        (Column.PAD_LEFT, Column.INPUT_W, Column.OUTPUT_W, Column.STRIDE_W, Column.KERNEL_W),
    ):
        last = row[stride] * (row[count] - 1)
        sizes.append(max(row[before] + row[size], last + row[kernel]))
    return {Prepared.IMAGE_H: sizes[0], Prepared.IMAGE_W: sizes[1]}


def _image_bytes(row: Row, image: Mapping[Prepared, int]) -> int:
    return image[Prepared.IMAGE_H] * image[Prepared.IMAGE_W] * row[Column.INPUT_C]


def _conv(row: Row) -> Use:
    """Use an image with its border; a group of quads lies in one row of it."""
    image, groups = _image(row), row[Column.KERNEL_H]
    quads = (row[Column.KERNEL_W] * row[Column.INPUT_C] + 3) // 4
    walk = {**image, Prepared.QUADS: quads, Prepared.GROUPS: groups}
    return Use(walk, _packed_matrix(groups * quads, row[Column.OUTPUT_C]), {"image": _image_bytes(row, image)})


def _depthwise(row: Row) -> Use:
    """Use images of whole chunks where they lie, and a row of border; others are given a border of their own.

    A vector that begins outside an image reads the border, whether or not it was filled.
    """
    image, channels = _image(row), padded(row[Column.OUTPUT_C], CHUNK)
    packed = _packed(channels // CHUNK * DEPTHWISE_CHUNK_BYTES, channels)
    if row[Column.INPUT_C] < CHUNK:
        return Use(image, packed, {"image": _image_bytes(row, image), "border": CHUNK})
    return Use(image, packed, {"border": row[Column.INPUT_W] * row[Column.INPUT_C]})


VECTOR_KERNELS: Mapping[int, VectorKernel] = {
    VectorOp.POINTWISE: VectorKernel(StepOp.POINTWISE, _rounds_by_one_shift, _pointwise),
    VectorOp.POINTWISE_RAW: VectorKernel(StepOp.POINTWISE, lambda row: True, _pointwise_raw),
    VectorOp.CONV: VectorKernel(StepOp.CONV, _rounds_by_one_shift, _conv),
    VectorOp.DEPTHWISE: VectorKernel(StepOp.DEPTHWISE, _suits_depthwise, _depthwise),
}


def uses_of(program: Program, prepared: PreparedProgram) -> list[Use]:
    """Return what the kernel of each prepared step uses: a vector kernel if one suits the step, else a plain one."""
    uses = []
    for op, row in zip(prepared.steps[:, Column.OP].tolist(), program.steps.tolist(), strict=True):
        kernel = VECTOR_KERNELS.get(op)
        if kernel and kernel.step == row[Column.OP] and kernel.suits(row):
            uses.append(kernel.use(row))
        else:
            sums = Column.BIAS in KERNELS[StepOp(row[Column.OP])].reads
            uses.append(Use({}, {}, {"accumulators": 4 * row[Column.OUTPUT_C] if sums else 0}))
    return uses


def scratch_needs(uses: list[Use]) -> dict[str, int]:
    """Return how many bytes steps touch in each part of the scratch memory, without `REACH`."""
    parts = ("accumulators", "image", "panel", "border")
    return {"spare": 2 * REACH, **{part: max(use.scratch.get(part, 0) for use in uses) for part in parts}}


# -- The proof --------------------------------------------------------------------------------------------------


def prove_preparation(program: Program, prepared: PreparedProgram, signed: bool) -> None:
    """Check the program, and every column of every step and every part of scratch memory that compiled code reads.

    `signed` tells whether int8 inputs are multiplied; otherwise they become uint8 that are 128 more. Raises a
    `ModelError` that names the step and the column; a preparation that is right never causes it.
    """
    prove_program(program)
    steps, shape = prepared.steps, (len(program.steps), PREPARED_COLUMNS)
    if steps.dtype != np.int64 or steps.shape != shape or not steps.flags.c_contiguous:
        raise ModelError(f"prepared steps are {steps.dtype} {steps.shape}, int64 {shape} are expected")
    if prepared.constants.dtype != np.uint8 or prepared.constants_address % ALIGNMENT:
        raise ModelError("prepared constants are expected as aligned bytes")
    rows, uses = steps.tolist(), uses_of(program, prepared)
    for index, (row, expected) in enumerate(zip(rows, _expected(program, rows, uses, signed), strict=True)):
        if row != expected:
            column = next(column for column in (*Column, *Prepared) if row[column] != expected[column])
            message = f"{column.name.lower()} is {row[column]}, {expected[column]} is expected"
            raise ModelError(message, operator=f"step {index}")
    _check_packed(program, prepared, rows, uses)
    _check_scratch(program, prepared, scratch_needs(uses))


def _expected(program: Program, rows: list[Row], uses: list[Use], signed: bool) -> Iterator[Row]:
    """Yield each prepared step as it must be; places of packed constants that it uses are those of `rows`."""
    base: list[Row] = program.steps.tolist()
    kept = [not 0 < index < program.patchwise or index in program.kept for index in range(len(base))]
    pair = (VectorOp.DEPTHWISE, VectorOp.POINTWISE)
    for index, (plain, row, use, source) in enumerate(zip(base, rows, uses, writers(base), strict=True)):
        expected = plain + [0] * len(Prepared)
        if use.packed:
            expected[Column.OP] = row[Column.OP]
        for column, value in use.walk.items():
            expected[column] = value
        for column in use.packed:
            expected[column] = row[column]
        expected[Prepared.PATCHWISE] = index < program.patchwise
        expected[Prepared.FLIP] = 0 if signed else INT8_TO_UINT8
        expected[Prepared.PAIRED] = index in program.pairs and tuple(r[Column.OP] for r in rows[index:][:2]) == pair
        expected[Prepared.INPUT_KEPT] = source is None or kept[source]
        expected[Prepared.OUTPUT_KEPT] = kept[index]
        yield expected


def _check_packed(program: Program, prepared: PreparedProgram, rows: list[Row], uses: list[Use]) -> None:
    """Check that packed constants fill their block; factors for float32 are left out where it rounds nothing."""
    spans, without_reals = [], []
    for index, (row, use) in enumerate(zip(rows, uses, strict=True)):
        reals = any(row[column] for column in _REALS)
        columns = [column for column in use.packed if reals or column not in _REALS]
        spans += [(row[column], use.packed[column], index, column) for column in columns]
        if Prepared.PROVEN in columns and not reals:
            without_reals.append((index, row[Prepared.PROVEN], use.packed[Prepared.PROVEN]))
    end = padded(program.constants.size)
    for start, size, index, column in sorted(spans):
        if start != end:
            message = f"{column.name.lower()} of packed constants is {start}, {end} is expected"
            raise ModelError(message, operator=f"step {index}")
        end += padded(size)
    if end != prepared.constants.size:
        raise ModelError(f"prepared constants are {prepared.constants.size} bytes, {end} are expected")
    for index, start, size in without_reals:
        if prepared.constants[start : start + size].any():
            raise ModelError("proven says that float32 rounds, without factors", operator=f"step {index}")


def _check_scratch(program: Program, prepared: PreparedProgram, needs: Mapping[str, int]) -> None:
    """Check that each part holds what is touched in it before the next one begins; the first begins at 0."""
    layout, available = prepared.scratch, program.scratch_bytes
    if layout.spare or layout.size != available:
        raise ModelError(f"scratch memory is bytes {layout.spare} to {layout.size}, 0 to {available} are there")
    for (part, start), end in zip(layout._asdict().items(), layout[1:], strict=False):
        if start % ALIGNMENT or start + needs[part] + REACH > end:
            raise ModelError(f"scratch memory for {part} is bytes {start} to {end}, {needs[part]} are needed")
