"""Proof that a FlatBuffer can be read: every offset, vector and string lies inside the bytes.

`yamjit.tflite.codec` reads only what `verify` has gone through before, by the same schema. Many offsets may lead to one
table, so that a small file could be read as a huge one: what is read is counted each time that an offset leads to it,
and limited.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from yamjit.errors import LimitError, ModelError
from yamjit.signatures import HEAD_BYTES, file_kind, is_recording
from yamjit.tflite.schema import Child, Field, Scalar, String, Table, Union, Vector

__all__ = ["DEFAULT_MAX_TABLES", "MAX_STRING_BYTES", "verify"]

#: Longest string; tensor names and licence texts stay far below.
MAX_STRING_BYTES = 2**16
#: Tables and strings, unless told otherwise.
DEFAULT_MAX_TABLES = 2**15

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_ALIGNMENT = 4
#: Bytes of all vectors and strings may be this many times the size of the data, and this many more.
_SHARING, _SHARED_BYTES = 2, 2**16
#: Room for 255 fields; the largest table of either schema has 16.
_MAX_VTABLE_BYTES = 4 + 2 * 255


class _Reference(NamedTuple):
    """A field that has to be followed: its place in the table, and that of the field before it, a union's type."""

    what: str
    offset: int
    field: Field
    type_offset: int


class _Layout(NamedTuple):
    """What a vtable says, once checked."""

    inline_size: int
    references: tuple[_Reference, ...]


def verify(
    data: bytes,
    root: Table,
    identifier: bytes,
    *,
    max_depth: int = 64,
    max_tables: int = DEFAULT_MAX_TABLES,
) -> int:
    """Prove that every part of a FlatBuffer that `root` describes can be read, and return its end.

    The end is the offset after the last byte of everything described; other bytes may follow. `identifier` are the four
    bytes that tell the kind of file. `max_depth` bounds the levels of tables, `max_tables` the tables and the strings
    in vectors, each as often as offsets lead to it: more is a `LimitError`. Anything else that is wrong is a
    `ModelError`, which tells the offset.
    """
    if data[4:8] != identifier and (kind := _foreign_kind(data)):
        raise ModelError(f"is {kind}" if ";" in kind or ":" in kind else f"is {kind}; a model is a .tflite file")
    if len(data) < 8:
        raise ModelError(f"{len(data)} bytes are too few for a FlatBuffer, which has at least 8")
    if data[4:8] != identifier:
        reason = f"file identifier is {data[4:8]!r} instead of {identifier!r}"
        raise ModelError(f"{reason}; the file is of another kind, encrypted or damaged", offset=4)
    verifier = _Verifier(data, max_depth, max_tables)
    verifier.table(verifier.indirect(0, root.name), root, 0)
    return verifier.end


def _foreign_kind(data: bytes) -> str | None:
    """Return what a file is instead of a FlatBuffer, and what is done with it; None if it is not known."""
    from yamjit.wrapped import wrapped_kind

    head = data[:HEAD_BYTES]
    kind = wrapped_kind(data) or file_kind(head, texts=True)
    return "a recording" if kind is None and is_recording(head) else kind


