"""Clips to embeddings: every window of every clip, cached by audio and model; clips that cannot be read are listed."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.disk import describe
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.keywords import explained
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.embedding_cache import EmbeddingCache, code_version
from yamjit.learn.fitting import Samples
from yamjit.reading import DEFAULT_HOP_S
from yamjit.text import printable
from yamjit.workers import in_order

__all__ = ["EmbeddingCache", "Features", "Skipped", "embed_clips", "file_hash", "readable"]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

#: Version of the files in the cache.
_CACHE_FORMAT = "2"
_READ_BYTES = 2**20

_Value = TypeVar("_Value")


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
    """

    dataset: Dataset
    embeddings: Float32
    clips: npt.NDArray[np.int64]
    hashes: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

    def __post_init__(self) -> None:
        checks.instance(self.dataset, "dataset", Dataset)
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
        )

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
        return f"<Features: {len(self.embeddings)} windows, {clips}, {left_out} left out>"


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


@explained
def embed_clips(
    model: Classifier,
    dataset: Dataset,
    *,
    hop_s: float = DEFAULT_HOP_S,
    cache: EmbeddingCache | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Embed every window of every clip; clips shorter than a window are padded with zeros.

    Parameters
    ----------
    model : Classifier
        Model with an embedding; its `threads` share the clips.
    dataset : Dataset
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds.
    cache : EmbeddingCache, optional
        Cache in which embeddings are looked up and stored.
    progress : callable, optional
        Callback with the number of clips that are done, and of all clips.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        If no clip can be read: the message has the reason of the first one. If the model has no embedding.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(dataset, "dataset", Dataset)
    checks.instance(cache, "cache", EmbeddingCache, type(None))
    embedder = _Embedder(model, checks.number(hop_s, "hop_s", 0, above=True, kind="seconds"), cache)
    outcomes = in_order(dataset.clips, embedder.embed, model.threads)
    kept, found, skipped = readable(dataset, counted(outcomes, len(dataset), progress))
    return Features(
        kept,
        np.concatenate([clip.embeddings for clip in found]),
        np.repeat(np.arange(len(found)), [len(clip.embeddings) for clip in found]),
        tuple(clip.digest for clip in found),
        skipped,
    )


class _Embedded(NamedTuple):
    embeddings: Float32
    digest: str


class _Embedder:
    """Embeds clips; threads may share it."""

    def __init__(self, model: Classifier, hop_s: float, cache: EmbeddingCache | None) -> None:
        if model.plan.embedding is None:
            raise InputError("the model has no embedding: no mean over positions from which its scores are computed")
        # Threads share the clips, not the windows of each.
        self._model = copy.copy(model)
        self._model.threads = 1
        self._hop_s = hop_s
        self._cache = cache
        self._slot = model.plan.embedding
        self._size = int(np.prod(self._slot.shape))
        #: Digests by path and state of the file, which may hold thousands of clips.
        self._digests: dict[tuple[Path, tuple[int, ...]], str] = {}
        model.network.warm_up()

    def embed(self, clip: Clip) -> tuple[_Embedded | None, str | None]:
        """Return the windows of a clip, None if it cannot be read; and the reason if it cannot, or only in part."""
        try:
            before = _identity(clip.path)
            digest = self._digests.get((clip.path, before)) or file_hash(clip.path)
            self._digests[clip.path, before] = digest
            quantized, loss = self._quantized(clip, digest, before)
        except (AudioError, InputError, LimitError) as error:
            return None, str(error)
        except OSError as error:
            return None, describe(error)
        return _Embedded(self._slot.dequantize(quantized), digest), loss

    def _quantized(self, clip: Clip, digest: str, before: tuple[int, ...]) -> tuple[Int8, str | None]:
        """Return a clip's embeddings as the model's integers, cached or computed, and what is wrong with the clip."""
        key = self._key(clip, digest)
        cached = self._cache.load(key, self._size) if self._cache else None
        if cached is not None:
            return cached, None
        with self._model.windows(clip.path, reading=clip.reading(self._hop_s)) as stream:
            quantized = np.concatenate([windows.quantized_embeddings.values for windows in stream])
        if stream.lost:
            return quantized, stream.damage  # not stored, so that it is reported each time
        if self._cache and _identity(clip.path) == before:  # else the file was changed after it was hashed
            self._cache.store(key, quantized)
        return quantized, None

    def _key(self, clip: Clip, digest: str) -> str:
        audio = (digest, clip.start_s, clip.end_s, float(self._hop_s))
        parts = (_CACHE_FORMAT, audio, self._model.source.sha256, self._size, code_version())
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _identity(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a file does."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a regular file."""
    if not path.is_file():
        raise OSError(f"there is no file {path}" if not path.exists() else f"{path} is not a regular file")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
