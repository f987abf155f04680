"""Annotations of long recordings, as Audacity, Raven, DCASE and tables with a header have them."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from yamjit.errors import InputError
from yamjit.learn.overlaps import Span
from yamjit.learn.table_columns import Column, find_columns
from yamjit.learn.table_text import Line, Times, is_number, read_lines, tabbed
from yamjit.text import printable

__all__ = ["Annotation", "Cells", "read_annotations"]


class Annotation(NamedTuple):
    """A labelled part of a recording; `file` is empty in a list of a single recording.

    An annotation of the whole recording (`end_s` is None) without a label says that none of the classes is heard.
    """

    start_s: float
    end_s: float | None
    label: str
    file: str = ""


def read_annotations(path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None) -> list[Annotation]:
    """Read a file of Audacity, Raven or DCASE, whichever it is; its cells are separated by tabs.

    Audacity's have start, end, label (a score that yamjit wrote after the label is removed), DCASE's the same, perhaps
    after the file. With a header, they are tables of Raven (``Begin Time (s)``, ``End Time (s)``, and ``Annotation``,
    ``Species`` or the like), DCASE (``onset``, ``offset``, ``event_label``) and others, whose `columns` are those of
    `from_csv`. A line that is none of these, or whose times may not count from the start of its recording, is refused
    with an `InputError`.
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


def _headed(path: Path, header: list[str], lines: Iterator[Line], columns: Mapping[str, str]) -> Iterator[Annotation]:
    cells = Cells(path, header, find_columns(path, header, columns, needed=("label", "start")))
    for line in cells.checked(lines):
        start_s, end_s = cells.times(line)
        label = cells.of(line, "label")
        if not label and (start_s, end_s) != (0, None):
            raise InputError(f"{path}, line {line.number}: the annotation at {start_s:g} s has no label")
        yield Annotation(start_s, end_s, label, cells.of(line, "file"))


class Cells:
    """Cells of the lines of one table, by the roles of their columns."""

    def __init__(self, path: Path, header: list[str], found: Mapping[str, Column]) -> None:
        self._path = path
        self._width = len(header)
        self._found = found
        self._last = max(column.place for column in found.values())
        self._times = Times(path)
        # In a table of Raven over several recordings, times count on from one to the next.
        self._counts_on = "file" in found and found["file"].key in ("beginfile", "beginpath")
        self._bare: tuple[str, int] | None = None

    def checked(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield lines; refuse one that lacks the cell of a column, or has more cells than the header."""
        for line in lines:
            if len(line.cells) <= self._last or any(line.cells[self._width :]):
                raise InputError(
                    f"{self._path}, line {line.number}: {len(line.cells)} cells, but the header has {self._width}"
                )
            yield line

    @property
    def has_times(self) -> bool:
        """Whether lines are about parts of recordings."""
        return not self._found.keys().isdisjoint(("start", "end", "duration"))

    def of(self, line: Line, role: str) -> str:
        """Return a cell; an empty one if there is no column of this role."""
        column = self._found.get(role)
        return "" if column is None else line.cells[column.place]

    def times(self, line: Line) -> Span:
        """Return the start and end of a line in its recording; 0 and None for all of it."""
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
        """Refuse times whose place in their recording is unknown.

        The lengths of the earlier recordings do not help: those without a selection are not in the table.
        """
        file = self.of(line, "file")
        if offset is None and self._bare is None:
            self._bare = file, line.number
        if self._bare is not None and self._bare[0] != file:
            raise InputError(
                f"{self._path}, line {self._bare[1]}: times of Raven count on from one recording to the next, and this "
                "table has several; save it with the column 'File Offset (s)', or save a table for each recording"
            )


#: Score, channel and time that yamjit writes after a label for Audacity.
_SCORE = re.compile(r" \([01]\.\d\d(, channel \d+)?(, \d{4}-\d\d-\d\d [\d:.+-]+)?\)$", re.ASCII)


def _plain(path: Path, lines: Iterator[Line]) -> Iterator[Annotation]:
    times = Times(path)
    for number, cells in lines:
        if cells[0] == "\\":
            continue  # Audacity's second line of a label: its frequencies
        values = cells if is_number(cells[0]) else cells[1:]
        if len(values) < 2 or not (is_number(values[0]) and is_number(values[1])):
            found = printable("\t".join(cells))[:60]
            raise InputError(
                f"{path}, line {number}: start, end and label, separated by tabs, are accepted, or the file before "
                f"them; found {found!r}"
            )
        if len(values) > 3 and is_number(values[2]):
            raise InputError(f"{path}, line {number}: three numbers; add a header (file, onset, offset, label)")
        start, end = times.seconds(number, values[0]), times.seconds(number, values[1])
        if start is None or end is None or end < start:
            raise InputError(f"{path}, line {number}: an end before its start")
        label = _SCORE.sub("", values[2]) if len(values) > 2 else ""
        if not label:
            raise InputError(f"{path}, line {number}: the annotation at {start:g} s has no label")
        yield Annotation(start, end, label, "" if values is cells else cells[0])
