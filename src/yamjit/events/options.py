"""What counts as an event, for all classes and for each."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.class_map import nearest
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.suggestions import question, with_hint
from yamjit.text import folded

__all__ = ["DEFAULT_ON", "OTHERS", "EventOptions", "Rules", "as_events"]

Float64 = npt.NDArray[np.float64]

#: In a mapping by name: all that it does not name.
OTHERS = "*"

#: Score at which an event begins where none is given.
DEFAULT_ON = 0.5
_OFF_BY_ON = 0.6


@explained
@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class EventOptions:
    """What counts as an event.

    A value "by name" is one number for all classes, or a mapping from classes and groups to numbers, where ``"*"``
    stands for all others; without it they have the default. Classes and groups are named as in `ClassifierOptions`: in
    any case, in the language of the names or as the model has them, in every head that has them.

    Parameters
    ----------
    on : float in (0, 1], by name
        A score of at least this starts an event.
    off : float in (0, on], by name, optional
        A lower score ends it; by default 0.6 of `on`.
    smoothing_s : float >= 0
        Length of smoothing: a window's score becomes the mean or median of all windows that start at most half of this
        before or after it. 0 for none. Events are known later by half of this.
    smoothing : {"mean", "median"}
        What a window's score becomes.
    min_duration_s : float >= 0, by name
        Shortest event, not counting `hold_s`; shorter ones are dropped.
    max_gap_s : float >= 0, by name
        Longest gap within an event: events of a class that are at most this far apart are one.
    hold_s : float >= 0, by name
        Time for which an event stays on after the last window in which it was heard: a score of at least `off` in that
        time continues it, and its end is later by as much.
    min_dbfs : float, by name, optional
        Lowest level, in dBFS: a quieter window counts as one with score 0.

    Raises
    ------
    InputError
        If a value is none of these.

    Examples
    --------
    >>> options = yamjit.EventOptions(on={"Speech": 0.5, "*": 0.3}, max_gap_s=1.0)
    >>> model.events("street.mp3", options)
    """

    on: float | Mapping[str, float] = DEFAULT_ON
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


class Rules:
    """Options for each class, in the order of the classes: float64 arrays (classes,).

    `find` returns which classes an entry names, and raises `InputError` if there are none; by default those of that
    name, in any case.
    """

    def __init__(
        self, options: EventOptions, names: Sequence[str], find: Callable[[Any], Iterable[int]] | None = None
    ) -> None:
        self._names = names
        self._find = find
        self.on = self._by_name("on", options.on, DEFAULT_ON)
        self.off = self._by_name("off", options.off, self.on * _OFF_BY_ON)
        self.min_duration_s = self._by_name("min_duration_s", options.min_duration_s, 0.0)
        self.max_gap_s = self._by_name("max_gap_s", options.max_gap_s, 0.0)
        self.hold_s = self._by_name("hold_s", options.hold_s, 0.0)
        self._gate = None
        if options.min_dbfs is not None:
            self._gate = self._by_name("min_dbfs", options.min_dbfs, -math.inf)
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
        levels = None if level_dbfs is None else checks.array(level_dbfs, "level_dbfs", np.float64)
        if levels is None or levels.shape != (len(scores),) or np.isnan(levels).any():
            found = "none were given" if levels is None else f"shape {levels.shape} was found"
            raise InputError(f"min_dbfs needs the level of each window, shape ({len(scores)},), no NaN; {found}")
        return np.where(levels[:, None] >= self._gate, scores, 0.0)

    def _by_name(self, option: str, value: Any, default: float | Float64) -> Float64:
        """Return an option for each class."""
        result = np.broadcast_to(np.asarray(default, np.float64), (len(self._names),)).copy()
        if not isinstance(value, Mapping):
            result[:] = result if value is None else value
            return result
        result[:] = value.get(OTHERS, result)
        given: dict[int, float] = {}
        for entry, number in value.items():
            for index in () if entry == OTHERS else self._found(option, entry):
                if given.setdefault(index, number) != number:
                    raise InputError(f"{option} is given twice for {self._names[index]!r}: {given[index]} and {number}")
        for index, number in given.items():
            result[index] = number
        return result

    @functools.cached_property
    def _places(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """The classes of each name, and of each name in any case."""
        exact: dict[str, list[int]] = {}
        in_any_case: dict[str, list[int]] = {}
        for index, name in enumerate(self._names):
            exact.setdefault(name, []).append(index)
            in_any_case.setdefault(folded(name), []).append(index)
        return exact, in_any_case

    def _found(self, option: str, entry: Any) -> Iterable[int]:
        """Return which classes an entry names."""
        if self._find is not None:
            try:
                return self._find(entry)
            except InputError as error:
                raise InputError(f"{option}: {error}") from error
        wanted = str(entry).strip()
        exact, in_any_case = self._places
        found = exact.get(wanted) or in_any_case.get(folded(wanted))
        if not found:
            like = question(nearest(wanted, self._names, 3))
            raise InputError(with_hint(f"{option} names {entry!r}, which is not a class or group here", like))
        return found


def as_events(options: Any) -> EventOptions:
    """Return what was given as options, or the defaults; refuse anything else, such as a sample rate."""
    if checks.is_number(options):
        raise InputError(f"options is {checks.shown(options)}; EventOptions is accepted, and sample_rate={options}")
    found: EventOptions = checks.instance(EventOptions() if options is None else options, "options", EventOptions)
    return found


def _check(option: str, value: Any, where: str) -> None:
    """Refuse a value that the option cannot have."""
    if option == "smoothing":
        checks.choice(value, where, ("mean", "median"))
    elif option in ("on", "off"):
        checks.number(value, where, 0, 1, above=True, kind="scores")
    elif option == "min_dbfs":
        checks.number(value, where, kind="levels in dBFS, such as -50,")
    else:
        checks.number(value, where, 0, kind="seconds")
