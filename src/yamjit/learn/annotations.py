"""Labelled stretches of long recordings, as Audacity, Raven, DCASE and tables with a header write them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from yamjit.disk import printable
from yamjit.errors import InputError
from yamjit.learn.overlaps import Span
from yamjit.learn.table_columns import Column, find_columns
from yamjit.learn.table_text import Line, Times, is_number, read_lines, tabbed

__all__ = ["Cells", "Stretch", "read_labels"]


class Stretch(NamedTuple):
    """A labelled stretch; `file` is empty where the list is of one recording.

    One without a label that lasts to the end (None) says that nothing is heard in its recording.
    """

    start_s: float
    end_s: float | None
    label: str
    file: str = ""


def read_labels(path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None) -> list[Stretch]:
    """Read the labelled stretches of a file of Audacity, Raven or DCASE; which of them it is, is seen.

    Parameters
    ----------
    path : path
        Cells have tabs between them. Audacity: start, end, label; the score that yamjit writes behind a label is left
        out. DCASE: the same, or with the file first. With a header: tables of Raven (``Begin Time (s)``,
        ``End Time (s)``, and ``Annotation``, ``Species`` or the like), DCASE (``onset``, ``offset``, ``event_label``)
        and others.
    columns : mapping of str to str, optional
        What the columns of a table with a header are called, see `from_csv`.

    Returns
    -------
    list of Stretch

    Raises
    ------
    InputError
        If a line is none of these, or its times may not count from the start of its recording.
    """
    path = Path(path)
    lines = tabbed(read_lines(path))
    first = next(lines, None)
    if first is None:
        return []
    if columns or _is_header(first):
        return list(_headed(path, first.cells, lines, columns or {}))
    return list(_plain(path, itertools.chain([first], lines)))


def _is_header(line: Line) -> bool:
    """Return whether a line names columns."""
    return len(line.cells) > 1 and not any(map(is_number, line.cells))


def _headed(path: Path, header: list[str], lines: Iterator[Line], columns: Mapping[str, str]) -> Iterator[Stretch]:
    cells = Cells(path, header, find_columns(path, header, columns, needed=("label", "start")))
    for line in cells.checked(lines):
        start_s, end_s = cells.times(line)
        label = cells.of(line, "label")
        if not label and (start_s, end_s) != (0, None):
            raise InputError(f"{path}, line {line.number}: the stretch from {start_s:g} s has no label")
        yield Stretch(start_s, end_s, label, cells.of(line, "file"))


class Cells:
    """The cells of the lines of one table, by what their columns mean.

    Parameters
    ----------
    path : Path
        For messages.
    header : list of str
    found : mapping of str to Column
        The columns that count.
    """

    def __init__(self, path: Path, header: list[str], found: Mapping[str, Column]) -> None:
        self._path = path
        self._width = len(header)
        self._found = found
        self._last = max(column.place for column in found.values())
        self._times = Times(path)
        # Times of Raven over several recordings count on from one to the next.
        self._counts_on = "file" in found and found["file"].key in ("beginfile", "beginpath")
        self._bare: tuple[str, int] | None = None

    def checked(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield lines that have a cell for each column that counts.

        Raises
        ------
        InputError
            If one ends before that, or has more cells than the header.
        """
        for line in lines:
            if len(line.cells) <= self._last or any(line.cells[self._width :]):
                raise InputError(
                    f"{self._path}, line {line.number}: {len(line.cells)} cells, and the header has {self._width}"
                )
            yield line

    @property
    def has_times(self) -> bool:
        """Whether lines are of stretches."""
        return not self._found.keys().isdisjoint(("start", "end", "duration"))

    def of(self, line: Line, role: str) -> str:
        """Return a cell; an empty one where there is no such column."""
        column = self._found.get(role)
        return "" if column is None else line.cells[column.place]

    def times(self, line: Line) -> Span:
        """Return the start and the end of a line's stretch in its recording; 0 and None for all of it.

        Raises
        ------
        InputError
            If these are no times in order, or may not count from the start of the recording.
        """
        start, end, duration, offset = (self._time(line, role) for role in ("start", "end", "duration", "file_offset"))
        if duration is not None:
            end = round((start or 0.0) + duration, 9)
        if end is not None and (("start" in self._found and start is None) or end < (start or 0.0)):
            raise InputError(f"{self._path}, line {line.number}: an end {'before its' if start else 'without a'} start")
        if self._counts_on and start is not None:
            self._check_offset(line, offset)
        if offset is not None and start is not None:
            return offset, None if end is None else round(offset + (end - start), 9)
        return start or 0.0, end

    def _time(self, line: Line, role: str) -> float | None:
        column = self._found.get(role)
        return column and self._times.seconds(line.number, self.of(line, role), column.per_second or 1)

    def _check_offset(self, line: Line, offset: float | None) -> None:
        """Refuse times of which nobody knows where in their recording they are.

        What the earlier recordings last does not tell: some may have no selection, and are not in the table.
        """
        file = self.of(line, "file")
        if offset is None and self._bare is None:
            self._bare = file, line.number
        if self._bare is not None and self._bare[0] != file:
            raise InputError(
                f"{self._path}, line {self._bare[1]}: times of Raven count on from one recording to the next, and this "
                "table has several; save it with the column 'File Offset (s)', or a table for each recording"
            )


#: The score and the channel that yamjit writes behind a label for Audacity.
_SCORE = re.compile(r" \([01]\.\d\d(, channel \d+)?\)$", re.ASCII)


def _plain(path: Path, lines: Iterator[Line]) -> Iterator[Stretch]:
    times = Times(path)
    for number, cells in lines:
        if cells[0] == "\\":
            continue  # Audacity's second line of a label: its frequencies
        values = cells if is_number(cells[0]) else cells[1:]
        if len(values) < 2 or not (is_number(values[0]) and is_number(values[1])):
            found = printable("\t".join(cells))[:60]
            raise InputError(
                f"{path}, line {number}: start, end and label with tabs between are accepted, or the file before them; "
                f"found {found!r}"
            )
        if len(values) > 3 and is_number(values[2]):
            raise InputError(f"{path}, line {number}: three numbers; a header says which (file, onset, offset, label)")
        start, end = times.seconds(number, values[0]), times.seconds(number, values[1])
        if start is None or end is None or end < start:
            raise InputError(f"{path}, line {number}: an end before its start")
        label = _SCORE.sub("", values[2]) if len(values) > 2 else ""
        if not label:
            raise InputError(f"{path}, line {number}: the stretch from {start:g} s has no label")
        yield Stretch(start, end, label, "" if values is cells else cells[0])
