"""``yamjit spectrogram``: the log-mel spectrogram of a recording, as numbers or as a picture."""

from __future__ import annotations

import argparse

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_arrays, deliver_pictures, hearing_of
from yamjit.cli.destinations import suffix_of
from yamjit.cli.embed import ARRAYS
from yamjit.cli.plot import DEFAULT_WIDTH, PICTURES, add_look
from yamjit.errors import InputError

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "write the log-mel spectrogram, as numbers or as a picture"
DESCRIPTION = (
    "Write the log-mel spectrogram as the model sees it, for YAMNet a frame of 64 bands each 10 ms: as npy, npz, csv "
    "or parquet (see yamjit embed), or as a picture, which needs matplotlib, the extra plot."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    add_look(parser)
    arguments.add_model(parser, threads=False)
    arguments.add_reading(parser)
    arguments.add_output(parser, (*ARRAYS, *PICTURES), "csv, or npz in a folder")
    arguments.add_run(parser)
    parser.set_defaults(threads=1)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs.drawing import Spectrograms
    from yamjit.runs.measuring import LogMel

    if (args.format or suffix_of(args)) in PICTURES:
        return deliver_pictures(args, Spectrograms(**hearing_of(args), width=args.width, dark=args.dark), "spectrogram")
    if args.dark or args.width != DEFAULT_WIDTH:
        raise InputError("--dark and --width are for a picture: use -o FILE.png, .svg or .pdf")
    return deliver_arrays(args, LogMel(**hearing_of(args)))
