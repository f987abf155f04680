"""Plan files that are damaged, foreign or wrong, and what a check says of each, on every machine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.support.plan_files import sealed
from yamjit.kernels.log_mel.tables import Field as Table
from yamjit.kernels.plan_file.layout import FAMILIES, HEAD_FIELDS, HEADER_BYTES, Fault, Field, HeadField
from yamjit.kernels.prepared.columns import Prepared
from yamjit.kernels.program import Column
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["Found", "changed", "damaged_plans"]

#: A `Fault`, which step or head, which column or field, and its value.
Found = tuple[int, int, int, int]


def changed(content: bytes, place: int, value: int) -> bytes:
    """Return a file with another integer at a place, and the digest of what it then holds."""
    return sealed(content[:place] + value.to_bytes(8, "little", signed=True) + content[place + 8 :])


def damaged_plans(content: bytes) -> Iterator[tuple[bytes, Found]]:
    """Yield files that are not as the one that is given, whose model has a front end, two heads and some steps."""
    header = np.frombuffer(content, np.int64, HEADER_BYTES // 8).tolist()
    yield b"", (Fault.NOT_A_PLAN, 0, Field.SIZE, 0)
    yield content[: HEADER_BYTES - 1], (Fault.NOT_A_PLAN, 0, Field.SIZE, HEADER_BYTES - 1)
    yield bytes(8) + content[8:], (Fault.NOT_A_PLAN, 0, Field.MAGIC, 0)
    yield content[:-64], (Fault.OTHER_SIZE, 0, Field.SIZE, len(content))
    yield content + bytes(64), (Fault.OTHER_SIZE, 0, Field.SIZE, len(content))
    yield content[:-1] + bytes([content[-1] ^ 1]), (Fault.DAMAGED, 0, Field.DIGEST, header[Field.DIGEST])
    other_family = (header[Field.FAMILY] + 1) % len(FAMILIES)
    step = header[Field.STEPS_AT] + 8 * (5 * PREPARED_COLUMNS)
    tables, head = header[Field.TABLES_AT], header[Field.HEADS_AT] + 8 * HEAD_FIELDS
    for place, fault, number, field, value in (
        (0, Fault.OTHER_VERSION, 0, Field.VERSION, 0),
        (0, Fault.OTHER_FAMILY, 0, Field.FAMILY, other_family),
        (0, Fault.BAD_HEADER, 0, Field.STEPS, 0),
        (0, Fault.BAD_HEADER, 0, Field.CONSTANTS_AT, 8),
        (0, Fault.BAD_HEADER, 0, Field.TEXT_AT, 2**62),
        (0, Fault.BAD_HEADER, 0, Field.ARENA, -64),
        (0, Fault.BAD_HEADER, 0, Field.PANEL, 64),
        (0, Fault.BAD_HEADER, 0, Field.FRAMES, 95),
        (step, Fault.BAD_STEP, 5, Column.OP, 7),
        (step, Fault.BAD_STEP, 5, Column.OUTPUT, 2**62),
        (step, Fault.BAD_STEP, 5, Prepared.WEIGHTS, -64),
        (tables, Fault.BAD_TABLES, 0, Table.FIRST_RADIX, 2),
        (head, Fault.BAD_HEAD, 1, HeadField.NAME_AT, header[Field.TEXT_SIZE]),
    ):
        yield changed(content, place + 8 * field, value), (fault, number, field, value)
