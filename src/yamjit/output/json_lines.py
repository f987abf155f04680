"""JSON lines: an object per row, per recording that ended, and per failure, told apart by ``type``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamjit.output.objects import row_object, summary_object, to_json
from yamjit.output.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.results import Row, Summary

__all__ = ["JsonLinesWriter"]


class JsonLinesWriter(Writer):
    """Writes each line at once: a program that reads along never sees half an object."""

    def rows(self, rows: Iterable[Row]) -> None:
        """Write a line for each row: ``{"type": "row", "file": ..., "start_s": ..., ...}``."""
        for row in rows:
            self._line({"type": "row", "file": row.file, **row_object(row)})
        self._stream.flush()

    def end(self, summary: Summary) -> None:
        """Write ``{"type": "summary", "file": ..., "duration_s": ..., ...}``."""
        self._line({"type": "summary", **summary_object(summary)})
        self._stream.flush()

    def failure(self, file: str, reason: str) -> None:
        """Write ``{"type": "error", "file": ..., "error": ...}``."""
        self._line({"type": "error", "file": file, "error": reason})
        self._stream.flush()

    def _line(self, value: dict[str, Any]) -> None:
        self._stream.write(to_json(value) + "\n")
