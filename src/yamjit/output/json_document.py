"""JSON: one document, an array with an object per recording, written as the recordings end.

An object holds ``file``, ``duration_s``, ``windows`` (their number), ``window_s``, ``top``, ``warnings``, ``damage``
and, if any were asked for, ``rows``; or ``file``, ``error`` and the rows before it. Rows are written as their recording
ends; JSON lines have them as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamjit.output.objects import row_object, summary_object, to_json
from yamjit.output.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.results import Row, Summary

__all__ = ["JsonWriter"]


class JsonWriter(Writer):
    """Writes an array that is closed even if the run is interrupted: the recordings before that can be read."""

    _first = True
    _rows: list[str] | None = None

    def begin(self, file: str) -> None:
        """Start a recording."""
        self._rows = None

    def rows(self, rows: Iterable[Row]) -> None:
        """Keep rows of parts of the recording."""
        kept = [] if self._rows is None else self._rows
        kept += [to_json(row_object(row)) for row in rows]
        self._rows = kept

    def end(self, summary: Summary) -> None:
        """Write the recording's object."""
        self._object(summary_object(summary))

    def failure(self, file: str, reason: str) -> None:
        """Write the reason in place of a result."""
        self._object({"file": file, "error": reason})

    def _open(self) -> None:
        self._stream.write("[")

    def _close(self) -> None:
        self._stream.write("\n]\n")

    def _object(self, value: dict[str, Any]) -> None:
        text = to_json(value)
        if self._rows is not None:
            text = f'{text[:-1]}, "rows": [{", ".join(self._rows)}]}}'
        text, write = ("\n" if self._first else ",\n") + text, self._stream.write
        self._rows = None
        # One write: an interruption comes before these two lines or, in Python's loop, after the call.
        self._first = False
        write(text)
        self._stream.flush()
