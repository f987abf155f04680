"""Scores of windows in, events out, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.events.event import Event, by_start
from yamjit.events.options import EventOptions, Rules
from yamjit.events.smoothing import SLACK_S, Smoother
from yamjit.keywords import explained

__all__ = ["EventDetector"]

Float64 = npt.NDArray[np.float64]


@explained
class EventDetector:
    """Finds events in scores that arrive a few windows at a time; how many at a time does not change the events.

    A window stands for the time from its start to `window_s` later. Memory holds the events in progress, and the
    windows in `smoothing_s`.

    Parameters
    ----------
    names : sequence of str
        Name of each class or group.
    class_indices : sequence of int
        Index of each class in its head; -1 for a group.
    audioset_ids : sequence of str
        AudioSet id of each class; empty where there is none.
    options : EventOptions, optional
    window_s, hop_s : float > 0
        Length of a window, and time from one to the next.
    channel : int, optional
        Channel that each event names.
    heads : sequence of str, optional
        Head of each class, which its events name.
    score_thresholds : array_like [shape=(classes,)], optional
        Lowest score of each class: events whose highest score is lower are dropped.
    find : callable, optional
        Returns positions in `names` for an entry that names a class or group in `options`, and raises `InputError` if
        there are none. By default, entries are names, in any case.

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
        heads: Sequence[str] | None = None,
        score_thresholds: npt.ArrayLike | None = None,
        find: Callable[[Any], Iterable[int]] | None = None,
    ) -> None:
        names = tuple(checks.text(name, "a name") for name in checks.elements(names, "names", "names"))
        indices = checks.elements(class_indices, "class_indices", "whole numbers")
        ids = tuple(checks.text(one, "an id") for one in checks.elements(audioset_ids, "audioset_ids", "ids"))
        heads = ("",) * len(names) if heads is None else checks.elements(heads, "heads", "names")
        thresholds = np.full(len(names), -np.inf)
        if score_thresholds is not None:
            thresholds = checks.array(score_thresholds, "score_thresholds", np.float64)
        if len(heads) != len(names) or thresholds.shape != (len(names),):
            raise InputError(f"{len(heads)} heads and thresholds {thresholds.shape} of {len(names)} classes")
        heads = tuple(checks.text(head, "the name of a head") for head in heads)
        if not len(names) == len(indices) == len(ids):
            raise InputError(
                f"{len(names)} names, {len(indices)} indices and {len(ids)} ids were given; "
                "one of each for every class is accepted"
            )
        options = EventOptions() if options is None else options
        checks.instance(options, "options", EventOptions)
        whole = [checks.whole(index, "a class index", -1) for index in indices]
        self._classes = list(zip(names, whole, ids, heads, strict=True))
        # As in `Categories.rank`: a float32 that is printed as 0.7 reaches a threshold of 0.7.
        self._thresholds = thresholds.astype(np.float32).astype(np.float64).tolist()
        self._rules = Rules(options, names, find)
        self._window_s = _checked_length("window_s", window_s)
        self._smoother = Smoother(options, _checked_length("hop_s", hop_s))
        self._channel = None if channel is None else checks.whole(channel, "channel", 0)
        self._hint = ": a Watcher takes windows with the scores of all heads" if any(heads) else ""
        self._tracks: dict[int, _Track] = {}
        self._last_s = -math.inf
        self._flushed = False

    @property
    def open(self) -> list[Event]:
        """Events in progress that are long enough, or that may still continue, as they are known so far."""
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
            Start of each window, in seconds, ascending.
        scores : array_like [shape=(n, classes)]
            Score of each class in each window.
        level_dbfs : array_like [shape=(n,)], optional
            Level of each window; needed if `EventOptions.min_dbfs` is given.

        Returns
        -------
        list of Event
            Events that are over, in the order in which they ended; at the same time by start and class index.

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
            End of the recording, by the clock of the windows' times: no event goes beyond it.

        Raises
        ------
        InputError
            If a window starts after that time, or the detector was flushed before.
        """
        self._refuse_flushed()
        if duration_s is not None and not (checks.is_number(duration_s) and duration_s >= self._last_s - SLACK_S):
            raise InputError(f"duration_s is {checks.shown(duration_s)}, but a window starts at {self._last_s:g} s")
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
        return time <= reach + SLACK_S or (track.is_on(time) and track.hears(time, score))

    def _close(self, indices: Iterable[int], until_s: float) -> list[Event]:
        events = (self._event(index, self._tracks.pop(index), until_s) for index in indices)
        return list(by_start(event for event in events if event is not None))

    def _event(self, index: int, track: _Track, until_s: float) -> Event | None:
        """Return an event as it stands at `until_s`, or None if it is too short, or below its threshold."""
        end = track.heard_s + self._window_s
        if min(end, until_s) - track.start_s < track.min_duration_s - SLACK_S:
            return None
        if track.peak < self._thresholds[index]:
            return None
        label, class_index, audioset_id, head = self._classes[index]
        return Event(
            label=label,
            class_index=class_index,
            audioset_id=audioset_id,
            score=track.peak,
            mean_score=track.mean,
            start_s=track.start_s,
            end_s=min(end + track.hold_s, until_s),
            channel=self._channel,
            head=head,
        )

    def _checked(self, times_s: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Float64, Float64]:
        self._refuse_flushed()
        times, values = checks.array(times_s, "times_s", np.float64), checks.array(scores, "scores", np.float64)
        if times.ndim != 1 or values.shape != (len(times), len(self._classes)):
            raise InputError(
                f"times of shape {times.shape} and scores of shape {values.shape} were given; "
                f"(n,) and (n, {len(self._classes)}) are accepted{self._hint}"
            )
        if not (np.isfinite(times).all() and (np.diff(times, prepend=self._last_s) > 0).all()):
            raise InputError(f"the windows' times do not ascend from {self._last_s:g} s on")
        if not np.isfinite(values).all():
            raise InputError("the scores are not finite")
        return times, values

    def _refuse_flushed(self) -> None:
        if self._flushed:
            raise InputError("the events were flushed: nothing follows the end of a recording")

    def __repr__(self) -> str:
        return f"<EventDetector: {len(self._classes)} classes>"


class _Track:
    """An event that is not over, and the rules of its class."""

    def __init__(self, start_s: float, rules: Rules, index: int) -> None:
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
        return self._previous_s == self.heard_s or time <= self.heard_s + self.hold_s + SLACK_S

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


def _checked_length(name: str, value: Any) -> float:
    return checks.number(value, name, 0, above=True, kind="seconds")
