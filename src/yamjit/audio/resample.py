"""Tracks at one sample rate to tracks at another: soxr, streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.errors import DependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Resampler", "TrackResampler", "resampled_length"]


def resampled_length(n_samples: int, source_rate: int, target_rate: int) -> int:
    """Return how many samples `n_samples` become: ``n * target / source`` to the nearest, halves up.

    At least one sample comes out of at least one, however short it is.
    """
    if n_samples == 0:
        return 0
    return max(1, (2 * n_samples * target_rate + source_rate) // (2 * source_rate))


class TrackResampler:
    """Changes the sample rate of several tracks, each as if it were alone, to the last bit.

    Parameters
    ----------
    source_rate, target_rate : int
        Sample rates in Hz.
    tracks : int > 0

    Raises
    ------
    DependencyError
        If the rates differ and soxr is not installed.
    """

    def __init__(self, source_rate: int, target_rate: int, tracks: int) -> None:
        self._each = [Resampler(source_rate, target_rate) for _ in range(tracks)]
        self._equal = source_rate == target_rate

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a block, float32 (tracks, n), and return what is ready, float32 (tracks, m), m may be 0."""
        if self._equal:
            return block
        return _stack([track.push(samples) for track, samples in zip(self._each, block, strict=True)])

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, float32 (tracks, m)."""
        return _stack([track.flush() for track in self._each])


def _stack(tracks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return tracks[0][np.newaxis] if len(tracks) == 1 else np.stack(tracks)


class Resampler:
    """Changes the sample rate of one track (soxr's "HQ"); equal rates pass through untouched.

    What comes out does not depend on how the stream was cut into blocks, not in a single bit.

    Parameters
    ----------
    source_rate, target_rate : int
        Sample rates in Hz.

    Raises
    ------
    DependencyError
        If the rates differ and soxr is not installed.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._taken = 0
        self._given = 0
        self._stream = None if source_rate == target_rate else _open_stream(source_rate, target_rate)

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take a block, float32 (n,), and return what is ready, float32 (m,), which may be nothing."""
        if self._stream is None:
            return block
        self._taken += len(block)
        return self._give(self._stream.resample_chunk(np.ascontiguousarray(block)))

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, float32 (m,): `resampled_length` samples are given in all."""
        nothing = np.zeros(0, np.float32)
        if self._stream is None:
            return nothing
        rest = self._stream.resample_chunk(nothing, last=True)
        due = resampled_length(self._taken, self.source_rate, self.target_rate) - self._given
        return self._give(np.pad(rest[:due], (0, max(0, due - len(rest)))))

    def _give(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self._given += len(samples)
        return samples


def _open_stream(source_rate: int, target_rate: int) -> Any:
    try:
        import soxr
    except ImportError as error:
        raise DependencyError(
            f"resampling from {source_rate} to {target_rate} Hz needs soxr: pip install soxr"
        ) from error
    return soxr.ResampleStream(source_rate, target_rate, 1, dtype="float32", quality="HQ")
