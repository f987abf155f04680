"""What counts as an event, for all classes and for each."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError

__all__ = ["OTHERS", "EventOptions", "Rules"]

Float64 = npt.NDArray[np.float64]

#: In a mapping by name: all that it does not name.
OTHERS = "*"

_DEFAULT_ON = 0.5
_OFF_BY_ON = 0.6


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


class Rules:
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
        levels = None if level_dbfs is None else checks.array(level_dbfs, "level_dbfs", np.float64)
        if levels is None or levels.shape != (len(scores),) or np.isnan(levels).any():
            found = "none were given" if levels is None else f"shape {levels.shape} was found"
            raise InputError(f"min_dbfs needs the level of each window, shape ({len(scores)},), no NaN; {found}")
        return np.where(levels[:, None] >= self._gate, scores, 0.0)


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
