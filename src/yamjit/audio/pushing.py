"""Audio that arrives by itself, in blocks of any size, as float32 mono samples at one sample rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.arrays import as_columns, to_float32
from yamjit.audio.conditioning import Conditioner
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_channels, check_rate
from yamjit.audio.quality import Inspector
from yamjit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PushedAudio", "as_samples"]

#: Blocks of at most this many frames wait for each other, up to as many together.
_TINY, _MOST_HELD = 64, 512

#: What messages call a block.
_BLOCK = "stream: a block"

_NOTHING = np.zeros(0, np.float32)


class PushedAudio:
    """Takes blocks of samples as they arrive; the result does not depend on how they were cut, not in a bit.

    Parameters
    ----------
    sample_rate : int
        Sample rate of the blocks, in Hz.
    target_rate : int
        Sample rate of the result, in Hz.
    channels : int > 0
        Number of channels of the blocks.
    channel : "mix" or int
        What is taken of them: the mean of the channels, or one of them, counted from 0.
    limits : AudioLimits, optional
        What is accepted.
    """

    name = "stream"

    def __init__(
        self,
        sample_rate: Any,
        target_rate: int,
        channels: Any = 1,
        channel: Any = "mix",
        *,
        limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
    ) -> None:
        self.sample_rate = check_rate(sample_rate, "sample_rate", limits)
        self.channels = check_channels(channels, limits)
        rates = (self.sample_rate, check_rate(target_rate, "target_rate", limits))
        self._conditioner = Conditioner(self.name, rates, self.channels, channel, peak=limits.peak)
        if self._conditioner.tracks != 1:
            raise InputError(
                'a stream has one track: channel="mix" or a number; push each channel to a stream of its own'
            )
        self._resamples = rates[0] != rates[1]
        self._limit = limits.peak
        self._held: NDArray[np.float32] | None = None  # memory of tiny blocks, made for the first
        self._held_frames = 0
        self._ready: list[NDArray[np.float32]] = []

    @property
    def duration_s(self) -> float:
        """Length of the sound that was pushed so far, in seconds."""
        return self._taken / self.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong with what was pushed so far, a line each."""
        self._settle()
        return self._conditioner.warnings

    def reaches(self, samples: int) -> bool:
        """Return whether `release` is worth calling for a reader who waits for `samples` samples since the first one.

        A resampler lags by some milliseconds and gives in bursts: tiny blocks wait for each other.
        """
        if not self._resamples:
            return self._taken >= samples
        return bool(self._ready) or self._held_frames >= _TINY

    def push(self, block: Any) -> NDArray[np.float32]:
        """Take a block, (n,) or (n, channels), and return the samples that are ready, (m,).

        Raises
        ------
        InputError
            If shape or type do not fit.
        AudioError
            At a sample that is not finite, or beyond the limit ``peak``.
        """
        self.hold(block)
        return self.release()

    def hold(self, block: Any) -> None:
        """Take a block as `push` does, and keep what is ready for `release`; a tiny one costs next to nothing."""
        columns = as_columns(block, _BLOCK, self.channels, self.channels)
        chosen = self._conditioner.choose(to_float32(columns))
        if not len(chosen):
            return
        if len(chosen) <= _TINY and chosen.max() <= self._limit and chosen.min() >= -self._limit:
            self._hold_tiny(chosen)
            return
        self._settle()
        self._ready.append(self._conditioner.push(chosen, own=True)[0])

    def release(self) -> NDArray[np.float32]:
        """Return the samples that are ready, (m,)."""
        self._settle()
        ready, self._ready = self._ready, []
        return ready[0] if len(ready) == 1 else np.concatenate((*ready, _NOTHING))

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, (m,)."""
        return np.concatenate((self.release(), self._conditioner.flush()[0]))

    @property
    def _taken(self) -> int:
        return self._conditioner.taken + self._held_frames

    def _hold_tiny(self, chosen: NDArray[np.float32]) -> None:
        """Keep a tiny block for `_settle`."""
        if self._held is None:
            self._held = np.empty((_MOST_HELD, chosen.shape[1]), np.float32)
        elif self._held_frames + len(chosen) > _MOST_HELD:
            self._settle()
        start, self._held_frames = self._held_frames, self._held_frames + len(chosen)
        self._held[start : self._held_frames] = chosen

    def _settle(self) -> None:
        """Do with tiny blocks together what was put off."""
        if self._held is not None and self._held_frames:
            held, self._held_frames = self._held[: self._held_frames], 0
            self._ready.append(self._conditioner.push(held)[0])

    def __repr__(self) -> str:
        return f"<PushedAudio: {self.duration_s:.2f} s at {self.sample_rate} Hz>"


def as_samples(block: Any, sample_rate: int, limits: AudioLimits = DEFAULT_AUDIO_LIMITS) -> NDArray[np.float32]:
    """Return a block of one channel as float32 samples, (n,), new; raises what `PushedAudio.push` does."""
    frames = to_float32(as_columns(block, _BLOCK, 1, 1))
    if len(frames):
        Inspector(PushedAudio.name, sample_rate, (0,), is_mean=False, peak=limits.peak, zero=False).look(frames, 0)
    return frames[:, 0]
