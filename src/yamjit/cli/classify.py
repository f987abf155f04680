"""``yamjit classify``: the sounds in recordings."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING

from yamjit.cli import arguments
from yamjit.cli.classes import add_listing, add_top
from yamjit.cli.delivery import deliver_rows, hearing_of
from yamjit.cli.options import add_flag

if TYPE_CHECKING:
    from yamjit.runs.hearing import Classes

__all__ = ["DESCRIPTION", "FORMATS", "HELP", "add_arguments", "listener_of", "run"]

HELP = "name the sounds in recordings"
DESCRIPTION = (
    "Name the sounds in recordings: the classes with the highest mean score over all windows or, with --windows, the "
    "classes of each window."
)

FORMATS = ("text", "json", "jsonl", "csv", "audacity", "raven", "dcase", "vtt", "srt", "parquet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    add_top(parser)
    add_flag(parser, "--windows", "list the classes of each window, a row for each class")
    arguments.add_model(parser)
    arguments.add_reading(parser, aggregate=True)
    add_listing(parser)
    arguments.add_output(parser, FORMATS, "text")
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    return deliver_rows(args, listener_of(args)(**hearing_of(args)))


def listener_of(args: argparse.Namespace) -> functools.partial[Classes]:
    """Return what makes a listener of a classifier, and of how recordings are read."""
    from yamjit.runs.hearing import Classes

    return functools.partial(Classes, windows=args.windows, aggregate=args.aggregate)
