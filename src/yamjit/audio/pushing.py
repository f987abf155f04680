"""Audio that arrives by itself, in blocks of any size, as float32 mono samples at one sample rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.audio.arrays import as_array, check_type, to_float32
from yamjit.audio.channels import ChannelChoice
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits, check_channels, check_rate
from yamjit.audio.quality import Inspector
from yamjit.audio.resample import Resampler
from yamjit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PushedAudio"]


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
        self._taken = 0

    @property
    def duration_s(self) -> float:
        """What was pushed so far, in seconds."""
        return self._taken / self.sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong with what was pushed so far, a line each."""
        return self._inspector.warnings

    def push(self, block: Any) -> NDArray[np.float32]:
        """Take a block, (n,) or (n, channels), and return the samples that are ready, (m,).

        Raises
        ------
        InputError
            If shape or type do not fit.
        AudioError
            At a sample that is not finite, or beyond the limit ``peak``.
        """
        frames = self._frames(block)
        if not len(frames):
            return np.zeros(0, np.float32)
        heard = self._choice.heard(frames)
        self._inspector.look(heard, self._taken)
        tracks = self._choice.to_tracks(heard)
        self._inspector.listen(heard, tracks)
        self._taken += len(frames)
        return self._resampler.push(tracks[0])

    def flush(self) -> NDArray[np.float32]:
        """End the stream; return the rest, (m,)."""
        return self._resampler.flush()

    def _frames(self, block: Any) -> NDArray[np.float32]:
        """Return a block as float32 (n, channels)."""
        samples = as_array(block)
        check_type(samples)
        columns = samples[:, np.newaxis] if samples.ndim == 1 else samples
        if columns.ndim != 2 or columns.shape[1] != self.channels:
            accepted = "(n,) or (n, 1)" if self.channels == 1 else f"(n, {self.channels})"
            raise InputError(f"{self.name}: a block has shape {samples.shape}; accepted is {accepted}")
        return to_float32(columns)
