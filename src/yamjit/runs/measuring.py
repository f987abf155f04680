"""Listeners for numbers over time: embeddings and other features, and the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.errors import InputError
from yamjit.output.arrays import Slab
from yamjit.results import Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import Recording
from yamjit.spec import EMBEDDING

if TYPE_CHECKING:
    import numpy.typing as npt

    from yamjit.network import Quantized

__all__ = ["Embeddings", "LogMel"]


@dataclass(frozen=True, eq=False)
class Embeddings(Hearing):
    """A feature of each window, by default the embedding; refused where the model has none of that name.

    With `codes`, values are the model's integers, shifted to uint8; a model that computes the feature in floating point
    is refused.
    """

    features: str = EMBEDDING
    codes: bool = False

    def __post_init__(self) -> None:
        self.classifier.check_features((self.features,))

    def settings(self) -> dict[str, Any]:
        """Return what `Hearing.settings` does; embeddings are not named, so that earlier runs can be continued."""
        settings = super().settings()
        if self.features == EMBEDDING:
            del settings["features"]
        if not self.codes:
            del settings["codes"]
        return settings

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        if self.codes and not self.has_codes:
            raise InputError(f"the model computes {self.features!r} in floating point: there are no codes of 8 bits")

    @property
    def has_codes(self) -> bool:
        """Whether the model computes the feature in integers."""
        slot = self.classifier.feature_scorer((self.features,)).slots[self.features]
        return bool(slot.dtype == np.int8)

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find the values of a few windows at a time."""
        name = self.features
        with self._open(recording, self.classifier.feature_windows, features=name) as stream:
            for part in stream:
                found = part.features[name]
                values = _codes(found) if self.codes else (found.real(), None)
                kind = "" if name == EMBEDDING else name, self.classifier.source.sha256
                times_s, channel, clock = part.times_s, part.channel, stream.clock
                sink(Slab(stream.name, times_s, stream.window_s, channel, values[0], clock, *kind, values[1]))
            return stream.summary()


def _codes(found: Quantized) -> tuple[npt.NDArray[np.uint8], tuple[float, int]]:
    """Return integers as uint8, with the scale and the zero point of these."""
    scale, zero_point = float(np.float32(found.slot.scale)), found.slot.zero_point + 128
    return found.values.view(np.uint8) ^ np.uint8(128), (scale, zero_point)


@dataclass(frozen=True, eq=False)
class LogMel(Hearing):
    """The log-mel spectrogram, as the model sees it."""

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find a few frames at a time."""
        done: dict[int | None, int] = {}
        with self._open(recording, self.classifier.frames) as stream:
            for channel, frames in stream:
                first = done.get(channel, 0)
                done[channel] = first + len(frames)
                times_s = stream.source.start_s + np.arange(first, done[channel], dtype=np.float64) * stream.frame_s
                sink(Slab(stream.name, times_s, stream.frame_s, channel, frames, stream.clock))
            return stream.summary()
