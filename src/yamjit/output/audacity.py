"""Audacity's label track: ``start<TAB>end<TAB>name (score)``, to be imported beside the recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.output.cells import cell, seconds, told_time
from yamjit.output.writer import LabelsWriter

if TYPE_CHECKING:
    from yamjit.results import Row

__all__ = ["AudacityWriter"]


class AudacityWriter(LabelsWriter):
    """Writes a label for each row: the name, then score, channel, head if the model has several, and time."""

    name = "audacity"

    def _row(self, row: Row) -> None:
        channel = "" if row.channel is None else f", channel {row.channel}"
        head = f", {row.head}" if self._several_heads else ""
        time = "" if row.time is None else f", {told_time(row.time)}"
        label = cell(f"{row.label} ({row.score:.2f}{channel}{head}{time})")
        self._stream.write(f"{seconds(row.start_s)}\t{seconds(row.end_s)}\t{label}\n")
