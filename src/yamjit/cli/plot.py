"""``yamjit plot``: a picture of a recording."""

from __future__ import annotations

import argparse

from yamjit.cli import arguments
from yamjit.cli.classes import add_listing, add_top
from yamjit.cli.delivery import deliver_pictures, hearing_of

__all__ = ["DESCRIPTION", "HELP", "PICTURES", "add_arguments", "run"]

PICTURES = ("png", "svg", "pdf")

HELP = "draw the waveform, the spectrogram and the classes over time"
DESCRIPTION = (
    "Draw the waveform, the log-mel spectrogram, and the scores of the highest classes over time. This needs "
    "matplotlib, the extra plot."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    add_top(parser, all_too=False)
    arguments.add_model(parser)
    arguments.add_reading(parser, aggregate=True)
    add_listing(parser)
    arguments.add_output(parser, PICTURES, "png", stdout=False)
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs import Overviews

    return deliver_pictures(args, Overviews(**hearing_of(args), aggregate=args.aggregate), "overview")
