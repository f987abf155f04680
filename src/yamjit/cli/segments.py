"""``yamjit segments``: events cut out of recordings, each an audio file."""

from __future__ import annotations

import argparse
import dataclasses
import functools

from yamjit.cli import arguments, values
from yamjit.cli.classes import add_listing
from yamjit.cli.delivery import deliver_to_folder, hearing_of
from yamjit.cli.event_options import add_event_options, event_options_of
from yamjit.cli.outputs import writes_folder

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "cut events out of recordings as audio files"
DESCRIPTION = (
    "Find events, and cut each out as an audio file with the sample rate and channels of the recording: "
    "FOLDER/NAME.yamjit.segments/RECORDING_START_CLASS.flac, a folder for each recording, in the same tree."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser)
    parser.add_argument(
        "-o", "--output", type=writes_folder, required=True, metavar="FOLDER", help="folder for the segments"
    )
    parser.add_argument(
        "--padding",
        type=values.existing,
        default=0.0,
        metavar="SECONDS",
        help="time that is kept before and after each event (default: 0)",
    )
    parser.add_argument(
        "--most",
        type=values.positive,
        metavar="N",
        help="largest number of events of a class in each recording, those with the highest scores (default: no limit)",
    )
    parser.add_argument(
        "--as",
        dest="container",
        choices=("flac", "wav"),
        default="flac",
        help="format of the audio files (default: %(default)s)",
    )
    add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    add_listing(parser)
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs import Events, SegmentJob
    from yamjit.runs.naming import SEGMENTS
    from yamjit.segments import SegmentOptions

    cutting = SegmentOptions(padding_s=args.padding, most_per_class=args.most, container=args.container)
    hearing = Events(**hearing_of(args), events=event_options_of(args))
    job = functools.partial(SegmentJob, cutting=cutting)
    return deliver_to_folder(args, hearing, SEGMENTS, job, {"cutting": dataclasses.asdict(cutting)})
