"""Records as objects of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from yamjit.output.cells import plain
from yamjit.text import escape_json

if TYPE_CHECKING:
    from yamjit.results import Row, Summary

__all__ = ["row_object", "summary_object", "to_json"]


def row_object(row: Row) -> dict[str, Any]:
    """Return a row without its file."""
    return {"start_s": round(row.start_s, 6), "end_s": round(row.end_s, 6), **_heard(row)}


def _heard(row: Row) -> dict[str, Any]:
    """Return what was heard, without when and where."""
    return {
        "label": row.label,
        "score": round(row.score, 6),
        "class_index": row.class_index,
        "audioset_id": row.audioset_id,
        "channel": row.channel,
        "head": row.head,
    }


def summary_object(summary: Summary) -> dict[str, Any]:
    """Return a summary."""
    return {
        "file": summary.file,
        "duration_s": summary.duration_s,
        "windows": summary.windows,
        "window_s": summary.window_s,
        "top": [_heard(row) for row in summary.top],
        "warnings": list(summary.warnings),
        "damage": summary.damage,
    }


def to_json(value: dict[str, Any]) -> str:
    """Return an object in one line."""
    return escape_json(plain(json.dumps(value, ensure_ascii=False)))
