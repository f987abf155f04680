"""From samples as they were read to tracks at one sample rate: channels chosen, inspected, mixed, resampled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.audio.quality import Inspector
from yamjit.audio.resample import Resampler
from yamjit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]

__all__ = ["Conditioner", "recut"]


class Conditioner:
    """Makes tracks of the blocks of a source; neither how they are cut nor the other tracks change a bit of a track.

    `rates` are those of the source and of the tracks, in Hz. `channel` is "mix" (one track, the mean), "each", or the
    number of a channel, from 0; another number raises `InputError`. Samples beyond `peak` are refused; with `zero`, NaN
    and infinity become 0 in place of an error. `start` is the number of the first frame, for messages. `taken` counts
    the frames that were pushed. Raises `DependencyError` if the rates differ and soxr is not installed.
    """

    def __init__(
        self,
        name: str,
        rates: tuple[int, int],
        channels: int,
        channel: Any,
        *,
        peak: float,
        zero: bool = False,
        start: int = 0,
    ) -> None:
        mixed = isinstance(channel, str) and channel == "mix"
        everything = mixed or (isinstance(channel, str) and channel == "each")
        chosen = tuple(range(channels)) if everything else (_check_number(channel, channels, name),)
        self._all = len(chosen) == channels
        self._columns = slice(chosen[0], chosen[-1] + 1)
        self._is_mean = mixed and len(chosen) > 1
        self.tracks = 1 if mixed else len(chosen)
        self.taken = 0
        self._start = start
        self._inspector = Inspector(name, rates[0], chosen, is_mean=self._is_mean, peak=peak, zero=zero)
        self._resampler = Resampler(*rates, self.tracks) if rates[0] != rates[1] else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong so far, a line each."""
        return self._inspector.warnings

    def choose(self, frames: Float32) -> Float32:
        """Return the channels that were chosen, float32 (n, chosen), a view of `frames`, float32 (n, channels)."""
        return frames if self._all else frames[:, self._columns]

    def push(self, chosen: Float32, *, own: bool = False) -> Float32:
        """Take what `choose` gave, n > 0, and return what is ready, new float32 (tracks, m), each track contiguous.

        With `own`, nobody else writes to `chosen` any more: it may be what is returned.

        Raises `AudioError` at a sample beyond `peak`, or one that is not finite unless it becomes 0.
        """
        self._inspector.look(chosen, self._start + self.taken)
        self.taken += len(chosen)
        tracks = _mean(chosen)[np.newaxis] if self._is_mean else _transposed(chosen, own)
        self._inspector.measure(chosen, tracks)
        return tracks if self._resampler is None else self._resampler.push(tracks)

    def flush(self) -> Float32:
        """End the stream; return the rest, float32 (tracks, m)."""
        return np.empty((self.tracks, 0), np.float32) if self._resampler is None else self._resampler.flush()


def _mean(frames: Float32) -> Float32:
    """Return the mean of several channels, a new float32 (n,), of `frames`, float32 (n, channels).

    The channels are added one after the other in float32, so that a sample does not depend on its block.
    """
    total: Float32 = frames[:, 0].copy()
    for channel in range(1, frames.shape[1]):
        total += frames[:, channel]
    total /= np.float32(frames.shape[1])
    return total


def _transposed(frames: Float32, own: bool) -> Float32:
    """Return the channels of `frames`, float32 (n, channels), one after the other."""
    return np.ascontiguousarray(frames.T) if own else np.array(frames.T, order="C")


def _check_number(channel: Any, available: int, name: str) -> int:
    number = checks.whole(channel, "channel", 0, also=', "mix" and "each"')
    if number >= available:
        last = f"0 to {available - 1}" if available > 1 else "0 only"
        raise InputError(f"{name}: channel {number} was asked for; channels are counted from 0, it has {last}")
    return number


def recut(blocks: Iterable[Float32], size: int, first: int | None = None) -> Iterator[list[Float32]]:
    """Yield the same samples, (tracks, n), in pieces of `size`, the last perhaps shorter: each as parts of blocks.

    With `first`, the first pieces are shorter: that many samples, then twice as many each time.
    """
    parts: list[Float32] = []
    piece = missing = min(first or size, size)
    for block in blocks:
        start = 0
        while block.shape[-1] - start >= missing:
            yield [*parts, block[..., start : start + missing]]
            start += missing
            parts, piece = [], min(2 * piece, size)
            missing = piece
        if start < block.shape[-1]:
            parts.append(block[..., start:])
            missing -= block.shape[-1] - start
    if parts:
        yield parts
