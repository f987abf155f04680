"""``yamjit embed``: the embedding of each window."""

from __future__ import annotations

import argparse

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_arrays, hearing_of

__all__ = ["ARRAYS", "DESCRIPTION", "HELP", "add_arguments", "run"]

ARRAYS = ("npy", "npz", "csv", "parquet")

HELP = "write the embedding of each window"
DESCRIPTION = (
    "Write the embedding of each window, 1024 numbers for YAMNet, as npy (one array, of one recording), npz (values, "
    "times_s, channels, length_s, times and utc_offsets_s, of one recording), csv or parquet (of any number of "
    "recordings)."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    arguments.add_output(parser, ARRAYS, "csv, or npz in a folder")
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs.measuring import Embeddings

    return deliver_arrays(args, Embeddings(**hearing_of(args)))
