"""Arguments that several verbs share: recordings, the model, how recordings are read, where results go."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.engines import add_engine
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.cli.outputs import Reads, Writes
from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.reading import ReadOptions

__all__ = [
    "add_aggregate",
    "add_clock",
    "add_epilog",
    "add_hop",
    "add_inputs",
    "add_model",
    "add_output",
    "add_quiet",
    "add_reading",
    "add_roles",
    "add_run",
    "add_windows",
    "reading_of",
]

_INPUTS = """\
inputs: files; folders, which are searched at every depth; patterns such as 'archive/**/*.flac'; or only -, for standard
input. They are read in the order given, those of a folder or pattern by name, and each of them once. Hidden files and
folders of results are skipped.
"""

_MODEL = (
    "a quantized YAMNet as a .tflite file, or starter, the small model in the package "
    "(default: $YAMJIT_MODEL, else the official model, downloaded once)"
)


def add_inputs(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """Add the recordings to be read; none may be given unless they are `needed`."""
    text = "a recording, a folder of recordings, a pattern, or -"
    parser.add_argument("files", nargs="+" if needed else "*", type=Reads("a recording"), metavar="INPUT", help=text)
    add_epilog(parser, _INPUTS)


def add_epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """Add a paragraph below the options."""
    parser.epilog = "\n".join(filter(None, (parser.epilog, text)))


def add_model(parser: argparse.ArgumentParser, *, backend: bool = True, threads: bool = True) -> None:
    """Add ``--model``, and what runs it."""
    group = parser.add_argument_group("model")
    add_value(group, "--model", "FILE", Reads("a model"), _MODEL)
    add_roles(group)
    if backend:
        text = "implementation of the kernels; all give the same scores"
        add_choice(group, "--backend", ("auto", "compiled", "numba", "numpy"), text, "auto")
    if threads:
        text = "number of threads per recording; scores do not depend on it"
        add_value(group, "--threads", "N", values.threads, text, 1)


def add_roles(parser: Any) -> None:
    """Add ``--roles``."""
    text = (
        "what each output of the model's file is, in their order: scores, embeddings, log-mel or other, such as "
        "scores,embeddings,log-mel (default: as the model says, see yamjit info)"
    )
    add_value(parser, "--roles", "ROLE,...", values.roles, text)


def add_reading(parser: argparse.ArgumentParser, *, aggregate: bool = False) -> None:
    """Add what is read of a recording, and how it is cut into windows."""
    group = add_windows(parser)
    add_value(group, "--start", "TIME", values.time, "where reading begins, in seconds or as h:mm:ss", 0.0)
    text = "where reading ends, in seconds or as h:mm:ss (default: at the end)"
    add_value(group, "--end", "TIME", values.time, text)
    text = "what to do with samples that are NaN or infinite: refuse the recording, or read them as 0"
    add_choice(group, "--non-finite", ("refuse", "zero"), text, "refuse")
    if aggregate:
        add_aggregate(group, "mean")
    add_clock(parser, group)


def add_clock(parser: argparse.ArgumentParser, group: Any) -> None:
    """Add what rows tell the time by, to a group of a parser's arguments."""
    parser._negative_number_matcher = re.compile(r"-\d")  # -03:00 is a value, no option
    text = (
        "date and time of the beginning of one recording, such as 2026-05-12T05:00:00 or 2026-05-12T05:00:00+02:00 "
        "(default: as its header or its name says; of a live source, the clock of this machine)"
    )
    add_value(group, "--recorded-at", "TIME", values.moment, text)
    text = (
        "zone in which times are given, and of times that state none, such as those in names: UTC, an offset such as "
        "+02:00, local, or a name such as Europe/Berlin (default: as the recording says)"
    )
    add_value(group, "--time-zone", "ZONE", values.zone, text)


def add_windows(parser: argparse.ArgumentParser) -> Any:
    """Add which channels are heard, and how they are cut into windows; return the group of arguments."""
    group = parser.add_argument_group("reading")
    text = "mix, the mean of the channels; each, every channel by itself; or the number of one channel, from 0"
    add_value(group, "--channel", "WHICH", values.channel, text, "mix")
    cut = group.add_mutually_exclusive_group()
    add_hop(cut, None)
    text = "share of a window that the next one covers again, from 0 to below 1, in place of --hop"
    add_value(cut, "--overlap", "SHARE", values.overlap, text)
    text = "zeros after the end: as few as whole windows need, or as many as the original YAMNet adds"
    add_choice(group, "--pad-end", ("least", "original"), text, "least")
    return group


def add_hop(parser: Any, default: float | None = 0.48) -> None:
    """Add ``--hop``."""
    text = "time from the start of one window, of 0.975 s, to the start of the next"
    add_value(parser, "--hop", "SECONDS", values.seconds, text if default else f"{text} (default: 0.48)", default)


def add_aggregate(parser: Any, default: str) -> None:
    """Add ``--aggregate``."""
    text = "how the scores of the windows are combined into those of the recording"
    add_choice(parser, "--aggregate", ("mean", "max"), text, default)


def reading_of(args: argparse.Namespace) -> ReadOptions:
    """Return the `ReadOptions` that were given; an end before the start is refused with an `InputError`."""
    from yamjit.reading import ReadOptions

    if args.end is not None and args.end <= args.start:
        raise InputError(f"--end is {args.end:g} s, which is not after --start, {args.start:g} s")
    return ReadOptions(
        hop_s=args.hop,
        overlap=args.overlap,
        channel=args.channel,
        start_s=args.start,
        end_s=args.end,
        non_finite=args.non_finite,
        pad_end=args.pad_end,
        recorded_at=args.recorded_at,
        time_zone=args.time_zone,
    )


def add_output(parser: argparse.ArgumentParser, formats: tuple[str, ...], default: str, *, stdout: bool = True) -> None:
    """Add where results go, and in which format."""
    group = parser.add_argument_group("results")
    text = f"format of the results (default: by the suffix of the file, else {default})"
    add_choice(group, "--format", formats, text)
    parser.set_defaults(formats=formats)
    text = (
        "a file for all results, whose suffix says the format; or a folder, which gets a file for each recording, "
        "NAME.yamjit.SUFFIX, in the same tree"
    )
    text += " (default: standard output)" if stdout else ""
    add_value(group, "-o --output", "FILE|FOLDER", Writes(folder=True, remote=True), text)


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add how a run over many recordings goes."""
    group = parser.add_argument_group("run")
    add_engine(group)
    again = group.add_mutually_exclusive_group()
    text = (
        "with a folder: continue an earlier run with the same settings, model and inputs; "
        "recordings that failed or have changed since are done again"
    )
    add_flag(again, "--resume", text)
    add_flag(again, "--overwrite", "with a folder: remove the results of an earlier run")
    add_quiet(group, "no progress, no warnings; errors are still printed")


def add_quiet(parser: Any, text: str) -> None:
    """Add ``--quiet``."""
    add_flag(parser, "-q --quiet", text)
