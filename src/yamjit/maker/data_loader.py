"""Labelled recordings, and the embeddings of their frames."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yamjit import checks
from yamjit.announcing import logger
from yamjit.audio.source import open_audio
from yamjit.audio.suffixes import is_audio
from yamjit.disk import describe, read_limited
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.embedding import embed_clips
from yamjit.learn.embedding_cache import EmbeddingCache
from yamjit.learn.features import Features
from yamjit.maker.yamnet_spec import YamNetSpec

__all__ = ["DataLoader"]

#: A recording, and the index of its class.
Example = tuple[str, int]

_MOST_TABLE_BYTES = 2**26
_ESC50 = ("filename", "fold", "category")


@explained
class DataLoader:
    """Labelled recordings.

    Parameters
    ----------
    examples : sequence of tuple
        Path of each recording, and index of its class.
    index_to_label : sequence of str
        Names of the classes.
    spec : YamNetSpec
        Network, and how recordings are cut into frames.
    cache : bool or path
        Folder in which embeddings are kept for the next time; with True or False they are kept in memory only.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        index_to_label: Sequence[str],
        spec: YamNetSpec,
        cache: bool | str | os.PathLike[str] = False,
    ) -> None:
        self._spec = checks.instance(spec, "spec", YamNetSpec)
        self._cache = cache if isinstance(cache, bool) else checks.path(cache, "cache")
        self.index_to_label = [checks.text(label, "a label") for label in checks.elements(index_to_label, "labels")]
        given = checks.elements(examples, "examples", "paths with the indices of their labels")
        self._examples = [_checked_example(example, self.num_classes) for example in given]
        self._features: Features | None = None

    @classmethod
    def from_folder(
        cls,
        spec: YamNetSpec,
        data_path: str | os.PathLike[str],
        categories: Sequence[str] | None = None,
        shuffle: bool = True,
        cache: bool | str | os.PathLike[str] = False,
    ) -> DataLoader:
        """Return the recordings of a folder that has a folder for each class.

        Parameters
        ----------
        spec : YamNetSpec
            Network, and how recordings are cut into frames.
        data_path : path
            Folder with the folders of the classes, whose names are the labels.
        categories : sequence of str, optional
            Classes that are wanted; by default all.
        shuffle : bool
            Whether the recordings are brought into another order, the same each time; else they are sorted.
        cache : bool or path
            Folder in which embeddings are kept for the next time; with True or False they are kept in memory only.

        Raises
        ------
        InputError
            If the folder cannot be read, or holds no recordings of a class that is wanted.
        """
        root = checks.path(data_path, "data_path").absolute()
        try:
            folders = sorted(path for path in root.iterdir() if path.is_dir())
            found = [(str(file), folder.name) for folder in folders for file in _recordings(folder)]
        except (OSError, ValueError) as error:  # ValueError: a name that is not UTF-8
            raise InputError(f"{checks.shown(str(root))}: {describe(error)}") from error
        return cls._of(spec, str(root), _wanted(str(root), found, categories), shuffle, cache)

    @classmethod
    def from_esc50(
        cls,
        spec: YamNetSpec,
        data_path: str | os.PathLike[str],
        folds: Sequence[int] | None = None,
        categories: Sequence[str] | None = None,
        shuffle: bool = True,
        cache: bool | str | os.PathLike[str] = False,
    ) -> DataLoader:
        """Return recordings that lie as those of ESC-50 do: ``audio/*.wav`` and the table ``meta/esc50.csv``.

        Parameters
        ----------
        spec : YamNetSpec
            Network, and how recordings are cut into frames.
        data_path : path
            Folder with the folders ``audio`` and ``meta``.
        folds : sequence of int, optional
            Folds that are wanted; by default all.
        categories : sequence of str, optional
            Classes that are wanted; by default all.
        shuffle : bool
            Whether the recordings are brought into another order, the same each time; else they are sorted.
        cache : bool or path
            Folder in which embeddings are kept for the next time; with True or False they are kept in memory only.

        Raises
        ------
        InputError
            If the table cannot be read, lacks the columns ``filename``, ``fold`` and ``category``, or has no recordings
            that are wanted.
        """
        root = checks.path(data_path, "data_path")
        table = root / "meta" / "esc50.csv"
        rows = _esc50_rows(table)
        wanted = () if folds is None else checks.elements(folds, "folds", "numbers")
        numbers = {str(checks.whole(fold, "a fold", 0)) for fold in wanted}
        kept = [(name, label) for name, fold, label in rows if fold in numbers or not numbers]
        found = [(str(root / "audio" / name), label) for name, label in _wanted(str(table), kept, categories)]
        return cls._of(spec, str(table), found, shuffle, cache)

    @classmethod
    def _of(
        cls,
        spec: YamNetSpec,
        where: str,
        found: list[tuple[str, str]],
        shuffle: bool,
        cache: bool | str | os.PathLike[str],
    ) -> DataLoader:
        if not found:
            raise InputError(f"{where}: No audio files found; a folder of recordings for each class is accepted")
        labels = sorted({label for _, label in found})
        places = {label: place for place, label in enumerate(labels)}
        examples = [(path, places[label]) for path, label in sorted(found)]
        if checks.flag(shuffle, "shuffle"):
            np.random.Generator(np.random.PCG64(0)).shuffle(examples)
        return cls(examples, labels, spec, cache)

    def __len__(self) -> int:
        """Return the number of recordings, each of which may have several frames or none."""
        return len(self._examples)

    @property
    def size(self) -> int:
        """Number of recordings."""
        return len(self)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.index_to_label)

    @property
    def examples(self) -> tuple[Example, ...]:
        """Path of each recording, and index of its class."""
        return tuple(self._examples)

    def split(self, fraction: float) -> tuple[DataLoader, DataLoader]:
        """Divide the recordings into the first ones and the others.

        Parameters
        ----------
        fraction : float in (0, 1)
            Share of the recordings that are in the first part.
        """
        fraction = checks.number(fraction, "fraction", 0, 1, above=True, below=True)
        count = int(len(self) * fraction)
        parts = (self._examples[:count], self._examples[count:])
        first, second = (DataLoader(part, self.index_to_label, self._spec, self._cache) for part in parts)
        return first, second

    def features(self) -> Features:
        """Return the frames as clips, with the embeddings of all their windows.

        They are computed once. Frames that cannot be read, or only in part, are in `Features.skipped`, and told in the
        log.

        Raises
        ------
        AudioError
            If a recording is missing, or not audio.
        InputError
            If no recording is as long as a frame.
        """
        if self._features is None:
            cache = EmbeddingCache(self._cache) if isinstance(self._cache, Path) else None
            self._features = embed_clips(self._spec.model, self._frames(), cache=cache)
            for skipped in self._features.skipped:
                logger(__name__).warning(str(skipped))
        return self._features

    def _frames(self) -> Dataset:
        rate = self._spec.target_sample_rate
        clips = [
            Clip(Path(path), (self.index_to_label[place],), start, end, group=path)
            for path, place in self._examples
            for start, end in self._spec.frames(_samples(path, rate))
        ]
        if not clips:
            wanted = self._spec.frame_length / rate
            raise InputError(f"none of {len(self)} recordings lasts for a frame of {wanted:g} s (frame_length)")
        return Dataset(tuple(clips), tuple(self.index_to_label))

    def __repr__(self) -> str:
        return f"<DataLoader: {len(self)} recordings of {self.num_classes} classes>"


