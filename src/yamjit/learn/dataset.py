"""Labelled recordings: which stretches of which files are of which classes, and how they divide."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yamjit import checks
from yamjit.errors import InputError
from yamjit.learn.heads import checked_labels

__all__ = ["OTHER", "Clip", "Dataset", "from_folder"]

#: Name under which clips of no class are kept.
OTHER = "other"

#: What libsndfile decodes, by suffix; other files of a folder are passed over.
SUFFIXES = frozenset(
    f".{suffix}"
    for line in (
        "wav wave w64 rf64 aif aiff aifc au snd caf flac ogg oga opus mp3 mp2",
        "voc sd2 svx nist sph avr ircam sf",
    )
    for suffix in line.split()
)


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
    """

    path: Path
    labels: tuple[str, ...]
    start_s: float = 0.0
    end_s: float | None = None
    group: str = ""
    fold: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", checks.path(self.path, "path"))
        labels = tuple(checks.text(label, "a label") for label in checks.elements(self.labels, "labels", "names"))
        object.__setattr__(self, "labels", labels)
        checks.number(self.start_s, "start_s", 0, kind="seconds")
        if self.end_s is not None:
            checks.number(self.end_s, "end_s", float(self.start_s), above=True, kind="seconds")
        checks.text(self.group, "group")
        checks.text(self.fold, "fold")

    def __str__(self) -> str:
        if self.end_s is None and not self.start_s:
            return str(self.path)
        return f"{self.path} ({self.start_s:g} to {'the end' if self.end_s is None else f'{self.end_s:g} s'})"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Clips and the classes that they are of.

    Parameters
    ----------
    clips : tuple of Clip
    classes : tuple of str
        In the order of a head's outputs.
    source : str
        Where it comes from, to be shown.

    Raises
    ------
    InputError
        If there are no clips, or a label is no class.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    source: str = ""

    def __post_init__(self) -> None:
        checks.text(self.source, "source")
        object.__setattr__(self, "clips", checks.elements(self.clips, "clips", "Clip"))
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
            If a class has no clips, or there is but one kind of them.
        """
        counts = self.counts()
        empty = [name for name in self.classes if not counts[name]]
        if empty:
            raise InputError(f"{self._where}no clips of {', '.join(map(repr, empty))}")
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

    def folds(self, count: int | None = None, *, seed: int = 0) -> Iterator[tuple[str, list[int], list[int]]]:
        """Divide for cross-validation, never within a group or a file.

        Parameters
        ----------
        count : int >= 2, optional
            How many folds; by default those that came with the data, else 5.
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
            If there are fewer groups than folds.
        """
        if count is not None:
            checks.whole(count, "count", 2)
        checks.whole(seed, "seed", 0, 2**64 - 1)
        names = self._folds(count, seed)
        for name in sorted(set(names), key=_natural):
            test = [index for index, found in enumerate(names) if found == name]
            training = [index for index, found in enumerate(names) if found != name]
            yield name, training, test

    def _folds(self, count: int | None, seed: int) -> list[str]:
        given = [clip.fold for clip in self.clips]
        if count is None and all(given) and len(set(given)) > 1:
            return given
        return [str(1 + index) for index in divide(self.clips, count or 5, seed)]

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
        return tuple(lines)


def divide(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Return a fold in [0, count) for each clip: groups whole, the classes spread evenly.

    Raises
    ------
    InputError
        If there are fewer groups than folds.
    """
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(clip.group or str(clip.path), []).append(index)
    if not 2 <= count <= len(groups):
        raise InputError(f"{count} folds of {len(groups)} files or groups; from 2 to as many as those are accepted")
    order = list(groups)
    np.random.Generator(np.random.PCG64(seed)).shuffle(order)
    # Large groups first; each goes where its class is rarest so far, then where least is.
    order.sort(key=lambda name: -len(groups[name]))
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    folds = [0] * len(clips)
    for name in order:
        labels = Counter(label for index in groups[name] for label in clips[index].labels or (OTHER,))
        best = min(
            range(count), key=lambda k: (sum(held[k][label] * n for label, n in labels.items()), held[k].total())
        )
        held[best].update(labels)
        for index in groups[name]:
            folds[index] = best
    return folds


def from_folder(folder: str | os.PathLike[str], *, other: str = OTHER) -> Dataset:
    """Read a folder that holds a folder of recordings for each class.

    Parameters
    ----------
    folder : path
        Its folders' names are the classes, in alphabetical order; recordings may lie deeper in them. Hidden folders,
        and files whose suffix is none of an audio format, are passed over.
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
    try:
        names = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{root}: {error.strerror or error}") from error
    found = {name: tuple(_recordings(root / name)) for name in names}
    empty = [name for name, paths in found.items() if not paths]
    if empty:
        raise InputError(f"{root}: no recordings in {', '.join(map(repr, empty))}")
    clips = [
        Clip(path, () if name == other else (name,), group=str(path)) for name, paths in found.items() for path in paths
    ]
    return Dataset(tuple(clips), tuple(name for name in names if name != other), str(root)) if clips else _refuse(root)


def _refuse(root: Path) -> Dataset:
    raise InputError(f"{root}: no folder in it; a folder for each class with recordings in it is accepted")


def _recordings(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith("."):
            yield path


def _natural(name: str) -> tuple[int, float, str]:
    """Sort numbers by value, before names."""
    return (0, float(name), "") if name.isdecimal() else (1, 0.0, name)
