"""A place for metadata in a model that has none: a new root before all the rest, which stays byte for byte.

Offsets of a FlatBuffer only lead forward, so a root that lists the old tables and a new one has to come before them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from yamjit.errors import ModelError
from yamjit.tflite.schema import MODEL, MODEL_IDENTIFIER

__all__ = ["METADATA_NAME", "with_metadata_buffer"]

METADATA_NAME = b"TFLITE_METADATA"

_U32 = struct.Struct("<I")
#: What TFLite aligns the content of buffers to.
_ALIGNMENT = 16

_FIELDS = tuple(MODEL.fields)
_VTABLE = 8
_ROOT = _VTABLE + 4 + 2 * len(_FIELDS)
_ROOT_BYTES = 4 + 4 * len(_FIELDS)

#: Tables with their vtables before them, and what they lead to behind them: an empty buffer; a name and a number.
_BUFFER = struct.Struct("<HHHxxiII")
_ENTRY = struct.Struct(f"<HHHHiIII{len(METADATA_NAME) + 1}s")
_SHORT_VTABLE = 8


def with_metadata_buffer(model: bytes | bytearray) -> bytearray:
    """Return a verified model with an empty buffer that it calls its metadata.

    Raises
    ------
    ModelError
        If a part of it lies outside the FlatBuffer, where nothing may be moved.
    """
    import tflite

    root = tflite.Model.GetRootAs(model, 0)
    _check_movable(root)
    buffers = [root.Buffers(k)._tab.Pos for k in range(root.BuffersLength())]
    named = [root.Metadata(k) for k in range(root.MetadataLength())]
    entries = [entry._tab.Pos for entry in named if entry.Name() != METADATA_NAME]

    lists = {"buffers": _ROOT + _ROOT_BYTES}
    lists["metadata"] = lists["buffers"] + 8 + 4 * len(buffers)
    tables = lists["metadata"] + 8 + 4 * len(entries)
    size = tables + _BUFFER.size + _ENTRY.size
    size += -size % _ALIGNMENT

    front = bytearray(size)
    struct.pack_into("<I4s", front, 0, _ROOT, MODEL_IDENTIFIER)
    _pack_root(front, root, lists, size)
    _pack_list(front, lists["buffers"], [*(at + size for at in buffers), tables + _SHORT_VTABLE])
    _pack_list(front, lists["metadata"], [*(at + size for at in entries), tables + _BUFFER.size + _SHORT_VTABLE])
    _BUFFER.pack_into(front, tables, 6, 8, 4, _SHORT_VTABLE, 4, 0)
    name = METADATA_NAME + b"\0"
    _ENTRY.pack_into(
        front, tables + _BUFFER.size, 8, 12, 4, 8, _SHORT_VTABLE, 8, len(buffers), len(METADATA_NAME), name
    )
    return front + model


def _check_movable(root: Any) -> None:
    """Refuse a model that refers to places in its file."""
    subgraphs = [root.Subgraphs(k) for k in range(root.SubgraphsLength())]
    operators = [graph.Operators(k) for graph in subgraphs for k in range(graph.OperatorsLength())]
    buffers = [root.Buffers(k) for k in range(root.BuffersLength())]
    if any(b.Offset() or b.Size() for b in buffers) or any(op.LargeCustomOptionsOffset() for op in operators):
        raise ModelError("the model has no metadata, and constants outside its FlatBuffer: no metadata can be added")


def _pack_root(front: bytearray, root: Any, lists: dict[str, int], shift: int) -> None:
    """Write a root with the old one's fields, but for the lists that are new."""
    slots = []
    for index, name in enumerate(_FIELDS):
        place = _ROOT + 4 + 4 * index
        old = int(root._tab.Offset(4 + 2 * index))
        if name == "version":
            _U32.pack_into(front, place, root.Version())
        elif name in lists:
            _U32.pack_into(front, place, lists[name] - place)
        elif old:
            _U32.pack_into(front, place, root._tab.Indirect(root._tab.Pos + old) + shift - place)
        slots.append(place - _ROOT if old or name in lists or name == "version" else 0)
    struct.pack_into(f"<HH{len(slots)}H", front, _VTABLE, _ROOT - _VTABLE, _ROOT_BYTES, *slots)
    struct.pack_into("<i", front, _ROOT, _ROOT - _VTABLE)


def _pack_list(front: bytearray, position: int, targets: Sequence[int]) -> None:
    """Write a vector of offsets."""
    _U32.pack_into(front, position, len(targets))
    for place, target in enumerate(targets, 1):
        _U32.pack_into(front, position + 4 * place, target - position - 4 * place)
