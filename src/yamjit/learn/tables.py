"""Labelled recordings from tables with a header, such as those of ESC-50, UrbanSound8K and FSD50K."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.annotations import Cells
from yamjit.learn.dataset import OTHER, SPLITS, Clip, Dataset
from yamjit.learn.overlaps import Span, covering, widened
from yamjit.learn.recordings import Recordings
from yamjit.learn.table_columns import Column, find_columns, shown
from yamjit.learn.table_text import Line, open_table
from yamjit.text import printable

__all__ = ["check_arguments", "from_csv"]

#: Separator of the classes of a clip.
_SEPARATOR = ";"

_DEVELOPMENT = ("dev", "development")


@explained
def from_csv(
    table: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    other: str = OTHER,
    separator: str | None = None,
) -> Dataset:
    """Read a table of files and labels, such as those of ESC-50, UrbanSound8K and FSD50K.

    Parameters
    ----------
    table : path
        Table with a header; cells are separated by commas, semicolons or tabs; the text is UTF-8, or UTF-16 as Excel
        writes it. It needs a column for the file and one for the label; columns for the fold, split, group and times
        are used if they exist. The classes of a clip are separated by ';'; a clip without a label has none.

        Times are a start with an end (``start``, ``end``; ``onset``, ``offset``) or with a duration (``start``,
        ``duration``; ``offset``, ``duration``), in seconds, or in milliseconds if the name says so (``start_ms``).
        Those of UrbanSound8K, whose files are slices, are not used. Among clips that overlap, each has the labels of
        all that cover half of it.

        A split (train, validation, test) says which clips a head may learn from, see `Dataset`.
    audio : path, optional
        Folder of the files; by default the table's folder, or ``audio`` in it or beside it. For a path of another
        computer, the file at the end of that path is looked for there.
    columns : mapping of str to str, optional
        Names of the columns for ``file``, ``label``, ``fold``, ``split``, ``group``, ``start``, ``end``, ``duration``
        and ``file_offset`` in this table; "" for a column that it does not have.
    where : mapping of str to str or sequence of str, optional
        Values that a row must have in a column, one of several, such as ``{"esc10": "True"}``.
    other : str
        Label of clips of no class.
    separator : str, optional
        Separator of the classes of a clip, by default ';'. A comma is one as well in columns that hold lists in FSD50K
        and AudioSet (``labels``, ``positive_labels``, ``tags``).

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column or has one that could mean two things, a line does not fit its
        header, or none of its files exists.
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
    """Check the arguments that `from_csv` and `from_labels` share."""
    if audio is not None:
        checks.path(audio, "audio")
    checks.text(other, "other")
    checks.instance(columns, "columns", Mapping, type(None))


class _Wanted:
    """Whether a line has the values that are wanted; each value must occur."""

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
        """Refuse wanted values that no line has."""
        for column, (_, values) in self._values.items():
            missing = sorted(values - self._seen[column])
            if missing:
                some = ", ".join(map(repr, sorted(self._seen[column])[:10]))
                raise InputError(
                    f"{self._path} has no rows, or none that are wanted: {missing[0]!r} is not in the column "
                    f"{column}, which has {some}"
                )


def _texts(column: str, values: object) -> set[str]:
    """Return the values that are wanted in a column as text."""
    if isinstance(values, (str, int, float)):
        return {str(values)}
    return set(map(str, checks.elements(values, f"where of {column!r}")))


