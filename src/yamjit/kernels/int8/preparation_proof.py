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
from yamjit.kernels.program import (
    PANEL_IMAGE_ROWS,
    PANEL_ROWS,
    SCRATCH_ROWS,
    Column,
    Program,
    Rounding,
    ScratchLayout,
    StepOp,
)
from yamjit.kernels.program_proof import KERNELS, prove_ranges, writers

__all__ = ["REACH", "VECTOR_KERNELS", "VectorKernel", "prove_preparation", "scratch_needs"]

Row = list[int]

#: Bytes that a vector may reach beyond the end of what it reads or writes: those of the widest.
REACH = 64


class VectorKernel(NamedTuple):
    """What a vector kernel stands in for, and what it reads and writes of a step.

    Parameters
    ----------
    step : StepOp
        The step operation that it computes.
    suits : callable
        Whether it computes what the plain kernel would, for the columns of a step.
    unit : int
        Channels are read in multiples of it.
    rounds : bool
        Whether it makes int8 of accumulators, with factors of channels.
    weights : callable
        Bytes of packed weights that it reads.
    walk : callable
        How it walks over its input: the columns `QUADS` to `IMAGE_W`, those left out being 0.
    scratch : callable
        Bytes that it touches in parts of the scratch memory.
    """

    step: StepOp
    suits: Callable[[Row], bool]
    unit: int
    rounds: bool
    weights: Callable[[Row], int]
    walk: Callable[[Row], Mapping[Prepared, int]]
    scratch: Callable[[Row], Mapping[str, int]]


# -- What kernels read and write --------------------------------------------------------------------------------


def _rounds_by_one_shift(row: Row) -> bool:
    """Whether accumulators are rounded by one shift and clamped to all of an int8, as vector kernels do."""
    clamps = (row[Column.OUTPUT_ZERO_POINT], row[Column.ACTIVATION_MIN], row[Column.ACTIVATION_MAX])
    return row[Column.ROUNDING] == Rounding.ONE_SHIFT and clamps == (-128, -128, 127)


def _quads(values: int) -> int:
    return (values + 3) // 4


def _matrix_bytes(quads: int, outputs: int) -> int:
    """Bytes of a packed matrix: for each block of outputs four bytes of each output a quad."""
    return padded(outputs, BLOCK) // BLOCK * quads * BLOCK * 4


def _pointwise_weights(row: Row) -> int:
    return _matrix_bytes(_quads(row[Column.INPUT_C]), row[Column.OUTPUT_C])


def _pointwise_walk(row: Row) -> Mapping[Prepared, int]:
    inputs = row[Column.INPUT_C]
    # Rows a multiple of 512 bytes apart would collide in the cache.
    stride = inputs if inputs % 512 else inputs + ALIGNMENT
    return {Prepared.QUADS: _quads(inputs), Prepared.PANEL_STRIDE: stride}


def _pointwise_scratch(row: Row) -> Mapping[str, int]:
    """Rows of the panel are copied whole, alone or, in a pair, written by the step before: some rows of its image."""
    positions = row[Column.INPUT_H] * row[Column.INPUT_W]
    image_rows = PANEL_IMAGE_ROWS * row[Column.INPUT_W] if positions > PANEL_ROWS else 0
    return {"panel": max(PANEL_ROWS, image_rows) * row[Prepared.PANEL_STRIDE]}


def _raw_scratch(row: Row) -> Mapping[str, int]:
    accumulators = SCRATCH_ROWS * 4 * padded(row[Column.OUTPUT_C], BLOCK)
    return {"panel": SCRATCH_ROWS * row[Prepared.PANEL_STRIDE], "accumulators": accumulators}


def _image(row: Row) -> Mapping[Prepared, int]:
    """Rows and columns of an image with its border: those before it and itself, or more where the kernel ends later."""
    sizes = []
    for before, size, count, stride, kernel in (
        (Column.PAD_TOP, Column.INPUT_H, Column.OUTPUT_H, Column.STRIDE_H, Column.KERNEL_H),
        (Column.PAD_LEFT, Column.INPUT_W, Column.OUTPUT_W, Column.STRIDE_W, Column.KERNEL_W),
    ):
        last = row[stride] * (row[count] - 1)
        sizes.append(max(row[before] + row[size], last + row[kernel]))
    return {Prepared.IMAGE_H: sizes[0], Prepared.IMAGE_W: sizes[1]}


def _image_scratch(row: Row) -> Mapping[str, int]:
    return {"image": row[Prepared.IMAGE_H] * row[Prepared.IMAGE_W] * row[Column.INPUT_C]}


