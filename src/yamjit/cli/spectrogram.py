"""``yamjit spectrogram``: the log-mel spectrogram of a recording, as numbers or as a picture."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver, deliver_pictures, hearing_of
from yamjit.cli.destinations import array_format, suffix_of

__all__ = ["add_parser"]

_ARRAYS = ("npy", "npz", "csv", "parquet")
_PICTURES = ("png", "svg", "pdf")


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "spectrogram",
        help="write the log-mel spectrogram, as numbers or as a picture",
        description="Write the log-mel spectrogram as the model sees it, a frame of 64 bands each 10 ms for YAMNet: as "
        "npy (one array, one recording), npz (values, times_s, channels, length_s), csv or parquet, or as a picture, "
        "which needs matplotlib: pip install 'yamjit[plot]'.",
    )
    arguments.add_inputs(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser)
    arguments.add_output(parser, (*_ARRAYS, *_PICTURES), "csv, npz in a folder")
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import LogMel, Pictures

    if (args.format or suffix_of(args)) in _PICTURES:
        return deliver_pictures(args, Pictures(**hearing_of(args), kind="spectrogram"))
    return deliver(args, LogMel(**hearing_of(args)), array_format(args))
