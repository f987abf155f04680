"""Samples in, results with their times out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.scoring import Windows
from yamjit.task.engine import Engine

__all__ = ["ResultStream", "Timed"]

Float32 = npt.NDArray[np.float32]


class Timed(Protocol):
    """A result for a window that starts at a time, in ms."""

    timestamp_ms: int | None


_Result = TypeVar("_Result", bound=Timed)


class ResultStream(Generic[_Result]):
    """Blocks of any size in, a result for each window out, and its time in ms.

    `describe` makes a result of each window; `form` is the sample rate in Hz and the number of channels. The first
    sample is at `start_ms`.
    """

    def __init__(
        self, engine: Engine, describe: Callable[[Windows], Iterator[_Result]], form: tuple[int, int], start_ms: int
    ) -> None:
        self._engine = engine
        self._stream = engine.stream(*form)
        self._describe = describe
        self._start_ms = start_ms
        self._done = 0

    def push(self, frames: Float32) -> Iterator[tuple[int, _Result]]:
        """Take samples, float32 (n, channels); yield the results of the windows that are complete."""
        return self._results(self._stream.push(frames))

    def flush(self) -> Iterator[tuple[int, _Result]]:
        """End the stream; yield the results of what is left of it."""
        return self._results(self._stream.flush())

    def _results(self, scored: Iterator[Windows]) -> Iterator[tuple[int, _Result]]:
        for windows in scored:
            for result in self._describe(windows):
                elapsed_ms = self._done * self._engine.window * 1000 // self._engine.sample_rate
                self._done += 1
                timestamp_ms = self._start_ms + elapsed_ms
                result.timestamp_ms = timestamp_ms
                yield timestamp_ms, result
