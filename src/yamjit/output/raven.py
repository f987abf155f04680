"""Raven's selection table; several recordings follow each other in time, as Raven opens a list of files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from yamjit.errors import InputError
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
    """Writes a selection a row. Its times count from the start of the first recording, its offset from its own.

    Raven lays whole recordings end to end, also those of which a stretch was read.
    """

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._selections = 0
        self._before_s = 0.0
        self._latest_s = 0.0
        self._endless = ""

    def begin(self, file: str) -> None:
        """Start a recording.

        Raises
        ------
        InputError
            If nobody knows where the one before ends.
        """
        if self._endless:
            raise InputError(
                f"{file}: in a table of Raven it follows {self._endless}, of which a stretch was read and whose header "
                "does not say how long it is; read that to its end, or write a table for each"
            )
        super().begin(file)

    def end(self, summary: Summary) -> None:
        """Write what was heard in the whole, unless there were stretches; the next recording starts behind it."""
        super().end(summary)
        length_s = summary.duration_s if summary.length_s is None else summary.length_s
        if math.isinf(length_s):
            self._endless = summary.file
        else:
            self._before_s += length_s

    def failure(self, file: str, reason: str) -> None:
        """Start the next recording behind what was heard before this one failed."""
        self._before_s = max(self._before_s, self._latest_s)

    def _open(self) -> None:
        columns = (*_COLUMNS, "Head") if self._several_heads else _COLUMNS
        self._stream.write("\t".join(columns) + "\n")

    def _row(self, row: Row) -> None:
        self._selections += 1
        self._latest_s = max(self._latest_s, self._before_s + row.end_s)
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
