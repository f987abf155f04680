"""Datasets whose windows would fill memory with all candidate features: a choice by the means of some clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from yamjit.audio.claims import claimed_seconds
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.learn.choosing import Chooser, parts_of, sampled
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.embedding import embed_means
from yamjit.learn.embedding_cache import EmbeddingCache
from yamjit.learn.features import Features
from yamjit.learn.training import TrainOptions, chooser_of

__all__ = ["MOST_WINDOWS", "chooser_by_means", "has_many_windows"]

#: Most windows whose candidates are all held in memory: some 700 MB of YAMNet's.
MOST_WINDOWS = 20_000

#: Fewest bytes of a second of sound; files that are small even so need not be opened.
_BYTES_PER_S = 4000


def has_many_windows(dataset: Dataset, hop_s: float, copies: int = 0, longer: int = 0) -> bool:
    """Return whether clips have more windows than `MOST_WINDOWS`, by their sizes and headers, with those of copies."""

    def count(seconds: Callable[[Clip], float]) -> float:
        return sum(copies + (1 + longer) * max(1.0, seconds(clip) / hop_s) for clip in dataset.clips)

    return count(_seconds_of_size) > MOST_WINDOWS and count(_seconds_of_header) > MOST_WINDOWS


def _seconds_of_size(clip: Clip) -> float:
    try:
        whole = clip.path.stat().st_size / _BYTES_PER_S
    except OSError:  # it is left out in its turn
        return 0.0
    return whole if clip.end_s is None else min(whole, clip.end_s - clip.start_s)


def _seconds_of_header(clip: Clip) -> float:
    try:
        claimed = claimed_seconds(clip.path, clip.reading())
    except Exception:  # noqa: BLE001 - it is left out in its turn
        return 0.0
    return _seconds_of_size(clip) if claimed is None else claimed


def chooser_by_means(
    model: Classifier,
    heard: Features,
    names: Sequence[str],
    options: TrainOptions,
    *,
    folds: int | None = None,
    hop_s: float,
    cache: EmbeddingCache | None = None,
) -> Chooser:
    """Return what chooses among features of clips, of which each is held as the mean of its windows, without copies.

    `heard` are the windows of these clips, as the first of the features.
    """
    dataset = heard.dataset
    parts = parts_of(dataset, folds, options.fit.seed)
    if not parts:
        return chooser_of({heard.name: heard}, options, parts)
    places = sampled(parts)
    few = replace(dataset, clips=tuple(dataset.clips[k] for k in places))
    means = embed_means(model, few, hop_s=hop_s, features=names, cache=cache)
    if len(next(iter(means.values())).dataset) < len(places):
        raise InputError("a recording was changed while others were read")
    return chooser_of(means, options, parts)
