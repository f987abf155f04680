"""Arguments that say when an event begins and ends."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.options import add_choice, add_repeated, add_value
from yamjit.cli.streams import tell

if TYPE_CHECKING:
    from yamjit.events import EventOptions

__all__ = ["add_event_options", "event_options_given", "event_options_of"]

#: Option -> unit, type and meaning of its value, which is for every class, or for one by name.
_BY_NAME: dict[str, tuple[str, Any, str]] = {
    "on": ("SCORE", values.fraction, "score at which an event begins (default: 0.5)"),
    "off": ("SCORE", values.fraction, "score below which it ends (default: 0.6 of --on)"),
    "min_duration": ("SECONDS", values.existing, "shortest event that is kept (default: 0)"),
    "max_gap": ("SECONDS", values.existing, "longest gap between two events of a class that are joined (default: 0)"),
    "hold": ("SECONDS", values.existing, "time for which an event goes on after it was last heard (default: 0)"),
    "min_dbfs": ("LEVEL", values.number, "level in dBFS below which a window counts as silent (default: none)"),
}


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """Add when an event begins and ends."""
    group = parser.add_argument_group("events", "A value is for every class; NAME=VALUE is for one class.")
    for name, (unit, kind, text) in _BY_NAME.items():
        add_repeated(group, _flag(name), f"[NAME=]{unit}", values.by_name(kind), text)
    add_value(group, "--smoothing", "SECONDS", values.existing, "time over which scores are smoothed", 0.0)
    add_choice(group, "--smooth-by", ("mean", "median"), "how scores are smoothed", "mean")


def event_options_given(args: argparse.Namespace) -> list[str]:
    """Return the options of `add_event_options` that say something."""
    return [_flag(name) for name in (*_BY_NAME, "smoothing") if getattr(args, name)]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def event_options_of(args: argparse.Namespace) -> EventOptions:
    """Return the `EventOptions` that were given; those that make no sense are refused with an `InputError`."""
    from yamjit.events import EventOptions

    given: dict[str, Any] = {
        f"{name}_s" if unit == "SECONDS" else name: _plain(getattr(args, name))
        for name, (unit, _, _) in _BY_NAME.items()
        if getattr(args, name)
    }
    _tell_of_thresholds(args)
    return EventOptions(smoothing_s=args.smoothing, smoothing=args.smooth_by, **given)


def _tell_of_thresholds(args: argparse.Namespace) -> None:
    """Say which thresholds have no effect, since no event has a lower score."""
    from yamjit.events.options import DEFAULT_ON

    on = dict(args.on)
    for name, score in () if args.quiet else args.threshold:
        least = on.get(name, on.get(values.EVERY_CLASS, DEFAULT_ON))
        if 0 < score <= least:
            given = f"{score:g}" if name == values.EVERY_CLASS else shlex.quote(f"{name}={score:g}")
            meant = "" if on else f"; did you mean --on {given}?"
            tell(f"note: --threshold {given} has no effect: events begin at a score of {least:g} (--on){meant}")


def _plain(given: list[tuple[str, float]]) -> float | dict[str, float]:
    """Return one number for every class as that number."""
    found = dict(given)
    return found[values.EVERY_CLASS] if list(found) == [values.EVERY_CLASS] else found
