"""Captions in the order of time: what WebVTT and SRT share."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from yamjit.output.cells import one_line, told_time
from yamjit.output.writer import LabelsWriter

if TYPE_CHECKING:
    from yamjit.results import Row, Summary

__all__ = ["CaptionWriter"]


class CaptionWriter(LabelsWriter):
    """Writes a cue for each row, such as ``[Dog bark]``, at the end of the recording: events end in another order."""

    #: Mark between seconds and milliseconds.
    decimal_mark: str

    _number = 0

    def __init__(self, stream: Any, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._cues: list[tuple[int, int, str, str]] = []

    def end(self, summary: Summary) -> None:
        """Write the cues."""
        super().end(summary)
        self._write_cues()

    def _close(self) -> None:
        self._write_cues()

    def _row(self, row: Row) -> None:
        start = round(row.start_s * 1000)
        # A cue without a duration is not shown.
        end = max(start + 1, round(row.end_s * 1000))
        self._cues.append((start, end, f"[{one_line(self._label(row))}]", told_time(row.time)))

    def _write_cues(self) -> None:
        self._cues.sort(key=lambda cue: cue[0])
        for start, end, text, time in self._cues:
            self._number += 1
            times = f"{self._clock(start)} --> {self._clock(end)}"
            self._stream.write(self._cue(self._number, times, text, time))
        self._cues.clear()
        self._stream.flush()

    def _clock(self, milliseconds: int) -> str:
        """Return a time as hours, minutes, seconds."""
        seconds, rest = divmod(milliseconds, 1000)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        return f"{hour:02}:{minute:02}:{second:02}{self.decimal_mark}{rest:03}"

    @abstractmethod
    def _cue(self, number: int, times: str, text: str, time: str) -> str:
        """Return a cue with its blank lines; `time` is when it was recorded, empty if that is not known."""
