"""Proof that no step of a plan file touches what is not its own: each column of each step, and scratch memory.

What kernels touch is looked up in `yamjit.kernels.plan_file.kernel_table`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.plan_file.faults import MOST, product, refuse, within, wrong
from yamjit.kernels.plan_file.kernel_table import (
    EQUAL,
    INPUT_BYTES,
    MULTIPLIES,
    ONES,
    OUTPUT_BYTES,
    READS,
    ROUNDINGS,
    STEP_OF,
    UNITS,
    other_values,
    suits,
    use_of,
    weights_of,
)
from yamjit.kernels.plan_file.layout import FAMILIES, Fault, Field
from yamjit.kernels.prepared.columns import INT8_TO_UINT8, Prepared, VectorOp
from yamjit.kernels.prepared.preparation_proof import REACH
from yamjit.kernels.prepared.table import row_of
from yamjit.kernels.program import BLEND_SHIFT, COLUMNS, FIRST_IS_CONSTANT, SPARE, Column, StepOp
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["MOST_WORK", "check_steps"]

#: Work of one patch, so that every run ends: eight times the multiply-adds that a model file may ask for.
MOST_WORK = 2**36

#: Rows and columns of a kernel, and from one of its places to the next.
_MOST_KERNEL = 2**15

#: Greatest shift of packed factors, by which lanes of 32 bits are shifted, and the range of plain ones.
_MOST_PACKED_SHIFT, _LEAST_SHIFT, _MOST_SHIFT = 31, -31, 16

_X86 = FAMILIES.index("x86")
_OPERATIONS = len(STEP_OF)


@jit
def check_steps(plan: int, header: Any, found: Any) -> bool:
    """Check all steps of a plan file whose header is right."""
    steps, count = plan + header[Field.STEPS_AT], header[Field.STEPS]
    spare = accumulators = image = panel = border = work = np.int64(0)
    for index in range(count):
        row = row_of(steps, index)
        bad = _bad_row(row, header)
        if bad < 0:
            use = use_of(row)
            bad = _bad_constant(row, use, plan + header[Field.CONSTANTS_AT], header[Field.CONSTANTS_SIZE])
            spare, accumulators, image = (
                max(spare, use.spare),
                max(accumulators, use.accumulators),
                max(image, use.image),
            )
            panel, border = max(panel, use.panel), max(border, use.border)
            work += _work(row) + use.image + use.border
        if bad < 0:
            bad = _bad_run(steps, index, count, header)
        if bad < 0 and index == 0:
            bad = _bad_start(row, header)
        if bad >= 0:
            return refuse(found, Fault.BAD_STEP, index, bad, row[bad])
        if work > MOST_WORK:
            return refuse(found, Fault.BAD_HEADER, 0, Field.STEPS, count)
    return _check_scratch(header, spare, accumulators, image, panel, border, found)


@jit
def _check_scratch(header: Any, spare: int, accumulators: int, image: int, panel: int, border: int, found: Any) -> bool:
    """Check that each part holds what is touched in it before the next one begins; the spare part is first."""
    end = max(np.int64(SPARE), spare)
    for field, size in (
        (Field.ACCUMULATORS, accumulators),
        (Field.IMAGE, image),
        (Field.PANEL, panel),
        (Field.BORDER, border),
    ):
        if header[field] % REACH or header[field] < end + REACH:
            return refuse(found, Fault.BAD_HEADER, 0, field, header[field])
        end = header[field] + size
    if header[Field.SCRATCH] < end + REACH:
        return refuse(found, Fault.BAD_HEADER, 0, Field.SCRATCH, header[Field.SCRATCH])
    return True


# -- One step: each function returns the column that is wrong, or -1 --------------------------------------------


@jit
def _bad_row(row: Any, header: Any) -> int:
    """Check operation, places and sizes of activations, and every number but those that tell of constants and runs."""
    op = row[Column.OP]
    if not 0 <= op < _OPERATIONS or STEP_OF[op] < 0:
        return wrong(Column.OP)
    for column in range(PREPARED_COLUMNS):
        if row[column] and not READS[op, column]:
            return column
        if ONES[op, column] and row[column] != 1:
            return column
        if row[column] != row[EQUAL[op, column]] and EQUAL[op, column]:
            return column
    for column in range(Column.INPUT_H, Column.OUTPUT_C + 1):
        if not 1 <= row[column] <= MOST:
            return column
    read, written = _bytes_read(row), product(_volume(row, Column.OUTPUT_H), OUTPUT_BYTES[op])
    if not within(row[Column.INPUT], read, header[Field.ARENA]):
        return wrong(Column.INPUT)
    if not within(row[Column.OUTPUT], written, header[Field.ARENA]):
        return wrong(Column.OUTPUT)
    if _overlap(row[Column.INPUT], read, row[Column.OUTPUT], written):
        return wrong(Column.OUTPUT)
    bad = _bad_number(row)
    if bad < 0 and READS[op, Column.OTHER]:
        bad = _bad_other(row, written, header)
    if bad < 0 and READS[op, Column.KERNEL_H]:
        bad = _bad_window(row)
    if bad < 0 and (_work(row) > MOST_WORK or not suits(row)):
        return wrong(Column.OP)
    return bad


@jit
def _volume(row: Any, first: int) -> int:
    """Return the product of three columns."""
    return product(product(row[first], row[first + 1]), row[first + 2])


@jit
def _bytes_read(row: Any) -> int:
    """Return the bytes of a step's input."""
    return product(_volume(row, Column.INPUT_H), INPUT_BYTES[row[Column.OP]])


