"""Labelled recordings from tables (ESC-50, UrbanSound8K, FSD50K ...) and label files (Audacity, Raven, DCASE)."""

from __future__ import annotations

import heapq
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from yamjit import checks
from yamjit.disk import printable
from yamjit.errors import InputError
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.recordings import Folders, Recordings
from yamjit.learn.stretches import Cells, Stretch, read_labels
from yamjit.learn.table_columns import Column, find_columns
from yamjit.learn.table_text import Line, open_table

__all__ = ["from_csv", "from_labels", "read_labels"]

#: Separates the classes of a clip that is of several.
_SEPARATOR = ";"

#: What the parts of a division for training, validation and test are called.
_SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}
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
        Those of UrbanSound8K, whose files are slices, are not taken.

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
    _check(audio, other, columns)
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
    clips = _settled_splits(path, clips, found, columns or {})
    classes = sorted({label for labels in rows.labels.values() for label in labels})
    return Dataset(tuple(clips), tuple(classes), str(path))


class _Wanted:
    """Whether a line has the values that are wanted; some have to have each."""

    def __init__(self, path: Path, header: Sequence[str], where: Mapping[str, str | Sequence[str]]) -> None:
        absent = [column for column in where if column not in header]
        if absent:
            raise InputError(f"{path}: columns {', '.join(header)}; there is no {', '.join(absent)}")
        self._path = path
        self._values = {
            column: (header.index(column), {values} if isinstance(values, str) else set(values))
            for column, values in where.items()
        }
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
                shown = ", ".join(map(repr, sorted(self._seen[column])[:10]))
                raise InputError(
                    f"{self._path} has no rows, or none that are wanted: {missing[0]!r} is not in the column "
                    f"{column}, which has {shown}"
                )


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
        start, end = _widened(*self._cells.times(line))
        return Clip(
            path,
            self.labels[text],
            start,
            end,
            sys.intern(cell(line, "group")) or group,
            sys.intern(fold),
            sys.intern(cell(line, "split")),
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
                f"{self._path}: the file {printable(self._missing or '')!r} is not in {where}; say where with audio="
            )


def _settled_splits(path: Path, clips: list[Clip], found: Mapping[str, Column], given: Mapping[str, str]) -> list[Clip]:
    """Return the clips with a fold or a split, whichever the words in these columns are."""
    column, fold = found.get("split"), found.get("fold")
    words = {clip.fold.lower() for clip in clips}
    if column is None and fold is not None and "fold" not in given and words <= _SPLITS.keys():
        clips, column, fold = [replace(clip, fold="", split=clip.fold) for clip in clips], fold, None
    if column is None:
        return clips
    words = {clip.split for clip in clips}
    strange = sorted(word for word in words if word.lower() not in _SPLITS)
    if strange and (len(strange) == len(words) or column.key != "split") and "split" not in given:
        return [replace(clip, split="") for clip in clips]  # folds, or nothing to do with learning
    if strange:
        raise InputError(
            f"{path}: {strange[0]!r} in the column {column.name} is none of train, validation and test; --column "
            "split= takes no notice of it"
        )
    teaches = _SPLITS if any(_SPLITS[word.lower()] == "train" for word in words) else _WITHOUT_TRAIN
    names = {word: teaches[word.lower()] for word in words}
    same = fold is not None and fold.place == column.place
    return [replace(clip, split=names[clip.split], fold="" if same else clip.fold) for clip in clips]


#: Where no part is called train, that for development is it.
_WITHOUT_TRAIN = _SPLITS | dict.fromkeys(_DEVELOPMENT, "train")


