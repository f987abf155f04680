"""A table of a verified FlatBuffer, its fields by the names of `yamjit.tflite.schema`."""

from __future__ import annotations

from typing import Any

from yamjit.errors import ModelError
from yamjit.tflite.schema import Child, Children, Table, Union

__all__ = ["TableView"]


class TableView:
    """Fields by name; what is left out is 0, empty or None.

    Parameters
    ----------
    table : flatbuffers.table.Table
    schema : Table
    """

    def __init__(self, table: Any, schema: Table) -> None:
        self._table = table
        self._schema = schema
        self._slots = {name: 4 + 2 * number for number, name in enumerate(schema.fields)}

    @classmethod
    def of_root(cls, data: bytes, schema: Table) -> TableView:
        """Return the view of a FlatBuffer's root."""
        from flatbuffers.table import Table as FlatTable

        return cls(FlatTable(data, int.from_bytes(data[:4], "little")), schema)

    def number(self, name: str, kind: str) -> Any:
        """Return a number of a type that ``flatbuffers.number_types`` calls `kind`; 0 if it is left out."""
        from flatbuffers import number_types

        flags = getattr(number_types, f"{kind}Flags")
        return self._table.GetSlot(self._slots[name], flags.py_type(0), flags)

    def string(self, name: str) -> str:
        """Return a string."""
        offset = self._table.Offset(self._slots[name])
        return self._decode(self._table.String(offset + self._table.Pos), name) if offset else ""

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a vector of strings."""
        return tuple(self._decode(self._table.String(place), name) for place in self._places(name))

    def floats(self, name: str) -> tuple[float, ...]:
        """Return a vector of float32."""
        from flatbuffers import number_types

        offset = self._table.Offset(self._slots[name])
        if not offset:
            return ()
        values = self._table.GetVectorAsNumpy(number_types.Float32Flags, offset)
        return tuple(float(value) for value in values)

    def child(self, name: str) -> TableView | None:
        """Return a table."""
        offset = self._table.Offset(self._slots[name])
        field = self._schema.fields[name]
        if not offset or not isinstance(field, Child):
            return None
        return self._at(self._table.Indirect(offset + self._table.Pos), field.table)

    def children(self, name: str) -> list[TableView]:
        """Return a vector of tables."""
        field = self._schema.fields[name]
        if not isinstance(field, Children):
            return []
        return [self._at(self._table.Indirect(place), field.table) for place in self._places(name)]

    def union(self, name: str) -> tuple[int, TableView | None]:
        """Return a union's type and its value; no value if the type is not known."""
        kind = int(self.number(f"{name}_type", "Uint8"))
        offset = self._table.Offset(self._slots[name])
        field = self._schema.fields[name]
        if not offset or not isinstance(field, Union) or kind not in field.members:
            return kind, None
        return kind, self._at(self._table.Indirect(offset + self._table.Pos), field.members[kind])

    def _at(self, position: int, schema: Table) -> TableView:
        return TableView(type(self._table)(self._table.Bytes, position), schema)

    def _places(self, name: str) -> range:
        """Return the offsets of a vector's entries of four bytes."""
        offset = self._table.Offset(self._slots[name])
        if not offset:
            return range(0)
        start = self._table.Vector(offset)
        return range(start, start + 4 * self._table.VectorLen(offset), 4)

    def _decode(self, text: bytes, name: str) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError as error:
            raise ModelError(f"{self._schema.name}.{name} is not UTF-8: {error.reason}") from error
