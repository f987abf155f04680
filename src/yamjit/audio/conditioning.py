"""Which channels are heard: their mean, one of them, or each on its own track."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChannelChoice", "mix"]


class ChannelChoice:
    """Which channels of a source are heard.

    Parameters
    ----------
    channel : "mix", "each" or int
        Their mean; every one on a track of its own; one of them, counted from 0.
    available : int > 0
        Channels of the source.
    name : str
        Of the source, for the message.

    Attributes
    ----------
    numbers : tuple of int
        The channels that are heard, counted from 0.
    mixed : bool
        Whether their mean is taken.
    tracks : int
        How many tracks come out.

    Raises
    ------
    InputError
        If there is no such channel.
    """

    def __init__(self, channel: Any, available: int, name: str) -> None:
        self.mixed = isinstance(channel, str) and channel == "mix"
        everything = self.mixed or (isinstance(channel, str) and channel == "each")
        self.numbers = tuple(range(available)) if everything else (_check_number(channel, available, name),)
        self.tracks = 1 if self.mixed else len(self.numbers)
        self._all = len(self.numbers) == available

    def heard(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channels that are heard, float32 (n, heard), a view of `frames`, float32 (n, channels)."""
        return frames if self._all else frames[:, self.numbers[0] : self.numbers[0] + 1]

    def to_tracks(self, heard: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return new float32 (tracks, n) of what `heard` gave, each track contiguous."""
        return mix(heard)[np.newaxis] if self.mixed else np.array(heard.T, order="C")


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


def _check_number(channel: Any, available: int, name: str) -> int:
    number = checks.whole(channel, "channel", 0, also=', "mix" and "each"')
    if number >= available:
        last = f"0 to {available - 1}" if available > 1 else "0 only"
        raise InputError(f"{name}: channel {number} was asked for; channels are counted from 0, it has {last}")
    return number