def _checked_example(given: Any, classes: int) -> Example:
    parts = checks.elements(given, "an example", "a path and the index of its label")
    if len(parts) != 2:
        raise InputError(f"an example is {checks.shown(given)}; a path and the index of its label are accepted")
    return str(checks.path(parts[0], "the path of an example")), checks.whole(parts[1], "a label", 0, classes - 1)


def _samples(path: str, rate: int) -> int:
    """Return the length of a recording at a sample rate: by its header, or else by all of it."""
    with open_audio(path, target_rate=rate) as source:
        seconds = source.claimed_seconds
        return round(seconds * rate) if seconds is not None else sum(block.shape[1] for block in source.blocks())


def _recordings(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if is_audio(path.name) and not path.is_dir()]


def _wanted(where: str, found: list[tuple[str, str]], categories: Sequence[str] | None) -> list[tuple[str, str]]:
    """Return the recordings of the classes that are wanted, all by default; each class must have some."""
    wanted = () if categories is None else checks.elements(categories, "categories", "names")
    if not wanted:
        return found
    known = sorted({label for _, label in found})
    absent = next((name for name in wanted if name not in known), None)
    if absent is not None:
        raise InputError(f"{where}: No audio files found of {checks.shown(absent)}; there are {', '.join(known)}")
    return [(path, label) for path, label in found if label in wanted]


def _esc50_rows(table: Path) -> list[tuple[str, str, str]]:
    """Return file name, fold and category of each line."""
    text = read_limited(table, _MOST_TABLE_BYTES, what="the table of ESC-50").decode("utf-8-sig", "replace")
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InputError(f"{table}: {error}") from error
    if any(row.get(name) is None for row in rows for name in _ESC50):
        raise InputError(f"{table}: lacks a value in one of the columns {', '.join(_ESC50)}")
    return [(row["filename"], row["fold"], row["category"]) for row in rows]
