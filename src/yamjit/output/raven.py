"""Raven's selection table; several recordings follow each other in time, as Raven opens a list of files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamjit.output.cells import cell, seconds
from yamjit.output.writer import TableWriter

if TYPE_CHECKING:
    from yamjit.results import Row, Summary

__all__ = ["RavenWriter"]

_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin Path",
    "File Offset (s)",
    "Annotation",
    "Score",
)

#: What YAMNet hears, in Hz: the edges of its mel filters.
_LOW_HZ, _HIGH_HZ = "125.0", "7500.0"


class RavenWriter(TableWriter):
    """Writes a selection a row. Its times count from the start of the first recording, its offset from its own."""

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._selections = 0
        self._before_s = 0.0

    def end(self, summary: Summary) -> None:
        """Write what was heard in the whole, unless there were stretches; the next recording starts here."""
        super().end(summary)
        self._before_s += summary.duration_s

    def _open(self) -> None:
        columns = (*_COLUMNS, "Head") if self._several_heads else _COLUMNS
        self._stream.write("\t".join(columns) + "\n")

    def _row(self, row: Row) -> None:
        self._selections += 1
        values = (
            str(self._selections),
            "Spectrogram 1",
            str(1 if row.channel is None else row.channel + 1),
            seconds(self._before_s + row.start_s),
            seconds(self._before_s + row.end_s),
            _LOW_HZ,
            _HIGH_HZ,
            cell(row.file),
            seconds(row.start_s),
            cell(row.label),
            f"{row.score:.6f}",
            *([cell(row.head)] if self._several_heads else []),
        )
        self._stream.write("\t".join(values) + "\n")
