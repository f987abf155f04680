"""Names that the schema has for operators and types, and that a model has for operators of its own."""

from __future__ import annotations

from typing import Any

from yamjit.text import printable
from yamjit.tflite.codec import TableView
from yamjit.tflite.schema import OPERATOR_CODE

__all__ = ["CUSTOM", "builtin_code", "custom_name", "operator_name", "schema_name"]

#: Code of operators that the schema does not know.
CUSTOM = 32

_MOST_CUSTOM = 80


def schema_name(enumeration: str, code: int) -> str:
    """Return the schema's name of a code, or what there is to say about one that has none."""
    import tflite

    names: dict[str, int] = vars(getattr(tflite, enumeration))
    return next((name for name, value in names.items() if name.isupper() and value == code), f"{enumeration} {code}")


def builtin_code(table: Any) -> int:
    """Return which operator an ``OperatorCode`` is of."""
    # Not table.BuiltinCode(): the package has it return the deprecated code wherever this is below 127.
    view = TableView(table._tab, OPERATOR_CODE)
    return int(max(view.number("builtin_code", "Int32"), view.number("deprecated_builtin_code", "Int8")))


def custom_name(table: Any) -> str:
    """Return what a model calls an operator of its own."""
    return printable((table.CustomCode() or b"")[:_MOST_CUSTOM].decode(errors="replace"))


def operator_name(table: Any) -> str:
    """Return the name of an operator, its own one if the schema does not know it."""
    code = builtin_code(table)
    return f"CUSTOM {custom_name(table)!r}" if code == CUSTOM else schema_name("BuiltinOperator", code)
