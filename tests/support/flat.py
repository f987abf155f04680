"""FlatBuffers taken apart and put together by their schema: for tests and for hostile files.

A *tree* is a FlatBuffer as plain values: a table is a dictionary of the fields that are there, a number an
unsigned integer, a string and a vector of numbers bytes, other vectors are lists. A *place* is a run of bytes
in a file and what it means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import flatbuffers

from yamjit.tflite.schema import Child, Children, Scalar, Scalars, String, Strings, Table, Union

__all__ = ["Place", "Tree", "build_tree", "places", "read_tree"]

Tree = dict[str, Any]
_SIZES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Place(NamedTuple):
    """Bytes of a file: ``offset``, ``vtable``, ``scalar``, ``length``, ``elements`` or ``string``."""

    path: str
    kind: str
    position: int
    size: int
    element_size: int = 1


def _number(data: bytes, position: int, size: int = 4) -> int:
    return int(struct.unpack_from(f"<{_SIZES[size]}", data, position)[0])


def _fields(data: bytes, position: int, table: Table) -> Iterator[tuple[str, Any, int]]:
    """Iterate over a table's fields that are there: name, kind, position."""
    vtable = position - int(struct.unpack_from("<i", data, position)[0])
    slots = (_number(data, vtable, 2) - 4) // 2
    for slot, (name, field) in enumerate(table.fields.items()):
        offset = _number(data, vtable + 4 + 2 * slot, 2) if slot < slots else 0
        if offset:
            yield name, field, position + offset


def _follow(data: bytes, position: int) -> int:
    return position + _number(data, position)


def read_tree(data: bytes, table: Table, position: int | None = None) -> Tree:
    """Take a sound FlatBuffer apart; what the schema calls opaque is left out."""
    position = _number(data, 0) if position is None else position
    tree: Tree = {}
    for name, field, at in _fields(data, position, table):
        if isinstance(field, Scalar):
            tree[name] = _number(data, at, field.size)
            continue
        target = _follow(data, at)
        if isinstance(field, Child):
            tree[name] = read_tree(data, field.table, target)
        elif isinstance(field, Union):
            if member := field.members.get(tree[f"{name}_type"]):
                tree[name] = read_tree(data, member, target)
        elif isinstance(field, (String, Scalars)):
            size = field.size if isinstance(field, Scalars) else 1
            tree[name] = data[target + 4 : target + 4 + size * _number(data, target)]
        elif isinstance(field, (Children, Strings)):
            entries = [_follow(data, target + 4 + 4 * i) for i in range(_number(data, target))]
            if isinstance(field, Children):
                tree[name] = [read_tree(data, field.table, entry) for entry in entries]
            else:
                tree[name] = [data[entry + 4 : entry + 4 + _number(data, entry)] for entry in entries]
    return tree


def build_tree(tree: Tree, table: Table, identifier: bytes) -> bytes:
    """Put a tree together; fields of no value (``None``) are left out."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_build_table(builder, tree, table), file_identifier=identifier)
    return bytes(builder.Output())


def _build_table(builder: flatbuffers.Builder, tree: Mapping[str, Any], table: Table) -> int:
    offsets = {}
    for name, value in tree.items():
        field = table.fields[name]
        if value is not None and not isinstance(field, Scalar):
            offsets[name] = _build_field(builder, value, field, tree.get(f"{name}_type", 0))
    builder.StartObject(len(table.fields))
    for slot, (name, field) in enumerate(table.fields.items()):
        if isinstance(field, Scalar) and tree.get(name) is not None:
            getattr(builder, f"PrependUint{8 * field.size}")(tree[name])
            builder.Slot(slot)
        elif name in offsets:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[name], 0)
    return int(builder.EndObject())


def _build_field(builder: flatbuffers.Builder, value: Any, field: Any, kind: int) -> int:
    if isinstance(field, String):
        return int(builder.CreateString(value))
    if isinstance(field, Scalars):
        return _build_vector(builder, value, field.size)
    if isinstance(field, (Children, Strings)):
        if isinstance(field, Children):
            entries = [_build_table(builder, item, field.table) for item in value]
        else:
            entries = [builder.CreateString(item) for item in value]
        builder.StartVector(4, len(entries), 4)
        for entry in reversed(entries):
            builder.PrependUOffsetTRelative(entry)
        return int(builder.EndVector())
    if isinstance(field, Child):
        return _build_table(builder, value, field.table)
    members = field.members if isinstance(field, Union) else {}
    # A type that does not go with the value is written as it stands.
    fitting = [table for table in members.values() if set(value) <= set(table.fields)]
    member = members[kind] if members.get(kind) in fitting else [*fitting, Table("Unknown", {})][0]
    return _build_table(builder, value, member)


def _build_vector(builder: flatbuffers.Builder, content: bytes, size: int) -> int:
    builder.StartVector(size, len(content) // size, size)
    builder.head = builder.Head() - len(content)
    builder.Bytes[builder.Head() : builder.Head() + len(content)] = content
    return int(builder.EndVector())


def places(data: bytes, table: Table, position: int | None = None, path: str = "") -> Iterator[Place]:
    """Iterate over all that a sound FlatBuffer consists of."""
    if position is None:
        position = _number(data, 0)
        yield Place("root", "offset", 0, 4)
        yield Place("identifier", "string", 4, 4)
    path = path or table.name
    vtable = position - int(struct.unpack_from("<i", data, position)[0])
    yield Place(f"{path}.vtable", "vtable", vtable, _number(data, vtable, 2))
    yield Place(f"{path}.vtable", "offset", position, 4)
    for name, field, at in _fields(data, position, table):
        where = f"{path}.{name}"
        if isinstance(field, Scalar):
            yield Place(where, "scalar", at, field.size)
        else:
            yield Place(where, "offset", at, 4)
            yield from _target_places(data, table, field, (position, at), where)


def _target_places(data: bytes, table: Table, field: Any, positions: tuple[int, int], path: str) -> Iterator[Place]:
    parent, at = positions
    target = _follow(data, at)
    if isinstance(field, Child):
        yield from places(data, field.table, target, path)
    elif isinstance(field, Union):
        kinds = {name: place for name, kind, place in _fields(data, parent, table) if isinstance(kind, Scalar)}
        kind = data[kinds[f"{path.rsplit('.', 1)[1]}_type"]]
        if kind in field.members:
            yield from places(data, field.members[kind], target, f"{path}({field.members[kind].name})")
    elif isinstance(field, (String, Scalars)):
        size = field.size if isinstance(field, Scalars) else 1
        count = _number(data, target)
        yield Place(path, "length", target, 4)
        yield Place(path, "string" if isinstance(field, String) else "elements", target + 4, count * size, size)
    elif isinstance(field, (Children, Strings)):
        yield Place(path, "length", target, 4)
        for index in range(_number(data, target)):
            entry = target + 4 + 4 * index
            yield Place(f"{path}[{index}]", "offset", entry, 4)
            if isinstance(field, Children):
                yield from places(data, field.table, _follow(data, entry), f"{path}[{index}]")
