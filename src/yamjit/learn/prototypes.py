"""Classes from a few clips: prototypes that are added and removed without training, and "unknown" for other sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import shown_briefly
from yamjit.trained.heads import checked_labels

__all__ = ["UNKNOWN", "Match", "Prototypes", "clip_vector"]

Float64 = npt.NDArray[np.float64]

UNKNOWN = "unknown"

#: Cosine distance beyond which a clip is unknown, if no class has two clips.
DEFAULT_RADIUS = 0.28

#: Share of a class's own clips that should be recognised.
_RECOGNISED = 0.95


class Match(NamedTuple):
    """The nearest class of a clip, or `UNKNOWN`, and the cosine distance to the nearest class."""

    label: str
    distance: float


def clip_vector(embeddings: npt.ArrayLike) -> Float64:
    """Return a vector of length 1 for the embeddings of a clip's windows [shape=(n, size)].

    It is the root of the highest value of each component; values below 0 count as 0.
    """
    windows = checks.array(embeddings, "embeddings", np.float64)
    if windows.ndim != 2 or not windows.size or not np.isfinite(windows).all():
        raise InputError(f"finite embeddings (windows, size), at least one, are accepted, found {windows.shape}")
    vector = np.sqrt(np.maximum(windows.max(axis=0), 0))
    return vector / (float(np.sqrt((vector * vector).sum())) or 1.0)


@explained
class Prototypes:
    """Classes known from a few clips each.

    Parameters
    ----------
    radius : float in (0, 2], optional
        Cosine distance beyond which a clip is unknown. By default the distance within which 95 % of the clips, each
        left out in turn, find their own class; 0.28 if no class has two clips.
    """

    def __init__(self, *, radius: float | None = None) -> None:
        if radius is not None:
            radius = checks.number(radius, "radius", 0, 2, above=True)
        self._given = radius
        self._clips: dict[str, list[Float64]] = {}

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order in which they were added."""
        return tuple(self._clips)

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of clips of each class."""
        return {label: len(clips) for label, clips in self._clips.items()}

    def add(self, label: str, embeddings: npt.ArrayLike) -> None:
        """Add a clip to a class, which may be a new one.

        Parameters
        ----------
        label : str
        embeddings : array_like [shape=(n, size)]
            Embeddings of the clip's windows, see `Classifier.embed`.
        """
        checked_labels((label,))
        if label == UNKNOWN:
            raise InputError(f"a class cannot be called {UNKNOWN!r}")
        vector = self._vector(embeddings)
        self._clips.setdefault(label, []).append(vector)

    def _vector(self, embeddings: npt.ArrayLike) -> Float64:
        vector = clip_vector(embeddings)
        size = next((clips[0].size for clips in self._clips.values()), vector.size)
        if vector.size != size:
            raise InputError(f"embeddings of {size} values are accepted, found {vector.size}")
        return vector

    def remove(self, label: str) -> None:
        """Remove a class.

        Raises
        ------
        InputError
            If there is no class of this name.
        """
        if not isinstance(label, str) or label not in self._clips:
            raise InputError(f"there is no class {checks.shown(label)}; there are {', '.join(self._clips) or 'none'}")
        del self._clips[label]

    @property
    def radius(self) -> float:
        """Cosine distance beyond which a clip is unknown."""
        if self._given is not None:
            return self._given
        left_out = [
            1 - _cosine(clip, [other for k, other in enumerate(clips) if k != index])
            for clips in self._clips.values()
            if len(clips) > 1
            for index, clip in enumerate(clips)
        ]
        return float(np.quantile(left_out, _RECOGNISED)) if left_out else DEFAULT_RADIUS

    def distances(self, embeddings: npt.ArrayLike) -> dict[str, float]:
        """Return the cosine distance of a clip to every class, the nearest first."""
        if not self._clips:
            raise InputError("there are no classes; add clips first")
        vector = self._vector(embeddings)
        found = {label: 1 - _cosine(vector, clips) for label, clips in self._clips.items()}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def match(self, embeddings: npt.ArrayLike) -> Match:
        """Return the nearest class of a clip, or `UNKNOWN`.

        Parameters
        ----------
        embeddings : array_like [shape=(n, size)]
            Embeddings of the clip's windows.
        """
        label, distance = next(iter(self.distances(embeddings).items()))
        return Match(label if distance <= self.radius else UNKNOWN, distance)

    def __repr__(self) -> str:
        return f"<Prototypes: {shown_briefly(self.counts)}>"


def _cosine(vector: Float64, clips: Sequence[Float64]) -> float:
    """Return the cosine between a clip and the sum of others."""
    total = np.sum(clips, axis=0)
    length = float(np.sqrt((total * total).sum())) or 1.0
    return float((vector * total).sum()) / length
