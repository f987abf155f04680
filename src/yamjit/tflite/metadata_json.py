"""Metadata tables as the JSON text that TFLite's own tools print: fields in the order of the schema, two spaces."""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

from yamjit.tflite.codec import TableView
from yamjit.tflite.metadata import ContentProperties, FileType, ScoreTransformation
from yamjit.tflite.metadata_tables import METADATA_IDENTIFIER, MODEL_METADATA
from yamjit.tflite.schema import Child, Opaque, Scalar, String, Union, Vector
from yamjit.tflite.verifier import verify

__all__ = ["metadata_json"]

#: Kinds of process units by their numbers in the schema.
_ProcessUnits = enum.IntEnum(
    "_ProcessUnits",
    "NONE NormalizationOptions ScoreCalibrationOptions ScoreThresholdingOptions BertTokenizerOptions "
    "SentencePieceTokenizerOptions RegexTokenizerOptions",
    start=0,
)

#: Fields whose numbers have names, by table and field.
_NAMED: dict[tuple[str, str], type[enum.IntEnum]] = {
    ("AssociatedFile", "type"): FileType,
    ("Content", "content_properties_type"): ContentProperties,
    ("ProcessUnit", "options_type"): _ProcessUnits,
    ("ScoreCalibrationOptions", "score_transformation"): ScoreTransformation,
}

_DECIMALS = 6


def metadata_json(data: bytes) -> str:
    """Return metadata tables as JSON; what is left out of the tables is left out of the text.

    Other bytes are refused with a `ModelError`. Fields of newer schemas, and what is for images or texts, are omitted.
    """
    verify(data, MODEL_METADATA, METADATA_IDENTIFIER)
    return f"{_table(TableView.of_root(data, MODEL_METADATA), 0)}\n"


def _table(view: TableView, depth: int) -> str:
    shown = ((name, _value(view, name, depth + 1)) for name in view.table.fields if view.place(name) is not None)
    return _enclosed("{}", (f"{_quoted(name)}: {text}" for name, text in shown if text is not None), depth)


def _value(view: TableView, name: str, depth: int) -> str | None:
    """Return the text of a field that is there; None for what is not read."""
    field = view.table.fields[name]
    if isinstance(field, Opaque):
        return None
    if isinstance(field, String):
        return _quoted(view.text(name))
    if isinstance(field, Scalar):
        return _number(view.number(name), _NAMED.get((view.table.name, name)))
    if isinstance(field, Vector):
        return _enclosed("[]", _elements(view, name, field, depth + 1), depth)
    child = view.union(name)[1] if isinstance(field, Union) else view.child(name)
    return None if child is None else _table(child, depth)


def _elements(view: TableView, name: str, field: Vector, depth: int) -> Iterator[str]:
    if isinstance(field.element, Child):
        yield from (_table(child, depth) for child in view.children(name))
    elif isinstance(field.element, String):
        yield from map(_quoted, view.texts(name))
    else:
        yield from (_number(value, None) for value in view.array(name).tolist())


def _quoted(text: str) -> str:
    """Return a text in quotes, with ASCII alone; digits above 9 are upper case."""
    return re.sub(r"\\(?:u[0-9a-f]{4}|.)", lambda found: found[0][:2] + found[0][2:].upper(), json.dumps(text))


def _number(value: Any, names: type[enum.IntEnum] | None) -> str:
    if names is not None and value in list(names):
        return _quoted(names(value).name)
    if not isinstance(value, float):
        return str(value)
    if not math.isfinite(value):
        return "null"
    whole, _, decimals = f"{value:.{_DECIMALS}f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def _enclosed(brackets: str, parts: Iterable[str], depth: int) -> str:
    """Return the parts in a line each between brackets, indented by the depth."""
    lines = ",\n".join(f"{'  ' * (depth + 1)}{part}" for part in parts)
    return f"{brackets[0]}\n{lines}{chr(10) if lines else ''}{'  ' * depth}{brackets[1]}"
