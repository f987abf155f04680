"""Labelled recordings: which stretches of which files are of which classes, and how they divide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yamjit import checks
from yamjit.errors import InputError
from yamjit.learn.heads import checked_labels

__all__ = ["OTHER", "SPLITS", "Clip", "Dataset", "divide"]

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

    @property
    def unit(self) -> str:
        """Name of what must not be divided between training and test: the group, or else the file."""
        return self.group or str(self.path)

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
        return len({self.clips[k].unit for k in self.teaching()})

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
        for name in sorted(set(names), key=_natural):
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


def divide(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Return a fold in [0, count) for each clip: groups whole, the classes spread evenly.

    Raises
    ------
    InputError
        If there are fewer groups than folds.
    """
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(clip.unit, []).append(index)
    if not 2 <= count <= len(groups):
        raise InputError(f"{count} folds of {len(groups)} files or groups; from 2 to as many as those are accepted")
    order = list(groups)
    np.random.Generator(np.random.PCG64(seed)).shuffle(order)
    # Large groups first; each goes where its class is rarest so far, then where least is.
    order.sort(key=lambda group: -len(groups[group]))
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    sizes = [0] * count
    folds = [0] * len(clips)
    for group in order:
        labels = Counter(label for index in groups[group] for label in clips[index].labels or ("",))
        best = min(range(count), key=lambda k: (sum(held[k][label] * n for label, n in labels.items()), sizes[k]))
        held[best].update(labels)
        sizes[best] += labels.total()
        for index in groups[group]:
            folds[index] = best
    return folds


def _natural(name: str) -> tuple[int, float, str]:
    """Return a key that sorts numbers by value, before names."""
    return (0, float(name), "") if name.isdecimal() else (1, 0.0, name)
