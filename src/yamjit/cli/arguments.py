"""Arguments that several verbs share: recordings, the model, how recordings are read, where results go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from yamjit.cli import values
from yamjit.cli.outputs import Reads, writes_folder

if TYPE_CHECKING:
    from yamjit.reading import ReadOptions

__all__ = [
    "add_aggregate",
    "add_epilog",
    "add_hop",
    "add_inputs",
    "add_json",
    "add_model",
    "add_output",
    "add_quiet",
    "add_reading",
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


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the recordings to be read."""
    parser.add_argument(
        "files",
        nargs="+",
        type=Reads("a recording"),
        metavar="INPUT",
        help="a recording, a folder of recordings, a pattern, or -",
    )
    add_epilog(parser, _INPUTS)


def add_epilog(parser: argparse.ArgumentParser, text: str) -> None:
    """Add a paragraph below the options."""
    parser.epilog = "\n".join(filter(None, (parser.epilog, text)))


def add_model(parser: argparse.ArgumentParser, *, backend: bool = True, threads: bool = True) -> None:
    """Add ``--model``, and what runs it."""
    group = parser.add_argument_group("model")
    group.add_argument("--model", type=Reads("a model"), metavar="FILE", help=_MODEL)
    if backend:
        group.add_argument(
            "--backend",
            choices=("auto", "numba", "numpy"),
            default="auto",
            help="implementation of the kernels; all give the same scores (default: %(default)s)",
        )
    if threads:
        group.add_argument(
            "--threads",
            type=values.threads,
            default=1,
            metavar="N",
            help="number of threads per recording; scores do not depend on it (default: %(default)s)",
        )


def add_reading(parser: argparse.ArgumentParser, *, aggregate: bool = False) -> None:
    """Add what is read of a recording, and how it is cut into windows."""
    group = add_windows(parser)
    group.add_argument(
        "--start",
        type=values.time,
        default=0.0,
        metavar="TIME",
        help="where reading begins, in seconds or as h:mm:ss (default: at the start)",
    )
    group.add_argument(
        "--end",
        type=values.time,
        metavar="TIME",
        help="where reading ends, in seconds or as h:mm:ss (default: at the end)",
    )
    group.add_argument(
        "--non-finite",
        choices=("refuse", "zero"),
        default="refuse",
        help="what to do with samples that are NaN or infinite: refuse the recording, or read them as 0 "
        "(default: %(default)s)",
    )
    if aggregate:
        add_aggregate(group, "mean")


def add_windows(parser: argparse.ArgumentParser) -> Any:
    """Add which channels are heard, and how they are cut into windows; return the group of arguments."""
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--channel",
        type=values.channel,
        default="mix",
        metavar="WHICH",
        help="mix, the mean of the channels; each, every channel by itself; or the number of one channel, from 0 "
        "(default: mix)",
    )
    cut = group.add_mutually_exclusive_group()
    add_hop(cut)
    cut.add_argument(
        "--overlap",
        type=values.overlap,
        metavar="SHARE",
        help="share of a window that the next one covers again, from 0 to below 1, in place of --hop",
    )
    return group


def add_hop(parser: Any, default: float | None = None) -> None:
    """Add ``--hop``."""
    parser.add_argument(
        "--hop",
        type=values.seconds,
        default=default,
        metavar="SECONDS",
        help="time from the start of one window, of 0.975 s, to the start of the next (default: 0.48)",
    )


def add_aggregate(parser: Any, default: str) -> None:
    """Add ``--aggregate``."""
    parser.add_argument(
        "--aggregate",
        choices=("mean", "max"),
        default=default,
        help="how the scores of the windows are combined into those of the recording (default: %(default)s)",
    )


def reading_of(args: argparse.Namespace) -> ReadOptions:
    """Return the `ReadOptions` that were given.

    Raises
    ------
    InputError
        If reading would end before it begins.
    """
    from yamjit.reading import ReadOptions

    return ReadOptions(
        hop_s=args.hop,
        overlap=args.overlap,
        channel=args.channel,
        start_s=args.start,
        end_s=args.end,
        non_finite=args.non_finite,
    )


def add_output(parser: argparse.ArgumentParser, formats: tuple[str, ...], default: str, stdout: bool = True) -> None:
    """Add where results go, and in which format."""
    group = parser.add_argument_group("results")
    group.add_argument(
        "--format", choices=formats, help=f"format of the results (default: by the suffix of the file, else {default})"
    )
    group.add_argument(
        "-o",
        "--output",
        type=writes_folder,
        metavar="FILE|FOLDER",
        help="a file for all results, whose suffix says the format; or a folder, which gets a file for each recording, "
        f"NAME.yamjit.SUFFIX, in the same tree{' (default: standard output)' if stdout else ''}",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add how a run over many recordings goes."""
    group = parser.add_argument_group("run")
    group.add_argument(
        "--jobs",
        type=values.jobs,
        default=1,
        metavar="N",
        help="number of processes, which work on different recordings; results do not depend on it "
        "(default: %(default)s)",
    )
    again = group.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="with a folder: continue an earlier run with the same settings, model and inputs; "
        "recordings that failed or have changed since are done again",
    )
    again.add_argument("--overwrite", action="store_true", help="with a folder: remove the results of an earlier run")
    add_quiet(group, "no progress, no warnings; errors are still printed")


def add_quiet(parser: Any, text: str) -> None:
    """Add ``--quiet``."""
    parser.add_argument("-q", "--quiet", action="store_true", help=text)


def add_json(parser: Any, text: str) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help=text)
