"""Arguments that say when an event begins and ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from yamjit.cli import values

if TYPE_CHECKING:
    from yamjit.events import EventOptions

__all__ = ["add_event_options", "event_options_given", "event_options_of"]

#: Option -> type of its value, unit and help. Each is given for every class, or for one by name.
_BY_NAME: dict[str, tuple[Any, str, str]] = {
    "on": (values.fraction, "SCORE", "score at which an event begins (default: 0.5)"),
    "off": (values.fraction, "SCORE", "score below which it ends (default: 0.6 of --on)"),
    "min_duration": (values.existing, "SECONDS", "shortest event that is kept (default: 0)"),
    "max_gap": (values.existing, "SECONDS", "longest gap between two events of a class that are joined (default: 0)"),
    "hold": (values.existing, "SECONDS", "time for which an event goes on after it was last heard (default: 0)"),
    "min_dbfs": (values.number, "LEVEL", "level in dBFS below which a window counts as silent (default: none)"),
}


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """Add when an event begins and ends."""
    group = parser.add_argument_group(
        "events", "A value is for every class; NAME=VALUE is for one class, and may be repeated."
    )
    for name, (kind, unit, text) in _BY_NAME.items():
        flag = f"--{name.replace('_', '-')}"
        group.add_argument(flag, type=values.by_name(kind), action="append", metavar=f"[NAME=]{unit}", help=text)
    group.add_argument(
        "--smoothing",
        type=values.existing,
        default=0.0,
        metavar="SECONDS",
        help="length of time over which scores are smoothed (default: 0, not at all)",
    )
    group.add_argument(
        "--smooth-by", choices=("mean", "median"), default="mean", help="how scores are smoothed (default: %(default)s)"
    )


def event_options_given(args: argparse.Namespace) -> list[str]:
    """Return the options of `add_event_options` that say something."""
    given = (name for name in (*_BY_NAME, "smoothing") if getattr(args, name) not in (None, 0.0))
    return [f"--{name.replace('_', '-')}" for name in given]


def event_options_of(args: argparse.Namespace) -> EventOptions:
    """Return the `EventOptions` that were given.

    Raises
    ------
    InputError
        If they make no sense.
    """
    from yamjit.events import EventOptions

    given: dict[str, Any] = {
        f"{name}_s" if unit == "SECONDS" else name: _plain(getattr(args, name))
        for name, (_, unit, _) in _BY_NAME.items()
        if getattr(args, name) is not None
    }
    return EventOptions(smoothing_s=args.smoothing, smoothing=args.smooth_by, **given)


def _plain(given: list[tuple[str, float]]) -> float | dict[str, float]:
    """Return one number for every class as that number."""
    found = dict(given)
    return found[values.EVERY_CLASS] if list(found) == [values.EVERY_CLASS] else found