def _conv_weights(row: Row) -> int:
    quads = row[Column.KERNEL_H] * _quads(row[Column.KERNEL_W] * row[Column.INPUT_C])
    return _matrix_bytes(quads, row[Column.OUTPUT_C])


def _conv_walk(row: Row) -> Mapping[Prepared, int]:
    quads = _quads(row[Column.KERNEL_W] * row[Column.INPUT_C])
    return {Prepared.QUADS: quads, Prepared.GROUPS: row[Column.KERNEL_H], **_image(row)}


def _suits_depthwise(row: Row) -> bool:
    channels, stride = row[Column.OUTPUT_C], row[Column.STRIDE_H]
    whole = channels % CHUNK == 0 and stride in (1, 2)
    several = CHUNK % channels == 0 and stride == 1
    kernel = (row[Column.KERNEL_H], row[Column.KERNEL_W])
    return _rounds_by_one_shift(row) and kernel == (3, 3) and row[Column.STRIDE_W] == stride and (whole or several)


def _depthwise_scratch(row: Row) -> Mapping[str, int]:
    """Images of whole chunks are read where they lie, with a row of border; others get a border of their own.

    A vector that begins outside the image reads the border, whether or not it was filled.
    """
    if row[Column.INPUT_C] < CHUNK:
        return {**_image_scratch(row), "border": CHUNK}
    return {"border": row[Column.INPUT_W] * row[Column.INPUT_C]}


def _plain_scratch(row: Row) -> Mapping[str, int]:
    """One position at a time, where a step has accumulators at all."""
    sums = Column.BIAS in KERNELS[StepOp(row[Column.OP])].reads
    return {"accumulators": 4 * row[Column.OUTPUT_C] if sums else 0}


VECTOR_KERNELS: Mapping[int, VectorKernel] = {
    VectorOp.POINTWISE: VectorKernel(
        StepOp.POINTWISE,
        _rounds_by_one_shift,
        BLOCK,
        True,
        _pointwise_weights,
        _pointwise_walk,
        _pointwise_scratch,
    ),
    VectorOp.POINTWISE_RAW: VectorKernel(
        StepOp.POINTWISE, lambda row: True, BLOCK, False, _pointwise_weights, _pointwise_walk, _raw_scratch
    ),
    VectorOp.CONV: VectorKernel(
        StepOp.CONV, _rounds_by_one_shift, BLOCK, True, _conv_weights, _conv_walk, _image_scratch
    ),
    VectorOp.DEPTHWISE: VectorKernel(
        StepOp.DEPTHWISE,
        _suits_depthwise,
        CHUNK,
        True,
        lambda row: padded(row[Column.OUTPUT_C], CHUNK) // CHUNK * DEPTHWISE_CHUNK_BYTES,
        _image,
        _depthwise_scratch,
    ),
}


# -- The proof --------------------------------------------------------------------------------------------------


def prove_preparation(program: Program, prepared: PreparedProgram, signed: bool) -> None:
    """Check every column of every step and every place in scratch memory that compiled code reads.

    Parameters
    ----------
    program : Program
        What was prepared; it is proved as well.
    prepared : PreparedProgram
    signed : bool
        Whether int8 inputs are multiplied; else inputs become uint8 that are 128 more.

    Raises
    ------
    ModelError
        Naming the step and the column; a preparation that is right never causes it.
    """
    prove_ranges(program)
    _check_arrays(program, prepared)
    rows: list[Row] = prepared.steps.tolist()
    for index, (row, expected) in enumerate(zip(rows, _expected(program, rows, signed), strict=True)):
        if row != expected:
            column = next(column for column in (*Column, *Prepared) if row[column] != expected[column])
            message = f"{column.name.lower()} is {row[column]}, {expected[column]} is expected"
            raise ModelError(message, operator=f"step {index}")
    _check_packed(program, prepared, rows)
    _check_scratch(prepared.scratch, scratch_needs(rows), program.scratch_bytes)


def scratch_needs(rows: list[Row]) -> dict[str, int]:
    """Return how many bytes prepared steps touch in each part of the scratch memory, without `REACH`."""
    needs = {"spare": 2 * REACH, "accumulators": 0, "image": 0, "panel": 0, "border": 0}
    for row in rows:
        kernel = _kernel(row)
        for part, size in (kernel.scratch(row) if kernel else _plain_scratch(row)).items():
            needs[part] = max(needs[part], size)
    return needs


def _kernel(row: Row) -> VectorKernel | None:
    """Return the vector kernel of a step, None where it keeps its plain one."""
    return VECTOR_KERNELS.get(row[Column.OP])


