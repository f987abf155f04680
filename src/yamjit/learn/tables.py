"""Labelled recordings from tables with a header, such as those of ESC-50, UrbanSound8K and FSD50K."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from yamjit import checks
from yamjit.disk import printable
from yamjit.errors import InputError
from yamjit.learn.annotations import Cells
from yamjit.learn.dataset import OTHER, SPLITS, Clip, Dataset
from yamjit.learn.overlaps import Span, covering, widened
from yamjit.learn.recordings import Recordings
from yamjit.learn.table_columns import Column, find_columns, shown
from yamjit.learn.table_text import Line, open_table

__all__ = ["check_arguments", "from_csv"]

#: Separates the classes of a clip that is of several.
_SEPARATOR = ";"

_DEVELOPMENT = ("dev", "development")


def from_csv(
    table: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    other: str = OTHER,
    separator: str | None = None,
) -> Dataset:
    """Read a table of files and labels, as ESC-50, UrbanSound8K and FSD50K have one.

    Parameters
    ----------
    table : path
        With a header; commas, semicolons or tabs between the cells; UTF-8, or UTF-16 as Excel writes it. Needed are a
        column for the file and one for the label; fold, split, group and times are taken where they are found. A clip
        of several classes has them with ';' between; one without a label is of none.

        Times are a start with an end (``start``, ``end``; ``onset``, ``offset``) or with a duration (``start``,
        ``duration``; ``offset``, ``duration``), in seconds, or in milliseconds where the name says so (``start_ms``).
        Those of UrbanSound8K, whose files are slices, are not taken. Of stretches that overlap, each has the labels of
        all that cover half of it.

        A split (train, validation, test) says what a head may learn from, see `Dataset`.
    audio : path, optional
        Folder that the files are given from; by default the table's folder, or ``audio`` in it or beside it. A path of
        another computer stands for the file at its end there.
    columns : mapping of str to str, optional
        What ``file``, ``label``, ``fold``, ``split``, ``group``, ``start``, ``end``, ``duration`` and ``file_offset``
        are called in this table; "" where it has no such column.
    where : mapping of str to str or sequence of str, optional
        Only rows that have this value in this column, or one of these values, such as ``{"esc10": "True"}``.
    other : str
        Label of clips of no class.
    separator : str, optional
        What stands between the classes of a clip in place of ';'. Commas do as well in columns that hold lists in
        FSD50K and AudioSet (``labels``, ``positive_labels``, ``tags``).

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column or has one that could mean two things, a line is no row of it, or
        it names no file that is there.
    """
    path = checks.path(table, "table")
    check_arguments(audio, other, columns)
    checks.instance(where, "where", Mapping, type(None))
    if separator is not None:
        checks.text(separator, "separator", 100, empty=False)
    text = open_table(path)
    found = find_columns(path, text.header, columns or {})
    wanted = _Wanted(path, text.header, where or {})
    cells = Cells(path, text.header, found)
    rows = _Rows(path, cells, found["label"], Recordings(path, audio), other, separator)
    clips = [rows.clip(line) for line in cells.checked(text.lines) if wanted(line)]
    wanted.check_values()
    if not clips:
        raise InputError(f"{path} has no rows, or none that are wanted")
    rows.check_found()
    clips = _shared_labels(clips, rows.overlapping)
    clips = _settled_splits(path, clips, rows.splits, found, columns or {})
    classes = sorted({label for labels in rows.labels.values() for label in labels})
    return Dataset(tuple(clips), tuple(classes), str(path))


def check_arguments(audio: Any, other: Any, columns: Any) -> None:
    """Refuse what `from_csv` and `from_labels` both take, and is none of it."""
    if audio is not None:
        checks.path(audio, "audio")
    checks.text(other, "other")
    checks.instance(columns, "columns", Mapping, type(None))


class _Wanted:
    """Whether a line has the values that are wanted; some have to have each."""

    def __init__(self, path: Path, header: Sequence[str], where: Mapping[str, str | Sequence[str]]) -> None:
        absent = [column for column in where if column not in header]
        if absent:
            raise InputError(f"{path}: columns {shown(header)}; there is no {shown(absent)}")
        self._path = path
        self._values = {column: (header.index(column), _texts(column, values)) for column, values in where.items()}
        self._seen: dict[str, set[str]] = {column: set() for column in where}

    def __call__(self, line: Line) -> bool:
        wanted = True
        for column, (place, values) in self._values.items():
            value = line.cells[place] if place < len(line.cells) else ""
            if len(self._seen[column]) < 1000 or value in values:
                self._seen[column].add(value)
            wanted &= value in values
        return wanted

    def check_values(self) -> None:
        """Refuse values that no line has."""
        for column, (_, values) in self._values.items():
            missing = sorted(values - self._seen[column])
            if missing:
                some = ", ".join(map(repr, sorted(self._seen[column])[:10]))
                raise InputError(
                    f"{self._path} has no rows, or none that are wanted: {missing[0]!r} is not in the column "
                    f"{column}, which has {some}"
                )


def _texts(column: str, values: object) -> set[str]:
    """Return the values that are wanted of a column as a table has them; a number or True stands for its text."""
    if isinstance(values, (str, int, float)):
        return {str(values)}
    return set(map(str, checks.elements(values, f"where of {column!r}")))


class _Rows:
    """Makes clips of the lines of a table."""

    def __init__(
        self,
        path: Path,
        cells: Cells,
        label: Column,
        recordings: Recordings,
        other: str,
        separator: str | None,
    ) -> None:
        self._path = path
        self._cells = cells
        self._recordings = recordings
        self._other = other
        self._separator = separator
        self._label = label
        #: The classes that a cell names, and the names of files: a table repeats them.
        self.labels: dict[str, tuple[str, ...]] = {}
        self._files: dict[tuple[str, str], tuple[Path, str]] = {}
        self._missing: str | None = None
        self._some = False
        #: What each line calls its split.
        self.splits: list[str] = []
        #: Recordings of which a stretch begins before one above it ends.
        self.overlapping: set[Path] = set()
        self._latest: dict[Path, float] = {}

    def clip(self, line: Line) -> Clip:
        """Return what a line says."""
        cell = self._cells.of
        name, fold, text = cell(line, "file"), cell(line, "fold"), cell(line, "label")
        if not name:
            raise InputError(f"{self._path}, line {line.number}: names no file")
        if text not in self.labels:
            self.labels[text] = self._classes(line, text)
        if (name, fold) not in self._files:
            self._files[name, fold] = self._file(name, fold)
        path, group = self._files[name, fold]
        self.splits.append(sys.intern(cell(line, "split")))
        start, end = widened(*self._cells.times(line))
        if self._cells.has_times:
            if start < self._latest.get(path, 0.0):
                self.overlapping.add(path)
            self._latest[path] = max(self._latest.get(path, 0.0), sys.float_info.max if end is None else end)
        return Clip(
            path,
            self.labels[text],
            start,
            end,
            sys.intern(cell(line, "group")) or group,
            sys.intern(fold),
        )

    def _file(self, name: str, fold: str) -> tuple[Path, str]:
        path = self._recordings.named(name, fold)
        if path is None:
            self._missing = self._missing or name
            path = self._recordings.places[0] / name
        else:
            self._some = True
        return path, str(path)

    def _classes(self, line: Line, text: str) -> tuple[str, ...]:
        separator = self._separator or _SEPARATOR
        if not self._separator and self._label.is_list and _SEPARATOR not in text and "," in text:
            separator = ","
            if ", " in text:
                raise InputError(
                    f"{self._path}, line {line.number}: {printable(text[:80])!r} may be one class or several; say what "
                    "stands between classes: separator=',' (--separator ,) or ';'"
                )
        labels = dict.fromkeys(label.strip() for label in text.split(separator) if label.strip())
        return tuple(label for label in labels if label != self._other)

    def check_found(self) -> None:
        """Refuse a table none of whose files is there; single ones may be missing, and are told of later."""
        if not self._some:
            where = ", ".join(map(str, self._recordings.places))
            raise InputError(
                f"{self._path}: the file {printable(self._missing or '')!r} is not in {where}; say where the "
                "recordings are (--audio, audio=)"
            )


def _shared_labels(clips: list[Clip], overlapping: set[Path]) -> list[Clip]:
    """Return the clips, those of the recordings that overlap with the labels of all that cover half of them."""
    stretches: dict[Path, dict[Span, set[str]]] = {path: {} for path in overlapping}
    for clip in clips:
        if clip.path in overlapping and clip.labels:
            stretches[clip.path].setdefault((clip.start_s, clip.end_s), set()).update(clip.labels)
    labels = {
        (path, *span): tuple(sorted(names)) for path, found in stretches.items() for span, names in covering(found)
    }
    if not labels:
        return clips
    found = (labels.get((clip.path, clip.start_s, clip.end_s), ()) if clip.labels else () for clip in clips)
    return [replace(clip, labels=names) if names else clip for clip, names in zip(clips, found, strict=True)]


def _settled_splits(
    path: Path, clips: list[Clip], splits: list[str], found: Mapping[str, Column], given: Mapping[str, str]
) -> list[Clip]:
    """Return the clips with a fold or a split, whichever the words in these columns are."""
    column, fold = found.get("split"), found.get("fold")
    if column is None and fold is not None and "fold" not in given:
        column, splits = fold, [clip.fold for clip in clips]
    if column is None:
        return clips
    words = set(splits)
    strange = sorted(word for word in words if word.lower() not in SPLITS)
    if strange and (len(strange) == len(words) or column.key != "split") and "split" not in given:
        return clips  # folds, or nothing to do with learning
    if strange:
        raise InputError(
            f"{path}: {strange[0]!r} in the column {column.name} is none of train, validation and test; --column "
            "split= takes no notice of it"
        )
    teaches = SPLITS if any(SPLITS[word.lower()] == "train" for word in words) else _WITHOUT_TRAIN
    names = {word: teaches[word.lower()] for word in words}
    same = fold is not None and fold.place == column.place
    return [
        replace(clip, split=names[split], fold="" if same else clip.fold)
        for clip, split in zip(clips, splits, strict=True)
    ]


#: Where no part is called train, that for development is it.
_WITHOUT_TRAIN = SPLITS | dict.fromkeys(_DEVELOPMENT, "train")
