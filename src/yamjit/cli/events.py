"""``yamjit events``: when something is heard in recordings, from when to when."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.classify import FORMATS
from yamjit.cli.delivery import deliver, hearing_of
from yamjit.cli.destinations import row_format

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "events",
        help="find when classes are heard, from when to when",
        description="Find events: a class begins where its score reaches --on, and ends where it falls below --off.",
    )
    arguments.add_inputs(parser)
    arguments.add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser)
    arguments.add_listing(parser)
    arguments.add_output(parser, FORMATS, "text")
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import Events

    hearing = Events(**hearing_of(args), events=arguments.events_of(args))
    return deliver(args, hearing, row_format(args, hearing.classifier.heads))
