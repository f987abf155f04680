"""Proof that the front end of a plan file reads its tables alone, and writes its scratch memory and the patch alone.

Tables are those of `yamjit.kernels.log_mel.tables`; what is said of them here is what `yamjit.kernels.log_mel.kernel`
does with them, on the widest vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from yamjit.kernels.log_mel.tables import MOST_LANES
from yamjit.kernels.log_mel.tables import Field as Table
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.plan_file.faults import integers, refuse, within, wrong
from yamjit.kernels.plan_file.layout import Fault, Field

__all__ = ["check_tables"]

#: Half the length of the longest transform, points of all transforms of a patch, and the most bands.
_MOST_POINTS, _MOST_OF_PATCH, _MOST_BANDS = 2**20, 2**28, 2**16

_FIELDS = len(Table)
_WIDE = 2 * MOST_LANES


@jit
def check_tables(plan: int, header: Any, found: Any) -> bool:
    """Check the tables of a plan file whose header is right, if it has any."""
    size = header[Field.TABLES_SIZE]
    if size == 0:
        return True
    if size < 8 * _FIELDS:
        return refuse(found, Fault.BAD_TABLES, 0, Field.TABLES_SIZE, size)
    at = plan + header[Field.TABLES_AT]
    tables = integers(at, _FIELDS)
    bad = _bad_number(tables, header)
    if bad < 0:
        bad = _bad_place(tables, size)
    if bad < 0:
        bad = _bad_order(tables, at)
    if bad < 0:
        bad = _bad_bands(tables, at, size)
    if bad < 0:
        bad = _bad_scratch(tables, header[Field.LOG_MEL_SCRATCH])
    return True if bad < 0 else refuse(found, Fault.BAD_TABLES, 0, bad, tables[bad])


# -- Each function returns the field that is wrong, or -1 -------------------------------------------------------


@jit
def _bad_number(tables: Any, header: Any) -> int:
    """Check numbers against the header's, and that the passes of the transform take in all points."""
    points, radix = tables[Table.POINTS], tables[Table.FIRST_RADIX]
    if tables[Table.HOP] != 4 * header[Field.HOP]:
        return wrong(Table.HOP)
    if not 4 <= points <= _MOST_POINTS or points * header[Field.FRAMES] > _MOST_OF_PATCH:
        return wrong(Table.POINTS)
    if tables[Table.FRAME] != header[Field.FRAME] or tables[Table.FRAME] > 2 * points:
        return wrong(Table.FRAME)
    if tables[Table.BANDS] != header[Field.BANDS] or tables[Table.BANDS] > _MOST_BANDS:
        return wrong(Table.BANDS)
    if radix != 4 and radix != 8:
        return wrong(Table.FIRST_RADIX)
    span = radix
    for field, factor in ((Table.EIGHTS, 8), (Table.FOURS, 4)):
        if not 0 <= tables[field] <= 10:
            return wrong(field)
        for _ in range(tables[field]):
            span *= factor
    if span != points:
        return wrong(Table.POINTS)
    return -1 if 0 <= tables[Table.FIRST_PAIR] <= points // 2 else wrong(Table.FIRST_PAIR)


@jit
def _bad_place(tables: Any, size: int) -> int:
    """Check that all tables whose sizes are known lie in the block."""
    points, span, factors = tables[Table.POINTS], tables[Table.FIRST_RADIX], np.int64(0)
    for _ in range(tables[Table.EIGHTS]):
        factors, span = factors + 64 * span, span * 8
    for _ in range(tables[Table.FOURS]):
        factors, span = factors + 32 * span, span * 4
    for field, needed in (
        (Table.WINDOW, (tables[Table.FRAME] + _WIDE - 1) // _WIDE * _WIDE * 4),
        (Table.REVERSED, points // tables[Table.FIRST_RADIX] * 8),
        (Table.FACTORS, factors),
        (Table.PAIR_FACTORS, (points // 2 + 1) * 16),
        (Table.MEL_ROWS, tables[Table.BANDS] * 16),
        (Table.OFFSETS, tables[Table.BANDS] * 4),
        (Table.SCALES, tables[Table.BANDS] * 4 if tables[Table.SCALES] else np.int64(0)),
    ):
        if not within(tables[field], needed, size):
            return wrong(field)
    return -1


@jit
def _bad_order(tables: Any, at: int) -> int:
    """Check where the first pass puts its points."""
    count = tables[Table.POINTS] // tables[Table.FIRST_RADIX]
    order = integers(at + tables[Table.REVERSED], count)
    for place in range(count):
        if not 0 <= order[place] <= tables[Table.POINTS] - tables[Table.FIRST_RADIX]:
            return wrong(Table.REVERSED)
    return -1


@jit
def _bad_bands(tables: Any, at: int, size: int) -> int:
    """Check that bands sum bins that were computed, by weights that are there."""
    first_bin, last_bin = tables[Table.FIRST_PAIR], tables[Table.POINTS] - tables[Table.FIRST_PAIR]
    rows, weights = integers(at + tables[Table.MEL_ROWS], 2 * tables[Table.BANDS]), np.int64(0)
    for band in range(tables[Table.BANDS]):
        first, width = rows[2 * band], rows[2 * band + 1]
        if not (0 <= first <= tables[Table.POINTS] and 0 <= width <= tables[Table.POINTS] + 1):
            return wrong(Table.MEL_ROWS)
        if width > 0 and (first < first_bin or first + width - 1 > last_bin):
            return wrong(Table.MEL_ROWS)
        weights += 4 * width
    return -1 if within(tables[Table.WEIGHTS], weights, size) else wrong(Table.WEIGHTS)


@jit
def _bad_scratch(tables: Any, size: int) -> int:
    """Check that parts of scratch memory follow each other."""
    points, end = tables[Table.POINTS], np.int64(0)
    for field, needed in (
        (Table.ROWS, np.int64(8 * MOST_LANES)),
        (Table.TAIL, np.int64(8 * MOST_LANES * MOST_LANES)),
        (Table.WINDOWED, 8 * MOST_LANES * max(points, MOST_LANES)),
        (Table.SPECTRUM, 16 * MOST_LANES * points),
        (Table.MAGNITUDES, 4 * MOST_LANES * (points + 1)),
        (Table.LOGARITHMS, 4 * MOST_LANES * tables[Table.BANDS]),
    ):
        if tables[field] < end or not within(tables[field], needed, size):
            return wrong(field)
        end = tables[field] + needed
    return -1 if tables[Table.SCRATCH_SIZE] == size else wrong(Table.SCRATCH_SIZE)
