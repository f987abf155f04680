"""What a FlatBuffers schema says, as data: tables, and the kinds of fields that they have.

`yamjit.tflite.model_tables`, `yamjit.tflite.operators` and `yamjit.tflite.metadata_tables` describe the tables that are
read and written; verifier and codec go by these descriptions alone.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["Child", "Field", "Opaque", "Scalar", "String", "Table", "Union", "Vector", "table"]

#: Numbers of the schema language, and `struct`'s letters for them.
_NUMBERS = {
    "bool": "?",
    "byte": "b",
    "ubyte": "B",
    "int": "i",
    "uint": "I",
    "long": "q",
    "ulong": "Q",
    "float": "f",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number in the table itself, of the type that `struct` calls `format`; `default` where it is left out."""

    format: str
    default: int = 0

    @property
    def size(self) -> int:
        """Bytes of the number."""
        return struct.calcsize(f"<{self.format}")


@dataclass(frozen=True, slots=True)
class String:
    """An offset to a string."""


@dataclass(frozen=True, slots=True)
class Child:
    """An offset to a table."""

    table: Table


@dataclass(frozen=True, slots=True)
class Vector:
    """An offset to a vector of numbers, or of offsets to strings or tables."""

    element: Scalar | String | Child


@dataclass(frozen=True, slots=True)
class Union:
    """An offset to one of several tables; the field before it says which.

    If its type is not among the `members`, only the offset is checked: nothing reads the table.
    """

    members: Mapping[int, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opaque:
    """An offset to something that nothing reads."""


Field = Scalar | String | Child | Vector | Union | Opaque


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table and its fields in schema order; if `extensible`, those of a newer schema are ignored, not refused."""

    name: str
    fields: Mapping[str, Field]
    extensible: bool = False


def table(name: str, fields: str = "", *known: Table, extensible: bool = False, **unions: Union) -> Table:
    """Describe a table by its fields in FlatBuffers' schema language, such as ``"axis:int=1; tensors:[Tensor]"``.

    Fields refer to the tables `known` and to `unions` by name; a type that is neither, nor a number or string, is
    `Opaque`.
    """
    elements: dict[str, Scalar | String | Child] = {"string": String()}
    elements |= {number: Scalar(letter) for number, letter in _NUMBERS.items()}
    elements |= {other.name: Child(other) for other in known}
    kinds: dict[str, Field] = {**elements, **unions, **{f"[{kind}]": Vector(it) for kind, it in elements.items()}}
    found: dict[str, Field] = {}
    for declared in filter(None, fields.replace(" ", "").replace("\n", "").split(";")):
        field_name, _, kind = declared.partition(":")
        kind, _, default = kind.partition("=")
        found[field_name] = Scalar(_NUMBERS[kind], int(default)) if default else kinds.get(kind, Opaque())
    return Table(name, MappingProxyType(found), extensible)
