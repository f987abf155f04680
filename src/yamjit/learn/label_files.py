"""Lists of labels: tables with folds (ESC-50's layout), stretches of long files (Audacity, Raven, DCASE)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from yamjit.errors import InputError
from yamjit.learn.dataset import OTHER, Clip, Dataset

__all__ = ["from_csv", "from_labels", "read_labels"]

#: How the columns of a table may be called; the first that is there counts.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "file": ("filename", "file", "path", "file_name", "audio"),
    "label": ("category", "label", "labels", "class", "class_name"),
    "fold": ("fold", "split"),
    "group": ("group", "src_file", "source", "recording", "speaker"),
    "start": ("start_s", "start", "onset", "begin time (s)"),
    "end": ("end_s", "end", "offset", "end time (s)"),
}

#: Separates the classes of a clip that is of several.
_SEPARATOR = ";"


class Stretch(NamedTuple):
    """A labelled stretch; `file` is empty where the list is of one recording."""

    start_s: float
    end_s: float
    label: str
    file: str = ""


def from_csv(
    table: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    where: Mapping[str, str] | None = None,
    other: str = OTHER,
) -> Dataset:
    """Read a table of files and labels, as ESC-50 has one.

    Parameters
    ----------
    table : path
        Comma-separated (or tab-separated: ``.tsv``, ``.txt``), UTF-8, with a header. Needed are a column for the file
        and one for the label; fold, group, start and end are taken where they are found. A clip of several classes
        has them with ';' between; one without a label is of none.
    audio : path, optional
        Folder that the files are given from; by default the table's folder, or ``audio`` in it or beside it.
    columns : mapping of str to str, optional
        What ``file``, ``label``, ``fold``, ``group``, ``start`` and ``end`` are called in this table.
    where : mapping of str to str, optional
        Only rows that have these values in these columns, such as ``{"esc10": "True"}``.
    other : str
        Label of clips of no class.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the table cannot be read, lacks a column, or names no file that is there.
    """
    path = Path(table)
    header, numbered = _table(path)
    names = _find_columns(path, header, columns or {})
    absent = [column for column in where or {} if column not in header]
    if absent:
        raise InputError(f"{path}: columns {', '.join(header)}; there is no {', '.join(absent)}")
    numbered = [(n, row) for n, row in numbered if all(row[column] == value for column, value in (where or {}).items())]
    rows = [row for _, row in numbered]
    folder = _audio_folder(path, [row[names["file"]] for row in rows], audio)
    clips = [_clip(path, number, row, names, folder, other) for number, row in numbered]
    classes = sorted({label for clip in clips for label in clip.labels})
    return Dataset(tuple(clips), tuple(classes), str(path))


def _table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the names of the columns, and the rows with their numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t" if path.suffix.lower() in (".tsv", ".txt") else ",")
            rows = [
                (number, {key: (value or "").strip() for key, value in row.items() if key})
                for number, row in enumerate(reader, 2)
            ]
            return list(reader.fieldnames or ()), rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as a table: {getattr(error, 'strerror', None) or error}") from error


def _find_columns(path: Path, header: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    strange = [name for name in given if name not in _COLUMNS]
    missing = [name for name in given.values() if name not in header]
    if strange or missing:
        raise InputError(f"{path}: columns {', '.join(header)}; there is no {', '.join(strange or missing)}")
    lower = {name.strip().lower(): name for name in reversed(header)}
    found = {
        key: given.get(key) or next((lower[name] for name in names if name in lower), "")
        for key, names in _COLUMNS.items()
    }
    for key in ("file", "label"):
        if not found[key]:
            raise InputError(
                f"{path}: no column for the {key} in {', '.join(header)}; {', '.join(_COLUMNS[key])} are known"
            )
    return {key: name for key, name in found.items() if name}


def _audio_folder(table: Path, files: Sequence[str], audio: str | os.PathLike[str] | None) -> Path:
    """Return the first folder that one of the files is in; the others may be missing, and are told of later."""
    if not files:
        raise InputError(f"{table} has no rows, or none that are wanted")
    here = table.parent
    folders = [Path(audio)] if audio is not None else [here, here / "audio", here.parent / "audio", here.parent]
    for folder in folders:
        if any((folder / file).is_file() for file in files if file):
            return folder
    where = ", ".join(map(str, folders))
    raise InputError(f"{table}: the file {files[0]!r} is not in {where}; say where with audio=")


def _clip(table: Path, number: int, row: Mapping[str, str], names: Mapping[str, str], folder: Path, other: str) -> Clip:
    labels = tuple(dict.fromkeys(label.strip() for label in row[names["label"]].split(_SEPARATOR) if label.strip()))
    path = folder / row[names["file"]]
    group = row.get(names.get("group", ""), "")
    return Clip(
        path,
        tuple(label for label in labels if label != other),
        _seconds(table, number, row.get(names.get("start", ""), "")) or 0.0,
        _seconds(table, number, row.get(names.get("end", ""), "")),
        group or str(path),
        row.get(names.get("fold", ""), ""),
    )


def _seconds(path: Path, number: int, text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise InputError(f"{path}, line {number}: seconds of at least 0 are accepted, found {text[:80]!r}")
    return value


def read_labels(path: str | os.PathLike[str]) -> list[Stretch]:
    """Read the labelled stretches of a file of Audacity, Raven or DCASE; which of them it is, is seen.

    Parameters
    ----------
    path : path
        Audacity: ``start<TAB>end<TAB>label``. Raven: a table with the columns ``Begin Time (s)`` and ``End Time (s)``,
        and one of ``Annotation``, ``Species``, ``Label``, ``Class``, ``Common Name``. DCASE: ``onset<TAB>offset<TAB>
        label``, or with the file first; with a header or without.

    Raises
    ------
    InputError
        If a line is none of these.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if rows and "Begin Time (s)" in (column.strip() for column in rows[0][1]):
        return list(_raven(path, rows))
    return list(_plain(path, rows))


