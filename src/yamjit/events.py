"""Events: the stretches in which a class is heard, out of the scores of windows."""

from __future__ import annotations

import difflib
import math
import numbers
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.results import Row

__all__ = ["OTHERS", "Event", "EventDetector", "EventOptions", "by_start"]

Float64 = npt.NDArray[np.float64]

#: In a mapping by name: all that it does not name.
OTHERS = "*"

_DEFAULT_ON = 0.5
_OFF_BY_ON = 0.6

#: Times are equal that differ by less: less than a sample, more than a float64 is off in a year.
_SLACK_S = 1e-6


@dataclass(frozen=True, slots=True)
class EventOptions:
    """What counts as an event.

    What is "by name" is one number for all classes, or a mapping from names of classes and groups to numbers, where
    ``"*"`` stands for all others; others that it does not mention have the default.

    Parameters
    ----------
    on : float in (0, 1], by name
        A score of at least this starts an event.
    off : float in (0, on], by name, optional
        A lower score ends it; by default 0.6 of `on`.
    smoothing_s : float >= 0
        A window's score is that of all windows which start at most half of this before or after it; 0 smooths nothing.
        Events are known later by half of this.
    smoothing : {"mean", "median"}
        What is made of their scores.
    min_duration_s : float >= 0, by name
        Events that are shorter, `hold_s` not counted, are dropped.
    max_gap_s : float >= 0, by name
        Events of a class that are at most this far apart are one; those that touch or overlap always are.
    hold_s : float >= 0, by name
        An event stays on for so long after the last window in which it was heard: a score of at least `off` in that
        time continues it, and its end is later by as much.
    min_dbfs : float, by name, optional
        A window that is quieter counts as one with score 0.

    Raises
    ------
    InputError
        If a value is none of these.
    """

    on: float | Mapping[str, float] = _DEFAULT_ON
    off: float | Mapping[str, float] | None = None
    smoothing_s: float = 0.0
    smoothing: Literal["mean", "median"] = "mean"
    min_duration_s: float | Mapping[str, float] = 0.0
    max_gap_s: float | Mapping[str, float] = 0.0
    hold_s: float | Mapping[str, float] = 0.0
    min_dbfs: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Mapping) and not field.name.startswith("smoothing"):
                object.__setattr__(self, field.name, dict(value))
                for name, number in value.items():
                    _check(field.name, number, f"{field.name}[{name!r}]")
            elif not (value is None and field.default is None):
                _check(field.name, value, field.name)


@dataclass(frozen=True, slots=True)
class Event:
    """A class that is heard for a while.

    Parameters
    ----------
    label : str
        Name of the class or group.
    class_index : int
        In the head's list of classes; -1 for a group.
    audioset_id : str
        Empty where the class has none.
    score, mean_score : float
        The highest, and the mean, of the windows from the first to the last in which it was heard; smoothed if asked.
    start_s, end_s : float
        In seconds from the start of the recording.
    channel : int or None
        From 0; None where the channels were mixed.
    """

    label: str
    class_index: int
    audioset_id: str
    score: float
    mean_score: float
    start_s: float
    end_s: float
    channel: int | None = None

    def row(self, file: str, head: str = "") -> Row:
        """Return the event as a record of the recording `file`."""
        return Row(
            file,
            self.start_s,
            self.end_s,
            self.label,
            self.score,
            self.class_index,
            self.audioset_id,
            self.channel,
            head,
        )


