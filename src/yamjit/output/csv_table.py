"""CSV: a line for each row, under a header with the names of `Row`'s fields."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from yamjit.clock import iso
from yamjit.output.cells import one_line, seconds
from yamjit.output.writer import TableWriter
from yamjit.results import Row

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["CsvWriter"]


class CsvWriter(TableWriter):
    """Writes what Excel and pandas read: commas, doubled quotes, an empty cell where channels were mixed."""

    def __init__(self, stream: TextIO, *, several_heads: bool = False) -> None:
        super().__init__(stream, several_heads=several_heads)
        self._cells: Any = csv.writer(stream, lineterminator="\n")

    def _open(self) -> None:
        self._cells.writerow(Row._fields)

    def _row(self, row: Row) -> None:
        # A row is a line: not every reader expects line ends in quotes, nor every version of the module quotes them.
        values = {key: one_line(value) if isinstance(value, str) else value for key, value in row._asdict().items()}
        values |= {"start_s": seconds(row.start_s), "end_s": seconds(row.end_s), "score": f"{row.score:.6f}"}
        values["time"] = iso(row.time)
        self._cells.writerow(values.values())
