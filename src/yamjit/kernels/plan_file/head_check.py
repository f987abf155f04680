"""Proof that the heads of a plan file name what is there: scores, logits, tables of values, labels that end."""

from __future__ import annotations

from typing import Any

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.plan_file.faults import integers, refuse, within, wrong
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, Fault, Field, HeadField

__all__ = ["check_heads"]

#: A number for each int8.
_VALUES = 256

#: Bytes of a float32.
_FLOAT = 4


@jit
def check_heads(plan: int, header: Any, found: Any) -> bool:
    """Check all heads of a plan file whose header is right; its text ends with a zero byte."""
    for index in range(header[Field.HEADS]):
        head = integers(plan + header[Field.HEADS_AT] + 8 * HEAD_FIELDS * index, HEAD_FIELDS)
        bad = _bad_field(head, header)
        if bad >= 0:
            return refuse(found, Fault.BAD_HEAD, index, bad, head[bad])
        labels = integers(plan + head[HeadField.LABELS_AT], head[HeadField.CLASSES])
        for place in range(head[HeadField.CLASSES]):
            if not 0 <= labels[place] < header[Field.TEXT_SIZE]:
                return refuse(found, Fault.BAD_HEAD, index, HeadField.LABELS_AT, labels[place])
    return True


@jit
def _bad_field(head: Any, header: Any) -> int:
    """Return the field that is wrong, or -1."""
    classes, stride, size = head[HeadField.CLASSES], head[HeadField.VALUES_STRIDE], header[Field.SIZE]
    if not 0 <= head[HeadField.NAME_AT] < header[Field.TEXT_SIZE]:
        return wrong(HeadField.NAME_AT)
    if not 1 <= classes <= header[Field.ARENA]:
        return wrong(HeadField.CLASSES)
    if not within(head[HeadField.LABELS_AT], 8 * classes, size):
        return wrong(HeadField.LABELS_AT)
    for at, width in ((HeadField.SCORES_AT, HeadField.SCORES_BYTES), (HeadField.LOGITS_AT, HeadField.LOGITS_BYTES)):
        if head[width] != 1 and head[width] != _FLOAT:
            return wrong(width)
        if not within(head[at], head[width] * classes, header[Field.ARENA]):
            return wrong(at)
    if head[HeadField.SCORES_BYTES] == _FLOAT:
        if head[HeadField.VALUES_AT]:
            return wrong(HeadField.VALUES_AT)
        return wrong(HeadField.VALUES_STRIDE) if stride else -1
    if stride != 0 and stride != _VALUES:
        return wrong(HeadField.VALUES_STRIDE)
    needed = 4 * _VALUES * (classes if stride else 1)
    return -1 if within(head[HeadField.VALUES_AT], needed, size) else wrong(HeadField.VALUES_AT)
