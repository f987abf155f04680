"""Audio that arrives by itself, in blocks of any size, as float32 mono samples at one sample rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.arrays import as_array, check_type, to_float32
from yamjit.audio.conditioning import ChannelChoice
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_channels, check_rate
from yamjit.audio.quality import Inspector
from yamjit.audio.resample import Resampler
from yamjit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PushedAudio"]

#: Blocks of so few samples wait for each other.
_TINY = 64


class PushedAudio:
    """Takes blocks of samples as they arrive; what comes out does not depend on how they were cut, not in a bit.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, in Hz.
    target_rate : int
        Of what comes out, in Hz.
    channels : int > 0
        Of the blocks.
    channel : "mix" or int
        What comes out: the mean of the channels, or one of them, counted from 0.
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
        self._choice = ChannelChoice(channel, self.channels, self.name)
        if self._choice.tracks != 1:
            raise InputError(
                'a stream has one track: channel="mix" or a number; push each channel to a stream of its own'
            )
        self._inspector = Inspector(self.name, self.sample_rate, self._choice, peak=limits.peak, zero=False)
        self._resampler = Resampler(self.sample_rate, check_rate(target_rate, "target_rate", limits))
        self._limit = limits.peak
        self._taken = 0
        self._held: list[NDArray[np.float32]] = []
        self._ready: list[NDArray[np.float32]] = []

    @property
    def duration_s(self) -> float:
        """What was pushed so far, in seconds."""
        return self._taken / self.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong with what was pushed so far, a line each."""
        self._settle()
        return self._inspector.warnings

    def reaches(self, samples: int) -> bool:
        """Return whether `release` is worth it for who waits until so many samples have come out since the first.

        A resampler is behind by some milliseconds and gives in bursts: tiny blocks wait for each other.
        """
        if self.sample_rate == self._resampler.target_rate:
            return self._taken >= samples
        return bool(self._ready) or sum(map(len, self._held)) >= _TINY

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
        heard = self._choice.heard(self._frames(block))
        if not len(heard):
            return
        if len(heard) <= _TINY and heard.max() <= self._limit and heard.min() >= -self._limit:
            self._held.append(heard)
            self._taken += len(heard)
            return
        self._settle()
        self._inspector.look(heard, self._taken)
        self._taken += len(heard)
        self._listen(heard)

    def release(self) -> NDArray[np.float32]:
        """Return the samples that are ready, (m,)."""
        self._settle()
        ready, self._ready = self._ready, []
        return ready[0] if len(ready) == 1 else np.concatenate((*ready, np.zeros(0, np.float32)))

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, (m,)."""
        return np.concatenate((self.release(), self._resampler.flush()))

    def _settle(self) -> None:
        """Do with tiny blocks together what was put off."""
        if self._held:
            held, self._held = np.concatenate(self._held), []
            self._inspector.look(held, self._taken - len(held))
            self._listen(held)

    def _listen(self, heard: NDArray[np.float32]) -> None:
        tracks = self._choice.to_tracks(heard)
        self._inspector.listen(heard, tracks)
        self._ready.append(self._resampler.push(tracks[0]))

    def _frames(self, block: Any) -> NDArray[np.float32]:
        """Return a block as float32 (n, channels)."""
        samples = as_array(block)
        check_type(samples)
        columns = samples[:, np.newaxis] if samples.ndim == 1 else samples
        if columns.ndim != 2 or columns.shape[1] != self.channels:
            accepted = "(n,) or (n, 1)" if self.channels == 1 else f"(n, {self.channels})"
            raise InputError(f"{self.name}: a block has shape {samples.shape}; accepted is {accepted}")
        return to_float32(columns)
