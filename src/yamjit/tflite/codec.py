"""FlatBuffers read and written by a schema: `TableView` reads a table's fields by name, `TableBuilder` writes them.

`TableView` expects bytes that `yamjit.tflite.verifier` has gone through, and still reads nothing outside of them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.tflite.schema import Scalar, String, Table, Union, Vector

__all__ = ["Offset", "TableBuilder", "TableView"]

_Bytes = bytes | bytearray
_U32 = struct.Struct("<I")


class TableView:
    """The fields of the table at a position by name; those that are left out are their default, empty or None.

    Every method raises a `ModelError` if what is asked for is not inside the data.
    """

    def __init__(self, data: _Bytes, position: int, table: Table) -> None:
        self.data = data
        self.position = position
        self.table = table
        self._fields: Mapping[str, Any] = table.fields
        vtable = position - int(_unpack(data, "i", position)[0])
        slots = (int(_unpack(data, "H", vtable)[0]) - 4) // 2
        offsets = _unpack(data, f"{max(slots, 0)}H", vtable + 4)
        self._places = {name: position + offset for name, offset in zip(table.fields, offsets, strict=False) if offset}

    @classmethod
    def of_root(cls, data: _Bytes, table: Table) -> TableView:
        """Return the view of a FlatBuffer's root."""
        return cls(data, _follow(data, 0), table)

    def place(self, name: str) -> int | None:
        """Return the position of a field, or of the offset to its value; None if it is left out."""
        return self._places.get(name)

    def target(self, name: str) -> int | None:
        """Return the position that a field's offset leads to; None if it is left out."""
        place = self._places.get(name)
        return None if place is None else _follow(self.data, place)

    def number(self, name: str) -> Any:
        """Return a number."""
        field = self._fields[name]
        place = self._places.get(name)
        return field.default if place is None else _unpack(self.data, field.format, place)[0]

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a vector of numbers, as a view of the data."""
        dtype = np.dtype(f"<{self._fields[name].element.format}")
        target = self.target(name)
        if target is None:
            return np.zeros(0, dtype)
        count = int(_unpack(self.data, "I", target)[0])
        _check(self.data, target + 4, count * dtype.itemsize)
        return np.frombuffer(self.data, dtype, count, target + 4)

    def string(self, name: str) -> bytes:
        """Return the bytes of a string."""
        target = self.target(name)
        return b"" if target is None else _string(self.data, target)

    def text(self, name: str) -> str:
        """Return a string."""
        return self._decode(self.string(name), name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a vector of strings."""
        return tuple(self._decode(_string(self.data, target), name) for target in self._entries(name))

    def child(self, name: str) -> TableView | None:
        """Return a table."""
        target, field = self.target(name), self._fields[name]
        return None if target is None else TableView(self.data, target, field.table)

    def children(self, name: str) -> list[TableView]:
        """Return a vector of tables."""
        table = self._fields[name].element.table
        return [TableView(self.data, target, table) for target in self._entries(name)]

    def union(self, name: str) -> tuple[int, TableView | None]:
        """Return a union's type and its value; None if there is none, or its type is not known."""
        kind, target = int(self.number(f"{name}_type")), self.target(name)
        member = self._fields[name].members.get(kind)
        return kind, None if member is None or target is None else TableView(self.data, target, member)

    def _entries(self, name: str) -> list[int]:
        """Return the positions that a vector of offsets leads to."""
        target = self.target(name)
        if target is None:
            return []
        count = int(_unpack(self.data, "I", target)[0])
        _check(self.data, target + 4, 4 * count)
        return [_follow(self.data, place) for place in range(target + 4, target + 4 + 4 * count, 4)]

    def _decode(self, text: bytes, name: str) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise ModelError(f"{self.table.name}.{name} is not UTF-8: {error.reason}") from error


def _check(data: _Bytes, position: int, size: int) -> None:
    if position < 0 or position + size > len(data):
        reason = f"{size} bytes are read beyond the {len(data)} that there are; the file is damaged or cut short"
        raise ModelError(reason, offset=position)


def _unpack(data: _Bytes, form: str, position: int) -> tuple[Any, ...]:
    _check(data, position, struct.calcsize(f"<{form}"))
    return struct.unpack_from(f"<{form}", data, position)


