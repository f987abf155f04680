"""``yamjit events``: when each sound in recordings begins and ends."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING

from yamjit.cli import arguments
from yamjit.cli.classes import add_listing
from yamjit.cli.classify import FORMATS
from yamjit.cli.delivery import deliver_rows, hearing_of
from yamjit.cli.event_options import add_event_options, event_options_of

if TYPE_CHECKING:
    from yamjit.runs.happenings import Events

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "listener_of", "run"]

HELP = "find when each sound begins and ends"
DESCRIPTION = (
    "Find events in recordings: a class begins where its score reaches --on, and ends where it falls below --off."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    add_listing(parser)
    arguments.add_output(parser, FORMATS, "text")
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    return deliver_rows(args, listener_of(args)(**hearing_of(args)))


def listener_of(args: argparse.Namespace) -> functools.partial[Events]:
    """Return what makes a listener of a classifier, and of how recordings are read."""
    from yamjit.runs.happenings import Events

    return functools.partial(Events, events=event_options_of(args))
