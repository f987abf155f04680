"""What is read of a recording, and how it is cut into windows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any, Literal, TypeVar

import numpy as np

from yamjit import checks, deprecation
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.zones import parse_zone

__all__ = ["OLD_KEYWORDS", "ReadOptions", "old_keywords"]

DEFAULT_HOP_S = 0.48

#: From the start of one window to the next, in samples.
_LONGEST_HOP = 2**31

#: The highest sample rate, in Hz, and 30,000 years: frames are counted in 64 bits.
_MOST_RATE, _MOST_SECONDS = 768_000, 1e12

#: Years of which every time is one in any zone.
_FIRST_YEAR, _LAST_YEAR = 2, 9998

#: Fields that were keywords of methods in version 0.1.
OLD_KEYWORDS = ("hop_s", "overlap", "channel", "start_s", "end_s", "non_finite")

_Function = TypeVar("_Function", bound=Callable[..., Any])


@explained
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
    recorded_at : datetime.datetime, optional
        Second 0 of the recording, even if `start_s` is later. By default what the recording says: the header or the
        name of a file, the clock of this machine for a live source.
    time_zone : str or datetime.tzinfo, optional
        Zone in which times are given: an IANA name such as "Europe/Berlin", "UTC", an offset such as "+02:00", or
        "local", that of this machine. A time that states no zone, as in most names, is taken to be in it. By default
        the zone that the recording states, or none; for a live source that of this machine.
    pad_end : {"least", "original"}
        Zeros after the last sample: as many as the fewest windows need that cover the recording, or as the original
        YAMNet adds. Its graph computes their number in float32, so that recordings that windows fit exactly, of 15,600
        + 7,680 k samples, get one more window of zeros for most k. The last three scores or fewer of a file of any
        length are then those of the whole recording, too, where TFLite computes these in another way.

    Raises
    ------
    InputError
        If a value is out of range, or both `hop_s` and `overlap` are given.
    DependencyError
        If this system has no table of time zones, which the package tzdata brings.

    Examples
    --------
    >>> first_hour = yamjit.ReadOptions(end_s=3600.0, channel=0)
    >>> model.classify("day.wav", reading=first_hour)
    """

    hop_s: float | None = None
    overlap: float | None = None
    channel: int | Literal["mix", "each"] = "mix"
    start_s: float = 0.0
    end_s: float | None = None
    non_finite: Literal["refuse", "zero"] = "refuse"
    recorded_at: datetime | None = None
    time_zone: str | tzinfo | None = None
    pad_end: Literal["least", "original"] = "least"

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
        self.span(_MOST_RATE)
        checks.choice(self.non_finite, "non_finite", ("refuse", "zero"))
        checks.choice(self.pad_end, "pad_end", ("least", "original"))
        checks.instance(self.recorded_at, "recorded_at", datetime, type(None))
        # NaT of pandas is a datetime as well, whose year is NaN.
        if self.recorded_at is not None and not _FIRST_YEAR <= self.recorded_at.year <= _LAST_YEAR:
            raise InputError(
                f"recorded_at is {checks.shown(self.recorded_at)}; a datetime of the years {_FIRST_YEAR} to "
                f"{_LAST_YEAR}, or None, is accepted"
            )
        checks.instance(self.time_zone, "time_zone", str, tzinfo, type(None))
        _ = self.zone

    @property
    def zone(self) -> tzinfo | None:
        """The zone that `time_zone` names."""
        return parse_zone(self.time_zone) if isinstance(self.time_zone, str) else self.time_zone

    def begin(self, found: datetime | None) -> datetime | None:
        """Return second 0 of a recording that says `found` itself."""
        begin = found if self.recorded_at is None else self.recorded_at
        if begin is None or (zone := self.zone) is None:
            return begin
        try:
            if begin.tzinfo is not None:
                return begin.astimezone(zone)
            # The zones of pytz have a method for this.
            return zone.localize(begin) if hasattr(zone, "localize") else begin.replace(tzinfo=zone)
        except (OverflowError, OSError):  # within a day of year 1 or 9999; on Windows, before 1970
            return begin

    def span(self, sample_rate: int) -> tuple[int, int | None]:
        """Return the number of the first frame to be read, and of the one after the last; None for the end.

        Raises
        ------
        InputError
            If no frame of a source with this sample rate, in Hz, lies between them.
        """
        start = _frame(self.start_s, "start_s", sample_rate)
        if self.end_s is None:
            return start, None
        end = _frame(self.end_s, "end_s", sample_rate)
        if end <= start:
            given = f"start_s, which is {checks.shown(self.start_s)}"
            raise InputError(f"end_s is {checks.shown(self.end_s)}; accepted are seconds after {given}")
        return start, end

    def hop(self, window: int, sample_rate: int) -> int:
        """Return the hop in samples of a model with this sample rate, in Hz, and `window` samples in a window.

        Raises
        ------
        InputError
            If `hop_s` is less than half a sample, or more than 2**31 samples.
        """
        if self.overlap is not None:
            return max(1, round(window * (1 - float(self.overlap))))
        shortest, longest = 0.5 / sample_rate, _LONGEST_HOP / sample_rate
        hop_s = min(DEFAULT_HOP_S, window / sample_rate) if self.hop_s is None else self.hop_s
        return max(1, round(checks.number(hop_s, "hop_s", shortest, longest, kind="seconds") * sample_rate))


def _frame(seconds: Any, what: str, sample_rate: int) -> int:
    return math.floor(checks.number(seconds, what, 0, _MOST_SECONDS, kind="seconds") * sample_rate + 0.5)


def can_be_read_again(audio: Any) -> bool:
    """Return whether a source of audio gives the same samples twice: a path or an array, but no file or live source."""
    return isinstance(audio, (np.ndarray, str, os.PathLike, Mapping, list, tuple))


_DEFAULT = ReadOptions()


def as_reading(reading: Any) -> ReadOptions:
    """Return what was given as `reading`, or the defaults; refuse anything else."""
    return _DEFAULT if reading is None else checks.instance(reading, "reading", ReadOptions)


def of_one_track(reading: Any) -> ReadOptions:
    """Return `as_reading`; refuse one with several results."""
    found = as_reading(reading)
    if found.channel == "each":
        raise InputError('channel="each" gives several results: use classify_channels(), or iterate over windows()')
    return found


def of_each_channel(reading: Any) -> ReadOptions:
    """Return `as_reading`, with each channel read separately; refuse one that names a channel."""
    found = as_reading(reading)
    if not isinstance(found.channel, str):
        raise InputError(f"reading names channel {found.channel}; classify_channels() scores all channels")
    return replace(found, channel="each")


def old_keywords(function: _Function) -> _Function:
    """Let a function that takes `reading` still take the fields of `ReadOptions` as keywords of its own."""
    names = {name: f"reading=ReadOptions({name}=...)" for name in OLD_KEYWORDS}
    return deprecation.retired(names, lambda _, old: {"reading": ReadOptions(**old)})(function)