def by_start(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return events in the order in which they start; at the same time by class index, then name."""
    return tuple(sorted(events, key=_start))


class EventDetector:
    """Finds events in scores that come bit by bit. How they are cut into pushes has no influence on the events.

    A window stands for the time from its start to `window_s` later. Memory is that of the events that are going on,
    and of the windows in `smoothing_s`.

    Parameters
    ----------
    names : sequence of str
        Of the classes and groups.
    class_indices : sequence of int
        Of each; -1 for a group.
    audioset_ids : sequence of str
        Of each; empty where there is none.
    options : EventOptions, optional
    window_s, hop_s : float > 0
        Length of a window, and time from one to the next.
    channel : int, optional
        Given to each event.

    Raises
    ------
    InputError
        If an option names an unknown class, or an argument is wrong.
    """

    def __init__(
        self,
        names: Sequence[str],
        class_indices: Sequence[int],
        audioset_ids: Sequence[str],
        options: EventOptions | None = None,
        window_s: float = 0.975,
        hop_s: float = 0.48,
        *,
        channel: int | None = None,
    ) -> None:
        if not len(names) == len(class_indices) == len(audioset_ids):
            raise InputError(
                f"{len(names)} names, {len(class_indices)} indices and {len(audioset_ids)} ids were given; "
                "one of each for every class is accepted"
            )
        options = EventOptions() if options is None else options
        self._classes = list(zip(names, map(int, class_indices), audioset_ids, strict=True))
        self._rules = _Rules(options, names)
        self._window_s = _checked_length("window_s", window_s)
        self._smoother = _Smoother(options, _checked_length("hop_s", hop_s))
        self._channel = channel
        self._tracks: dict[int, _Track] = {}
        self._last_s = -math.inf
        self._flushed = False

    @property
    def open(self) -> list[Event]:
        """Events that are going on, or may yet go on, and are long enough; as far as they are known."""
        now = self._last_s + self._window_s
        known = (self._event(index, track, now) for index, track in self._tracks.items())
        return list(by_start(event for event in known if event is not None))

    def push(
        self, times_s: npt.ArrayLike, scores: npt.ArrayLike, level_dbfs: npt.ArrayLike | None = None
    ) -> list[Event]:
        """Take the scores of the next windows.

        Parameters
        ----------
        times_s : array_like [shape=(n,)]
            Where each window starts, in seconds, ascending.
        scores : array_like [shape=(n, classes)]
        level_dbfs : array_like [shape=(n,)], optional
            Level of each window; needed if `EventOptions.min_dbfs` is given.

        Returns
        -------
        list of Event
            Those that are over: the first to be over first, at the same time by start and class index.

        Raises
        ------
        InputError
            If shapes do not fit, times do not ascend, scores are not finite, levels are missing, or after `flush`.
        """
        times, values = self._checked(times_s, scores)
        values = self._rules.gated(values, level_dbfs)
        over: list[Event] = []
        for time, row in zip(times.tolist(), values, strict=True):
            for centre, smoothed in self._smoother.push(time, row):
                over += self._step(centre, smoothed)
            self._last_s = time
        return over

    def flush(self, duration_s: float | None = None) -> list[Event]:
        """Return the events that the end of the recording ends.

        Parameters
        ----------
        duration_s : float, optional
            Where the recording ends, by the clock of the windows' times: no event goes beyond it.

        Raises
        ------
        InputError
            If a window starts after that time, or the detector was flushed before.
        """
        self._refuse_flushed()
        if duration_s is not None and not duration_s >= self._last_s - _SLACK_S:
            raise InputError(f"duration_s is {duration_s!r}, but a window starts at {self._last_s:g} s")
        self._flushed = True
        over: list[Event] = []
        for time, row in self._smoother.flush():
            over += self._step(time, row)
        return over + self._close(list(self._tracks), math.inf if duration_s is None else float(duration_s))

    def _step(self, time: float, scores: Float64) -> list[Event]:
        """Take one window; return what it ends."""
        ended = [index for index, track in self._tracks.items() if not self._goes_on(track, time, scores[index])]
        over = self._close(ended, math.inf)
        for index in np.flatnonzero(scores >= self._rules.on).tolist():
            if index not in self._tracks:
                self._tracks[index] = _Track(time, self._rules, index)
        for index, track in self._tracks.items():
            track.add(time, float(scores[index]))
        return over

    def _goes_on(self, track: _Track, time: float, score: float) -> bool:
        """Return whether a window continues an event, or a later one still may."""
        reach = track.heard_s + self._window_s + track.patience_s
        return time <= reach + _SLACK_S or (track.is_on(time) and track.hears(time, score))

    def _close(self, indices: Iterable[int], until_s: float) -> list[Event]:
        events = (self._event(index, self._tracks.pop(index), until_s) for index in indices)
        return list(by_start(event for event in events if event is not None))

    def _event(self, index: int, track: _Track, until_s: float) -> Event | None:
        """Return an event as it stands at `until_s`, or None if it is too short."""
        end = track.heard_s + self._window_s
        if min(end, until_s) - track.start_s < track.min_duration_s - _SLACK_S:
            return None
        label, class_index, audioset_id = self._classes[index]
        return Event(
            label=label,
            class_index=class_index,
            audioset_id=audioset_id,
            score=track.peak,
            mean_score=track.mean,
            start_s=track.start_s,
            end_s=min(end + track.hold_s, until_s),
            channel=self._channel,
        )

    def _checked(self, times_s: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Float64, Float64]:
        self._refuse_flushed()
        times, values = _numbers("times_s", times_s), _numbers("scores", scores)
        if times.ndim != 1 or values.shape != (len(times), len(self._classes)):
            raise InputError(
                f"times of shape {times.shape} and scores of shape {values.shape} were given; "
                f"(n,) and (n, {len(self._classes)}) are accepted"
            )
        if not (np.isfinite(times).all() and (np.diff(times, prepend=self._last_s) > 0).all()):
            raise InputError(f"the windows' times do not ascend from {self._last_s:g} s on")
        if not np.isfinite(values).all():
            raise InputError("the scores are not finite")
        return times, values

    def _refuse_flushed(self) -> None:
        if self._flushed:
            raise InputError("the events were flushed: nothing follows the end of a recording")


class _Track:
    """An event that is not over, and the rules of its class."""

    def __init__(self, start_s: float, rules: _Rules, index: int) -> None:
        self.start_s = start_s
        self.heard_s = start_s
        self.peak = self.mean = 0.0
        self.min_duration_s = float(rules.min_duration_s[index])
        self.hold_s = float(rules.hold_s[index])
        self.patience_s = self.hold_s + float(rules.max_gap_s[index])
        self._on, self._off = float(rules.on[index]), float(rules.off[index])
        self._previous_s = start_s
        self._sum, self._count = 0.0, 0

    def is_on(self, time: float) -> bool:
        """Return whether the event is on when a window begins: heard in the one before, or held."""
        return self._previous_s == self.heard_s or time <= self.heard_s + self.hold_s + _SLACK_S

    def hears(self, time: float, score: float) -> bool:
        """Return whether the class is heard in a window."""
        return score >= (self._off if self.is_on(time) else self._on)

    def add(self, time: float, score: float) -> None:
        """Take a window in."""
        heard = self.hears(time, score)
        self._previous_s = time
        self._sum += score
        self._count += 1
        if heard:
            self.heard_s = time
            self.peak = max(self.peak, score)
            self.mean = self._sum / self._count


class _Rules:
    """Options for each class, in the order of the classes: float64 arrays (classes,)."""

    def __init__(self, options: EventOptions, names: Sequence[str]) -> None:
        self.on = _by_name("on", options.on, names, _DEFAULT_ON)
        self.off = _by_name("off", options.off, names, self.on * _OFF_BY_ON)
        self.min_duration_s = _by_name("min_duration_s", options.min_duration_s, names, 0.0)
        self.max_gap_s = _by_name("max_gap_s", options.max_gap_s, names, 0.0)
        self.hold_s = _by_name("hold_s", options.hold_s, names, 0.0)
        self._gate = None
        if options.min_dbfs is not None:
            self._gate = _by_name("min_dbfs", options.min_dbfs, names, -math.inf)
        wrong = np.flatnonzero(self.off > self.on)
        if len(wrong):
            index = int(wrong[0])
            raise InputError(
                f"off is {self.off[index]:g} for {names[index]!r}; at most what on is, {self.on[index]:g}, is accepted"
            )

    def gated(self, scores: Float64, level_dbfs: npt.ArrayLike | None) -> Float64:
        """Return scores with 0 in place of those of quiet windows."""
        if self._gate is None:
            return scores
        levels = None if level_dbfs is None else _numbers("level_dbfs", level_dbfs)
        if levels is None or levels.shape != (len(scores),) or np.isnan(levels).any():
            found = "none were given" if levels is None else f"shape {levels.shape} was found"
            raise InputError(f"min_dbfs needs the level of each window, shape ({len(scores)},), no NaN; {found}")
        return np.where(levels[:, None] >= self._gate, scores, 0.0)


class _Smoother:
    """The mean or median of each window's neighbourhood, which is smaller at the ends."""

    def __init__(self, options: EventOptions, hop_s: float) -> None:
        self._half = math.floor(options.smoothing_s / (2 * hop_s) + _SLACK_S)
        if options.smoothing_s and not self._half:
            raise InputError(
                f"smoothing_s is {options.smoothing_s:g}; 0, or at least two hops of {hop_s:g} s, are accepted"
            )
        self._statistic: Any = np.median if options.smoothing == "median" else np.mean
        self._rows: deque[Float64] = deque(maxlen=2 * self._half + 1)
        self._waiting: deque[float] = deque()

    def push(self, time: float, row: Float64) -> Iterator[tuple[float, Float64]]:
        """Take a window; yield the one whose neighbours are now complete."""
        if not self._half:
            yield time, row
            return
        self._rows.append(row)
        self._waiting.append(time)
        if len(self._waiting) > self._half:
            yield self._waiting.popleft(), self._around(self._half)

    def flush(self) -> Iterator[tuple[float, Float64]]:
        """Yield the windows whose neighbours did not all come."""
        while self._waiting:
            yield self._waiting.popleft(), self._around(len(self._waiting))

    def _around(self, after: int) -> Float64:
        """Return the statistic of a window with `after` windows after it."""
        return self._statistic(list(self._rows)[-(self._half + 1 + after) :], axis=0)


# -- Arguments --------------------------------------------------------------------------------------------------


def _start(event: Event) -> tuple[float, int, str]:
    return event.start_s, event.class_index, event.label


def _check(option: str, value: Any, where: str) -> None:
    """Refuse a value that the option cannot have."""
    if option == "smoothing":
        if value not in ("mean", "median"):
            raise InputError(f"{where} is {value!r}; 'mean' and 'median' are accepted")
        return
    real = _is_real(value)
    if option in ("on", "off"):
        if not (real and 0 < value <= 1):
            raise InputError(f"{where} is {value!r}; scores above 0 and up to 1 are accepted")
    elif option == "min_dbfs":
        if not real:
            raise InputError(f"{where} is {value!r}; a level in dBFS, such as -50, is accepted")
    elif not (real and value >= 0):
        raise InputError(f"{where} is {value!r}; seconds from 0 up are accepted")


def _is_real(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _by_name(option: str, value: Any, names: Sequence[str], default: float | Float64) -> Float64:
    """Return an option for each class."""
    result = np.broadcast_to(np.asarray(default, np.float64), (len(names),)).copy()
    if isinstance(value, Mapping):
        _refuse_unknown(option, value, names)
        if OTHERS in value:
            result[:] = value[OTHERS]
        for index, name in enumerate(names):
            if name in value:
                result[index] = value[name]
    elif value is not None:
        result[:] = value
    return result


def _refuse_unknown(option: str, mapping: Mapping[str, float], names: Sequence[str]) -> None:
    for name in mapping:
        if name != OTHERS and name not in names:
            near = difflib.get_close_matches(str(name), names, 1, 0.0)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise InputError(f"{option} names {name!r}, which is no class or group here{hint}")


def _checked_length(name: str, value: Any) -> float:
    if not (_is_real(value) and value > 0):
        raise InputError(f"{name} is {value!r}; seconds above 0 are accepted")
    return float(value)


def _numbers(name: str, values: npt.ArrayLike) -> Float64:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} are no numbers") from error