def from_labels(
    pairs: Mapping[str | os.PathLike[str], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]],
    *,
    other: str = OTHER,
    audio: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Read labelled stretches of long recordings.

    Parameters
    ----------
    pairs : mapping of path to path, or iterable of path
        Label files by recording; or label files alone, that name their recordings in each line or bear the name of one
        (``day.wav`` and ``day.txt``, ``day.wav.txt`` or ``day.Table.1.selections.txt``).
    other : str
        Label of stretches of no class.
    audio : path, optional
        Folder of the recordings; by default that of the label file, or ``audio`` in it or beside it. A path of another
        computer stands for the file at its end there.
    columns : mapping of str to str, optional
        What the columns of tables with a header are called, see `from_csv`.

    Returns
    -------
    Dataset
        A clip for each stretch, with every label that covers half of it; points are taken as a window around them.
        Stretches of a recording are never divided between training and test. A recording whose label file holds no
        stretch is a clip of no class.

    Raises
    ------
    InputError
        If a file cannot be read, a recording is not found or two are, or a stretch has no label.
    """
    _check(audio, other, columns)
    listed: Iterable[tuple[Any, Any]]
    if isinstance(pairs, Mapping):
        listed = pairs.items()
    else:
        listed = ((None, path) for path in checks.elements(pairs, "pairs", "paths"))
    stretches: dict[Path, list[Stretch]] = {}
    folders = Folders()
    tables = []
    for recording, labels in listed:
        table = checks.path(labels, "a label file")
        tables.append(table)
        found = read_labels(table, columns=columns)
        home = _Home(Recordings(table, audio, folders), table, recording)
        for stretch in found:
            stretches.setdefault(home.of(stretch.file), []).append(stretch)
        if not found:
            stretches.setdefault(home.of(""), [])
    clips = [clip for path, found in stretches.items() for clip in _stretch_clips(path, found, other)]
    classes = sorted({label for clip in clips for label in clip.labels})
    source = ", ".join(map(str, tables))[:200]
    if not classes:
        raise InputError(f"{source}: no stretch has a label of a class, and nothing can be learned")
    return Dataset(tuple(clips), tuple(classes), source)


def _check(audio: Any, other: Any, columns: Any) -> None:
    """Refuse what `from_csv` and `from_labels` both take, and is none of it."""
    if audio is not None:
        checks.path(audio, "audio")
    checks.text(other, "other")
    checks.instance(columns, "columns", Mapping, type(None))


class _Home:
    """The recordings that the stretches of a table are in."""

    def __init__(self, recordings: Recordings, table: Path, recording: str | os.PathLike[str] | None) -> None:
        self._recordings = recordings
        self._table = table
        self._alone = None if recording is None else Path(recording)

    def of(self, name: str) -> Path:
        """Return the recording of a name, or the one that the table is of.

        Raises
        ------
        InputError
            If there is none, or there are two.
        """
        if name and self._alone is None:
            found = self._recordings.named(name)
            if found is None:
                raise InputError(f"{self._table}: the recording {printable(name)!r} is not beside it")
            return found
        if self._alone is None:
            self._alone = self._recordings.of_label_file()
        return self._alone


#: A label at a point in time is one of the window around it.
_HALF_WINDOW_S = 0.4875

#: By which times may differ that are meant to be the same.
_ROUNDING_S = 1e-9


def _stretch_clips(path: Path, stretches: Sequence[Stretch], other: str) -> Iterator[Clip]:
    labels: dict[tuple[float, float | None], set[str]] = {}
    for start_s, end_s, label, _ in stretches:
        if label:
            labels.setdefault(_widened(start_s, end_s), set()).add(label)
    if not labels:
        yield Clip(path, (), group=str(path))
    for (start_s, end_s), names in _covering(labels):
        yield Clip(path, tuple(sorted(names - {other})), start_s, end_s, str(path))


def _covering(
    labels: Mapping[tuple[float, float | None], set[str]],
) -> Iterator[tuple[tuple[float, float | None], set[str]]]:
    """Yield each stretch with the labels of all that cover half of it, in the order of time.

    What covers half of a stretch holds the middle of it and is half as long: one pass in the order of middles, with
    the longest of each label that has begun on top of a heap.
    """

    def end_of(stretch: tuple[float, float | None]) -> float:
        return sys.float_info.max if stretch[1] is None else stretch[1]

    begun: dict[str, list[tuple[float, float]]] = {}
    waiting = sorted(labels, key=lambda stretch: stretch[0], reverse=True)
    covered = {}
    for stretch in sorted(labels, key=lambda stretch: stretch[0] / 2 + end_of(stretch) / 2):
        middle, half = stretch[0] / 2 + end_of(stretch) / 2, end_of(stretch) / 2 - stretch[0] / 2
        while waiting and waiting[-1][0] <= middle + _ROUNDING_S:
            other = waiting.pop()
            for label in labels[other]:
                heapq.heappush(begun.setdefault(label, []), (other[0] - end_of(other), end_of(other)))
        names = set(labels[stretch])
        for label, heap in list(begun.items()):
            while heap and heap[0][1] < middle - _ROUNDING_S:
                heapq.heappop(heap)
            if not heap:
                del begun[label]
            elif -heap[0][0] >= half - _ROUNDING_S:
                names.add(label)
        covered[stretch] = names
    for stretch in sorted(covered, key=lambda stretch: (stretch[0], end_of(stretch))):
        yield stretch, covered[stretch]


def _widened(start_s: float, end_s: float | None) -> tuple[float, float | None]:
    """Return a point in time as the window around it; a stretch as it is."""
    if end_s is None or end_s > start_s:
        return start_s, end_s
    return max(0.0, start_s - _HALF_WINDOW_S), end_s + _HALF_WINDOW_S