def _follow(data: _Bytes, position: int) -> int:
    """Return the position that the offset at `position` leads to."""
    _check(data, position, 4)
    return position + int(_U32.unpack_from(data, position)[0])


def _string(data: _Bytes, position: int) -> bytes:
    length = int(_unpack(data, "I", position)[0])
    _check(data, position + 4, length)
    return bytes(data[position + 4 : position + 4 + length])


class Offset(int):
    """Something that a `TableBuilder` has written: its distance from the end of the FlatBuffer."""


class TableBuilder:
    """Writes a FlatBuffer from its end to its beginning, since a table is written after what it refers to.

    Tables of one layout share their vtable, and numbers that are the default are left out, as by Google's builders.
    """

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._alignment = 1
        self._vtables: dict[bytes, Offset] = {}

    def finish(self, root: Offset, identifier: bytes) -> bytes:
        """Return the FlatBuffer."""
        self._align(self._alignment, 8)
        self._put(identifier)
        self._put(self._reference(root))
        return b"".join(reversed(self._parts))

    def string(self, text: str | bytes) -> Offset:
        """Write a string."""
        content = text.encode() if isinstance(text, str) else text
        return self.vector(content + b"\0", len(content), 1)

    def vector(self, content: bytes, count: int, alignment: int) -> Offset:
        """Write a vector of `count` numbers, least significant bytes first."""
        self._align(4, len(content))
        self._align(alignment, len(content))
        self._put(content)
        return self._put(_U32.pack(count))

    def offsets(self, targets: Sequence[Offset]) -> Offset:
        """Write a vector of tables or strings."""
        self._align(4, 4 * len(targets))
        for target in reversed(targets):
            self._put(self._reference(target))
        return self._put(_U32.pack(len(targets)))

    def table(self, table: Table, values: Mapping[str, Any]) -> Offset:
        """Write a table, its fields in the order of `values`; those that are None are left out.

        Values are numbers, strings, mappings for tables, sequences of these for vectors, and `Offset` for what has been
        written already.
        """
        offsets = {
            name: self._value(table.fields[name], value, values.get(f"{name}_type", 0))
            for name, value in values.items()
            if value is not None and not isinstance(table.fields[name], Scalar)
        }
        slots = dict.fromkeys(table.fields, 0)
        start = self._size
        for name, value in values.items():
            field = table.fields[name]
            if name in offsets:
                self._align(4)
                slots[name] = self._put(self._reference(offsets[name]))
            elif isinstance(field, Scalar) and value is not None and value != field.default:
                self._align(field.size)
                slots[name] = self._put(struct.pack(f"<{field.format}", value))
        self._align(4)
        position = Offset(self._size + 4)
        places = [slot and position - slot for slot in slots.values()]
        while places and not places[-1]:
            places.pop()
        vtable = struct.pack(f"<{len(places) + 2}H", 4 + 2 * len(places), position - start, *places)
        known = self._vtables.setdefault(vtable, Offset(position + len(vtable)))
        self._put(struct.pack("<i", known - position))
        if known > position:
            self._put(vtable)
        return position

    def _value(self, field: Any, value: Any, kind: int = 0) -> Offset:
        """Write what the offset of a field leads to; `kind` is the type of a union."""
        if isinstance(value, Offset):
            return value
        if isinstance(field, String):
            return self.string(value)
        if isinstance(field, Vector) and isinstance(field.element, Scalar):
            array = np.asarray(value, f"<{field.element.format}")
            return self.vector(array.tobytes(), array.size, array.itemsize)
        if isinstance(field, Vector):
            return self.offsets([self._value(field.element, item) for item in value])
        return self.table(field.members[kind] if isinstance(field, Union) else field.table, value)

    def _align(self, size: int, following: int = 0) -> None:
        """Pad, so that what begins `following` bytes further to the front is aligned to `size`."""
        self._alignment = max(self._alignment, size)
        self._put(bytes(-(self._size + following) % size))

    def _put(self, content: bytes) -> Offset:
        self._parts.append(content)
        self._size += len(content)
        return Offset(self._size)

    def _reference(self, target: Offset) -> bytes:
        """Return an offset to what has been written, to be put next."""
        return _U32.pack(self._size + 4 - target)
