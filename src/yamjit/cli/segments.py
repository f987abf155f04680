"""``yamjit segments``: events cut out of recordings, each an audio file."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from typing import TYPE_CHECKING

from yamjit.cli import arguments, values
from yamjit.cli.classes import add_listing
from yamjit.cli.delivery import deliver_to_folder, hearing_of
from yamjit.cli.event_options import add_event_options, event_options_given, event_options_of
from yamjit.cli.options import add_choice, add_value
from yamjit.cli.outputs import Reads, Writes
from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.runs.listed import Listed

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "cut events out of recordings as audio files"
DESCRIPTION = (
    "Find events, and cut each out as an audio file with the sample rate and channels of the recording: "
    "FOLDER/NAME.yamjit.segments/RECORDING_START_CLASS.flac, a folder for each recording, in the same tree."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    arguments.add_inputs(parser, needed=False)
    text = (
        "cut out the rows of a table (csv, jsonl, parquet) that yamjit events, classify or search has written, of the "
        "recordings that it names; no model runs"
    )
    add_value(parser, "--from", "TABLE", Reads("a table"), text, dest="table")
    folder = Writes("segments", folder=True, remote=True)
    add_value(parser, "-o --output", "FOLDER", folder, "folder for the segments", required=True)
    add_value(parser, "--padding", "SECONDS", values.existing, "time that is kept before and after each event", 0.0)
    text = "largest number of events of a class in each recording, those with the highest scores (default: no limit)"
    add_value(parser, "--most", "N", values.positive, text)
    add_choice(parser, "--as", ("flac", "wav"), "format of the audio files", "flac", dest="container")
    add_event_options(parser)
    arguments.add_model(parser)
    arguments.add_reading(parser)
    add_listing(parser)
    arguments.add_run(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.runs.happenings import Events
    from yamjit.runs.jobs import SegmentJob
    from yamjit.runs.naming import SEGMENTS
    from yamjit.segments import SegmentOptions

    cutting = SegmentOptions(padding_s=args.padding, most_per_class=args.most, container=args.container)
    if args.table is None and not args.files:
        raise InputError("recordings are needed, or a table with --from: yamjit segments INPUT -o FOLDER")
    hearing = _listed(args) if args.table else Events(events=event_options_of(args), **hearing_of(args))
    job = functools.partial(SegmentJob, cutting=cutting)
    return deliver_to_folder(args, hearing, SEGMENTS, job, {"cutting": dataclasses.asdict(cutting)})


def _listed(args: argparse.Namespace) -> Listed:
    """Return the rows of a table, whose recordings become those of the command."""
    from yamjit.output.row_tables import read_rows
    from yamjit.runs.listed import Listed

    if args.files or (given := event_options_given(args)):
        what = "recordings" if args.files else ", ".join(given)
        raise InputError(f"--from says what is cut out of which recordings: leave out {what}")
    rows = read_rows(args.table)
    if not rows:
        raise InputError(f"{args.table!r}: has no rows: there is nothing to cut out")
    found = Listed.of(rows)
    args.files = list(found.rows)
    return found
