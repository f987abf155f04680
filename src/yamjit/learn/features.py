"""The windows of a dataset, as numbers that heads learn from; clips that cannot be read are listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.fitting import Samples
from yamjit.spec import EMBEDDING
from yamjit.text import printable

__all__ = ["Features", "Skipped", "counted", "file_hash", "readable", "same_clips"]

Float32 = npt.NDArray[np.float32]

_READ_BYTES = 2**20

_Value = TypeVar("_Value")

_NO_COPIES = np.zeros(0, np.int64)


class Skipped(NamedTuple):
    """A clip that could not be read, or only in part, and the reason."""

    clip: Clip
    reason: str
    in_part: bool = False

    def __str__(self) -> str:
        name = printable(str(self.clip))
        return self.reason if self.reason.startswith(f"{name}:") else f"{name}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Features:
    """The windows of a dataset.

    Parameters
    ----------
    dataset : Dataset
        Clips that could be read.
    embeddings : np.ndarray [shape=(n, size), float32]
        Embedding of every window, clip after clip.
    clips : np.ndarray [shape=(n,), int64]
        Position of each window's clip in ``dataset.clips``.
    hashes : tuple of str
        SHA-256 of each clip's file.
    skipped : tuple of Skipped
        Clips that could not be read, or only in part; the latter are in `dataset` as well.
    name : str
        Name of the feature that `embeddings` are, see `Classifier.features`.
    copies : np.ndarray [shape=(n,), int64]
        Number of the changed copy of its clip that each window is of; 0, the default, for the clip itself. Heads learn
        from copies as well, and are judged without them.
    """

    dataset: Dataset
    embeddings: Float32
    clips: npt.NDArray[np.int64]
    hashes: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    name: str = EMBEDDING
    copies: npt.NDArray[np.int64] = field(default_factory=lambda: _NO_COPIES)

    def __post_init__(self) -> None:
        checks.instance(self.dataset, "dataset", Dataset)
        checks.text(self.name, "name")
        embeddings = checks.array(self.embeddings, "embeddings", np.float32)
        clips = checks.array(self.clips, "clips")
        if embeddings.ndim != 2 or clips.shape != embeddings.shape[:1] or clips.dtype.kind not in "iu":
            found = f"{embeddings.shape} and {clips.dtype} {clips.shape}"
            raise InputError(f"embeddings (n, size) and clips, whole numbers (n,), are accepted, found {found}")
        if clips.size and not 0 <= clips.min() <= clips.max() < len(self.dataset):
            raise InputError(f"clips are from {clips.min()} to {clips.max()}; there are {len(self.dataset)}")
        hashes = checks.elements(self.hashes, "hashes", "names")
        if len(hashes) != len(self.dataset):
            raise InputError(f"{len(hashes)} hashes of {len(self.dataset)} clips; one for each is accepted")
        copies = np.zeros(len(clips), np.int64) if self.copies is _NO_COPIES else checks.array(self.copies, "copies")
        if copies.shape != clips.shape or copies.dtype.kind not in "iu" or (copies < 0).any():
            raise InputError(f"copies, whole numbers {clips.shape}, are accepted, found {copies.dtype} {copies.shape}")
        object.__setattr__(self, "copies", copies)
        object.__setattr__(self, "hashes", hashes)
        object.__setattr__(self, "embeddings", embeddings)
        object.__setattr__(self, "clips", clips)

    def select(self, positions: Sequence[int]) -> Features:
        """Return the windows of some clips, in the order of their positions."""
        places = np.full(len(self.dataset), -1)
        places[list(positions)] = np.arange(len(positions))
        kept = np.flatnonzero(places[self.clips] >= 0)
        order = kept[np.argsort(places[self.clips[kept]], kind="stable")]
        return Features(
            replace(self.dataset, clips=tuple(self.dataset.clips[k] for k in positions)),
            self.embeddings[order],
            places[self.clips[order]],
            tuple(self.hashes[k] for k in positions),
            name=self.name,
            copies=self.copies[order],
        )

    def only(self, kept: npt.NDArray[np.bool_]) -> Features:
        """Return some of the windows, of the same clips."""
        parts = {name: getattr(self, name)[kept] for name in ("embeddings", "clips", "copies")}
        return replace(self, **parts)

    def originals(self) -> Features:
        """Return the windows of the clips themselves, without those of changed copies."""
        return self.only(self.copies == 0) if self.copies.any() else self

    def samples(self, class_weights: str | dict[str, float] | None = None) -> Samples:
        """Return the samples that a head learns from; every clip has the same weight, whatever its number of windows.

        Parameters
        ----------
        class_weights : "balanced" or mapping of str to float, optional
            "balanced" gives all classes the same weight, whatever their number of clips. A mapping gives the weight of
            a clip of each class, `OTHER` for clips of none; 1 where it has no entry.

        Raises
        ------
        InputError
            If a weight is not above 0, or a class is unknown.
        """
        windows = np.bincount(self.clips, minlength=len(self.dataset))
        weights = _clip_weights(self.dataset, class_weights) / np.maximum(windows, 1)
        return Samples(self.embeddings, self.dataset.targets()[self.clips], weights[self.clips])

    def duplicates(self) -> tuple[str, ...]:
        """Return a line for each clip that occurs twice, perhaps in another fold or with another class."""
        by_content: dict[tuple[str, float, float | None], list[Clip]] = {}
        for clip, digest in zip(self.dataset.clips, self.hashes, strict=True):
            by_content.setdefault((digest, clip.start_s, clip.end_s), []).append(clip)
        lines = []
        for clips in by_content.values():
            first, *others = clips
            for clip in others:
                if clip.labels != first.labels:
                    lines.append(f"{clip} is the same recording as {first}, but of another class")
                elif clip.fold != first.fold:
                    lines.append(f"{clip} (fold {clip.fold}) is the same recording as {first} (fold {first.fold})")
                else:
                    lines.append(f"{clip} is the same recording as {first}")
        return tuple(lines)

    def __repr__(self) -> str:
        left_out = sum(not one.in_part for one in self.skipped)
        clips = f"{len(self.dataset)} clips of {len(self.dataset.classes)} classes"
        of_what = "" if self.name == EMBEDDING else f" of {self.name}"
        return f"<Features: {len(self.embeddings)} windows{of_what}, {clips}, {left_out} left out>"


def same_clips(features: Features | Mapping[str, Features]) -> dict[str, Features]:
    """Return features of the same clips by name; others, or none, are an `InputError`."""
    checks.instance(features, "features", Features, Mapping)
    if isinstance(features, Features):
        return {features.name: features}
    several = {name: checks.instance(one, "features", Features) for name, one in features.items()}
    if not several:
        raise InputError("features is an empty mapping; at least one feature is accepted")
    first = next(iter(several.values()))
    if any(one.dataset.clips != first.dataset.clips for one in several.values()):
        raise InputError("features are of different clips; those of the same clips are accepted")
    return several


def _clip_weights(dataset: Dataset, class_weights: str | dict[str, float] | None) -> npt.NDArray[np.float64]:
    counts = dataset.counts()
    if class_weights is None:
        return np.ones(len(dataset))
    checks.instance(class_weights, "class_weights", str, Mapping)
    if isinstance(class_weights, str) and class_weights == "balanced":
        by_class = {name: len(dataset) / (len(counts) * count) for name, count in counts.items()}
    elif isinstance(class_weights, str):
        raise InputError(f"class_weights is {class_weights!r}; 'balanced' or a weight for each class is accepted")
    else:
        by_class = dict(class_weights)
        known = {*dataset.classes, OTHER}
        for name, weight in by_class.items():
            if name not in known or not (checks.is_number(weight) and weight > 0):
                found = f"class_weights of {checks.shown(name)} is {checks.shown(weight)}"
                raise InputError(f"{found}; numbers above 0 for classes are accepted")
    return np.array([max(by_class.get(name, 1.0) for name in clip.labels or (OTHER,)) for clip in dataset.clips])


def readable(
    dataset: Dataset, outcomes: Iterable[tuple[_Value | None, str | None]]
) -> tuple[Dataset, list[_Value], tuple[Skipped, ...]]:
    """Keep the clips that could be read; raise an `InputError` with the reason of the first one if none could.

    An outcome is a value, None if the clip could not be read; and the reason if it could not, or only in part.
    """
    kept: list[Clip] = []
    values: list[_Value] = []
    skipped: list[Skipped] = []
    for clip, (value, reason) in zip(dataset.clips, outcomes, strict=True):
        if value is not None:
            kept.append(clip)
            values.append(value)
        if reason is not None:
            skipped.append(Skipped(clip, reason, in_part=value is not None))
    if not kept:
        raise InputError(f"none of {len(skipped)} clips can be read; the first: {skipped[0]}")
    return replace(dataset, clips=tuple(kept)), values, tuple(skipped)


def counted(outcomes: Iterable[_Value], count: int, progress: Callable[[int, int], None] | None) -> Iterator[_Value]:
    """Yield the outcomes, and call `progress` with the number of those that were taken and their `count`."""
    for done, outcome in enumerate(outcomes, 1):
        yield outcome
        if progress:
            progress(done, count)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a regular file."""
    if not path.is_file():
        raise OSError(f"there is no file {path}" if not path.exists() else f"{path} is not a regular file")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