@dataclass
class _Rows:
    """Makes clips from the lines of a table."""

    path: Path
    cells: Cells
    label: Column
    recordings: Recordings
    other: str
    separator: str | None
    #: Classes in each cell of labels.
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: The split of each line, as the table calls it.
    splits: list[str] = field(default_factory=list)
    #: Recordings of which a clip begins before an earlier one ends.
    overlapping: set[Path] = field(default_factory=set)
    _files: dict[tuple[str, str], tuple[Path, str]] = field(default_factory=dict)
    _missing: str | None = None
    _some: bool = False
    _latest: dict[Path, float] = field(default_factory=dict)

    def clip(self, line: Line) -> Clip:
        """Return the clip of a line."""
        cell = self.cells.of
        name, fold, text = cell(line, "file"), cell(line, "fold"), cell(line, "label")
        if not name:
            raise InputError(f"{self.path}, line {line.number}: the file has no name")
        if text not in self.labels:
            self.labels[text] = self._classes(line, text)
        if (name, fold) not in self._files:
            self._files[name, fold] = self._file(name, fold)
        path, group = self._files[name, fold]
        self.splits.append(sys.intern(cell(line, "split")))
        start, end = widened(*self.cells.times(line))
        if self.cells.has_times:
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
        path = self.recordings.named(name, fold)
        if path is None:
            self._missing = self._missing or name
            path = self.recordings.places[0] / name
        else:
            self._some = True
        return path, str(path)

    def _classes(self, line: Line, text: str) -> tuple[str, ...]:
        separator = self.separator or _SEPARATOR
        if not self.separator and self.label.is_list and _SEPARATOR not in text and "," in text:
            separator = ","
            if ", " in text:
                raise InputError(
                    f"{self.path}, line {line.number}: {printable(text[:80])!r} may be one class or several; give the "
                    "separator of classes: separator=',' (--separator ,) or ';'"
                )
        labels = dict.fromkeys(label.strip() for label in text.split(separator) if label.strip())
        return tuple(label for label in labels if label != self.other)

    def check_found(self) -> None:
        """Refuse a table none of whose files exists; single files that are missing are reported later."""
        if not self._some:
            where = ", ".join(map(str, self.recordings.places))
            raise InputError(
                f"{self.path}: the file {printable(self._missing or '')!r} is not in {where}; give the folder of "
                "the recordings (--audio, audio=)"
            )


def _shared_labels(clips: list[Clip], overlapping: set[Path]) -> list[Clip]:
    """Return the clips; where they overlap, with the labels of all that cover half of them."""
    spans: dict[Path, dict[Span, set[str]]] = {path: {} for path in overlapping}
    for clip in clips:
        if clip.path in overlapping and clip.labels:
            spans[clip.path].setdefault((clip.start_s, clip.end_s), set()).update(clip.labels)
    labels = {(path, *span): tuple(sorted(names)) for path, found in spans.items() for span, names in covering(found)}
    if not labels:
        return clips
    found = (labels.get((clip.path, clip.start_s, clip.end_s), ()) if clip.labels else () for clip in clips)
    return [replace(clip, labels=names) if names else clip for clip, names in zip(clips, found, strict=True)]


def _settled_splits(
    path: Path, clips: list[Clip], splits: list[str], found: Mapping[str, Column], given: Mapping[str, str]
) -> list[Clip]:
    """Return the clips with a fold or a split, depending on the words in these columns."""
    column, fold = found.get("split"), found.get("fold")
    if column is None and fold is not None and "fold" not in given:
        column, splits = fold, [clip.fold for clip in clips]
    if column is None:
        return clips
    words = set(splits)
    strange = sorted(word for word in words if word.lower() not in SPLITS)
    if strange and (len(strange) == len(words) or column.key != "split") and "split" not in given:
        return clips  # folds, or something else
    if strange:
        raise InputError(
            f"{path}: {strange[0]!r} in the column {column.name} is not train, validation or test; ignore the "
            "column with --column split="
        )
    teaches = SPLITS if any(SPLITS[word.lower()] == "train" for word in words) else _WITHOUT_TRAIN
    names = {word: teaches[word.lower()] for word in words}
    same = fold is not None and fold.place == column.place
    return [
        replace(clip, split=names[split], fold="" if same else clip.fold)
        for clip, split in zip(clips, splits, strict=True)
    ]


#: If no part is called train, the one for development is used for training.
_WITHOUT_TRAIN = SPLITS | dict.fromkeys(_DEVELOPMENT, "train")
