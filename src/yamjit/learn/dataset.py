"""Labelled recordings: which stretches of which files are of which classes, and how they divide."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yamjit import checks
from yamjit.audio.suffixes import COMPANION_SUFFIXES, is_audio
from yamjit.disk import describe
from yamjit.errors import InputError
from yamjit.learn.folds import divide, group_of, natural
from yamjit.learn.heads import checked_labels

__all__ = ["OTHER", "SPLITS", "Clip", "Dataset", "from_folder"]

#: Name under which clips of no class are kept.
OTHER = "other"

#: What the parts of a division for training, validation and test are called.
SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled stretch of a recording.

    Parameters
    ----------
    path : Path
    labels : tuple of str
        Classes that it is of; none for a clip of something else.
    start_s, end_s : float
        In seconds; the whole recording by default.
    group : str
        What must not be divided between training and test: of equal names all or none.
    fold : str
        Of a division that was given with the data; empty if none was.
    split : {"", "train", "validation", "test"}
        The same, for a division of this kind.
    """

    path: Path
    labels: tuple[str, ...]
    start_s: float = 0.0
    end_s: float | None = None
    group: str = ""
    fold: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        # What is right stays what it is: clips of a table share their path and their labels.
        if not isinstance(self.path, Path) or "\0" in str(self.path):
            object.__setattr__(self, "path", checks.path(self.path, "path"))
        labels = tuple(checks.text(label, "a label") for label in checks.elements(self.labels, "labels", "names"))
        if not isinstance(self.labels, tuple) or labels != self.labels:
            object.__setattr__(self, "labels", labels)
        checks.number(self.start_s, "start_s", 0, kind="seconds")
        if self.end_s is not None:
            checks.number(self.end_s, "end_s", float(self.start_s), above=True, kind="seconds")
        checks.instance(self.group, "group", str)  # the name of a file, perhaps, which may be no UTF-8
        checks.instance(self.fold, "fold", str)
        checks.choice(self.split, "split", ("", "train", "validation", "test"))

    def __str__(self) -> str:
        if self.end_s is None and not self.start_s:
            return str(self.path)
        return f"{self.path} ({self.start_s:g} to {'the end' if self.end_s is None else f'{self.end_s:g} s'})"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clips and the classes that they are of.

    Where clips have a split, a head learns from those of "train" alone, and is judged by the others.

    Parameters
    ----------
    clips : tuple of Clip
    classes : tuple of str
        In the order of a head's outputs.
    source : str
        Where it comes from, to be shown.
    passed_over : tuple of str
        Files that may be recordings and are in no clip, and why; a line each.

    Raises
    ------
    InputError
        If there are no clips, or a label is no class.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    source: str = ""
    passed_over: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.instance(self.source, "source", str)
        given: object = self.clips
        if not isinstance(given, tuple):
            object.__setattr__(self, "clips", checks.elements(given, "clips", "Clip"))
        for clip in self.clips:
            checks.instance(clip, "a clip", Clip)
        if not self.clips:
            raise InputError(f"{self._where}no clips; a folder for each class with recordings in it is accepted")
        try:
            object.__setattr__(self, "classes", checked_labels(self.classes))
        except InputError as error:
            raise InputError(f"{self._where}{error}") from error
        known = set(self.classes)
        strange = next((label for clip in self.clips for label in clip.labels if label not in known), None)
        if strange is not None:
            raise InputError(f"{self._where}the label {strange!r} is none of the classes {', '.join(self.classes)}")

    @property
    def _where(self) -> str:
        return f"{self.source}: " if self.source else ""

    def check_learnable(self) -> None:
        """Refuse what nothing can be learned from.

        Raises
        ------
        InputError
            If a class has no clips that a head learns from, or there is but one kind of them.
        """
        counts = replace(self, clips=tuple(self.clips[k] for k in self.teaching()) or self.clips).counts()
        empty = [name for name in self.classes if not counts[name]]
        if empty:
            part = " in the split 'train'" if self.has_split else ""
            raise InputError(f"{self._where}no clips of {', '.join(map(repr, empty))}{part}")
        if len(self.classes) == 1 and not counts[OTHER]:
            raise InputError(
                f"{self._where}one class, {self.classes[0]!r}; two are accepted, or one and {OTHER!r} recordings"
            )

    def __len__(self) -> int:
        return len(self.clips)

    def counts(self) -> Counter[str]:
        """Return how many clips there are of each class, and of none (`OTHER`)."""
        return Counter(label for clip in self.clips for label in clip.labels or (OTHER,))

    def targets(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Return 1 where a clip is of a class, else 0 [shape=(clips, classes), float32]."""
        found = np.zeros((len(self.clips), len(self.classes)), np.float32)
        positions = {name: index for index, name in enumerate(self.classes)}
        for row, clip in zip(found, self.clips, strict=True):
            row[[positions[label] for label in clip.labels]] = 1
        return found

    def select(self, wanted: Callable[[Clip], bool]) -> Dataset:
        """Return the clips that `wanted` accepts; classes stay."""
        return replace(self, clips=tuple(filter(wanted, self.clips)))

    @property
    def has_split(self) -> bool:
        """Whether clips are for training, validation or test."""
        return any(clip.split for clip in self.clips)

    @property
    def has_division(self) -> bool:
        """Whether clips are divided already: by a split, or into two folds at least."""
        folds = {clip.fold for clip in self.clips}
        return self.has_split or (len(folds) > 1 and "" not in folds)

    def teaching(self) -> list[int]:
        """Return the positions of the clips that a head learns from: of a split those of "train", else all."""
        return [k for k, clip in enumerate(self.clips) if clip.split in ("", "train")]

    def groups(self) -> int:
        """Return how many parts there are, of those that a head learns from, that are never divided."""
        return len({group_of(self.clips[k]) for k in self.teaching()})

    def folds(self, count: int | None = None, *, seed: int = 0) -> Iterator[tuple[str, list[int], list[int]]]:
        """Divide for cross-validation, never within a group, nor within a file where no group is given.

        Parameters
        ----------
        count : int >= 2, optional
            How many folds, of the clips that a head learns from. By default the division that came with the data: its
            folds, or of a split validation and test, each to be judged by what was learned from "train". Else 5, or as
            many as there are groups.
        seed : int
            Of the order of groups.

        Yields
        ------
        name : str
        training, test : list of int
            Positions in `clips`.

        Raises
        ------
        InputError
            If there are fewer groups than folds, or but one.
        """
        if count is not None:
            checks.whole(count, "count", 2)
        checks.whole(seed, "seed", 0, 2**64 - 1)
        teaching = self.teaching()
        if count is None and self.has_split:
            for name in ("validation", "test"):
                test = [k for k, clip in enumerate(self.clips) if clip.split == name]
                if test:
                    yield name, teaching, test
            return
        if count is None and self.has_division:
            names = [clip.fold for clip in self.clips]
        else:
            taught = [self.clips[k] for k in teaching]
            names = [str(1 + fold) for fold in divide(taught, count or max(2, min(5, self.groups())), seed)]
        for name in sorted(set(names), key=natural):
            test = [k for k, found in zip(teaching, names, strict=True) if found == name]
            training = [k for k, found in zip(teaching, names, strict=True) if found != name]
            yield name, training, test

    def warnings(self) -> tuple[str, ...]:
        """Return what to think about before training: a line for unbalanced classes and for classes of few clips."""
        counts = self.counts()
        lines: list[str] = []
        most, least = max(counts.values()), min(counts.values())
        if most > 4 * least:
            names = {value: name for name, value in counts.items()}
            lines.append(
                f"unbalanced: {most} clips of {names[most]!r}, {least} of {names[least]!r}; "
                "class_weights='balanced' lets them count the same"
            )
        few = [f"{name!r} ({counts[name]})" for name in self.classes if counts[name] < 5]
        if few:
            lines.append(f"fewer than 5 clips: {', '.join(few)}")
        bare = sum(not clip.fold for clip in self.clips)
        if 0 < bare < len(self.clips):
            lines.append(f"{bare} of {len(self.clips)} clips have no fold: the folds that others have are not used")
        return tuple(lines)


def from_folder(folder: str | os.PathLike[str], *, other: str = OTHER) -> Dataset:
    """Read a folder that holds a folder of recordings for each class.

    Parameters
    ----------
    folder : path
        Its folders' names are the classes, in alphabetical order; recordings may lie deeper in them. Where all are
        called ``train``, ``test``, ``validation`` or the like, or ``fold1``, ``fold2`` ..., the classes are the folders
        in each, and the clips have this split or fold. Hidden folders,
        and files that are no recordings by their suffix, are passed over.
    other : str
        Name of the folder whose recordings are of none of the classes.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If it is no folder, or a folder in it holds no recordings.
    """
    root = checks.path(folder, "folder")
    checks.text(other, "other")
    names, loose = _folders(root)
    parts = {name: part for name in names if (part := _part(name))}
    if len(parts) == len(names) > 1:
        return _divided(root, parts, other)
    passed_over = [f"{path}: lies in no folder of a class" for path in loose]
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
        raise InputError(f"{root}: no folder in it; a folder for each class with recordings in it is accepted")
    return Dataset(tuple(clips), tuple(name for name in names if name != other), str(root), tuple(passed_over))


def _folders(root: Path) -> tuple[list[str], list[Path]]:
    """Return the names of the folders in a folder, and the recordings that lie beside them."""
    try:
        entries = sorted(path for path in root.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{root}: {describe(error)}") from error
    names = [path.name for path in entries if path.is_dir()]
    return names, [path for path in entries if is_audio(path.name) and not path.is_dir()]


def _part(name: str) -> tuple[str, str] | None:
    """Return the fold and the split that a folder is called after, if it is."""
    fold = re.fullmatch(r"fold[ _-]?(\d+)", name, re.IGNORECASE | re.ASCII)
    split = SPLITS.get(name.lower(), "")
    return (fold[1] if fold else "", split) if fold or split else None


def _divided(root: Path, parts: Mapping[str, tuple[str, str]], other: str) -> Dataset:
    """Read a folder of folds or of a split, each with a folder for each class."""
    for name in parts:
        if not _folders(root / name)[0]:
            raise InputError(
                f"{root}: {', '.join(parts)} are called after folds or a split, and in {name!r} are no folders of "
                "classes; a table can say the labels"
            )
    data = {name: from_folder(root / name, other=other) for name in parts}
    clips = [
        replace(clip, fold=parts[name][0], split=parts[name][1]) for name, part in data.items() for clip in part.clips
    ]
    classes = sorted({label for part in data.values() for label in part.classes})
    passed_over = [line for part in data.values() for line in part.passed_over]
    return Dataset(tuple(clips), tuple(classes), str(root), tuple(passed_over))


def _recordings(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the recordings in a folder and those in it, and what may be some and is not taken, with the reason."""
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
                unknown.append(f"{path}: its suffix is that of no recording")
        seen.add(real)
    return sorted(found), sorted(unknown)
