"""``yamjit embed``: what the network makes of each window before it names it."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver, hearing_of
from yamjit.cli.destinations import array_format

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "embed",
        help="write the embedding of every window",
        description="Write the embedding of every window, 1024 numbers for YAMNet: as npy (one array, one recording), "
        "npz (values, times_s, channels, length_s), csv or parquet (which hold any number of recordings).",
    )
    arguments.add_inputs(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser)
    arguments.add_output(parser, ("npy", "npz", "csv", "parquet"), "csv, npz in a folder")
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import Embeddings

    return deliver(args, Embeddings(**hearing_of(args)), array_format(args))
