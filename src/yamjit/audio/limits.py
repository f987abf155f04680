"""What audio may ask for, and how its name is shown in a message."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from yamjit.errors import InputError

__all__ = ["DEFAULT_AUDIO_LIMITS", "AudioLimits", "check_channels", "check_rate", "one_line"]

#: Samples (frames times channels) that are decoded at a time; bounds the memory whatever a header says.
BLOCK_SAMPLES = 65_536


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What audio may ask for; checked before anything is allocated.

    Parameters
    ----------
    min_rate, max_rate : int
        Sample rates in Hz, both accepted.
    channels : int
        Most channels.
    seconds : float
        Longest duration, claimed by a header or met while decoding.
    buffered_bytes : int
        Most bytes kept in memory of a stream that cannot seek, such as a pipe.
    peak : float
        Largest absolute sample value, full scale being 1. Lossy codecs and 32-bit float recorders go over
        full scale; integers that were stored as float go far beyond this limit.
    """

    min_rate: int = 1_000
    max_rate: int = 768_000
    channels: int = 64
    seconds: float = 7 * 86_400
    buffered_bytes: int = 512 * 2**20
    peak: float = 16.0


DEFAULT_AUDIO_LIMITS = AudioLimits()


def check_rate(value: object, what: str, limits: AudioLimits) -> int:
    """Return `value` as a sample rate in Hz.

    Parameters
    ----------
    value : object
        An integer, or a float of integral value.
    what : str
        The argument's name, for the message.
    limits : AudioLimits
        Gives the accepted range.

    Raises
    ------
    InputError
        If it is no integer, or out of range.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        integral = isinstance(value, float) and value.is_integer()
        rate = int(value) if integral else operator.index(value)  # type: ignore[call-overload, arg-type]
    except TypeError:
        raise InputError(f"{what} must be an integer in Hz, found {one_line(repr(value))}") from None
    if not limits.min_rate <= rate <= limits.max_rate:
        raise InputError(f"{what} is {rate} Hz; accepted are {limits.min_rate} to {limits.max_rate} Hz")
    return int(rate)


def check_channels(value: object, limits: AudioLimits) -> int:
    """Return `value` as a number of channels.

    Raises
    ------
    InputError
        If it is no integer, or out of range.
    """
    try:
        channels = 0 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        channels = 0
    if not 1 <= channels <= limits.channels:
        raise InputError(f"channels is {one_line(repr(value))}; accepted are 1 to {limits.channels}")
    return channels


def one_line(text: str) -> str:
    r"""Return `text` with everything unprintable (newlines, undecodable bytes) escaped, as in ``\n``."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
