"""Text for people: rows as they come, then the classes of the recording under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.output.cells import shown, told_time
from yamjit.output.writer import Writer
from yamjit.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from yamjit.results import Row, Summary

__all__ = ["TextWriter"]


class TextWriter(Writer):
    """Writes a paragraph for each recording, without failures; where there are several heads, lines end with theirs."""

    _first = True
    _lines = 0
    _first_head: str | None = None

    def begin(self, file: str) -> None:
        """Start a recording."""
        self._lines = 0

    def rows(self, rows: Iterable[Row]) -> None:
        """Write a line with time, start, end, score and name for each row, under the name of the recording."""
        for row in rows:
            if not self._lines:
                self._paragraph(shown(row.file))
            self._lines += 1
            time = "" if row.time is None else f"  {told_time(row.time)}"
            self._stream.write(f"{time}  {row.start_s:9.2f} {row.end_s:9.2f}  {self._scored(row)}\n")
        self._stream.flush()

    def end(self, summary: Summary) -> None:
        """Write the classes of the whole recording, the highest first."""
        if summary.top or not self._lines:
            windows = plural(summary.windows, "window")
            begun = "" if summary.recorded_at is None else f", recorded at {told_time(summary.recorded_at)}"
            self._paragraph(f"{shown(summary.file)}  ({summary.duration_s:.2f} s, {windows}{begun})")
            self._stream.writelines(f"  {self._scored(row)}\n" for row in summary.top)
        self._stream.flush()

    def _paragraph(self, title: str) -> None:
        self._stream.write(title + "\n" if self._first else f"\n{title}\n")
        self._first = False

    def _scored(self, row: Row) -> str:
        channel = "" if row.channel is None else f"  (channel {row.channel})"
        if self._first_head is None:
            self._first_head = row.head
        head = f"  ({shown(row.head)})" if self._several_heads or row.head != self._first_head else ""
        return f"{row.score:.3f}  {shown(row.label)}{channel}{head}"
