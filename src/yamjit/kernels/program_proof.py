"""Proof that no step of a program reads or writes outside its memory: kernels check nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from yamjit.errors import ModelError
from yamjit.kernels.program import ALIGNMENT, Column, Program, StepOp

__all__ = ["prove_ranges"]

#: A stretch of memory that a step touches: column of its offset, bytes, and alignment that its type needs.
_Stretch = tuple[Column, int, int]


def prove_ranges(program: Program) -> None:
    """Check every stretch that every step touches, and that no step overwrites what it reads.

    Raises
    ------
    ModelError
        Naming the step and the column; a compiler that is right never causes it.
    """
    if not all(0 <= index < len(program.steps) - 1 for index in program.pairs):
        raise ModelError(f"there are {len(program.steps)} steps, pairs {program.pairs} lie beside them")
    for index, row in enumerate(program.steps.tolist()):
        if row[Column.OP] not in list(StepOp):
            raise ModelError(f"there is no step operation {row[Column.OP]}", operator=f"step {index}")
        where = f"step {index} {StepOp(row[Column.OP]).name}"
        activations = list(_activations(row))
        for column, size, alignment in activations:
            _check(where, column, row[column], size, program.arena_bytes, alignment)
        for column, size, alignment in _constants(row):
            _check(where, column, row[column], size, program.constants.size, alignment)
        (source, read, _), (target, written, _) = activations
        if row[source] < row[target] + written and row[target] < row[source] + read:
            raise ModelError("the output lies over the input", operator=where)
        if not 0 < row[Column.OUTPUT_C] <= program.scratch_channels:
            raise ModelError("more channels than accumulators", operator=where)
        if row[Column.OP] in (StepOp.CONV, StepOp.DEPTHWISE):
            _check_window(where, row)
        if index in program.pairs:
            _check_pair(where, row, program.steps[index + 1].tolist())
        for one, other in _EQUAL[StepOp(row[Column.OP])]:
            if row[one] != row[other]:
                raise ModelError(f"{one.name.lower()} and {other.name.lower()} must be equal", operator=where)


def _check_pair(where: str, row: list[int], after: list[int]) -> None:
    """Check that the second step of a pair reads what the first passes on, and writes beside what it reads."""
    (source, read, _), _ = _activations(row)
    _, (target, written, _) = _activations(after)
    places = (Column.OUTPUT, Column.OUTPUT_H, Column.OUTPUT_W, Column.OUTPUT_C)
    takes = (Column.INPUT, Column.INPUT_H, Column.INPUT_W, Column.INPUT_C)
    if [row[column] for column in places] != [after[column] for column in takes]:
        raise ModelError("the step behind does not read its output", operator=where)
    if row[source] < after[target] + written and after[target] < row[source] + read:
        raise ModelError("the step behind writes over its input", operator=where)


def _check_window(where: str, row: list[int]) -> None:
    """Check that a kernel starts inside the border and reaches no further than its own size beyond the input."""
    for size, reach, kernel, stride, pad in (
        (Column.INPUT_H, Column.OUTPUT_H, Column.KERNEL_H, Column.STRIDE_H, Column.PAD_TOP),
        (Column.INPUT_W, Column.OUTPUT_W, Column.KERNEL_W, Column.STRIDE_W, Column.PAD_LEFT),
    ):
        last = (row[reach] - 1) * row[stride] + row[kernel]
        if row[stride] < 1 or not 0 <= row[pad] < row[kernel] or last > row[size] + row[kernel]:
            raise ModelError(f"the kernel leaves the border of {size.name.lower()}", operator=where)


def _check(where: str, column: Column, offset: int, size: int, available: int, alignment: int) -> None:
    if size <= 0 or offset < 0 or offset + size > available or offset % max(alignment, ALIGNMENT):
        raise ModelError(
            f"{column.name.lower()} takes bytes {offset} to {offset + size} of {available}", operator=where
        )


def _activations(row: list[int]) -> Iterator[_Stretch]:
    read = row[Column.INPUT_H] * row[Column.INPUT_W] * row[Column.INPUT_C]
    written = row[Column.OUTPUT_H] * row[Column.OUTPUT_W] * row[Column.OUTPUT_C]
    width = 4 if row[Column.OP] == StepOp.QUANTIZE else 1
    yield Column.INPUT, read * width, width
    yield Column.OUTPUT, written, 1


def _constants(row: list[int]) -> Iterator[_Stretch]:
    op = StepOp(row[Column.OP])
    weights = _WEIGHT_BYTES[op](row)
    if weights:
        yield Column.WEIGHTS, weights, 1
    if op in (StepOp.QUANTIZE, StepOp.LOOKUP):
        return
    channels = row[Column.OUTPUT_C]
    for column, width in _PER_CHANNEL.items():
        yield column, channels * width, width


_SAME_CHANNELS = (Column.INPUT_C, Column.OUTPUT_C)
_SAME_PLACES = ((Column.INPUT_H, Column.OUTPUT_H), (Column.INPUT_W, Column.OUTPUT_W))

#: Sizes that a kernel takes from its input and relies on for its output.
_EQUAL: dict[StepOp, tuple[tuple[Column, Column], ...]] = {
    StepOp.QUANTIZE: (*_SAME_PLACES, _SAME_CHANNELS),
    StepOp.CONV: (),
    StepOp.DEPTHWISE: (_SAME_CHANNELS,),
    StepOp.POINTWISE: _SAME_PLACES,
    StepOp.MEAN: (_SAME_CHANNELS,),
    StepOp.LOOKUP: (*_SAME_PLACES, _SAME_CHANNELS),
}

_PER_CHANNEL = {Column.BIAS: 4, Column.MULTIPLIER: 4, Column.SHIFT: 4, Column.OFFSET: 8, Column.SCALE: 8}

_WEIGHT_BYTES: dict[StepOp, Callable[[list[int]], int]] = {
    StepOp.QUANTIZE: lambda row: 4,
    StepOp.CONV: lambda row: row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.INPUT_C] * row[Column.OUTPUT_C],
    StepOp.DEPTHWISE: lambda row: row[Column.KERNEL_H] * row[Column.KERNEL_W] * row[Column.OUTPUT_C],
    StepOp.POINTWISE: lambda row: row[Column.INPUT_C] * row[Column.OUTPUT_C],
    StepOp.MEAN: lambda row: 0,
    StepOp.LOOKUP: lambda row: 256,
}
