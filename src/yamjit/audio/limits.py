"""What audio may ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from yamjit import checks
from yamjit.errors import AudioError, InputError
from yamjit.keywords import explained

__all__ = ["DEFAULT_AUDIO_LIMITS", "AudioLimits", "check_channels", "check_header", "check_rate"]

#: Samples (frames times channels) that are decoded at a time; bounds the memory whatever a header says, and what a
#: block that cannot be read costs.
BLOCK_SAMPLES = 262_144


@explained
@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What audio may ask for; checked before anything is allocated.

    Parameters
    ----------
    min_rate, max_rate : int
        Sample rates in Hz, both accepted.
    channels : int
        Largest number of channels.
    seconds : float
        Longest duration, claimed by a header or found while decoding.
    buffered_bytes : int
        Largest number of bytes kept in memory for a stream that cannot seek, such as a pipe.
    peak : float
        Largest absolute sample value, full scale being 1. Lossy codecs and 32-bit float recorders exceed full
        scale; integers that were stored as floats go far beyond this limit.

    Raises
    ------
    InputError
        If a limit is not a number above 0 (infinity is accepted, but not for integers), or the lowest rate is above
        the highest.
    """

    min_rate: int = 1_000
    max_rate: int = 768_000
    channels: int = 64
    seconds: float = 7 * 86_400
    buffered_bytes: int = 512 * 2**20
    peak: float = 16.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "int":
                checks.whole(value, field.name, 1)
            elif not (isinstance(value, float) and value == math.inf):
                checks.number(value, field.name, 0, above=True)
        if self.min_rate > self.max_rate:
            raise InputError(f"min_rate is {self.min_rate}; at most max_rate, {self.max_rate}, is accepted")


DEFAULT_AUDIO_LIMITS = AudioLimits()


def check_rate(value: object, what: str, limits: AudioLimits) -> int:
    """Return `value`, an integer or a float of integral value, as a sample rate in Hz; an `InputError` names `what`."""
    if type(value) is int and limits.min_rate <= value <= limits.max_rate:
        return value
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return checks.whole(value, what, limits.min_rate, limits.max_rate, also=" Hz")


def check_channels(value: object, limits: AudioLimits) -> int:
    """Return `value` as a number of channels, or raise an `InputError`."""
    return checks.whole(value, "channels", 1, limits.channels)


def check_header(name: str, sample_rate: int, channels: int, limits: AudioLimits) -> None:
    """Refuse a file whose header claims an absurd sample rate or too many channels, with an `AudioError`."""
    if not limits.min_rate <= sample_rate <= limits.max_rate:
        raise AudioError(
            f"{name}: its header claims a sample rate of {sample_rate} Hz; "
            f"accepted are {limits.min_rate} to {limits.max_rate} Hz"
        )
    if not 1 <= channels <= limits.channels:
        raise AudioError(f"{name}: its header claims {channels} channels; accepted are 1 to {limits.channels}")
