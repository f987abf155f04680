"""Frames of any number of channels to mono, every sample checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from yamjit.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_samples", "mix"]


def mix(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the channels, a new float32 (n,), of `frames`, float32 (n, channels).

    The channels are added one after the other in float32, so that a sample does not depend on its block.
    """
    total: NDArray[np.float32] = frames[:, 0].copy()
    for channel in range(1, frames.shape[1]):
        total += frames[:, channel]
    if frames.shape[1] > 1:
        total /= np.float32(frames.shape[1])
    return total


def check_samples(frames: NDArray[np.float32], peak: float, *, name: str, first_frame: int, sample_rate: int) -> None:
    """Refuse NaN, infinity, and anything beyond `peak`.

    Parameters
    ----------
    frames : ndarray of float32, (n, channels)
        The samples; n is at least 1.
    peak : float
        Largest absolute value accepted.
    name : str
        Of the source, for the message.
    first_frame : int
        Number of frames before this block.
    sample_rate : int
        In Hz.

    Raises
    ------
    AudioError
        Naming the first such sample and its time.
    """
    if frames.max() <= peak and frames.min() >= -peak:  # False also for NaN
        return
    bad = ~(np.abs(frames) <= peak)
    row = int(bad.any(axis=1).argmax())
    channel = int(bad[row].argmax())
    value = float(frames[row, channel])
    frame = first_frame + row
    where = f"{name}: sample {frame} of channel {channel + 1}, at {frame / sample_rate:.6g} s,"
    if not np.isfinite(value):
        raise AudioError(f"{where} is {value}; samples must be finite")
    raise AudioError(
        f"{where} is {value:.6g}; floats are taken as [-1, 1] and accepted up to {peak:g}: "
        "this looks like integers stored as float, to be divided by their full scale (16 bit: 32768)"
    )
