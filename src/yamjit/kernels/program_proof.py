"""Proof that no step of a program reads or writes outside its memory: kernels check nothing.

`yamjit.kernels.step_kernels` says for each step operation which columns its kernel reads, and what it relies on.
Columns that it does not read are 0, so that none of them means anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from yamjit.errors import ModelError
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.program import BLEND_SHIFT, FIRST_IS_CONSTANT, Column, Program, StepOp
from yamjit.kernels.step_kernels import CLAMPS, INPUT, KERNELS, OUTPUT, PER_CHANNEL, UNREAD, WINDOW, Kernel, Row

__all__ = ["prove_program", "reads_another", "writers"]

#: A range that a step touches: column of its offset, bytes, and alignment that its type needs.
_Range = tuple[Column, int, int]

_INT8 = (Column.INPUT_ZERO_POINT, Column.OUTPUT_ZERO_POINT, *sorted(CLAMPS))

#: Step operations that have a second operand.
_OF_TWO = frozenset(op for op, kernel in KERNELS.items() if kernel.other)


def prove_program(program: Program) -> None:
    """Check the ranges that steps touch, the values of all columns, and that no step overwrites what is read later.

    Raises a `ModelError` that names the step and the column; a compiler that is right never causes it.
    """
    rows: list[Row] = program.steps.tolist()
    for index, row in enumerate(rows):
        if row[Column.OP] not in KERNELS:
            raise ModelError(f"there is no step operation {row[Column.OP]}", operator=f"step {index}")
        _check_step(_name(index, row), row, program)
    _check_pairs(program, rows)
    _check_patchwise(program, rows)


def reads_another(row: Row) -> bool:
    """Return whether a step reads a second tensor; vector operations read none."""
    return row[Column.OP] in _OF_TWO and row[Column.OTHER] >= 0


def writers(rows: list[Row], column: Column = Column.INPUT) -> list[int | None]:
    """Return for each step the number of the step that writes what it reads, None where that comes from outside.

    `column` is that of the input, or of the second one, which is None for a step that has none.
    """
    found, latest = [], dict[int, int]()
    for index, row in enumerate(rows):
        reads = column == Column.INPUT or reads_another(row)
        found.append(latest.get(row[column]) if reads else None)
        latest[row[Column.OUTPUT]] = index
    return found


def _name(index: int, row: Row) -> str:
    return f"step {index} {StepOp(row[Column.OP]).name}"


# -- One step ---------------------------------------------------------------------------------------------------


def _check_step(where: str, row: Row, program: Program) -> None:
    kernel = KERNELS[StepOp(row[Column.OP])]
    *sources, target = _activations(row)
    if min(row[column] for column in (*INPUT, *OUTPUT)) < 1:
        raise ModelError("sizes of input and output must be at least 1", operator=where)
    for column, size, alignment in (*sources, target):
        _check_range(where, row, column, size, program.arena_bytes, alignment)
    for column, size, alignment in _constants(row, kernel):
        _check_range(where, row, column, size, program.constants.size, alignment)
    if any(_overlap(_span(row, source), _span(row, target)) for source in sources):
        raise ModelError("the output lies over the input", operator=where)
    if kernel.reads >= WINDOW:
        _check_window(where, row)
    for one, other in kernel.equal:
        if row[one] != row[other]:
            raise ModelError(f"{one.name.lower()} and {other.name.lower()} must be equal", operator=where)
    for column in kernel.ones:
        if row[column] != 1:
            raise ModelError(f"{column.name.lower()} is {row[column]}, 1 is accepted", operator=where)
    if not kernel.suits(row):
        raise ModelError("its sizes do not go together", operator=where)
    _check_values(where, row, kernel)
    if row[Column.OP] == StepOp.MOVE:
        _check_starts(where, row, program)
    if row[Column.OP] == StepOp.BLEND:
        _check_blend(where, row, program)
    if row[Column.OP] == StepOp.LOG_BANDS:
        _check_bands(where, row, program)


def _activations(row: Row) -> tuple[_Range, ...]:
    """Return the ranges of the tensors that a step reads, and at last of the one that it writes."""
    kernel = KERNELS[StepOp(row[Column.OP])]
    read = row[Column.INPUT_H] * row[Column.INPUT_W] * row[Column.INPUT_C]
    written = row[Column.OUTPUT_H] * row[Column.OUTPUT_W] * row[Column.OUTPUT_C]
    width = kernel.input_bytes
    source = (Column.INPUT, read * width, width)
    target = (Column.OUTPUT, written * kernel.output_bytes, kernel.output_bytes)
    if kernel.other and reads_another(row):
        return source, (Column.OTHER, kernel.other(row) * width, width), target
    return source, target


def _constants(row: Row, kernel: Kernel) -> Iterator[_Range]:
    if weights := kernel.weights(row):
        yield Column.WEIGHTS, weights, 1
    for column, width in PER_CHANNEL.items():
        if column in kernel.reads:
            yield column, row[Column.OUTPUT_C] * width, width


def _check_range(where: str, row: Row, column: Column, size: int, available: int, alignment: int) -> None:
    offset = row[column]
    if size <= 0 or offset < 0 or offset + size > available or offset % max(alignment, ALIGNMENT):
        raise ModelError(
            f"{column.name.lower()} takes bytes {offset} to {offset + size} of {available}", operator=where
        )


def _check_window(where: str, row: Row) -> None:
    """Check that a kernel starts inside the border and reaches no further than its own size beyond the input."""
    for size, reach, kernel, stride, pad in (
        (Column.INPUT_H, Column.OUTPUT_H, Column.KERNEL_H, Column.STRIDE_H, Column.PAD_TOP),
        (Column.INPUT_W, Column.OUTPUT_W, Column.KERNEL_W, Column.STRIDE_W, Column.PAD_LEFT),
    ):
        last = (row[reach] - 1) * row[stride] + row[kernel]
        if row[stride] < 1 or not 0 <= row[pad] < row[kernel] or last > row[size] + row[kernel]:
            raise ModelError(f"the kernel leaves the border of {size.name.lower()}", operator=where)


def _check_values(where: str, row: Row, kernel: Kernel) -> None:
    """Check that numbers are in their domain, and 0 where the kernel does not read them."""
    for column in UNREAD[StepOp(row[Column.OP])]:
        if row[column]:
            raise ModelError(f"{column.name.lower()} must be 0: the kernel does not read it", operator=where)
    for column in _INT8:
        if not -128 <= row[column] <= 127:
            raise ModelError(f"{column.name.lower()} is {row[column]}, an int8 is accepted", operator=where)
    if row[Column.ACTIVATION_MIN] > row[Column.ACTIVATION_MAX] or row[Column.ROUNDING] not in list(kernel.rounding):
        raise ModelError("its rounding and clamps are not possible", operator=where)
    if kernel.other is None:
        return
    if row[Column.OTHER] < FIRST_IS_CONSTANT or (row[Column.WEIGHTS] and not kernel.weights(row)):
        raise ModelError("a second operand is a tensor or a constant", operator=where)


def _check_starts(where: str, row: Row, program: Program) -> None:
    """Check that runs of bytes begin and end inside the input, or begin at -1, which stands for no input."""
    starts = np.frombuffer(program.constants, "<i4", row[Column.OUTPUT_W], row[Column.WEIGHTS])
    if starts.min() < -1 or starts.max() + row[Column.OUTPUT_C] > row[Column.INPUT_C]:
        raise ModelError("a run begins or ends outside the input", operator=where)


def _check_blend(where: str, row: Row, program: Program) -> None:
    """Check that pixels are inside the input, and that the weights of each output pixel add up to one."""
    pixels, count = row[Column.INPUT_H] * row[Column.INPUT_W], row[Column.OUTPUT_H] * row[Column.OUTPUT_W]
    taps = np.frombuffer(program.constants, "<i4", 8 * count, row[Column.WEIGHTS]).reshape(count, 2, 4)
    if (
        taps.min() < 0
        or taps[:, 0].max() >= pixels
        or (taps[:, 1].sum(axis=1, dtype=np.int64) != 1 << BLEND_SHIFT).any()
    ):
        raise ModelError("a pixel is outside the input, or its weights are not parts of one", operator=where)


def _check_bands(where: str, row: Row, program: Program) -> None:
    """Check that the numbers of bands are those that there are, -1, or -2."""
    bins = row[Column.INPUT_C]
    numbers = np.frombuffer(program.constants, "<i4", bins, row[Column.WEIGHTS] + 8 * bins)
    if numbers.min() < -2 or numbers.max() >= row[Column.OUTPUT_C] // 2:
        raise ModelError("a bin has a share of a band that is not there", operator=where)


# -- Several steps ----------------------------------------------------------------------------------------------


def _span(row: Row, touched: _Range) -> tuple[int, int]:
    column, size, _ = touched
    return row[column], row[column] + size


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _check_pairs(program: Program, rows: list[Row]) -> None:
    """Check that only the second step of a pair reads what the first writes, and does not overwrite what that reads."""
    if not all(0 <= index < len(rows) - 1 for index in program.pairs):
        raise ModelError(f"there are {len(rows)} steps, {program.pairs} do not all begin pairs")
    written_by = writers(rows)
    for index in program.pairs:
        row, after, where = rows[index], rows[index + 1], _name(index, rows[index])
        if written_by[index + 1] != index or [row[c] for c in OUTPUT] != [after[c] for c in INPUT]:
            raise ModelError("the next step does not read its output", operator=where)
        if written_by.count(index) + writers(rows, Column.OTHER).count(index) > 1:
            raise ModelError("more than the next step reads its output", operator=where)
        if _overlap(_span(row, _activations(row)[0]), _span(after, _activations(after)[-1])):
            raise ModelError("the next step writes over its input", operator=where)


def _check_patchwise(program: Program, rows: list[Row]) -> None:
    """Check that what is read after the patchwise steps is kept, and that none of them overwrites it."""
    count, kept = program.patchwise, {0, *program.kept}
    if not 0 <= count <= len(rows) or not all(0 < index < count for index in program.kept):
        raise ModelError(f"there are {len(rows)} steps; {count} cannot be patchwise, with {program.kept} kept")
    read = [*writers(rows)[count:], *writers(rows, Column.OTHER)[count:]]
    lost = [index for index in read if index is not None and index < count and index not in kept]
    if lost:
        raise ModelError("a later step reads its output, which is not kept", operator=_name(lost[0], rows[lost[0]]))
    if not count:
        return
    written = [_span(row, _activations(row)[-1]) for row in rows[:count]]
    for index, span in ((None, _span(rows[0], _activations(rows[0])[0])), *((index, written[index]) for index in kept)):
        for other, over in enumerate(written):
            if other != index and _overlap(span, over):
                raise ModelError("it writes over what is kept for each patch", operator=_name(other, rows[other]))
