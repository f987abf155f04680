"""Tracks at one sample rate to tracks at another: soxr, streaming."""

from __future__ import annotations

import atexit
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.errors import DependencyError, InputError
from yamjit.installing import how_to_install

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

__all__ = ["Resampler", "converted", "resampled_length"]


def resampled_length(n_samples: int, source_rate: int, target_rate: int) -> int:
    """Return how many samples `n_samples` become: ``n * target / source`` to the nearest, halves up.

    At least one sample comes out of at least one, however short it is.
    """
    if n_samples == 0:
        return 0
    return max(1, (2 * n_samples * target_rate + source_rate) // (2 * source_rate))


class Resampler:
    """Changes the sample rate of tracks (soxr's "HQ"), each as if it were alone; equal rates pass through untouched.

    The result does not depend on how the stream is cut into blocks, not in a single bit. Raises `DependencyError` if
    the rates, in Hz, differ and soxr is not installed.
    """

    def __init__(self, source_rate: int, target_rate: int, tracks: int = 1) -> None:
        self._rates = (source_rate, target_rate)
        self._tracks = tracks
        self._taken = 0
        self._given = 0
        self._changes = source_rate != target_rate
        self._streams = [_open_stream(source_rate, target_rate) for _ in range(tracks)] if self._changes else []
        if self._changes:
            # Held while soxr works: a daemon thread may be there when the program ends.
            self._lock = threading.Lock()
            _open.add(self)

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a block, float32 (tracks, n), and return what is ready, float32 (tracks, m); m may be 0."""
        if not self._changes:
            return block
        self._taken += block.shape[1]
        return self._resample(block, last=False)

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, float32 (tracks, m): `resampled_length` samples are given in all."""
        nothing = np.zeros((self._tracks, 0), np.float32)
        if not self._changes:
            return nothing
        due = resampled_length(self._taken, *self._rates) - self._given
        rest = self._resample(nothing, last=True)[:, :due]
        return np.pad(rest, ((0, 0), (0, due - rest.shape[1])))

    def _resample(self, block: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        with self._lock:
            if not self._streams:
                _wait_for_the_end()
            tracks = [
                stream.resample_chunk(np.ascontiguousarray(samples), last=last)
                for stream, samples in zip(self._streams, block, strict=True)
            ]
        self._given += len(tracks[0])
        return tracks[0][np.newaxis] if len(tracks) == 1 else np.stack(tracks)


#: Resamplers that hold streams of soxr, whose binding complains of those that outlive the interpreter.
_open: weakref.WeakSet[Resampler] = weakref.WeakSet()

_PATIENCE_S = 1.0


@atexit.register
def _release() -> None:
    """Drop all streams when the program ends."""
    for resampler in list(_open):
        if resampler._lock.acquire(timeout=_PATIENCE_S):
            resampler._streams.clear()
            resampler._lock.release()


def _wait_for_the_end() -> None:
    """Keep a daemon thread from going on once the streams are dropped; tell the main thread."""
    if threading.current_thread() is not threading.main_thread():
        threading.Event().wait()
    raise InputError("the program is ending: audio can no longer be resampled")


def _open_stream(source_rate: int, target_rate: int) -> Any:
    try:
        import soxr
    except ImportError as error:
        raise DependencyError(
            f"resampling from {source_rate} to {target_rate} Hz needs soxr: {how_to_install('soxr')}"
        ) from error
    return soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")


def converted(
    blocks: Iterable[NDArray[np.float32]], source: tuple[int, int], target: tuple[int, int]
) -> Iterator[NDArray[np.float32]]:
    """Yield blocks of samples, float32 (n, channels), at another rate or with another number of channels.

    Mono goes to every channel; where the numbers differ otherwise, each channel is the mean of all. `source` and
    `target` are the sample rate in Hz and the number of channels, of the blocks and of what is yielded.
    """
    tracks = source[1] if source[1] == target[1] else 1
    resampler = Resampler(source[0], target[0], tracks)
    for block in blocks:
        mixed = block if tracks == block.shape[1] else block.mean(axis=1, dtype=np.float32, keepdims=True)
        # A copy: what the block holds is overwritten while the resampler may hand it through.
        yield _spread(resampler.push(np.ascontiguousarray(mixed.T)), target[1])
    yield _spread(resampler.flush(), target[1])


def _spread(tracks: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    return np.ascontiguousarray(np.broadcast_to(tracks.T, (tracks.shape[1], channels)))
