"""Samples in, results with their times out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from yamjit.task.engine import Engine
from yamjit.task.mediapipe.containers import AudioClassifierResult
from yamjit.task.processor import Classifications

__all__ = ["ResultStream"]

Float32 = npt.NDArray[np.float32]


class ResultStream:
    """Blocks of any size in, a result for each window out, and its time in ms; the first sample is at `start_ms`."""

    def __init__(self, engine: Engine, sample_rate: int, channels: int, start_ms: int) -> None:
        self._engine = engine
        self._stream = engine.stream(sample_rate, channels)
        self._start_ms = start_ms
        self._done = 0

    def push(self, frames: Float32) -> Iterator[tuple[int, AudioClassifierResult]]:
        """Take samples, float32 (n, channels); yield the results of the windows that are complete."""
        return self._results(self._stream.push(frames))

    def flush(self) -> Iterator[tuple[int, AudioClassifierResult]]:
        """End the stream; yield the results of what is left of it."""
        return self._results(self._stream.flush())

    def _results(self, windows: Iterator[list[Classifications]]) -> Iterator[tuple[int, AudioClassifierResult]]:
        for classifications in windows:
            elapsed_ms = self._done * self._engine.window * 1000 // self._engine.sample_rate
            self._done += 1
            timestamp_ms = self._start_ms + elapsed_ms
            yield timestamp_ms, AudioClassifierResult(classifications, timestamp_ms)
