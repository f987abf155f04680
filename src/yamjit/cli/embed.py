"""``yamjit embed``: the embedding of each window."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_arrays, hearing_of
from yamjit.cli.destinations import array_format, is_folder
from yamjit.cli.options import add_choice, add_value
from yamjit.errors import InputError
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
    text = (
        "numbers in Parquet: float32, or codes, the model's own integers of 8 bits, whose scale is in the metadata "
        "(default: codes in a folder where the model has them, else float32)"
    )
    add_choice(parser, "--as", ("codes", "float32"), text, dest="numbers")
    arguments.add_reading(parser)
    arguments.add_output(parser, ARRAYS, "csv, or npz in a folder")
    arguments.add_run(parser)


def add_features(parser: Any) -> None:
    """Add ``--features``."""
    text = "the embedding, or the mean or the greatest values over time of a layer: layer6_mean, layer6_max"
    add_value(parser, "--features", "NAME", str, text, EMBEDDING)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    hearing = listener_of(args)(**hearing_of(args))
    if args.numbers is None and is_folder(args) and array_format(args).name == "parquet":
        hearing = dataclasses.replace(hearing, codes=hearing.has_codes)
    return deliver_arrays(args, hearing)


def listener_of(args: argparse.Namespace) -> functools.partial[Embeddings]:
    """Return what makes a listener of a classifier, and of how recordings are read."""
    from yamjit.runs.measuring import Embeddings

    if args.numbers == "codes" and array_format(args).name != "parquet":
        raise InputError("--as codes is for Parquet alone: use -o FILE.parquet, or --format parquet -o FOLDER")
    return functools.partial(Embeddings, features=args.features, codes=args.numbers == "codes")