class _Verifier:
    """The bytes, the end of what was seen of them, and how much more may be read."""

    def __init__(self, data: bytes, max_depth: int, max_tables: int) -> None:
        self.end = 8
        self._data = data
        self._size = len(data)
        self._max_depth = max_depth
        self._max_tables = max_tables
        self._tables_left = max_tables
        self._bytes_left = _SHARING * self._size + _SHARED_BYTES
        self._layouts: dict[tuple[int, Table], _Layout] = {}

    def indirect(self, position: int, what: str) -> int:
        """Follow the offset stored at `position`."""
        target = position + int(_U32.unpack_from(self._data, position)[0])
        if target == position or target > self._size - _ALIGNMENT:
            cut = "; the file is damaged or cut short" if target > self._size else ""
            raise ModelError(f"offset to {what} leads to byte {target} of {self._size}{cut}", offset=position)
        if target % _ALIGNMENT:
            raise ModelError(f"{what} is not aligned to {_ALIGNMENT} bytes", offset=target)
        return target

    def table(self, position: int, table: Table, depth: int) -> None:
        """Check a table and all that it leads to."""
        self._count_table(position)
        if depth >= self._max_depth:
            raise LimitError(f"byte {position}: tables are nested deeper than {self._max_depth}")
        vtable = position - int(_I32.unpack_from(self._data, position)[0])
        layout = self._layouts.get((vtable, table))
        if layout is None:
            layout = self._layouts[vtable, table] = self._read_layout(vtable, table, position)
        self._extend(position, layout.inline_size, table.name)
        for reference in layout.references:
            self._reference(position, reference, depth)

    def _read_layout(self, vtable: int, table: Table, position: int) -> _Layout:
        if vtable < 0 or vtable % 2 or vtable > self._size - 4:
            cut = "; the file is damaged or cut short" if vtable > self._size - 4 else ""
            raise ModelError(f"vtable of {table.name} would be at byte {vtable}{cut}", offset=position)
        vtable_size, inline_size = struct.unpack_from("<HH", self._data, vtable)
        if vtable_size % 2 or not 4 <= vtable_size <= _MAX_VTABLE_BYTES or inline_size < 4:
            raise ModelError(
                f"vtable of {table.name} with {vtable_size} bytes for {inline_size} is not one", offset=vtable
            )
        self._extend(vtable, vtable_size, f"vtable of {table.name}")
        offsets = struct.unpack_from(f"<{(vtable_size - 4) // 2}H", self._data, vtable + 4)
        unknown = [number for number in range(len(table.fields), len(offsets)) if offsets[number]]
        if unknown and not table.extensible:
            raise ModelError(f"{table.name} has field {unknown[0]}, which is not known", offset=vtable)
        places = dict(zip(table.fields, offsets, strict=False))
        for name, kind in table.fields.items():
            _check_place(f"{table.name}.{name}", kind, places.get(name, 0), inline_size, vtable)
        return _Layout(inline_size, _references(table, places))

    def _count_table(self, position: int) -> None:
        self._tables_left -= 1
        if self._tables_left < 0:
            raise LimitError(f"byte {position}: more than {self._max_tables} tables and strings")

    def _extend(self, position: int, size: int, what: str) -> None:
        end = position + size
        if end > self._size:
            raise ModelError(
                f"{what} of {size} bytes passes the end at byte {self._size}; the file is damaged or cut short",
                offset=position,
            )
        if end > self.end:
            self.end = end

    def _vector(self, position: int, element_size: int, what: str) -> tuple[int, int]:
        """Check a vector; return the offset of its first element and the number of elements."""
        start = position + 4
        count = int(_U32.unpack_from(self._data, position)[0])
        if count * element_size > self._size - start:
            raise ModelError(
                f"{what} claims {count} elements of {element_size} bytes; {self._size - start} are left; "
                "the file is damaged or cut short",
                offset=position,
            )
        if start % min(element_size, 8):
            raise ModelError(f"{what} is not aligned to {element_size} bytes", offset=start)
        self._extend(start, count * element_size, what)
        self._bytes_left -= count * element_size
        if self._bytes_left < 0:
            raise LimitError(f"byte {position}: vectors and strings overlap to more than {_SHARING} times the file")
        return start, count

    def _string(self, position: int, what: str) -> None:
        start, length = self._vector(position, 1, what)
        if length > MAX_STRING_BYTES:
            raise ModelError(f"{what} has {length} bytes; at most {MAX_STRING_BYTES}", offset=position)
        self._extend(start + length, 1, what)
        if self._data[start + length]:
            raise ModelError(f"{what} does not end with a zero byte", offset=start + length)

    def _entries(self, position: int, what: str) -> range:
        """Check a vector of offsets; return the offsets of its entries."""
        start, count = self._vector(position, 4, what)
        if count > self._tables_left:
            raise LimitError(f"byte {position}: {what} has {count} entries; at most {self._max_tables} are read")
        return range(start, start + 4 * count, 4)

    def _reference(self, position: int, reference: _Reference, depth: int) -> None:
        """Check what a field of the table at `position` leads to."""
        what, field, place = reference.what, reference.field, position + reference.offset
        if isinstance(field, Vector):
            self._elements(self.indirect(place, what), field.element, what, depth)
        elif isinstance(field, Child):
            self.table(self.indirect(place, field.table.name), field.table, depth + 1)
        elif isinstance(field, Union):
            self._union(position, reference, field, depth)
        elif isinstance(field, String):
            self._string(self.indirect(place, what), what)
        elif not isinstance(field, Scalar):
            self.indirect(place, what)
        elif place % 8:  # smaller numbers are aligned as the table is
            raise ModelError(f"{what} is not aligned to 8 bytes", offset=place)

    def _elements(self, position: int, element: Scalar | String | Child, what: str, depth: int) -> None:
        """Check a vector."""
        if isinstance(element, Scalar):
            self._vector(position, element.size, what)
            return
        for entry in self._entries(position, what):
            if isinstance(element, Child):
                self.table(self.indirect(entry, element.table.name), element.table, depth + 1)
            else:
                self._count_table(entry)
                self._string(self.indirect(entry, what), what)

    def _union(self, position: int, reference: _Reference, union: Union, depth: int) -> None:
        """Check that a union's type and value agree, and the value."""
        kind = self._data[position + reference.type_offset] if reference.type_offset else 0
        if bool(kind) != bool(reference.offset):
            found = "a type but no value" if kind else "a value but no type"
            raise ModelError(f"{reference.what} has {found}", offset=position)
        if kind:
            target = self.indirect(position + reference.offset, reference.what)
            if kind in union.members:
                self.table(target, union.members[kind], depth + 1)


def _check_place(what: str, kind: Field, offset: int, inline_size: int, vtable: int) -> None:
    """Check where a vtable puts a field; 0 stands for a field that is left out."""
    size = kind.size if isinstance(kind, Scalar) else 4
    if not offset:
        return
    if offset < 4 or offset + size > inline_size:
        raise ModelError(f"{what} at {offset} with {size} bytes is not inside the table's {inline_size}", offset=vtable)
    if offset % min(size, _ALIGNMENT):
        raise ModelError(f"{what} is not aligned to {min(size, _ALIGNMENT)} bytes", offset=vtable)


def _references(table: Table, places: Mapping[str, int]) -> tuple[_Reference, ...]:
    """List the fields that have to be looked at in every table of this layout."""
    references = []
    before = 0
    for name, kind in table.fields.items():
        place = places.get(name, 0)
        union = isinstance(kind, Union) and (place or before)
        if union or (place and not (isinstance(kind, Scalar) and kind.size < 8)):
            references.append(_Reference(f"{table.name}.{name}", place, kind, before))
        before = place
    return tuple(references)
