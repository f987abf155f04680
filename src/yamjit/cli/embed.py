"""``yamjit embed``: the embedding of each window."""

from __future__ import annotations

import argparse
import functools
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_arrays, hearing_of
from yamjit.cli.options import add_value
from yamjit.spec import EMBEDDING

if TYPE_CHECKING:
    from yamjit.runs.measuring import Embeddings

__all__ = ["ARRAYS", "DESCRIPTION", "HELP", "add_arguments", "listener_of", "run"]

ARRAYS = ("npy", "npz", "csv", "parquet")

HELP = "write the embedding of each window, or another feature"
DESCRIPTION = (
    "Write the embedding of each window, 1024 numbers for YAMNet, as npy (one array, of one recording), npz (values, "
    "times_s, channels, length_s, times and utc_offsets_s, of one recording), csv or parquet (of any number of "
    "recordings). --features writes another feature of the model, such as layer6_mean: the map of an inner layer, "
    "averaged over time with frequency kept; an npz names it as features, csv in its columns, and parquet in the "
    "metadata of its schema."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    arguments.add_model(parser)
    add_features(parser)
    arguments.add_reading(parser)
    arguments.add_output(parser, ARRAYS, "csv, or npz in a folder")
    arguments.add_run(parser)


def add_features(parser: Any) -> None:
    """Add ``--features``."""
    text = "the embedding, or the mean or the greatest values over time of a layer: layer6_mean, layer6_max"
    add_value(parser, "--features", "NAME", str, text, EMBEDDING)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    return deliver_arrays(args, listener_of(args)(**hearing_of(args)))


def listener_of(args: argparse.Namespace) -> functools.partial[Embeddings]:
    """Return what makes a listener of a classifier, and of how recordings are read."""
    from yamjit.runs.measuring import Embeddings

    return functools.partial(Embeddings, features=args.features)
