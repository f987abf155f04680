"""A thread that scores a stream and calls back."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.task.mediapipe.windows import ResultStream

__all__ = ["Worker"]

Float32 = npt.NDArray[np.float32]

#: Blocks that wait to be scored, at most.
_MOST_BLOCKS = 256


class Worker:
    """Scores blocks in their order, in a thread of its own; `callback` gets each result and its time in ms.

    An error ends the scoring; the next call raises it.
    """

    def __init__(self, stream: ResultStream[Any], callback: Callable[[Any, int], None]) -> None:
        self._stream = stream
        self._callback = callback
        self._blocks: queue.SimpleQueue[Float32 | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(_MOST_BLOCKS)
        self._error: BaseException | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="yamjit-stream", daemon=True)
        self._thread.start()

    def send(self, frames: Float32) -> None:
        """Take a block, float32 (n, channels); waits while too many others do."""
        self._raise_error()
        self._free.acquire()
        self._blocks.put(frames)

    def close(self) -> None:
        """Score what is left, and end the thread; called by the callback, it does not wait for that."""
        self._blocks.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._raise_error()

    def _run(self) -> None:
        while (frames := self._blocks.get()) is not None:
            self._free.release()
            self._deliver(self._stream.push(frames))
        self._deliver(self._stream.flush())

    def _deliver(self, results: Iterator[tuple[int, Any]]) -> None:
        """Hand on results, unless something failed: then the blocks are only taken, so that nobody waits for ever."""
        if self._failed:
            return
        try:
            for timestamp_ms, result in results:
                self._callback(result, timestamp_ms)
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            self._error, self._failed = error, True

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
