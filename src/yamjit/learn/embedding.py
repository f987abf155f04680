"""Clips to features: every window of every clip, in one pass, cached by audio, model and feature."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.disk import describe
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.keywords import explained
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.embedding_cache import EmbeddingCache, code_version
from yamjit.learn.features import Features, counted, file_hash, readable
from yamjit.reading import DEFAULT_HOP_S
from yamjit.spec import EMBEDDING
from yamjit.workers import in_order

__all__ = ["candidate_features", "embed_candidates", "embed_clips", "embed_means"]

Float32 = npt.NDArray[np.float32]
_Quantized = dict[str, npt.NDArray[Any]]

#: Version of the files in the cache.
_CACHE_FORMAT = "2"


@explained
def embed_clips(
    model: Classifier,
    dataset: Dataset,
    *,
    hop_s: float = DEFAULT_HOP_S,
    features: str = EMBEDDING,
    cache: EmbeddingCache | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Embed every window of every clip; clips shorter than a window are padded with zeros.

    Parameters
    ----------
    model : Classifier
        Model with an embedding, or with the feature that is asked for; its `threads` share the clips.
    dataset : Dataset
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds.
    features : str
        Name of the feature, see `Classifier.features`.
    cache : EmbeddingCache, optional
        Cache in which features are looked up and stored.
    progress : callable, optional
        Callback with the number of clips that are done, and of all clips.

    Returns
    -------
    Features

    Raises
    ------
    InputError
        If no clip can be read: the message has the reason of the first one. If the model has no such feature.
    ModelError
        If the model has no embedding, and that was asked for.
    """
    checks.text(features, "features")
    return embed_candidates(model, dataset, hop_s=hop_s, features=(features,), cache=cache, progress=progress)[features]


@explained
def embed_candidates(
    model: Classifier,
    dataset: Dataset,
    *,
    hop_s: float = DEFAULT_HOP_S,
    features: Sequence[str] | None = None,
    cache: EmbeddingCache | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Features]:
    """Compute several features of every window of every clip in one pass, so that the best of them can be found.

    Parameters
    ----------
    model, dataset, hop_s, cache, progress
        See `embed_clips`, also for errors.
    features : sequence of str, optional
        Names of features, see `Classifier.features`; by default those of `candidate_features`.

    Returns
    -------
    dict of str to Features
        Windows by the name of the feature, in the order of `features`; all are of the same clips.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(dataset, "dataset", Dataset)
    checks.instance(cache, "cache", EmbeddingCache, type(None))
    hop_s = checks.number(hop_s, "hop_s", 0, above=True, kind="seconds")
    names = model.check_features(candidate_features(model) if features is None else features)
    return _embedded(_Embedder(model, names, hop_s, cache), dataset, model.threads, progress)


def embed_means(
    model: Classifier, dataset: Dataset, *, hop_s: float, features: Sequence[str], cache: EmbeddingCache | None = None
) -> dict[str, Features]:
    """Return the same as `embed_candidates`, but for each clip the mean of its windows in their place."""
    names = model.check_features(features)
    return _embedded(_Embedder(model, names, hop_s, cache, means=True), dataset, model.threads)


def _embedded(
    embedder: _Embedder, dataset: Dataset, threads: int, progress: Callable[[int, int], None] | None = None
) -> dict[str, Features]:
    outcomes = in_order(dataset.clips, embedder.embed, threads)
    kept, found, skipped = readable(dataset, counted(outcomes, len(dataset), progress))
    clips = np.repeat(np.arange(len(found)), [len(clip.values[0]) for clip in found])
    digests = tuple(clip.digest for clip in found)
    return {
        name: Features(kept, np.concatenate([clip.values[k] for clip in found]), clips, digests, skipped, name)
        for k, name in enumerate(embedder.names)
    }


def candidate_features(model: Classifier) -> tuple[str, ...]:
    """Return the features of a model among which the best is looked for: its embedding, and layers at some depths.

    These are the means of the layers at three, four and six sevenths of the depth, and the greatest values of the first
    of these: layers 6, 8 and 12 of YAMNet's 14.
    """
    checks.instance(model, "model", Classifier)
    means = [name for name in model.features if name.endswith("_mean")]
    chosen = dict.fromkeys(means[round(sevenths * len(means) / 7) - 1] for sevenths in (3, 4, 6)) if means else {}
    own = [name for name in (EMBEDDING,) if name in model.features]
    return (*own, *chosen, *(name.replace("_mean", "_max") for name in [*chosen][:1]))


class _Embedded(NamedTuple):
    values: tuple[Float32, ...]
    digest: str


class _Embedder:
    """Computes features of clips; threads may share it."""

    def __init__(
        self,
        model: Classifier,
        names: tuple[str, ...],
        hop_s: float,
        cache: EmbeddingCache | None,
        *,
        means: bool = False,
    ) -> None:
        # Threads share the clips, not the windows of each.
        self._model = copy.copy(model)
        self._model.threads = 1
        self.names = names
        self._means = means
        self._hop_s = hop_s
        self._cache = cache
        #: Digests by path and state of the file, which may hold thousands of clips.
        self._digests: dict[tuple[Path, tuple[int, ...]], str] = {}
        scorer = model.feature_scorer(names)
        self._slots = scorer.slots
        scorer.network.warm_up()

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
        values = (self._slots[name].dequantize(quantized[name]) for name in self.names)
        if self._means:
            values = (one.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32) for one in values)
        return _Embedded(tuple(values), digest), loss

    def _quantized(self, clip: Clip, digest: str, before: tuple[int, ...]) -> tuple[_Quantized, str | None]:
        """Return a clip's features as the model's integers, cached or computed, and what is wrong with the clip."""
        keys = {name: self._key(clip, digest, name) for name in self.names}
        cached = self._cached(keys)
        if cached is not None:
            return cached, None
        with self._model.feature_windows(clip.path, features=self.names, reading=clip.reading(self._hop_s)) as stream:
            parts = [windows.features for windows in stream]
        quantized = {name: np.concatenate([part[name].values for part in parts]) for name in self.names}
        if stream.lost:
            return quantized, stream.damage  # not stored, so that it is reported each time
        if self._cache and _identity(clip.path) == before:  # else the file was changed after it was hashed
            for name, key in keys.items():
                self._cache.store(key, quantized[name])
        return quantized, None

    def _cached(self, keys: Mapping[str, str]) -> _Quantized | None:
        """Return all features of a clip from the cache; None if one of them is not there."""
        found: _Quantized = {}
        for name, key in keys.items() if self._cache else ():
            values = self._cache.load(key, math.prod(self._slots[name].shape)) if self._cache else None
            if values is None:
                return None
            found[name] = values
        return found or None

    def _key(self, clip: Clip, digest: str, name: str) -> str:
        audio = (digest, clip.start_s, clip.end_s, float(self._hop_s))
        size = math.prod(self._slots[name].shape)
        parts: tuple[Any, ...] = (_CACHE_FORMAT, audio, self._model.source.sha256, size, code_version())
        if name != EMBEDDING or self._model.roles:
            parts += name, self._model.roles
        return hashlib.sha256(repr(parts).encode()).hexdigest()


def _identity(path: Path) -> tuple[int, ...]:
    """Return numbers that change when a file does."""
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