@jit
def _overlap(one: int, size: int, other: int, other_size: int) -> bool:
    return one < other + other_size and other < one + size


@jit
def _bad_other(row: Any, written: int, header: Any) -> int:
    """Check the second operand: a constant, or a tensor that the output does not lie over."""
    place, size = row[Column.OTHER], other_values(row) * INPUT_BYTES[row[Column.OP]]
    if place < FIRST_IS_CONSTANT or size <= 0:
        return wrong(Column.OTHER)
    if place >= 0:
        if row[Column.WEIGHTS] and not weights_of(row):
            return wrong(Column.WEIGHTS)
        if not within(place, size, header[Field.ARENA]) or _overlap(place, size, row[Column.OUTPUT], written):
            return wrong(Column.OTHER)
    return -1


@jit
def _bad_number(row: Any) -> int:
    """Check the numbers that results are made with."""
    for column in range(Column.INPUT_ZERO_POINT, Column.ACTIVATION_MAX + 1):
        if not -128 <= row[column] <= 127:
            return column
    if row[Column.ACTIVATION_MIN] > row[Column.ACTIVATION_MAX]:
        return wrong(Column.ACTIVATION_MIN)
    return -1 if 0 <= row[Column.ROUNDING] < ROUNDINGS[row[Column.OP]] else wrong(Column.ROUNDING)


@jit
def _bad_window(row: Any) -> int:
    """Check that a kernel starts inside the border and reaches no further than its own size beyond the input."""
    for axis in range(2):
        kernel, stride, pad = row[Column.KERNEL_H + axis], row[Column.STRIDE_H + axis], row[Column.PAD_TOP + axis]
        if not 1 <= kernel <= _MOST_KERNEL:
            return Column.KERNEL_H + axis
        if not 1 <= stride <= _MOST_KERNEL:
            return Column.STRIDE_H + axis
        if not 0 <= pad < kernel:
            return Column.PAD_TOP + axis
        if (row[Column.OUTPUT_H + axis] - 1) * stride > row[Column.INPUT_H + axis]:
            return Column.OUTPUT_H + axis
    return -1


@jit
def _work(row: Any) -> int:
    """Return how many times something is read or added up, at most twice `MOST`."""
    work = _volume(row, Column.OUTPUT_H)
    if MULTIPLIES[row[Column.OP]]:
        work = product(work, row[Column.INPUT_C])
    if READS[row[Column.OP], Column.KERNEL_H]:
        work = product(product(work, row[Column.KERNEL_H]), row[Column.KERNEL_W])
    return work + _volume(row, Column.INPUT_H)


# -- Constants of a step ----------------------------------------------------------------------------------------


