"""The event list of DCASE, which sed_eval reads: ``file<TAB>onset<TAB>offset<TAB>label``, no header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.output.cells import cell, seconds
from yamjit.output.writer import TableWriter

if TYPE_CHECKING:
    from yamjit.results import Row

__all__ = ["DcaseWriter"]

#: dcase_util refuses a row whose label is empty, or looks like a list of labels.
_NAMELESS = "-"
_LISTS = str.maketrans({'"': "'", **dict.fromkeys(";:|#", "_")})


class DcaseWriter(TableWriter):
    """Writes an event for each row; the format has no column for scores."""

    def _row(self, row: Row) -> None:
        label = cell(self._label(row)).translate(_LISTS).strip() or _NAMELESS
        self._stream.write(f"{cell(row.file)}\t{seconds(row.start_s)}\t{seconds(row.end_s)}\t{label}\n")
