"""The time axis of a picture: by the wall clock where it is known, else from the start of the recording."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from yamjit.clock import Clock, iso

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_time_axis"]

_DAY = 86_400.0
_STEPS = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10_800,
    21_600,
    43_200,
)

#: Most ticks; and in inches, the width of a character of their labels, and the space between labels.
_MOST, _CHARACTER, _BETWEEN = 10.0, 0.08, 0.2


def draw_time_axis(axes: Axes, start_s: float, duration_s: float, recorded_at: datetime | None, width: float) -> None:
    """Draw the time below axes, some `width` inches wide; `recorded_at` is the time of second 0, if it is known."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MultipleLocator

    end_s = start_s + duration_s
    clock = Clock(recorded_at)

    def label(value: float, step: float) -> str:
        return _elapsed(value, end_s, step) if recorded_at is None else _time_of_day(clock.at(value), step)

    def most(step: float) -> float:
        longest = label(end_s, step).partition("\n")[0]
        return min(_MOST, width / (_CHARACTER * len(longest) + _BETWEEN))

    step = _tick_step(duration_s, most)
    if recorded_at is None:
        axes.xaxis.set_major_locator(MultipleLocator(step))
        axes.set_xlabel("time (s)" if end_s < 120 else "time (m:ss)" if end_s < 3600 else "time (h:mm:ss)")
    else:
        axes.xaxis.set_major_locator(FixedLocator(_ticks(clock, start_s, end_s, step)))
        axes.set_xlabel(f"time of day ({_days(clock.at(start_s), clock.at(end_s))})")
    axes.set_xlim(start_s, max(end_s, start_s + 1e-6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: label(value, step)))


def _tick_step(duration_s: float, most: Callable[[float], float]) -> float:
    """Return a round time that divides the whole into at most `most` parts, which depends on that time."""
    found = next((float(step) for step in _STEPS if duration_s / step <= most(step)), None)
    return found if found is not None else _DAY * math.ceil(duration_s / most(_DAY) / _DAY)


def _ticks(clock: Clock, start_s: float, end_s: float, step: float) -> list[float]:
    """Return the seconds at which a clock on the wall shows multiples of a time, before and after it is set."""
    begin, end = clock.at(start_s), clock.at(end_s)
    if begin is None:
        return []
    before, ticks = begin.utcoffset() or timedelta(), []
    for offset in {time.utcoffset() for time in (begin, end or begin)}:
        midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        wall = begin.replace(tzinfo=None) + (offset or timedelta()) - before
        first = start_s - (wall - midnight).total_seconds() % step
        found = (first + step * number for number in range(math.ceil((end_s - first) / step) + 1))
        ticks += [tick for tick in found if (time := clock.at(tick)) and time.utcoffset() == offset]
    return sorted(ticks)


def _elapsed(value: float, end_s: float, step: float) -> str:
    if end_s < 120:
        return f"{value:.1f}" if step < 1 else f"{value:.0f}"
    whole = round(value)
    minutes, seconds = divmod(whole, 60)
    if end_s < 3600:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _time_of_day(time: datetime | None, step: float) -> str:
    """Return the time of day; the first of a day says which."""
    if time is None:
        return ""
    time = time.replace(microsecond=0) + timedelta(seconds=round(time.microsecond / 1e6, 1))
    if step >= _DAY:
        return f"{time:%m-%d}"
    shown = f"{time:%H:%M}" if step >= 60 else f"{time:%H:%M:%S}"
    if step < 1:
        shown += f".{time.microsecond // 100_000}"
    new_day = time.hour == time.minute == time.second == time.microsecond == 0
    return f"{shown}\n{time:%Y-%m-%d}" if new_day else shown


def _days(begin: datetime | None, end: datetime | None) -> str:
    """Return the date, or both, and the zone, or both, if it is known."""
    first, last = (f"{time:%Y-%m-%d}" if time else "?" for time in (begin, end))
    zones = dict.fromkeys(f"UTC{iso(time)[-6:]}" for time in (begin, end) if time and time.tzinfo)
    return (first if first == last else f"{first} to {last}") + ((zones and f", {', then '.join(zones)}") or "")
