"""Listeners for numbers over time: embeddings, and the log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from yamjit.output.arrays import Slab
from yamjit.results import Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import Recording

__all__ = ["Embeddings", "LogMel"]


@dataclass(frozen=True, eq=False)
class Embeddings(Hearing):
    """The embedding of each window; a `ModelError` is raised where the model has none."""

    def __post_init__(self) -> None:
        self.classifier.check_embedding()

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find the embeddings of a few windows at a time."""
        with self._open(recording, self.classifier.windows) as stream:
            for windows in stream:
                values = windows.embeddings
                sink(Slab(stream.name, windows.times_s, stream.window_s, windows.channel, values, stream.clock))
            return stream.summary(1)


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
