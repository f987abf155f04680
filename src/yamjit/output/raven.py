"""Raven's selection table; recordings follow each other in time, as in a list of files that Raven opens."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from yamjit.errors import InputError
from yamjit.output.cells import cell, seconds
from yamjit.output.writer import TableWriter

if TYPE_CHECKING:
    from datetime import datetime

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
    "Begin Date Time",
)

#: Frequencies that YAMNet hears, in Hz: the edges of its mel filters.
_LOW_HZ, _HIGH_HZ = "125.0", "7500.0"


class RavenWriter(TableWriter):
    """Writes a selection for each row: times count from the start of the first recording, the offset from its own.

    Raven lays whole recordings end to end, even if only part of one was read. Date and time are those on the wall where
    it was recorded, without an offset from UTC.
    """

    _selections = 0
    #: Where the current recording starts, and the end of the last selection, in seconds from the first recording.
    _before_s = _latest_s = 0.0
    _endless = ""

    def begin(self, file: str) -> None:
        """Start a recording; refuse it if the length of the one before is unknown."""
        if self._endless:
            raise InputError(
                f"{file}: in a table of Raven it follows {self._endless}, which was read in part and whose header does "
                "not say how long it is; read that to its end, or write a table for each"
            )
        super().begin(file)

    def end(self, summary: Summary) -> None:
        """Write the rows of the summary, unless others were given; the next recording starts after this one."""
        super().end(summary)
        length_s = summary.duration_s if summary.length_s is None else summary.length_s
        if math.isinf(length_s):
            self._endless = summary.file
        else:
            self._before_s += length_s

    def failure(self, file: str, reason: str) -> None:
        """Start the next recording after the last selection of this one."""
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
            _date_time(row.time),
            *([cell(row.head)] if self._several_heads else []),
        )
        self._stream.write("\t".join(values) + "\n")


def _date_time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03}"