@jit
def _bad_constant(row: Any, use: Any, constants: int, size: int) -> int:
    """Check how a kernel walks over its input, that constants lie in their block, and values that shift."""
    op = row[Column.OP]
    walk = (use.quads, use.groups, use.panel_stride, use.image_h, use.image_w)
    for place in range(5):
        if row[Prepared.QUADS + place] != walk[place]:
            return Prepared.QUADS + place
    for column in range(PREPARED_COLUMNS):
        if READS[op, column]:
            needed = UNITS[column] * (row[Column.OUTPUT_C] if column < COLUMNS else use.blocks)
            if column == Column.WEIGHTS:
                needed = weights_of(row)
            elif column == Prepared.WEIGHTS:
                needed = use.weights
            if needed and not within(row[column], needed, size):
                return column
    if READS[op, Column.SHIFT]:
        return _bad_shift(row, constants, Column.SHIFT, row[Column.OUTPUT_C], _LEAST_SHIFT, _MOST_SHIFT)
    if READS[op, Prepared.SHIFT]:
        channels = use.blocks * (UNITS[Prepared.SHIFT] // 4)
        return _bad_shift(row, constants, Prepared.SHIFT, channels, 0, _MOST_PACKED_SHIFT)
    if op == StepOp.QUANTIZE:
        scale = carray(pointer(constants + row[Column.WEIGHTS]), 1, np.float32)[0]
        return -1 if 0 < scale < np.inf else wrong(Column.WEIGHTS)
    if op == StepOp.BLEND:
        return _bad_pixels(row, constants)
    if op == StepOp.LOG_BANDS:
        return _bad_bands(row, constants)
    return _bad_runs_of_bytes(row, constants) if op == StepOp.MOVE else -1


@jit
def _bad_runs_of_bytes(row: Any, constants: int) -> int:
    """Check that each run lies in the input, or begins at -1, which stands for no input."""
    starts = carray(pointer(constants + row[Column.WEIGHTS]), row[Column.OUTPUT_W], np.int32)
    for place in range(row[Column.OUTPUT_W]):
        if not -1 <= starts[place] <= row[Column.INPUT_C] - row[Column.OUTPUT_C]:
            return wrong(Column.WEIGHTS)
    return -1


@jit
def _bad_pixels(row: Any, constants: int) -> int:
    """Check that pixels are inside the input, and that the weights of each output pixel add up to one."""
    count, pixels = row[Column.OUTPUT_H] * row[Column.OUTPUT_W], row[Column.INPUT_H] * row[Column.INPUT_W]
    taps = carray(pointer(constants + row[Column.WEIGHTS]), (count, 2, 4), np.int32)
    for place in range(count):
        total = np.int64(0)
        for tap in range(4):
            if not (0 <= taps[place, 0, tap] < pixels and taps[place, 1, tap] >= 0):
                return wrong(Column.WEIGHTS)
            total += np.int64(taps[place, 1, tap])
        if total != 1 << BLEND_SHIFT:
            return wrong(Column.WEIGHTS)
    return -1


@jit
def _bad_bands(row: Any, constants: int) -> int:
    """Check that the numbers of bands are those that there are, -1, or -2."""
    bins = row[Column.INPUT_C]
    numbers = carray(pointer(constants + row[Column.WEIGHTS] + 8 * bins), bins, np.int32)
    for place in range(bins):
        if not -2 <= numbers[place] < row[Column.OUTPUT_C] // 2:
            return wrong(Column.WEIGHTS)
    return -1


@jit
def _bad_shift(row: Any, constants: int, column: int, count: int, least: int, most: int) -> int:
    """Check that a processor can shift by the numbers in a column."""
    shifts = carray(pointer(constants + row[column]), count, np.int32)
    for place in range(count):
        if not least <= shifts[place] <= most:
            return column
    return -1


# -- How steps run ----------------------------------------------------------------------------------------------


@jit
def _bad_start(row: Any, header: Any) -> int:
    """Check that the first step reads the patch, and nothing else."""
    if row[Column.INPUT] != header[Field.PATCH_AT]:
        return wrong(Column.INPUT)
    return -1 if _bytes_read(row) == 4 * header[Field.FRAMES] * header[Field.BANDS] else wrong(Column.INPUT_C)


@jit
def _bad_run(steps: int, index: int, count: int, header: Any) -> int:
    """Check the marks of a step: patchwise steps come first, and what later ones read is kept for each patch."""
    row = row_of(steps, index)
    if row[Prepared.FLIP] != (INT8_TO_UINT8 if header[Field.FAMILY] == _X86 else 0):
        return wrong(Prepared.FLIP)
    patchwise = row[Prepared.PATCHWISE]
    if not 0 <= patchwise <= (row_of(steps, index - 1)[Prepared.PATCHWISE] if index else 1):
        return wrong(Prepared.PATCHWISE)
    if not (1 - patchwise if index else 1) <= row[Prepared.OUTPUT_KEPT] <= 1:
        return wrong(Prepared.OUTPUT_KEPT)
    kept = _kept(steps, index, row[Column.INPUT])
    if row[Prepared.INPUT_KEPT] != kept or (kept == 0 and patchwise == 0):
        return wrong(Prepared.INPUT_KEPT)
    reads_another = READS[row[Column.OP], Column.OTHER] and row[Column.OTHER] >= 0
    kept = _kept(steps, index, row[Column.OTHER]) if reads_another else np.int64(0)
    if row[Prepared.OTHER_KEPT] != kept or (reads_another and kept == 0 and patchwise == 0):
        return wrong(Prepared.OTHER_KEPT)
    if row[Prepared.PAIRED] and not (row[Prepared.PAIRED] == 1 and index + 1 < count and _makes_pair(steps, index)):
        return wrong(Prepared.PAIRED)
    return -1


@jit
def _kept(steps: int, index: int, place: int) -> int:
    """Return whether what a step reads at a place was kept for each patch: by the latest step that wrote there."""
    kept = np.int64(1)
    for other in range(index):
        row = row_of(steps, other)
        if row[Column.OUTPUT] == place:
            kept = row[Prepared.OUTPUT_KEPT]
    return kept


@jit
def _makes_pair(steps: int, index: int) -> bool:
    """Return whether a step and the next one can run as one."""
    row, after = row_of(steps, index), row_of(steps, index + 1)
    if row[Column.OP] != VectorOp.DEPTHWISE or after[Column.OP] != VectorOp.POINTWISE:
        return False
    for axis in range(3):
        if row[Column.OUTPUT_H + axis] != after[Column.INPUT_H + axis]:
            return False
    return bool(after[Column.INPUT] == row[Column.OUTPUT])
