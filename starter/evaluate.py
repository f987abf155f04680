"""How good a model is: average precision on the held-out windows, and what it makes of real recordings."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import yamjit
from starter.dataset import Dataset

__all__ = ["RealClass", "average_precision", "class_precisions", "hear_recordings", "known_recordings"]

Float32 = npt.NDArray[np.float32]

#: Names in ESC-10 of classes that the model may know.
_ESC10_LABELS = {"clock tick": "Tick", "rain": "Rain", "sea waves": "Waves, surf"}

_BATCH = 64
_FIRST = 3


def average_precision(scores: npt.NDArray[np.floating], targets: npt.NDArray[np.bool_]) -> float:
    """Return the area under the steps of precision over recall.

    Parameters
    ----------
    scores : np.ndarray [shape=(n,)]
        Equal ones count as one threshold, so their order does not matter.
    targets : np.ndarray [shape=(n,), bool]
        At least one is true.

    Raises
    ------
    ValueError
        If none is true.
    """
    if not targets.any():
        raise ValueError("average precision needs at least one positive")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    hits = np.cumsum(targets[order])[ends]
    gained = np.diff(hits, prepend=0) / targets.sum()
    return float(np.sum(gained * hits / (ends + 1)))


def class_precisions(model: yamjit.Classifier, data: Dataset) -> dict[str, float]:
    """Return each class's average precision, of the integer network's scores."""
    starts = range(0, len(data), _BATCH)
    scores = np.concatenate([model.network.run(_patches(data, start)).scores for start in starts])
    return {
        label: average_precision(scores[:, index], data.targets[:, index]) for index, label in enumerate(model.labels)
    }


def _patches(data: Dataset, start: int) -> Float32:
    return data.patches[start : start + _BATCH].astype(np.float32)


@dataclass(frozen=True)
class RealClass:
    """What two models make of the recordings of one class, their scores averaged over each recording.

    Parameters
    ----------
    label, source : str
    clips : int
    mean_scores : mapping of str to float
        By model: the mean over the clips of the score of `label`.
    in_top_3 : mapping of str to int
        By model: in how many clips `label` is among the three highest of the starter's classes.
    """

    label: str
    source: str
    clips: int
    mean_scores: Mapping[str, float]
    in_top_3: Mapping[str, int]


def known_recordings(data: Path, labels: Sequence[str]) -> dict[tuple[str, str], list[Path]]:
    """Return the recordings below a folder whose class is among `labels`, by label and source."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for source, label, path in _listed(data / "audio"):
        if label in labels:
            found[label, source].append(path)
    return dict(sorted(found.items()))


def _listed(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield source, label and path of each recording in the tables of a folder."""
    for source in ("clips", "esc10"):
        with (folder / f"{source}.csv").open(encoding="utf-8", newline="") as table:
            for row in csv.DictReader(table):
                yield f"audio/{source}", _ESC10_LABELS.get(row["label"], row["label"]), folder / row["file"]


def hear_recordings(models: Mapping[str, yamjit.Classifier], labels: Sequence[str], data: Path) -> list[RealClass]:
    """Let models hear the recordings whose class is among `labels`.

    Parameters
    ----------
    models : mapping of str to Classifier
        By a name for each; all know all of `labels`.
    labels : sequence of str
    data : Path
        Holds ``audio/clips.csv`` and ``audio/esc10.csv``.
    """
    return [
        _hear(models, labels, label, source, paths) for (label, source), paths in known_recordings(data, labels).items()
    ]


def _hear(
    models: Mapping[str, yamjit.Classifier], labels: Sequence[str], label: str, source: str, paths: Sequence[Path]
) -> RealClass:
    mean, first = {}, {}
    for name, model in models.items():
        columns = [model.labels.index(known) for known in labels]
        scores = np.stack([model.classify(path).scores.mean(axis=0)[columns] for path in paths])
        own = scores[:, labels.index(label)]
        mean[name] = float(own.mean())
        first[name] = int(np.count_nonzero((scores > own[:, None]).sum(axis=1) < _FIRST))
    return RealClass(label, source, len(paths), mean, first)
