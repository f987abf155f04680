"""Patches to windows: the scores of each, from a model's network and calibrations."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.calibration import Calibration
from yamjit.frontend import FrontEnd, Patches
from yamjit.network import HeadOutput, Outputs, Quantized

if TYPE_CHECKING:
    from yamjit.plan.plan import Plan, Slot

__all__ = ["FeatureScorer", "FeatureWindows", "Scorer", "ScoringNetwork", "Windows"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_Value = TypeVar("_Value")

_NO_TIMES = np.empty(0, np.float64)
_NO_FRAMES = np.empty((0, 0), np.float32)


class ScoringNetwork(Protocol):
    """What a scorer runs: one network, or several together."""

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that results are of."""

    def warm_up(self) -> None:
        """Do now what the first run would do beside its work, see `Network.warm_up`."""

    def answers(self, patches: Float32) -> list[Quantized]:
        """Return scores and logits of each output, and the embeddings, see `Network.answers`."""


@dataclass(frozen=True, eq=False, repr=False)
class Windows(Outputs):
    """Scores and embeddings of consecutive windows; there may be none.

    Parameters
    ----------
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    heads : tuple of HeadOutput
        Scores, calibrated if the model or the caller says how, and logits: one for each output of the model, or only
        for the one that was chosen.
    quantized_embeddings : Quantized
        Embedding of each window.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        Frames of the log-mel spectrogram that were complete with these windows. Each frame comes once. There are none
        where the network takes samples.
    level_dbfs : np.ndarray [shape=(n,), float64] or None
        Root mean square of each window in dBFS, if it was asked for: -3 for a full-scale sine, -120 for silence.
    channel : int or None
        Channel of the recording, from 0; None for the mean of all.
    """

    times_s: Float64
    window_s: float
    heads: tuple[HeadOutput, ...]
    quantized_embeddings: Quantized
    log_mel: Float32
    level_dbfs: Float64 | None = None
    channel: int | None = None

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        if not len(self):
            return "<Windows: none>"
        return f"<Windows: {len(self)}, from {self.times_s[0]:g} s to {self.times_s[-1] + self.window_s:g} s>"


class Scorer:
    """Makes windows of patches with a model's network and calibrations. Shared by streams and threads.

    `heads` are the indices of the network's outputs that are used, `calibrations` one for each.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        network: ScoringNetwork,
        calibrations: Sequence[Calibration | None],
        sample_rate: int,
        heads: Sequence[int],
    ) -> None:
        self.front_end = front_end
        self.network = network
        self.sample_rate = sample_rate
        self.window_s = front_end.constants.window_samples / sample_rate
        self._heads = tuple(zip(heads, calibrations, strict=True))

    def of_each_head(self, values: Sequence[_Value]) -> tuple[_Value, ...]:
        """Return those of the values, one for each output of the network, that belong to the heads that are used."""
        return tuple(values[head] for head, _ in self._heads)

    def score(self, cut: Patches, hop: int, *, start_s: float = 0.0, channel: int | None = None) -> Windows:
        """Run the network over consecutive patches, `hop` samples apart, of a recording that starts at `start_s`."""
        count = len(cut.patches)
        heads, embeddings = self._outputs(cut.patches) if count else self._nothing
        times_s = _times(cut, hop / self.sample_rate, start_s)
        frames = cut.frames if self.front_end.is_log_mel else _NO_FRAMES
        return Windows(times_s, self.window_s, heads, embeddings, frames, cut.level_dbfs, channel)

    def _outputs(self, patches: Float32) -> tuple[tuple[HeadOutput, ...], Quantized]:
        """Return what the heads that are used say of patches, and their embeddings."""
        found = self.network.answers(patches)
        heads = [HeadOutput(found[2 * head], found[2 * head + 1], calibration) for head, calibration in self._heads]
        return tuple(heads), found[-1]

    @functools.cached_property
    def _nothing(self) -> tuple[tuple[HeadOutput, ...], Quantized]:
        return self._outputs(np.empty((0, *self.front_end.patch_shape), np.float32))


def _times(cut: Patches, hop_s: float, start_s: float) -> Float64:
    """Return when each patch starts."""
    indices = range(cut.first, cut.first + len(cut.patches))
    return np.array([start_s + index * hop_s for index in indices], np.float64) if indices else _NO_TIMES


@dataclass(frozen=True, eq=False, repr=False)
class FeatureWindows:
    """Features of consecutive windows; there may be none.

    Parameters
    ----------
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    features : mapping of str to Quantized
        Values of each window, by the names of the features that were asked for.
    channel : int or None
        Channel of the recording, from 0; None for the mean of all.
    """

    times_s: Float64
    window_s: float
    features: Mapping[str, Quantized]
    channel: int | None = None

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        return f"<FeatureWindows: {len(self)}, {', '.join(self.features)}>"


class FeatureScorer:
    """Makes windows of patches with a network whose last answers are features. Shared by streams and threads.

    `features` are their names, in order.
    """

    def __init__(self, front_end: FrontEnd, network: ScoringNetwork, sample_rate: int, features: Sequence[str]) -> None:
        self.front_end = front_end
        self.network = network
        self.sample_rate = sample_rate
        self._window_s = front_end.constants.window_samples / sample_rate
        self._names = tuple(features)

    @property
    def slots(self) -> dict[str, Slot]:
        """What the integers of each feature mean."""
        return {name: found.slot for name, found in self.of_patches(self._no_patches).items()}

    @property
    def _no_patches(self) -> Float32:
        return np.empty((0, *self.front_end.patch_shape), np.float32)

    def of_patches(self, patches: Float32) -> dict[str, Quantized]:
        """Return the features of patches, by name."""
        return dict(zip(self._names, self.network.answers(patches)[-len(self._names) :], strict=True))

    def score(self, cut: Patches, hop: int, *, start_s: float = 0.0, channel: int | None = None) -> FeatureWindows:
        """Run the network over consecutive patches, `hop` samples apart, of a recording that starts at `start_s`."""
        patches = cut.patches if len(cut.patches) else self._no_patches
        times_s = _times(cut, hop / self.sample_rate, start_s)
        return FeatureWindows(times_s, self._window_s, self.of_patches(patches), channel)
