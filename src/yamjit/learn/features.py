"""Clips to embeddings: every window of every clip, kept on disk by audio and model, whatever cannot be read listed."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.classifier import Classifier
from yamjit.disk import cache_directory, describe, read_regular, replace_whole
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.learn.dataset import OTHER, Clip, Dataset
from yamjit.learn.fitting import Samples
from yamjit.workers import in_order

__all__ = ["DEFAULT_HOP_S", "EmbeddingCache", "Features", "Skipped", "embed_clips"]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

DEFAULT_HOP_S = 0.48

#: Of the files in the cache.
_CACHE_FORMAT = "1"
_READ_BYTES = 2**20


class Skipped(NamedTuple):
    """A clip that could not be used, and why."""

    clip: Clip
    reason: str

    def __str__(self) -> str:
        name = str(self.clip)
        return self.reason if self.reason.startswith(f"{name}:") else f"{name}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """The windows of a dataset.

    Parameters
    ----------
    dataset : Dataset
        The clips that could be read.
    embeddings : np.ndarray [shape=(n, size), float32]
        Of every window, clip after clip.
    clips : np.ndarray [shape=(n,), int64]
        Which of ``dataset.clips`` a window is of.
    hashes : tuple of str
        SHA-256 of each clip's file.
    skipped : tuple of Skipped
        The clips that could not be read.
    """

    dataset: Dataset
    embeddings: Float32
    clips: npt.NDArray[np.int64]
    hashes: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()

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
        """Return what a head learns from: every clip counts the same, however many windows it has.

        Parameters
        ----------
        class_weights : "balanced" or mapping of str to float, optional
            "balanced" lets the classes count the same, however many clips they have. A mapping says how much a clip
            of a class counts (`OTHER` for those of none); 1 where it says nothing.

        Raises
        ------
        InputError
            If a weight is not greater than 0, or a class is unknown.
        """
        windows = np.bincount(self.clips, minlength=len(self.dataset))
        weights = _clip_weights(self.dataset, class_weights) / np.maximum(windows, 1)
        return Samples(self.embeddings, self.dataset.targets()[self.clips], weights[self.clips])

    def duplicates(self) -> tuple[str, ...]:
        """Return a line for each recording that occurs twice: in several folds, or as several classes."""
        by_content: dict[tuple[str, float, float | None], list[Clip]] = {}
        for clip, digest in zip(self.dataset.clips, self.hashes, strict=True):
            by_content.setdefault((digest, clip.start_s, clip.end_s), []).append(clip)
        lines = []
        for clips in by_content.values():
            first, *others = clips
            for clip in others:
                if clip.labels != first.labels:
                    lines.append(f"{clip} is the same recording as {first}, and of another class")
                elif clip.fold != first.fold:
                    lines.append(f"{clip} (fold {clip.fold}) is the same recording as {first} (fold {first.fold})")
                else:
                    lines.append(f"{clip} is the same recording as {first}")
        return tuple(lines)


def _clip_weights(dataset: Dataset, class_weights: str | dict[str, float] | None) -> npt.NDArray[np.float64]:
    counts = dataset.counts()
    if class_weights is None:
        return np.ones(len(dataset))
    if class_weights == "balanced":
        by_class = {name: len(dataset) / (len(counts) * count) for name, count in counts.items()}
    elif isinstance(class_weights, str):
        raise InputError(f"class_weights is {class_weights!r}; 'balanced' or weights by class are accepted")
    else:
        by_class = dict(class_weights)
        for name, weight in by_class.items():
            if name not in (*dataset.classes, OTHER) or not (np.isfinite(weight) and weight > 0):
                raise InputError(f"class_weights of {name!r} is {weight!r}; numbers above 0 for classes are accepted")
    return np.array([max(by_class.get(name, 1.0) for name in clip.labels or (OTHER,)) for clip in dataset.clips])


class EmbeddingCache:
    """Embeddings on disk, by the bytes of the audio file, the stretch, the hop and the model.

    Parameters
    ----------
    directory : path, optional
        By default a folder in the user's cache.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = Path(directory) if directory is not None else cache_directory() / "embeddings"

    def load(self, key: str, size: int) -> Int8 | None:
        """Return quantized embeddings [shape=(n, size), int8], or None where they are not or cannot be read."""
        try:
            data = read_regular(self._path(key), 2**31)
            found = np.load(io.BytesIO(data), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        sound = isinstance(found, np.ndarray) and found.dtype == np.int8 and found.ndim == 2 and len(found)
        return found if sound and found.shape[1] == size else None

    def store(self, key: str, quantized: Int8) -> None:
        """Keep quantized embeddings; a disk that is full or read-only only costs the time next time."""
        content = io.BytesIO()
        np.save(content, quantized, allow_pickle=False)
        path = self._path(key)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_whole(path, content.getvalue(), 0o644)

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.npy"


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
        Its `threads` share the clips out.
    dataset : Dataset
    hop_s : float > 0
        From one window to the next, in seconds.
    cache : EmbeddingCache, optional
        Where embeddings are looked for, and kept.
    progress : callable, optional
        Is told how many clips are done, and how many there are.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        If no clip can be read: the message says why the first one cannot.
    ModelError
        If the model has no embedding.
    """
    embedder = _Embedder(model, hop_s, cache)
    found: list[_Embedded] = []
    skipped: list[Skipped] = []
    kept: list[Clip] = []
    results = in_order(dataset.clips, embedder.embed, model.threads)
    for done, (clip, result) in enumerate(zip(dataset.clips, results, strict=True), 1):
        if isinstance(result, str):
            skipped.append(Skipped(clip, result))
        else:
            kept.append(clip)
            found.append(result)
        if progress:
            progress(done, len(dataset))
    if not kept:
        raise InputError(f"none of {len(skipped)} clips can be read, the first is {skipped[0]}")
    return Features(
        replace(dataset, clips=tuple(kept)),
        np.concatenate([result.embeddings for result in found]),
        np.repeat(np.arange(len(found)), [len(result.embeddings) for result in found]),
        tuple(result.digest for result in found),
        tuple(skipped),
    )


class _Embedded(NamedTuple):
    embeddings: Float32
    digest: str


class _Embedder:
    """Embeds clips; threads may share it."""

    def __init__(self, model: Classifier, hop_s: float, cache: EmbeddingCache | None) -> None:
        slot = model.plan.embedding
        if slot is None:
            raise InputError("the model has no embedding: no average that its scores are computed from")
        # The clips are shared out to the threads, not the windows of each.
        self._model = model.with_options()
        self._model.threads = 1
        self._hop_s = hop_s
        self._cache = cache
        self._scale, self._zero_point = np.float32(slot.scale), np.float32(slot.zero_point)
        self._size = int(np.prod(slot.shape))
        self._digests: dict[Path, str] = {}  # a recording may have thousands of stretches
        model.network.prepare()

    def embed(self, clip: Clip) -> _Embedded | str:
        """Return the windows of a clip, or why it cannot be read."""
        try:
            digest = self._digests.get(clip.path) or _file_hash(clip.path)
            self._digests[clip.path] = digest
            quantized = self._quantized(clip, digest)
        except (AudioError, InputError, LimitError) as error:
            return str(error)
        except OSError as error:
            return describe(error)
        return _Embedded((quantized.astype(np.float32) - self._zero_point) * self._scale, digest)

    def _quantized(self, clip: Clip, digest: str) -> Int8:
        """Return a clip's embeddings as the model's integers, from the cache or computed."""
        parts = (_CACHE_FORMAT, digest, clip.start_s, clip.end_s, float(self._hop_s), self._model.source.sha256)
        key = hashlib.sha256(repr(parts).encode()).hexdigest()
        kept = self._cache.load(key, self._size) if self._cache else None
        if kept is not None:
            return kept
        embeddings = self._model.embed(clip.path, hop_s=self._hop_s, start_s=clip.start_s, end_s=clip.end_s)
        quantized = np.rint(embeddings / self._scale + self._zero_point).astype(np.int8)
        if self._cache:
            self._cache.store(key, quantized)
        return quantized


def _file_hash(path: Path) -> str:
    """Return the SHA-256 of a regular file."""
    if not path.is_file():
        raise OSError(f"there is no file {path}" if not path.exists() else f"{path} is no regular file")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(file: io.BufferedReader) -> Iterator[bytes]:
    while chunk := file.read(_READ_BYTES):
        yield chunk