_RAVEN_LABELS = ("Annotation", "Species", "Label", "Class", "Common Name", "Species Code")


def _raven(path: Path, rows: Sequence[tuple[int, list[str]]]) -> Iterator[Stretch]:
    header = [column.strip() for column in rows[0][1]]
    label = next((name for name in _RAVEN_LABELS if name in header), None)
    if label is None or "End Time (s)" not in header:
        raise InputError(f"{path}: a Raven table with End Time (s) and one of {', '.join(_RAVEN_LABELS)} is accepted")
    for number, values in rows[1:]:
        row = dict(zip(header, (value.strip() for value in values), strict=False))
        # A table over several files counts on from file to file; the offset is that within the file.
        begin = _seconds(path, number, row.get("Begin Time (s)", ""))
        end = _seconds(path, number, row.get("End Time (s)", ""))
        offset = _seconds(path, number, row.get("File Offset (s)", ""))
        if begin is None or end is None or end < begin:
            raise InputError(f"{path}, line {number}: a begin and a later end are accepted")
        start = begin if offset is None else offset
        yield Stretch(
            start, start + end - begin, row.get(label, ""), row.get("Begin Path") or row.get("Begin File", "")
        )


def _plain(path: Path, rows: Sequence[tuple[int, list[str]]]) -> Iterator[Stretch]:
    for position, (number, row) in enumerate(rows):
        values = [value.strip() for value in row]
        if values[0] == "\\":
            continue  # Audacity's second line of a label: its frequencies
        if position == 0 and {"onset", "offset"} <= {value.lower().removeprefix("event_") for value in values}:
            continue
        file = "" if _is_number(values[0]) else values.pop(0)
        if len(values) < 2 or not (_is_number(values[0]) and _is_number(values[1])):
            raise InputError(f"{path}, line {number}: start, end and label with tabs between are accepted")
        start, end = _seconds(path, number, values[0]), _seconds(path, number, values[1])
        if start is None or end is None or end < start:
            raise InputError(f"{path}, line {number}: an end before its start")
        yield Stretch(start, end, values[2] if len(values) > 2 else "", file)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def from_labels(
    pairs: Mapping[str | os.PathLike[str], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]],
    *,
    other: str = OTHER,
) -> Dataset:
    """Read labelled stretches of long recordings.

    Parameters
    ----------
    pairs : mapping of path to path, or iterable of path
        Label files by recording; or label files alone, that name their recordings in each line or lie beside them
        (``day.wav`` and ``day.txt``).
    other : str
        Label of stretches of no class.

    Returns
    -------
    Dataset
        A clip for each stretch, with every label that covers half of it; points are taken as a window around them.
        Stretches of a recording are never divided between training and test.

    Raises
    ------
    InputError
        If a file cannot be read, a recording is not found, or a stretch has no label.
    """
    listed = pairs.items() if isinstance(pairs, Mapping) else ((None, path) for path in pairs)
    stretches: dict[Path, list[Stretch]] = {}
    for recording, labels in listed:
        for stretch in read_labels(labels):
            if not stretch.label:
                raise InputError(f"{os.fspath(labels)}: the stretch from {stretch.start_s:g} s has no label")
            home = Path(recording) if recording is not None else _recording(Path(labels), stretch.file)
            stretches.setdefault(home, []).append(stretch)
    clips = [clip for path, found in stretches.items() for clip in _stretch_clips(path, found, other)]
    classes = sorted({label for clip in clips for label in clip.labels})
    return Dataset(tuple(clips), tuple(classes), ", ".join(str(path) for path in stretches)[:200])


def _recording(labels: Path, named: str) -> Path:
    if named:
        for path in (labels.parent / named, labels.parent / "audio" / named):
            if path.is_file():
                return path
        raise InputError(f"{labels}: the recording {named!r} is not beside it")
    stem = labels.name.split(".")[0]
    beside = [path for path in sorted(labels.parent.glob("*")) if path.stem == stem and path.suffix != labels.suffix]
    if not beside:
        raise InputError(f"{labels}: no recording called {stem!r} lies beside it; say which with a mapping")
    return beside[0]


#: A label at a point in time is one of the window around it.
_HALF_WINDOW_S = 0.4875


def _stretch_clips(path: Path, stretches: Sequence[Stretch], other: str) -> Iterator[Clip]:
    wide = [_widened(stretch) for stretch in stretches]
    for start_s, end_s in sorted({(s.start_s, s.end_s) for s in wide}):
        half = (end_s - start_s) / 2
        labels = {s.label for s in wide if min(end_s, s.end_s) - max(start_s, s.start_s) >= half}
        yield Clip(path, tuple(sorted(labels - {other})), start_s, end_s, str(path))


def _widened(stretch: Stretch) -> Stretch:
    """Return a point in time as the window around it; a stretch as it is."""
    if stretch.end_s > stretch.start_s:
        return stretch
    return stretch._replace(start_s=max(0.0, stretch.start_s - _HALF_WINDOW_S), end_s=stretch.end_s + _HALF_WINDOW_S)
