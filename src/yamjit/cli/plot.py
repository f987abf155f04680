"""``yamjit plot``: a picture of a recording."""

from __future__ import annotations

import argparse

from yamjit.cli import arguments, values
from yamjit.cli.classes import add_listing, add_top
from yamjit.cli.delivery import deliver_pictures, hearing_of
from yamjit.cli.event_options import add_event_options, event_options_given, event_options_of
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.errors import InputError

__all__ = ["DEFAULT_WIDTH", "DESCRIPTION", "HELP", "PICTURES", "add_arguments", "add_look", "run"]

PICTURES = ("png", "svg", "pdf")
DEFAULT_WIDTH = 10.0

HELP = "draw the waveform, the spectrogram and the classes over time"
DESCRIPTION = (
    "Draw the waveform, the log-mel spectrogram, and below them the scores of the classes that stand out, or with "
    "--events, the events. This needs matplotlib, the extra plot."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    add_top(parser, all_too=False)
    add_flag(parser, "--events", "draw the events of the classes whose events are highest, in place of scores")
    group = add_look(parser)
    text = "show the classes with the highest aggregate over the recording (default: those that stand out at some time)"
    add_choice(group, "--aggregate", ("mean", "max"), text)
    add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    add_listing(parser)
    arguments.add_output(parser, PICTURES, "png", stdout=False)
    arguments.add_run(parser)


def add_look(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add what a picture looks like; return the group of arguments."""
    group = parser.add_argument_group("picture")
    add_value(group, "--width", "INCHES", values.real(3, 60), "width; a PNG has 150 pixels an inch", DEFAULT_WIDTH)
    add_flag(group, "--dark", "draw for a dark page")
    return group


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs.drawing import Overviews

    if not args.events and (lone := event_options_given(args)):
        raise InputError(f"{lone[0]} needs --events")
    if args.events and args.aggregate:
        raise InputError("--aggregate chooses classes by their scores: it cannot be used with --events")
    events = event_options_of(args) if args.events else None
    look = {"width": args.width, "dark": args.dark}
    return deliver_pictures(
        args, Overviews(**hearing_of(args), **look, aggregate=args.aggregate, events=events), "overview"
    )
