"""What every sample is checked for, and what is said of a recording that sounds wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yamjit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Inspector"]


class Inspector:
    """Looks at every sample that is heard.

    Parameters
    ----------
    name : str
        Of the source, for messages.
    sample_rate : int
        In Hz.
    channels : tuple of int
        The channels that are looked at, counted from 0.
    peak : float
        Largest absolute value accepted.
    zero : bool
        Whether NaN and infinity become 0 in place of an error.
    """

    def __init__(self, name: str, sample_rate: int, channels: tuple[int, ...], *, peak: float, zero: bool) -> None:
        self._name = name
        self._sample_rate = sample_rate
        self._channels = channels
        self._peak = peak
        self._zero = zero
        self._zeroed = 0
        self._first_zeroed = 0

    def look(self, frames: NDArray[np.float32], first: int) -> None:
        """Take the next block; NaN and infinity in it may become 0.

        Parameters
        ----------
        frames : ndarray of float32, (n, channels)
            n is at least 1.
        first : int
            Number of the first frame in the recording.

        Raises
        ------
        AudioError
            At a sample beyond `peak`, or one that is not finite, naming it and its time.
        """
        if frames.max() <= self._peak and frames.min() >= -self._peak:  # False also for NaN
            return
        if self._zero:
            self._zero_in(frames, first)
        bad = ~(np.abs(frames) <= self._peak)
        if bad.any():
            self._refuse(frames, bad, first)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What sounds wrong so far, a line each."""
        if not self._zeroed:
            return ()
        seconds = self._first_zeroed / self._sample_rate
        return (f"{self._zeroed} samples that are no finite numbers became 0, the first at {seconds:.6g} s",)

    def _zero_in(self, frames: NDArray[np.float32], first: int) -> None:
        odd = ~np.isfinite(frames)
        if not odd.any():
            return
        if not self._zeroed:
            self._first_zeroed = first + int(odd.any(axis=1).argmax())
        self._zeroed += int(odd.sum())
        frames[odd] = 0

    def _refuse(self, frames: NDArray[np.float32], bad: NDArray[np.bool_], first: int) -> None:
        row = int(bad.any(axis=1).argmax())
        column = int(bad[row].argmax())
        value = float(frames[row, column])
        frame = first + row
        seconds = frame / self._sample_rate
        where = f"{self._name}: sample {frame} of channel {self._channels[column]}, at {seconds:.6g} s,"
        if not np.isfinite(value):
            raise AudioError(f"{where} is {value}; samples must be finite")
        raise AudioError(
            f"{where} is {value:.6g}; floats are taken as [-1, 1] and accepted up to {self._peak:g}: "
            "this looks like integers stored as float, to be divided by their full scale (16 bit: 32768)"
        )
