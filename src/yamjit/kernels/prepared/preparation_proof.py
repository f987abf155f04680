"""Proof that what compiled code runs touches nothing beside its memory, and is what its program says.

Compiled code reads every column of a prepared step, and where the parts of scratch memory begin, and checks none. All
are derived here once more, from the program and from what kernels touch (`yamjit.kernels.prepared.uses`), and must be
equal to what was prepared; constants must fill their block, each byte belonging to one column of one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from yamjit.errors import ModelError
from yamjit.kernels.memory import ALIGNMENT, padded
from yamjit.kernels.prepared.columns import INT8_TO_UINT8, Prepared, VectorOp
from yamjit.kernels.prepared.uses import PLAIN_CONSTANTS, VECTOR_KERNELS, WALK, Row, Use, constants_of, use_of
from yamjit.kernels.program import SPARE, Column, Program
from yamjit.kernels.program_proof import prove_program, reads_another, writers
from yamjit.kernels.workspace import PREPARED_COLUMNS, PreparedProgram, ScratchLayout

__all__ = ["REACH", "prove_preparation", "scratch_needs", "uses_of"]

#: Bytes that a vector may reach beyond the end of what it reads or writes: those of the widest.
REACH = 64


def uses_of(program: Program, prepared: PreparedProgram) -> list[Use]:
    """Return what the kernel of each prepared step uses: a vector kernel if one suits the step, else a plain one."""
    return [use_of(row) for row in _believed(program, prepared)]


def _believed(program: Program, prepared: PreparedProgram) -> list[Row]:
    """Return the steps of the program, each with the vector operation that it was given, if that suits it."""
    rows = []
    for op, row in zip(prepared.steps[:, Column.OP].tolist(), program.steps.tolist(), strict=True):
        kernel = VECTOR_KERNELS.get(op)
        suits = kernel is not None and kernel.step == row[Column.OP] and kernel.suits(row)
        rows.append([op, *row[1:]] if suits else row)
    return rows


def scratch_needs(uses: list[Use]) -> dict[str, int]:
    """Return how many bytes steps touch in each part of the scratch memory, without `REACH`."""
    needs = {part: max(getattr(use, part) for use in uses) for part in ScratchLayout._fields[:-1]}
    return {**needs, "spare": max(SPARE, needs["spare"])}


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
    rows, believed = steps.tolist(), _believed(program, prepared)
    for index, (row, expected) in enumerate(zip(rows, _expected(program, rows, believed, signed), strict=True)):
        if row != expected:
            column = next(column for column in (*Column, *Prepared) if row[column] != expected[column])
            message = f"{column.name.lower()} is {row[column]}, {expected[column]} is expected"
            raise ModelError(message, operator=f"step {index}")
    _check_fill(prepared, rows)
    _check_kept(program, prepared, rows)
    _check_scratch(program, prepared, scratch_needs([use_of(row) for row in rows]))


def _expected(program: Program, rows: list[Row], believed: list[Row], signed: bool) -> Iterator[Row]:
    """Yield each prepared step as it must be; places of constants that it uses are those of `rows`."""
    kept = [not 0 < index < program.patchwise or index in program.kept for index in range(len(rows))]
    pair = (VectorOp.DEPTHWISE, VectorOp.POINTWISE)
    sources = [writers(program.steps.tolist(), column) for column in (Column.INPUT, Column.OTHER)]
    for index, (plain, row, source, other) in enumerate(zip(believed, rows, *sources, strict=True)):
        expected = plain + [0] * len(Prepared)
        for walk, value in zip(WALK, use_of(plain), strict=False):
            expected[walk] = value
        used = constants_of(plain)
        for column in (*PLAIN_CONSTANTS, *used):
            expected[column] = row[column] if column in used else 0
        expected[Prepared.PATCHWISE] = index < program.patchwise
        expected[Prepared.FLIP] = 0 if signed else INT8_TO_UINT8
        expected[Prepared.PAIRED] = index in program.pairs and tuple(r[Column.OP] for r in rows[index:][:2]) == pair
        expected[Prepared.INPUT_KEPT] = source is None or kept[source]
        expected[Prepared.OUTPUT_KEPT] = kept[index]
        expected[Prepared.OTHER_KEPT] = reads_another(plain) and (other is None or kept[other])
        yield expected


def _check_fill(prepared: PreparedProgram, rows: list[Row]) -> None:
    """Check that constants fill their block."""
    spans = [
        (row[column], size, index, column)
        for index, row in enumerate(rows)
        for column, size in constants_of(row).items()
    ]
    end = 0
    for start, size, index, column in sorted(spans):
        if start != end:
            message = f"{column.name.lower()} of constants is {start}, {end} is expected"
            raise ModelError(message, operator=f"step {index}")
        end += padded(size)
    if end != prepared.constants.size:
        raise ModelError(f"prepared constants are {prepared.constants.size} bytes, {end} are expected")


def _check_kept(program: Program, prepared: PreparedProgram, rows: list[Row]) -> None:
    """Check that constants for plain kernels are those of the program."""
    for index, row in enumerate(rows):
        for column, size in constants_of(row).items():
            if column in PLAIN_CONSTANTS:
                here, there = row[column], program.steps[index, column]
                if not np.array_equal(prepared.constants[here:][:size], program.constants[there:][:size]):
                    message = f"{column.name.lower()} differs from what the program has"
                    raise ModelError(message, operator=f"step {index}")


def _check_scratch(program: Program, prepared: PreparedProgram, needs: Mapping[str, int]) -> None:
    """Check that each part holds what is touched in it before the next one begins; the first begins at 0."""
    layout, available = prepared.scratch, program.scratch_bytes
    if layout.spare or layout.size != available:
        raise ModelError(f"scratch memory is bytes {layout.spare} to {layout.size}, 0 to {available} are there")
    for (part, start), end in zip(layout._asdict().items(), layout[1:], strict=False):
        if start % ALIGNMENT or start + needs[part] + REACH > end:
            raise ModelError(f"scratch memory for {part} is bytes {start} to {end}, {needs[part]} are needed")
