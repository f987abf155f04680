"""Label files of long recordings (Audacity, Raven, DCASE) as clips."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.annotations import Annotation, read_annotations
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.overlaps import Span, covering, widened
from yamjit.learn.recordings import Folders, Recordings
from yamjit.learn.tables import check_arguments
from yamjit.text import printable

__all__ = ["from_labels"]


@explained
def from_labels(
    pairs: Mapping[str | os.PathLike[str], str | os.PathLike[str]] | Iterable[str | os.PathLike[str]],
    *,
    other: str = OTHER,
    audio: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Read label files of long recordings.

    Parameters
    ----------
    pairs : mapping of path to path, or iterable of path
        Label files by recording; or label files only, which name their recordings in each line or have the name of one
        (``day.wav`` and ``day.txt``, ``day.wav.txt`` or ``day.Table.1.selections.txt``).
    other : str
        Label of parts of no class.
    audio : path, optional
        Folder of the recordings; by default that of the label file, or ``audio`` in it or beside it. For a path of
        another computer, the file at the end of that path is looked for there.
    columns : mapping of str to str, optional
        Names of columns in tables with a header, see `from_csv`.

    Returns
    -------
    Dataset
        A clip for each annotation, with every label that covers half of it; points are taken as a window around them.
        The clips of a recording are never divided between training and test. A recording whose label file is empty is
        a clip of no class.

    Raises
    ------
    InputError
        If a file cannot be read, a recording is missing or ambiguous, or an annotation has no label.
    """
    check_arguments(audio, other, columns)
    listed: Iterable[tuple[Any, Any]]
    if isinstance(pairs, Mapping):
        listed = pairs.items()
    else:
        listed = ((None, path) for path in checks.elements(pairs, "pairs", "paths"))
    annotations: dict[Path, list[Annotation]] = {}
    folders = Folders()
    tables = []
    for recording, labels in listed:
        table = checks.path(labels, "a label file")
        tables.append(table)
        found = read_annotations(table, columns=columns)
        recordings = Recordings(table, audio, folders)
        names = dict.fromkeys(annotation.file for annotation in found) or ("",)
        homes = {name: _recording(recording, table, name, recordings) for name in names}
        for path in homes.values():
            annotations.setdefault(path, [])
        for annotation in found:
            annotations[homes[annotation.file]].append(annotation)
    clips = [clip for path, found in annotations.items() for clip in _clips(path, found, other)]
    classes = sorted({label for clip in clips for label in clip.labels})
    source = ", ".join(map(str, tables))[:200]
    if not classes:
        raise InputError(f"{source}: none of the annotations has the label of a class: there is nothing to learn")
    return Dataset(tuple(clips), tuple(classes), source)


def _recording(given: str | os.PathLike[str] | None, table: Path, name: str, recordings: Recordings) -> Path:
    """Return the recording that was given, has a name, or has that of the label file."""
    if given is not None:
        return Path(given)
    if not name:
        return recordings.of_label_file()
    found = recordings.named(name)
    if found is None:
        raise InputError(f"{table}: the recording {printable(name)!r} is not beside it")
    return found


def _clips(path: Path, annotations: Sequence[Annotation], other: str) -> Iterator[Clip]:
    labels: dict[Span, set[str]] = {}
    for start_s, end_s, label, _ in annotations:
        if label:
            labels.setdefault(widened(start_s, end_s), set()).add(label)
    if not labels:
        yield Clip(path, (), group=str(path))
    for (start_s, end_s), names in covering(labels):
        yield Clip(path, tuple(sorted(names - {other})), start_s, end_s, str(path))
