"""Labelled recordings from folders: one folder for each class, perhaps within folders of folds or of a split."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from yamjit import checks
from yamjit.audio.suffixes import COMPANION_SUFFIXES, is_audio
from yamjit.disk import describe
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.dataset import OTHER, SPLITS, Clip, Dataset

__all__ = ["from_folder"]


@explained
def from_folder(folder: str | os.PathLike[str], *, other: str = OTHER) -> Dataset:
    """Read a folder that holds a folder of recordings for each class.

    Parameters
    ----------
    folder : path
        Folder with the folders of the classes, whose names are the labels; recordings may lie in folders within these.
        If all are called ``train``, ``test``, ``validation`` or the like, or ``fold1``, ``fold2`` ..., the classes are
        the folders in each, and the clips have this split or fold. Hidden folders, and files whose suffix is not that
        of a recording, are passed over.
    other : str
        Name of the folder of recordings of no class.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the folder cannot be read, or a folder in it holds no recordings.
    """
    root = checks.path(folder, "folder")
    checks.text(other, "other")
    names, loose = _folders(root)
    parts = {name: part for name in names if (part := _part(name))}
    if len(parts) == len(names) > 1:
        return _divided(root, parts, other)
    passed_over = [f"{path}: is not in the folder of a class" for path in loose]
    found = {}
    for name in names:
        found[name], unknown = _recordings(root / name)
        if not found[name]:
            raise InputError(f"{root}: no recordings in {name!r}{f'; {unknown[0]}' if unknown else ''}")
        passed_over += unknown
    clips = [
        Clip(path, () if name == other else (name,), group=str(path)) for name, paths in found.items() for path in paths
    ]
    if not clips:
        raise InputError(f"{root}: holds no folders; a folder of recordings for each class is accepted")
    return Dataset(tuple(clips), tuple(name for name in names if name != other), str(root), tuple(passed_over))


def _folders(root: Path) -> tuple[list[str], list[Path]]:
    """Return the names of the folders in a folder, and the recordings beside them."""
    try:
        entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{root}: {describe(error)}") from error
    names = [path.name for path in entries if path.is_dir()]
    return names, [path for path in entries if is_audio(path.name) and not path.is_dir()]


def _part(name: str) -> tuple[str, str] | None:
    """Return the fold and the split that a folder is named after, or None."""
    fold = re.fullmatch(r"fold[ _-]?(\d+)", name, re.IGNORECASE | re.ASCII)
    split = SPLITS.get(name.lower(), "")
    return (fold[1] if fold else "", split) if fold or split else None


def _divided(root: Path, parts: Mapping[str, tuple[str, str]], other: str) -> Dataset:
    """Read a folder of folds or of a split, each with a folder for each class."""
    for name in parts:
        if not _folders(root / name)[0]:
            raise InputError(
                f"{root}: {', '.join(parts)} are named after folds or a split, and {name!r} has no folders of "
                "classes; use a table for the labels"
            )
    data = {name: from_folder(root / name, other=other) for name in parts}
    clips = [
        replace(clip, fold=parts[name][0], split=parts[name][1]) for name, part in data.items() for clip in part.clips
    ]
    classes = sorted({label for part in data.values() for label in part.classes})
    passed_over = [line for part in data.values() for line in part.passed_over]
    return Dataset(tuple(clips), tuple(classes), str(root), tuple(passed_over))


def _recordings(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the recordings in a folder and in those within it, and lines on files and folders that are not read."""
    found: list[Path] = []
    unknown: list[str] = []
    seen = set()

    def note(error: OSError) -> None:
        unknown.append(f"{error.filename}: {describe(error)}")

    for place, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(place)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in files if real not in seen and not name.startswith(".")):
            if is_audio(path.name):
                found.append(path)
            elif path.suffix.lower() not in COMPANION_SUFFIXES:
                unknown.append(f"{path}: its suffix is not that of a recording")
        seen.add(real)
    return sorted(found), sorted(unknown)
