"""Proof that a plan file in memory is whole, and that nothing that runs from it touches what is not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.plan_file.digest import xxh64_of
from yamjit.kernels.plan_file.faults import integers, product, refuse, within, wrong
from yamjit.kernels.plan_file.head_check import check_heads
from yamjit.kernels.plan_file.layout import FAMILIES, FORMAT_VERSION, HEAD_FIELDS, HEADER_BYTES, MAGIC, Fault, Field
from yamjit.kernels.plan_file.step_check import check_steps
from yamjit.kernels.plan_file.table_check import check_tables
from yamjit.kernels.vectors.target import Target
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["make_check_plan"]

#: Where the bytes begin that the digest is of.
_DIGESTED = 8 * Field.SIZE

#: Bytes of a block of memory that a plan may ask for, and samples of a window.
_MOST_BYTES = 2**30

#: Fields, and the least and the greatest value that each may have.
_RANGES = np.array(
    [
        (Field.STEPS, 1, 2**12),
        (Field.CONSTANTS_SIZE, 1, _MOST_BYTES),
        (Field.HEADS, 1, 2**12),
        (Field.TEXT_SIZE, 1, _MOST_BYTES),
        (Field.ARENA, ALIGNMENT, _MOST_BYTES),
        (Field.SCRATCH, ALIGNMENT, _MOST_BYTES),
        (Field.ACCUMULATORS, 0, _MOST_BYTES),
        (Field.IMAGE, 0, _MOST_BYTES),
        (Field.PANEL, 0, _MOST_BYTES),
        (Field.BORDER, 0, _MOST_BYTES),
        (Field.LOG_MEL_SCRATCH, 0, _MOST_BYTES),
        (Field.FRAMES, 1, _MOST_BYTES),
        (Field.BANDS, 1, 2**20),
        (Field.SAMPLE_RATE, 1, 2**30),
        (Field.WINDOW, 0, _MOST_BYTES),
        (Field.HOP, 0, _MOST_BYTES),
        (Field.FRAME, 0, _MOST_BYTES),
        (Field.EMBEDDING_SIZE, 0, _MOST_BYTES),
        (Field.EMBEDDING_BYTES, 0, 4),
        (Field.EMBEDDING_ZERO_POINT, -128, 127),
    ]
)

#: Fields of places, each before that of a count; bytes of what is counted; the field of the size that holds it.
_PARTS = np.array(
    [
        (Field.STEPS_AT, 8 * PREPARED_COLUMNS, Field.SIZE),
        (Field.CONSTANTS_AT, 1, Field.SIZE),
        (Field.TABLES_AT, 1, Field.SIZE),
        (Field.HEADS_AT, 8 * HEAD_FIELDS, Field.SIZE),
        (Field.TEXT_AT, 1, Field.SIZE),
        (Field.DESCRIPTION_AT, 1, Field.SIZE),
    ]
)


def make_check_plan(target: Target) -> Callable[..., None]:
    """Return ``check_plan(plan, size, found)``, which takes files for the family of `target`, ready to be compiled.

    `plan` and `found` are addresses: of `size` bytes, and of four int64.
    """
    family = FAMILIES.index(target.family)

    def check_plan(plan: int, size: int, found: int) -> None:
        result = integers(found, 4)
        refuse(result, Fault.NONE, 0, 0, 0)
        if _is_whole(plan, size, family, result):
            header = integers(plan, HEADER_BYTES // 8)
            if (
                _check_header(plan, header, result)
                and check_steps(plan, header, result)
                and check_tables(plan, header, result)
            ):
                check_heads(plan, header, result)

    return check_plan


@jit
def _is_whole(plan: int, size: int, family: int, found: Any) -> bool:
    """Check that these are the bytes that were written, for this family and format."""
    if plan % ALIGNMENT:
        return refuse(found, Fault.NOT_ALIGNED, 0, 0, plan % ALIGNMENT)
    if size < HEADER_BYTES:
        return refuse(found, Fault.NOT_A_PLAN, 0, Field.SIZE, size)
    header = integers(plan, HEADER_BYTES // 8)
    if header[Field.MAGIC] != MAGIC:
        return refuse(found, Fault.NOT_A_PLAN, 0, Field.MAGIC, header[Field.MAGIC])
    if header[Field.VERSION] != FORMAT_VERSION:
        return refuse(found, Fault.OTHER_VERSION, 0, Field.VERSION, header[Field.VERSION])
    if header[Field.FAMILY] != family:
        return refuse(found, Fault.OTHER_FAMILY, 0, Field.FAMILY, header[Field.FAMILY])
    if header[Field.SIZE] != size:
        return refuse(found, Fault.OTHER_SIZE, 0, Field.SIZE, header[Field.SIZE])
    written = carray(pointer(plan + 8 * Field.DIGEST), 1, np.uint64)
    if xxh64_of(plan + _DIGESTED, size - _DIGESTED) != written[0]:
        return refuse(found, Fault.DAMAGED, 0, Field.DIGEST, header[Field.DIGEST])
    return True


@jit
def _check_header(plan: int, header: Any, found: Any) -> bool:
    """Check that numbers are possible, and that every part lies in the file, and the embedding in the arena."""
    for index in range(len(_RANGES)):
        field, least, most = _RANGES[index]
        if not least <= header[field] <= most:
            return refuse(found, Fault.BAD_HEADER, 0, field, header[field])
    for index in range(len(_PARTS)):
        place, unit, whole = _PARTS[index]
        if not within(header[place], product(header[place + 1], unit), header[whole]):
            return refuse(found, Fault.BAD_HEADER, 0, place, header[place])
    bad = _bad_content(plan, header)
    if bad < 0:
        bad = _bad_window(header)
    return True if bad < 0 else refuse(found, Fault.BAD_HEADER, 0, bad, header[bad])


@jit
def _bad_content(plan: int, header: Any) -> int:
    """Return the field that does not go with the arena, or of which the text or a number is not possible; or -1."""
    if header[Field.ARENA] % ALIGNMENT:
        return wrong(Field.ARENA)
    patch = 4 * header[Field.FRAMES] * header[Field.BANDS]
    if not within(header[Field.PATCH_AT], patch, header[Field.ARENA]):
        return wrong(Field.PATCH_AT)
    scale = carray(pointer(plan + 8 * Field.EMBEDDING_SCALE), 1, np.float64)[0]
    size, width = header[Field.EMBEDDING_SIZE], header[Field.EMBEDDING_BYTES]
    if size and width != 1 and width != 4:
        return wrong(Field.EMBEDDING_BYTES)
    if not within(header[Field.EMBEDDING_AT], size * width, header[Field.ARENA]):
        return wrong(Field.EMBEDDING_AT)
    if size and not 0 < scale < np.inf:
        return wrong(Field.EMBEDDING_SCALE)
    last = header[Field.TEXT_SIZE] - 1
    ends = carray(pointer(plan + header[Field.TEXT_AT] + last), 1, np.uint8)[0] == 0
    return -1 if ends else wrong(Field.TEXT_SIZE)


@jit
def _bad_window(header: Any) -> int:
    """Return the field that does not go with a front end, with samples, or with patches; -1 where all do."""
    window, hop, frame = header[Field.WINDOW], header[Field.HOP], header[Field.FRAME]
    if header[Field.TABLES_SIZE] == 0:
        for field in (Field.TABLES_AT, Field.LOG_MEL_SCRATCH):
            if header[field]:
                return wrong(field)
        for field in (Field.HOP, Field.FRAME):
            if header[field] != (1 if window else 0):
                return wrong(field)
        if window and window != header[Field.FRAMES]:
            return wrong(Field.WINDOW)
        return wrong(Field.BANDS) if window and header[Field.BANDS] != 1 else -1
    if not 1 <= frame <= window:
        return wrong(Field.FRAME)
    if hop < 1:
        return wrong(Field.HOP)
    return -1 if header[Field.FRAMES] == 1 + (window - frame) // hop else wrong(Field.FRAMES)
