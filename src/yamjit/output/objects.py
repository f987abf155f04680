"""Records as JSON objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yamjit.clock import iso
from yamjit.output.cells import plain
from yamjit.text import escape_json

if TYPE_CHECKING:
    from yamjit.results import Row, Summary

__all__ = ["row_object", "summary_object", "to_json"]

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def row_object(row: Row) -> dict[str, Any]:
    """Return a row without its file."""
    value = row._asdict()
    del value["file"]
    for name in ("start_s", "end_s", "score"):
        value[name] = round(value[name], 6)
    value["time"] = iso(row.time) or None
    return value


def _without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}


def summary_object(summary: Summary) -> dict[str, Any]:
    """Return a summary; its classes without their times."""
    return {
        "file": summary.file,
        "duration_s": summary.duration_s,
        "windows": summary.windows,
        "window_s": summary.window_s,
        "top": [_without(row_object(row), "start_s", "end_s", "time") for row in summary.top],
        "warnings": list(summary.warnings),
        "damage": summary.damage,
        "recorded_at": iso(summary.recorded_at) or None,
    }


def to_json(value: dict[str, Any]) -> str:
    """Return an object as one line of text."""
    return escape_json(plain(_ENCODER.encode(value)))