def _check_arrays(program: Program, prepared: PreparedProgram) -> None:
    steps, shape = prepared.steps, (len(program.steps), PREPARED_COLUMNS)
    if steps.dtype != np.int64 or steps.shape != shape or not steps.flags.c_contiguous:
        raise ModelError(f"prepared steps are {steps.dtype} {steps.shape}, int64 {shape} are expected")
    if prepared.constants.dtype != np.uint8 or prepared.constants_address % ALIGNMENT:
        raise ModelError("prepared constants are expected as aligned bytes")


def _expected(program: Program, rows: list[Row], signed: bool) -> Iterator[Row]:
    """Yield each prepared step as it must be; operations and places of packed constants are those of `rows`."""
    base: list[Row] = program.steps.tolist()
    kept = [not 0 < index < program.patchwise or index in program.kept for index in range(len(base))]
    pair = (VectorOp.DEPTHWISE, VectorOp.POINTWISE)
    ops = [row[Column.OP] for row in rows]
    for index, (plain, source) in enumerate(zip(base, writers(base), strict=True)):
        expected = plain + [0] * len(Prepared)
        kernel = _kernel(rows[index])
        if kernel and kernel.step == plain[Column.OP] and kernel.suits(plain):
            expected[Column.OP] = ops[index]
            for column, value in kernel.walk(plain).items():
                expected[column] = value
            for column, _ in _packed(rows[index], kernel):
                expected[column] = rows[index][column]
        expected[Prepared.PATCHWISE] = index < program.patchwise
        expected[Prepared.FLIP] = 0 if signed else INT8_TO_UINT8
        expected[Prepared.PAIRED] = index in program.pairs and tuple(ops[index : index + 2]) == pair
        expected[Prepared.INPUT_KEPT] = source is None or kept[source]
        expected[Prepared.OUTPUT_KEPT] = kept[index]
        yield expected


def _packed(row: Row, kernel: VectorKernel) -> Iterator[tuple[Prepared, int]]:
    """Yield the columns of packed constants that a vector kernel reads, and how many bytes of each."""
    channels = padded(row[Column.OUTPUT_C], kernel.unit)
    yield Prepared.WEIGHTS, kernel.weights(row)
    yield Prepared.BIAS, 4 * channels
    if kernel.rounds:
        yield Prepared.MULTIPLIER, 4 * channels
        yield Prepared.SHIFT, 4 * channels
        yield Prepared.OFFSET, 8 * channels
        yield Prepared.PROVEN, channels // BLOCK
        if _has_reals(row):
            yield Prepared.SCALE, 4 * channels
            yield Prepared.REAL_OFFSET, 4 * channels


def _has_reals(row: Row) -> bool:
    return bool(row[Prepared.SCALE] or row[Prepared.REAL_OFFSET])


def _check_packed(program: Program, prepared: PreparedProgram, rows: list[Row]) -> None:
    """Check that packed constants fill their block, and that nothing is rounded by factors that are not there."""
    vector_steps = [(index, row, kernel) for index, row in enumerate(rows) if (kernel := _kernel(row))]
    spans = sorted(
        (row[column], size, index, column)
        for index, row, kernel in vector_steps
        for column, size in _packed(row, kernel)
    )
    end = padded(program.constants.size)
    for start, size, index, column in spans:
        if start != end:
            message = f"{column.name.lower()} of packed constants is {start}, {end} is expected"
            raise ModelError(message, operator=f"step {index}")
        end += padded(size)
    if end != prepared.constants.size:
        raise ModelError(f"prepared constants are {prepared.constants.size} bytes, {end} are expected")
    for index, row, kernel in vector_steps:
        proven = row[Prepared.PROVEN]
        blocks = padded(row[Column.OUTPUT_C], kernel.unit) // BLOCK
        if kernel.rounds and not _has_reals(row) and prepared.constants[proven : proven + blocks].any():
            raise ModelError("proven says that float32 rounds, without factors", operator=f"step {index}")


def _check_scratch(layout: ScratchLayout, needs: Mapping[str, int], available: int) -> None:
    """Check that each part holds what is touched in it, before the next one begins; code begins at `spare`."""
    if layout.spare or layout.size != available:
        raise ModelError(f"scratch memory is bytes {layout.spare} to {layout.size}, 0 to {available} are there")
    for (part, start), end in zip(layout._asdict().items(), layout[1:], strict=False):
        if start % ALIGNMENT or start + needs[part] + REACH > end:
            raise ModelError(f"scratch memory for {part} is bytes {start} to {end}, {needs[part]} are needed")
