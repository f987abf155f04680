"""What is read of a recording, and how it is cut into windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from yamjit import checks, deprecation
from yamjit.audio import DEFAULT_AUDIO_LIMITS, AudioSource, open_audio
from yamjit.audio.span import Span
from yamjit.errors import InputError

__all__ = ["ReadOptions"]

DEFAULT_HOP_S = 0.48

#: From the start of one window to the next, in samples.
_LONGEST_HOP = 2**31

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is read of a recording, and how it is cut into windows.

    Parameters
    ----------
    hop_s : float > 0, optional
        Time from the start of one window to the start of the next, in seconds; rounded to a whole sample. By default
        0.48, about half a window.
    overlap : float in [0, 1), optional
        Share of each window that the next one covers again, in place of `hop_s`.
    channel : "mix", "each" or int >= 0
        The mean of all channels, each channel separately, or one channel, counted from 0.
    start_s : float >= 0
        Time at which reading begins, in seconds.
    end_s : float > start_s, optional
        Time at which reading ends, in seconds; by default the end of the recording.
    non_finite : {"refuse", "zero"}
        What becomes of a sample that is NaN or infinite: an error, or 0 and a warning.

    Raises
    ------
    InputError
        If a value is out of range, or both `hop_s` and `overlap` are given.
    """

    hop_s: float | None = None
    overlap: float | None = None
    channel: int | Literal["mix", "each"] = "mix"
    start_s: float = 0.0
    end_s: float | None = None
    non_finite: Literal["refuse", "zero"] = "refuse"

    def __post_init__(self) -> None:
        if self.hop_s is not None:
            checks.number(self.hop_s, "hop_s", 0, above=True, kind="seconds")
        if self.overlap is not None:
            checks.number(self.overlap, "overlap", 0, 1, below=True)
            if self.hop_s is not None:
                raise InputError("hop_s and overlap say the same: give one of them")
        if not (isinstance(self.channel, str) and self.channel in ("mix", "each")):
            channel = checks.whole(self.channel, "channel", 0, also=', "mix" and "each"')
            object.__setattr__(self, "channel", channel)
        Span.of_seconds(self.start_s, self.end_s, DEFAULT_AUDIO_LIMITS.max_rate)
        checks.choice(self.non_finite, "non_finite", ("refuse", "zero"))

    def hop(self, window: int, sample_rate: int) -> int:
        """Return the hop in samples.

        Parameters
        ----------
        window : int
            Samples of a window.
        sample_rate : int
            Sample rate of the model, in Hz.

        Raises
        ------
        InputError
            If `hop_s` is less than half a sample, or more than 2**31 samples.
        """
        if self.overlap is not None:
            return max(1, round(window * (1 - float(self.overlap))))
        shortest, longest = 0.5 / sample_rate, _LONGEST_HOP / sample_rate
        hop_s = DEFAULT_HOP_S if self.hop_s is None else self.hop_s
        return max(1, round(checks.number(hop_s, "hop_s", shortest, longest, kind="seconds") * sample_rate))


def open_as(reading: ReadOptions, audio: Any, sample_rate: int | None, target_rate: int) -> AudioSource:
    """Open a source of audio, see `open_audio`."""
    return open_audio(
        audio,
        sample_rate,
        target_rate=target_rate,
        channel=reading.channel,
        start_s=reading.start_s,
        end_s=reading.end_s,
        non_finite=reading.non_finite,
    )


def old_keywords(function: _Function) -> _Function:
    """Let a function that takes `reading` still take the fields of `ReadOptions` as keywords of its own."""
    names = {name: f"reading=ReadOptions({name}=...)" for name in ReadOptions.__dataclass_fields__}
    return deprecation.retired(names, lambda old: {"reading": ReadOptions(**old)})(function)
