"""``yamjit plot``: a picture of a recording."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_pictures, hearing_of

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "plot",
        help="draw waveform, spectrogram, and which classes are heard when",
        description="Draw the waveform, the log-mel spectrogram, and a map of the classes with the highest scores over "
        "time. It needs matplotlib: pip install 'yamjit[plot]'.",
    )
    arguments.add_inputs(parser)
    arguments.add_top(parser, some=True)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser, aggregate=True)
    arguments.add_listing(parser)
    arguments.add_output(parser, ("png", "svg", "pdf"), "png")
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import Pictures

    return deliver_pictures(args, Pictures(**hearing_of(args)))
