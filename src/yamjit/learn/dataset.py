"""Labelled clips: parts of recordings, their classes, and how they are divided for evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reading import ReadOptions
from yamjit.reprs import brief_repr, shown_briefly
from yamjit.trained.heads import checked_labels

__all__ = ["OTHER", "SPLITS", "Clip", "Dataset", "divide"]

#: Label of clips of no class.
OTHER = "other"

#: Names of the parts of a division for training, validation and test.
SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev", "development"), "validation"),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation"), "test"),
}


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class Clip:
    """A labelled recording, or part of one.

    Parameters
    ----------
    path : Path
        Path of the recording.
    labels : tuple of str
        Classes of the clip; none for a clip of something else.
    start_s, end_s : float
        Start and end, in seconds; the whole recording by default.
    group : str
        Group of clips that are never divided between training and test.
    fold : str
        Fold that came with the data; empty if there is none.
    split : {"", "train", "validation", "test"}
        Part of a division into training, validation and test that came with the data.
    """

    path: Path
    labels: tuple[str, ...]
    start_s: float = 0.0
    end_s: float | None = None
    group: str = ""
    fold: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        # Valid values stay the same objects: clips of a table share their path and their labels.
        if not isinstance(self.path, Path) or "\0" in str(self.path):
            object.__setattr__(self, "path", checks.path(self.path, "path"))
        labels = tuple(checks.text(label, "a label") for label in checks.elements(self.labels, "labels", "names"))
        if not isinstance(self.labels, tuple) or labels != self.labels:
            object.__setattr__(self, "labels", labels)
        checks.number(self.start_s, "start_s", 0, kind="seconds")
        if self.end_s is not None:
            checks.number(self.end_s, "end_s", float(self.start_s), above=True, kind="seconds")
        checks.instance(self.group, "group", str)  # perhaps the name of a file, which need not be UTF-8
        checks.instance(self.fold, "fold", str)
        checks.choice(self.split, "split", ("", "train", "validation", "test"))

    @property
    def unit(self) -> str:
        """Name of what is never divided between training and test: the group, or else the file."""
        return self.group or str(self.path)

    def reading(self, hop_s: float | None = None) -> ReadOptions:
        """Return how the clip is read, with a hop between windows in seconds; see `ReadOptions`."""
        return ReadOptions(hop_s=hop_s, start_s=self.start_s, end_s=self.end_s)

    def __str__(self) -> str:
        if self.end_s is None and not self.start_s:
            return str(self.path)
        return f"{self.path} ({self.start_s:g} to {'the end' if self.end_s is None else f'{self.end_s:g} s'})"


@explained
@dataclass(frozen=True, slots=True, repr=False)
class Dataset:
    """Clips and their classes.

    Where clips have a split, a head learns from those of "train" only, and is evaluated on the others.

    Parameters
    ----------
    clips : tuple of Clip
    classes : tuple of str
        Names of the classes, in the order of a head's outputs.
    source : str
        Origin of the data, for messages.
    passed_over : tuple of str
        A line for each file that may be a recording but is not used, with the reason.

    Raises
    ------
    InputError
        If there are no clips, or a label is not a class.
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
            raise InputError(f"{self._where}no clips; a folder of recordings for each class is accepted")
        try:
            object.__setattr__(self, "classes", checked_labels(self.classes))
        except InputError as error:
            raise InputError(f"{self._where}{error}") from error
        known = set(self.classes)
        strange = next((label for clip in self.clips for label in clip.labels if label not in known), None)
        if strange is not None:
            raise InputError(f"{self._where}the label {strange!r} is not one of the classes {', '.join(self.classes)}")

    @property
    def _where(self) -> str:
        return f"{self.source}: " if self.source else ""

    def check_learnable(self) -> None:
        """Raise an `InputError` if a class has no clips to learn from, or all clips are of one kind."""
        counts = replace(self, clips=tuple(self.clips[k] for k in self.teaching()) or self.clips).counts()
        empty = [name for name in self.classes if not counts[name]]
        if empty:
            part = " in the split 'train'" if self.has_split else ""
            raise InputError(f"{self._where}no clips of {', '.join(map(repr, empty))}{part}")
        if len(self.classes) == 1 and not counts[OTHER]:
            raise InputError(
                f"{self._where}one class, {self.classes[0]!r}; two are accepted, or one and recordings of {OTHER!r}"
            )

    def __len__(self) -> int:
        return len(self.clips)

    def counts(self) -> Counter[str]:
        """Return the number of clips of each class, and of none (`OTHER`)."""
        return Counter(label for clip in self.clips for label in clip.labels or (OTHER,))

    def targets(self) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        """Return 1 where a clip has a class, else 0 [shape=(clips, classes), float32]."""
        found = np.zeros((len(self.clips), len(self.classes)), np.float32)
        positions = {name: index for index, name in enumerate(self.classes)}
        for row, clip in zip(found, self.clips, strict=True):
            row[[positions[label] for label in clip.labels]] = 1
        return found

    def select(self, wanted: Callable[[Clip], bool]) -> Dataset:
        """Return the clips that `wanted` accepts, with the same classes."""
        return replace(self, clips=tuple(filter(wanted, self.clips)))

    @property
    def has_split(self) -> bool:
        """Whether clips are for training, validation or test."""
        return any(clip.split for clip in self.clips)

    @property
    def has_division(self) -> bool:
        """Whether the data came with a split, or with two folds or more."""
        folds = {clip.fold for clip in self.clips}
        return self.has_split or (len(folds) > 1 and "" not in folds)

    def teaching(self) -> list[int]:
        """Return the positions of the clips that a head learns from: those of "train" if there is a split, else all."""
        return [k for k, clip in enumerate(self.clips) if clip.split in ("", "train")]

    def groups(self) -> int:
        """Return the number of groups, or files without one, among the clips that a head learns from."""
        return len({self.clips[k].unit for k in self.teaching()})

    def folds(self, count: int | None = None, *, seed: int = 0) -> Iterator[tuple[str, list[int], list[int]]]:
        """Divide for cross-validation, never within a group, nor within a file where no group is given.

        Parameters
        ----------
        count : int >= 2, optional
            Number of folds among the clips that a head learns from. By default the division that came with the data:
            its folds; or "validation" and "test" of a split, each after training on "train". Else 5 folds, or as many
            as there are groups.
        seed : int in [0, 2**64)
            Seed of the order of groups.

        Yields
        ------
        name : str
            Name of the fold.
        training, test : list of int
            Positions in `clips`.

        Raises
        ------
        InputError
            If there are fewer groups than folds, or only one.
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
        """Return lines to read before training: on unbalanced classes, those of few clips, and clips without a fold."""
        counts = self.counts()
        lines: list[str] = []
        most, least = max(counts.values()), min(counts.values())
        if most > 4 * least:
            names = {value: name for name, value in counts.items()}
            lines.append(
                f"unbalanced: {most} clips of {names[most]!r}, {least} of {names[least]!r}; "
                "class_weights='balanced' (--balanced) gives them the same weight"
            )
        few = [f"{name!r} ({counts[name]})" for name in self.classes if counts[name] < 5]
        if few:
            lines.append(f"fewer than 5 clips: {', '.join(few)}")
        bare = sum(not clip.fold for clip in self.clips)
        if 0 < bare < len(self.clips):
            lines.append(f"{bare} of {len(self.clips)} clips have no fold: the folds of the others are not used")
        divided = sorted(unit for unit, parts in self._parts().items() if len(parts) > 1)
        if divided:
            lines.append(
                f"{len(divided)} recordings or groups are divided, such as {divided[0]!r}: a head is judged by parts "
                "of what it has learned from, and figures are too good"
            )
        return tuple(lines)

    def _parts(self) -> dict[str, set[str]]:
        """Return the folds, or else the splits, in which each recording or group has clips."""
        parts: dict[str, set[str]] = {}
        for clip in self.clips if self.has_division else ():
            parts.setdefault(clip.unit, set()).add(clip.split if self.has_split else clip.fold)
        return parts

    def __repr__(self) -> str:
        source = f" {self.source!r}" if self.source else ""
        return f"<Dataset{source}: {len(self)} clips of {len(self.classes)} classes: {shown_briefly(self.counts())}>"


def divide(clips: Sequence[Clip], count: int, seed: int) -> list[int]:
    """Return a fold in [0, count) for each clip: groups stay whole, classes are spread evenly."""
    groups: dict[str, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(clip.unit, []).append(index)
    if not 2 <= count <= len(groups):
        raise InputError(f"{count} folds of {len(groups)} files or groups; 2 to one for each of these are accepted")
    order = list(groups)
    np.random.Generator(np.random.PCG64(seed)).shuffle(order)
    # Large groups first; each goes where its classes are rarest so far, then to the smallest fold.
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
