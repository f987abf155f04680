"""A place for metadata in a model that has none: a new root before everything else, which stays byte for byte.

Offsets in a FlatBuffer only lead forward, so a root that lists the old tables and a new one has to come before them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from yamjit.errors import ModelError
from yamjit.tflite.codec import TableView
from yamjit.tflite.model_tables import BUFFER_ALIGNMENT, METADATA_NAME, MODEL, MODEL_IDENTIFIER

__all__ = ["with_metadata_buffer"]

_U32 = struct.Struct("<I")
_NAME = METADATA_NAME.encode() + b"\0"

_VTABLE = 8
_ROOT = _VTABLE + 4 + 2 * len(MODEL.fields)
_ROOT_BYTES = 4 + 4 * len(MODEL.fields)

#: Tables between their vtables and what they refer to: an empty buffer; a name and a number.
_BUFFER = struct.Struct("<HHHxxiII")
_ENTRY = struct.Struct(f"<HHHHiIII{len(_NAME)}s")
_SHORT_VTABLE = 8


def with_metadata_buffer(model: bytes | bytearray) -> bytearray:
    """Return a verified model with an empty buffer that it calls its metadata."""
    root = TableView.of_root(model, MODEL)
    _check_movable(root)
    buffers = [buffer.position for buffer in root.children("buffers")]
    entries = [entry.position for entry in root.children("metadata") if entry.string("name") != _NAME[:-1]]

    lists = {"buffers": _ROOT + _ROOT_BYTES}
    lists["metadata"] = lists["buffers"] + 8 + 4 * len(buffers)
    tables = lists["metadata"] + 8 + 4 * len(entries)
    size = tables + _BUFFER.size + _ENTRY.size
    size += -size % BUFFER_ALIGNMENT

    front = bytearray(size)
    struct.pack_into("<I4s", front, 0, _ROOT, MODEL_IDENTIFIER)
    _pack_root(front, root, lists, size)
    _pack_list(front, lists["buffers"], [*(at + size for at in buffers), tables + _SHORT_VTABLE])
    _pack_list(front, lists["metadata"], [*(at + size for at in entries), tables + _BUFFER.size + _SHORT_VTABLE])
    _BUFFER.pack_into(front, tables, 6, 8, 4, _SHORT_VTABLE, 4, 0)
    _ENTRY.pack_into(front, tables + _BUFFER.size, 8, 12, 4, 8, _SHORT_VTABLE, 8, len(buffers), len(_NAME) - 1, _NAME)
    return front + model


def _check_movable(root: TableView) -> None:
    """Refuse a model that refers to places in its file."""
    operators = [operator for graph in root.children("subgraphs") for operator in graph.children("operators")]
    outside = any(buffer.number("offset") or buffer.number("size") for buffer in root.children("buffers"))
    if outside or any(operator.number("large_custom_options_offset") for operator in operators):
        raise ModelError("the model has no metadata, and constants outside its FlatBuffer: no metadata can be added")


def _pack_root(front: bytearray, root: TableView, lists: dict[str, int], shift: int) -> None:
    """Write a root with the old one's fields, but for the lists that are new."""
    slots = []
    for index, name in enumerate(MODEL.fields):
        place = _ROOT + 4 + 4 * index
        old = None if name == "version" else root.target(name)
        if name == "version":
            _U32.pack_into(front, place, root.number(name))
        elif name in lists:
            _U32.pack_into(front, place, lists[name] - place)
        elif old is not None:
            _U32.pack_into(front, place, old + shift - place)
        slots.append(place - _ROOT if old is not None or name in lists or name == "version" else 0)
    struct.pack_into(f"<HH{len(slots)}H", front, _VTABLE, _ROOT - _VTABLE, _ROOT_BYTES, *slots)
    struct.pack_into("<i", front, _ROOT, _ROOT - _VTABLE)


def _pack_list(front: bytearray, position: int, targets: Sequence[int]) -> None:
    """Write a vector of offsets."""
    _U32.pack_into(front, position, len(targets))
    for place, target in enumerate(targets, 1):
        _U32.pack_into(front, position + 4 * place, target - position - 4 * place)
