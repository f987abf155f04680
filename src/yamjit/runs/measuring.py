"""Listeners for numbers over time: embeddings and other features, and the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from yamjit.output.arrays import Slab
from yamjit.results import Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import Recording
from yamjit.spec import EMBEDDING

__all__ = ["Embeddings", "LogMel"]


@dataclass(frozen=True, eq=False)
class Embeddings(Hearing):
    """A feature of each window, by default the embedding; refused where the model has none of that name."""

    features: str = EMBEDDING

    def __post_init__(self) -> None:
        self.classifier.check_features((self.features,))

    def settings(self) -> dict[str, Any]:
        """Return what `Hearing.settings` does; embeddings are not named, so that earlier runs can be continued."""
        settings = super().settings()
        if self.features == EMBEDDING:
            del settings["features"]
        return settings

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find the values of a few windows at a time."""
        name = self.features
        with self._open(recording, self.classifier.feature_windows, features=name) as stream:
            for part in stream:
                values = part.features[name].real()
                of_what = "" if name == EMBEDDING else name
                sink(Slab(stream.name, part.times_s, stream.window_s, part.channel, values, stream.clock, of_what))
            return stream.summary()


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
