"""``yamjit segments``: events cut out of recordings, each an audio file."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from typing import Any

from yamjit.cli import arguments
from yamjit.cli.delivery import deliver_to_folder, hearing_of
from yamjit.cli.outputs import writes_folder

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "segments",
        help="cut events out of recordings as audio files",
        description="Find events and cut each out as an audio file with the recording's own rate and channels: "
        "FOLDER/NAME.yamjit.segments/RECORDING_START_CLASS.flac, a folder for each recording, in the same tree.",
    )
    arguments.add_inputs(parser)
    parser.add_argument(
        "-o", "--output", type=writes_folder, required=True, metavar="FOLDER", help="where the segments go"
    )
    parser.add_argument(
        "--padding",
        type=arguments.existing,
        default=0.0,
        metavar="SECONDS",
        help="that are kept before and after an event (default: 0)",
    )
    parser.add_argument(
        "--most", type=arguments.positive, metavar="N", help="events of a class in a recording, the surest ones"
    )
    parser.add_argument("--as", dest="container", choices=("flac", "wav"), default="flac", help="default: %(default)s")
    arguments.add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    arguments.add_reading(parser)
    arguments.add_listing(parser)
    arguments.add_run(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.runs import Events, SegmentJob
    from yamjit.runs.naming import SEGMENTS
    from yamjit.segments import SegmentOptions

    cutting = SegmentOptions(padding_s=args.padding, most_per_class=args.most, container=args.container)
    hearing = Events(**hearing_of(args), events=arguments.events_of(args))
    job = functools.partial(SegmentJob, cutting=cutting)
    return deliver_to_folder(args, hearing, SEGMENTS, job, {"cutting": dataclasses.asdict(cutting)})
