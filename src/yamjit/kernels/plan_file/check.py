"""Proof that a plan file in memory is whole, and that nothing that runs from it touches what is not its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.int8.prepared import PREPARED_COLUMNS
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.plan_file.digest import xxh64_of
from yamjit.kernels.plan_file.faults import integers, refuse, within
from yamjit.kernels.plan_file.layout import FAMILIES, FORMAT_VERSION, HEAD_FIELDS, HEADER_BYTES, MAGIC, Fault, Field
from yamjit.kernels.vectors.target import Target

__all__ = ["make_check_plan"]

#: Where the bytes begin that the digest is of.
_DIGESTED = 8 * Field.SIZE

_STEP_BYTES, _HEAD_BYTES = 8 * PREPARED_COLUMNS, 8 * HEAD_FIELDS


def make_check_plan(target: Target) -> Callable[..., None]:
    """Return ``check_plan(plan, size, found)``, which takes files for the family of `target`, ready to be compiled.

    `plan` and `found` are addresses: of `size` bytes, and of four int64.
    """
    family = FAMILIES.index("arm" if target.multiplies_signed_bytes else "x86")

    def check_plan(plan: int, size: int, found: int) -> None:
        result = integers(found, 4)
        refuse(result, Fault.NONE, 0, 0, 0)
        if _is_whole(plan, size, family, result):
            _check_places(integers(plan, HEADER_BYTES // 8), result)

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
def _check_places(header: Any, found: Any) -> bool:
    """Check that every part lies in the file."""
    size = header[Field.SIZE]
    for field in (Field.STEPS_AT, Field.HEADS_AT):
        width = _STEP_BYTES if field == Field.STEPS_AT else _HEAD_BYTES
        if not 0 < header[field + 1] <= size // width:
            return refuse(found, Fault.BAD_HEADER, 0, field + 1, header[field + 1])
        if not within(header[field], header[field + 1] * width, size):
            return refuse(found, Fault.BAD_HEADER, 0, field, header[field])
    for field in (Field.CONSTANTS_AT, Field.TABLES_AT, Field.TEXT_AT, Field.DESCRIPTION_AT):
        if not within(header[field], header[field + 1], size):
            return refuse(found, Fault.BAD_HEADER, 0, field, header[field])
    return True
