"""Labelled stretches of long recordings (Audacity, Raven, DCASE) as clips."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from yamjit import checks
from yamjit.disk import printable
from yamjit.errors import InputError
from yamjit.learn.annotations import Stretch, read_labels
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.overlaps import Span, covering, widened
from yamjit.learn.recordings import Folders, Recordings
from yamjit.learn.tables import check_arguments, from_csv

__all__ = ["from_csv", "from_labels", "read_labels"]


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
    check_arguments(audio, other, columns)
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


def _stretch_clips(path: Path, stretches: Sequence[Stretch], other: str) -> Iterator[Clip]:
    labels: dict[Span, set[str]] = {}
    for start_s, end_s, label, _ in stretches:
        if label:
            labels.setdefault(widened(start_s, end_s), set()).add(label)
    if not labels:
        yield Clip(path, (), group=str(path))
    for (start_s, end_s), names in covering(labels):
        yield Clip(path, tuple(sorted(names - {other})), start_s, end_s, str(path))
