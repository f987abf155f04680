"""The record of an operator: its code, versions, options and contract, which reader, check and writer go by."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yamjit.errors import ModelError
from yamjit.tflite.codec import TableView
from yamjit.tflite.flexbuffer import read_flexbuffer
from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import Inferred, Node
from yamjit.tflite.schema import Table

__all__ = ["BIAS_TYPES", "Record", "field_values", "read_options"]

#: What ``quantized_bias_type`` may say: nothing (FLOAT32 is the default), or INT32, as biases are anyway.
BIAS_TYPES = (0, 2)

#: Fields of options whose name is not the schema's.
_SCHEMA_NAMES = {
    "activation": "fused_activation_function",
    "dilation_h": "dilation_h_factor",
    "dilation_w": "dilation_w_factor",
}

_MAX_LENGTH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """An operator that can be read, checked and written.

    Parameters
    ----------
    op : Op
    versions : int
        Highest version whose int8, int32 and float32 arithmetic is that of version 1.
    contract : callable
        Checks an operator as TFLite's ``Prepare`` does, and stricter where no two of TFLite's kernels agree, as on an
        int32 accumulator that overflows. Returns what follows for the outputs, or raises `ModelError`.
    code : int
        Type of the options in the schema's ``BuiltinOptions``; 0 if the operator has none.
    table, options : Table, type or None
        Table of the options in the schema, and the class with its name; each field is read as the type of its default.
        The class is None where they say nothing.
    may_lack_options : bool
    accepted : mapping of str to tuple of int
        Fields of `table` that `options` does not have, and the values that they may hold.
    optional_input : int or None
        Position of the one input that may be left out.
    custom : str
        The name of a custom operator, whose options are a map of FlexBuffers; empty for those of the schema.
    """

    op: Op
    versions: int
    contract: Callable[[Node], Inferred]
    code: int = 0
    table: Table | None = None
    options: type[Options] | None = None
    may_lack_options: bool = False
    accepted: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    optional_input: int | None = None
    custom: str = ""


def read_options(record: Record, operator: TableView, where: str) -> Options | None:
    """Read the options of an operator's table, which errors call `where`; None if they say nothing.

    Options that are missing, of another operator's type, or hold a value that is not known are a `ModelError`.
    """
    if record.custom:
        return _read_map(record, operator, where)
    name = record.table.name if record.table is not None else "none"
    kind, table = operator.union("builtin_options")
    if not kind:
        if record.options is not None and not record.may_lack_options:
            raise ModelError(f"{name} are missing", operator=where)
        return None
    if kind != record.code or table is None:
        raise ModelError(f"options have type {kind}; the operator takes {name}", operator=where)
    try:
        for other, accepted in record.accepted.items():
            _choose(other, table.number(other), accepted)
        if record.options is None:
            return None
        fields = dataclasses.fields(record.options)
        return record.options(**{item.name: _read_field(item, table) for item in fields})
    except ValueError as error:
        raise ModelError(f"{name}: {error}", operator=where) from None


def _read_map(record: Record, operator: TableView, where: str) -> Options | None:
    """Read the options of a custom operator, whose numbers are taken as integers, as TFLite takes them."""
    if record.options is None:
        return None
    try:
        found = read_flexbuffer(operator.array("custom_options").tobytes())
        values = {}
        for item in dataclasses.fields(record.options):
            if item.name not in found:
                raise ValueError(f"{item.name} is missing")
            kind: type[Any] = type(item.default)
            values[item.name] = kind(int(found[item.name]))
        return record.options(**values)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"custom options: {error}", operator=where) from None


def field_values(options: Options) -> dict[str, Any]:
    """Return the values of options by the schema's names of their fields."""
    names = [item.name for item in dataclasses.fields(options)]
    return {_SCHEMA_NAMES.get(name, name): getattr(options, name) for name in names}


def _read_field(item: dataclasses.Field[Any], table: TableView) -> Any:
    name = _SCHEMA_NAMES.get(item.name, item.name)
    kind: type[Any] = type(item.default)
    if kind is tuple:
        values = table.array(name)
        if values.size > _MAX_LENGTH:
            raise ValueError(f"{name} has {values.size} dimensions; at most {_MAX_LENGTH} are supported")
        return tuple(values.tolist())
    value = table.number(name)
    if issubclass(kind, enum.IntEnum):
        _choose(kind.__name__.lower(), value, kind)
    return kind(value)


def _choose(name: str, value: int, accepted: Iterable[int]) -> None:
    choices = list(accepted)
    if value not in choices:
        known = [choice.name if isinstance(choice, enum.Enum) else str(choice) for choice in choices]
        raise ValueError(f"{name} {value} is not supported; {', '.join(known)} {'is' if len(known) == 1 else 'are'}")
