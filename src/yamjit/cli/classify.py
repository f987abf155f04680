"""``yamjit classify``: what is heard in recordings."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver, hearing_of
from yamjit.cli.destinations import row_format

__all__ = ["FORMATS", "add_parser"]

FORMATS = ("text", "json", "jsonl", "csv", "audacity", "raven", "dcase", "vtt", "srt", "parquet")


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "classify",
        help="print what is heard in recordings",
        description="Print what is heard in recordings: the mean score of each class over all windows, "
        "and with --windows the scores of each window.",
    )
    arguments.add_inputs(parser)
    arguments.add_top(parser)
    parser.add_argument("--windows", action="store_true", help="print a row for each class in each window")
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser, aggregate=True)
    arguments.add_listing(parser)
    arguments.add_output(parser, FORMATS, "text")
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import Classes

    hearing = Classes(**hearing_of(args), windows=args.windows)
    return deliver(args, hearing, row_format(args, hearing.classifier.heads))
