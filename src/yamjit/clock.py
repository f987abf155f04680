"""Clocks: the date and time at which a second of a recording was heard."""

from __future__ import annotations

import bisect
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo

from yamjit.errors import InputError

__all__ = ["Clock", "LiveClock", "iso", "wall_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

#: Difference that is corrected, in seconds: that of a sample clock and the machine's grows by some 0.2 s an hour.
_TOLERANCE_S = 0.02

#: How long blocks must go on being late until sound is taken to be missing before them, in seconds.
_PATIENCE_S = 2.0

#: Longest wait for a block that those after it may make up for, in seconds.
_LONGEST_WAIT_S = 10.0

#: Most sound that can have waited to be read when the first block came, in seconds: more comes from no live source.
_MOST_WAITING_S = 30.0

#: Corrections that are remembered.
_MOST_CORRECTIONS = 8192


class Clock:
    """The clock of a recording: the date and time of each of its seconds.

    Parameters
    ----------
    recorded_at : datetime.datetime, optional
        Second 0 of the recording. Without a zone it is the time on the wall where it was recorded. In one that changes
        to daylight saving time, every second has the offset of its own moment. None if it is not known.
    """

    #: Whether a source that seemed to be live came faster than it sounds, so that its times are not known.
    is_ahead = False

    def __init__(self, recorded_at: datetime | None = None) -> None:
        if not isinstance(recorded_at, (datetime, type(None))):
            raise InputError(f"recorded_at is of type {type(recorded_at).__name__}; a datetime or None is accepted")
        self._recorded_at = recorded_at

    @property
    def recorded_at(self) -> datetime | None:
        """Second 0 of the recording, None if it is not known."""
        return self.at(0.0)

    def at(self, seconds: float) -> datetime | None:
        """Return the date and time of a second, which may be negative; None if it is not known, or no calendar has it.

        Parameters
        ----------
        seconds : float
            Second of the recording.
        """
        begin = self._recorded_at
        try:
            if begin is None or begin.tzinfo is None:
                return begin and begin + _duration(seconds)
            return (begin.astimezone(timezone.utc) + _duration(seconds)).astimezone(begin.tzinfo)
        except (OverflowError, OSError):  # OSError: on Windows, before 1970
            return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: begins {iso(self.recorded_at) or 'at a time that is not known'}>"


class LiveClock(Clock):
    """The clock of a source that is heard as it sounds: that of the machine.

    The first block was heard up to the moment at which it arrived. From there on samples count, and what arrives sooner
    or later than they say corrects them: sound was lost, or the clock of the samples runs at another speed. A late
    block means no loss if those after it make up for it. Time never runs backwards: where the machine's clock was set
    back, time passes at half speed until both agree.

    A source that is more than 30 s ahead of the machine, such as a file that is read through a pipe, is not heard as it
    sounds: nothing is known of it from then on.

    Parameters
    ----------
    zone : datetime.tzinfo, optional
        Zone of the times; by default that of the machine.
    machine : callable
        Returns the machine's time in seconds since 1970, UTC.
    steady : callable
        Returns seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        zone: tzinfo | None = None,
        *,
        machine: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._zone = zone
        self._machine, self._steady = machine, steady
        #: Seconds of the recording, and the machine's time at each: from there on time passes as sound does, but not
        #: beyond the next one.
        self._known: tuple[list[float], list[float]] = ([], [])
        #: For the latest blocks, the time for which they had been coming, waits left out, and when the recording would
        #: have begun by each: the earliest counts.
        self._recent: deque[tuple[float, float]] = deque()
        self._coming_s = 0.0
        self._first_begin = 0.0
        self._arrived = 0.0

    def hear(self, start_s: float, end_s: float, arrived: float | None = None, lost_s: float = 0.0) -> None:
        """Take note of the block from `start_s` to `end_s`, which follows the one before.

        Parameters
        ----------
        start_s, end_s : float
            Seconds of the recording.
        arrived : float, optional
            When its last sample came, by the steady clock; by default now.
        lost_s : float
            Length of the sound that is known to be missing before its end, in seconds.
        """
        arrived = self._steady() if arrived is None else arrived
        if self._known[0]:
            waited = arrived - self._arrived
            self._coming_s += min(waited, end_s - start_s)
            if waited > end_s - start_s + _LONGEST_WAIT_S:
                self._recent.clear()
        begin = self._earliest(arrived - end_s - lost_s)
        if not self._known[0]:
            self._first_begin = begin
        self.is_ahead = self.is_ahead or begin < self._first_begin - _MOST_WAITING_S
        self._correct(start_s, end_s, begin + end_s + lost_s + self._machine() - self._steady(), arrived)
        self._arrived = arrived

    def at(self, seconds: float) -> datetime | None:
        """Return the date and time of a second; None before the first block."""
        if self.is_ahead or not self._known[0]:
            return None
        try:
            return (_EPOCH + _duration(self._time(seconds))).astimezone(self._zone)
        except (OverflowError, OSError):
            return None

    def _earliest(self, begin: float) -> float:
        """Return when the recording began, as the latest block says that it did, or one shortly before."""
        recent = self._recent
        while recent and recent[0][0] < self._coming_s - _PATIENCE_S:
            recent.popleft()
        while recent and recent[-1][1] >= begin:
            recent.pop()
        recent.append((self._coming_s, begin))
        return recent[0][1]

    def _correct(self, start_s: float, end_s: float, heard: float, arrived: float) -> None:
        """Let the end of a block be at the time `heard`, if that is not what its samples say."""
        if not self._known[0]:
            self._note(start_s, heard - (end_s - start_s))
            return
        before, expected = self._time(start_s), self._time(end_s)
        if abs(heard - expected) <= _TOLERANCE_S:
            return
        end = max(heard, before + (arrived - self._arrived) / 2)
        self._note(start_s, min(end, max(before, heard - (end_s - start_s))))
        self._note(end_s, end)

    def _note(self, second: float, moment: float) -> None:
        seconds, moments = self._known
        keep = slice(-_MOST_CORRECTIONS // 2 if len(seconds) >= _MOST_CORRECTIONS else 0, None)
        # Another thread may be reading: both lists are replaced at once.
        self._known = [*seconds[keep], second], [*moments[keep], moment]

    def _time(self, second: float) -> float:
        seconds, moments = self._known
        place = max(1, bisect.bisect_right(seconds, second))
        passed = moments[place - 1] + second - seconds[place - 1]
        return min(passed, moments[place]) if place < len(moments) else passed


def _duration(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=float(seconds))
    except OverflowError:  # beyond the years that are counted
        raise
    except Exception as error:
        raise InputError(f"seconds are of type {type(seconds).__name__}; a number is accepted, not NaN") from error


def iso(moment: datetime | None) -> str:
    """Return a date and time as in ISO 8601, to the millisecond, with its offset if it has one; empty for None."""
    return "" if moment is None else moment.isoformat(timespec="milliseconds")


def wall_time(moment: datetime | None) -> tuple[datetime | None, int | None]:
    """Return a date and time without its zone, and how many seconds that is ahead of UTC; None where not known."""
    if moment is None:
        return None, None
    offset = moment.utcoffset()
    return moment.replace(tzinfo=None), None if offset is None else round(offset.total_seconds())
