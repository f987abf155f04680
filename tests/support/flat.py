"""FlatBuffers taken apart and put together by their schema: for tests and for hostile files.

A *tree* is a FlatBuffer as plain values: a table is a dictionary of the fields that are there, a number an
unsigned integer, a string and a vector of numbers bytes, other vectors are lists. A *place* is a run of bytes
in a file and what it means.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from yamjit.tflite.codec import Offset, TableBuilder, TableView
from yamjit.tflite.schema import Child, Opaque, Scalar, String, Table, Union, Vector

__all__ = ["Place", "Tree", "build_tree", "places", "read_tree"]

Tree = dict[str, Any]


class Place(NamedTuple):
    """Bytes of a file: ``offset``, ``vtable``, ``scalar``, ``length``, ``elements`` or ``string``."""

    path: str
    kind: str
    position: int
    size: int
    element_size: int = 1


def _number(data: bytes, position: int, size: int = 4) -> int:
    return int.from_bytes(data[position : position + size], "little")


def read_tree(data: bytes, table: Table) -> Tree:
    """Take a sound FlatBuffer apart; what the schema calls opaque is left out."""
    return _tree(TableView.of_root(data, table))


def _tree(view: TableView) -> Tree:
    tree: Tree = {}
    for name, field in view.table.fields.items():
        place = view.place(name)
        if place is None or isinstance(field, Opaque):
            continue
        if isinstance(field, Scalar):
            tree[name] = _number(view.data, place, field.size)
        elif isinstance(field, Child):
            tree[name] = _tree(view.child(name))
        elif isinstance(field, Union):
            if member := view.union(name)[1]:
                tree[name] = _tree(member)
        elif isinstance(field, String):
            tree[name] = view.string(name)
        elif isinstance(field.element, Child):
            tree[name] = [_tree(child) for child in view.children(name)]
        elif isinstance(field.element, String):
            tree[name] = [text.encode() for text in view.texts(name)]
        else:
            tree[name] = view.array(name).tobytes()
    return tree


def build_tree(tree: Tree, table: Table, identifier: bytes) -> bytes:
    """Put a tree together; fields of no value (``None``) are left out."""
    builder = TableBuilder()
    return builder.finish(_build_table(builder, tree, table), identifier)


def _build_table(builder: TableBuilder, tree: Tree, table: Table) -> Offset:
    values = {
        name: _build_field(builder, tree[name], field, tree.get(f"{name}_type", 0))
        for name, field in table.fields.items()
        if tree.get(name) is not None
    }
    return builder.table(table, values)


def _build_field(builder: TableBuilder, value: Any, field: Any, kind: int) -> Any:
    if isinstance(field, Scalar):
        return struct.unpack(f"<{field.format}", value.to_bytes(field.size, "little"))[0]
    if isinstance(field, String):
        return builder.string(value)
    if isinstance(field, Vector) and isinstance(field.element, Scalar):
        return builder.vector(value, len(value) // field.element.size, field.element.size)
    if isinstance(field, Vector):
        return builder.offsets([_build_field(builder, item, field.element, 0) for item in value])
    if isinstance(field, Child):
        return _build_table(builder, value, field.table)
    members = field.members if isinstance(field, Union) else {}
    # A type that does not go with the value is written as it stands.
    fitting = [table for table in members.values() if set(value) <= set(table.fields)]
    member = members[kind] if members.get(kind) in fitting else [*fitting, Table("Unknown", {})][0]
    return _build_table(builder, value, member)


def places(data: bytes, table: Table) -> Iterator[Place]:
    """Iterate over all that a sound FlatBuffer consists of."""
    yield Place("root", "offset", 0, 4)
    yield Place("identifier", "string", 4, 4)
    yield from _table_places(TableView.of_root(data, table), table.name)


def _table_places(view: TableView, path: str) -> Iterator[Place]:
    vtable = view.position - int(struct.unpack_from("<i", view.data, view.position)[0])
    yield Place(f"{path}.vtable", "vtable", vtable, _number(view.data, vtable, 2))
    yield Place(f"{path}.vtable", "offset", view.position, 4)
    for name, field in view.table.fields.items():
        place = view.place(name)
        if place is not None and isinstance(field, Scalar):
            yield Place(f"{path}.{name}", "scalar", place, field.size)
        elif place is not None:
            yield Place(f"{path}.{name}", "offset", place, 4)
            yield from _target_places(view, name, f"{path}.{name}")


def _target_places(view: TableView, name: str, path: str) -> Iterator[Place]:
    field, target = view.table.fields[name], view.target(name)
    if isinstance(field, Child):
        yield from _table_places(view.child(name), path)
    elif isinstance(field, Union):
        if member := view.union(name)[1]:
            yield from _table_places(member, f"{path}({member.table.name})")
    elif not isinstance(field, Opaque):
        element = field.element if isinstance(field, Vector) else Scalar("B")
        count, size = _number(view.data, target), element.size if isinstance(element, Scalar) else 4
        yield Place(path, "length", target, 4)
        if isinstance(element, Scalar):
            yield Place(path, "elements" if isinstance(field, Vector) else "string", target + 4, count * size, size)
            return
        for index in range(count):
            yield Place(f"{path}[{index}]", "offset", target + 4 + 4 * index, 4)
        for index, child in enumerate(view.children(name) if isinstance(element, Child) else ()):
            yield from _table_places(child, f"{path}[{index}]")
