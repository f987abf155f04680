"""``yamjit classify``: what is heard in recordings."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from yamjit.cli.arguments import add_backend, add_model, add_threads, count, seconds
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.errors import AudioError, LimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yamjit.classification import Classification
    from yamjit.classifier import Classifier
    from yamjit.output import Writer
    from yamjit.results import Row, Summary

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "classify",
        help="print what is heard in recordings",
        description="Print what is heard in recordings: the mean score of each class over all windows.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a recording; - reads standard input")
    parser.add_argument("--top", type=count, default=5, metavar="N", help="classes to print (default: %(default)s)")
    parser.add_argument(
        "--hop",
        type=seconds,
        default=0.48,
        metavar="SECONDS",
        help="time from one window of 0.975 s to the next (default: %(default)s)",
    )
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="of the results (default: %(default)s)"
    )
    add_model(parser)
    add_backend(parser)
    add_threads(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.classifier import load
    from yamjit.output import FORMATS

    model = load(args.model, backend=args.backend, threads=args.threads)
    if not model.verified:
        print(
            f"yamjit: note: the model ({model.source.origin}) is unverified: no published file",
            file=sys.stderr,
        )
    failures: list[str] = []
    with FORMATS[args.format].open(sys.stdout) as writer:
        for file in args.files:
            _classify(model, file, args, writer, failures)
    if len(args.files) > 1 and failures:
        print(
            f"yamjit: {len(failures)} of {len(args.files)} files failed: {', '.join(failures)}",
            file=sys.stderr,
        )
    return EXIT_SOME_FAILED if failures else EXIT_OK


def _classify(model: Classifier, file: str, args: argparse.Namespace, writer: Writer, failures: list[str]) -> None:
    """Write the result of one file, or report why there is none and go on."""
    try:
        result = model.classify(sys.stdin.buffer if file == "-" else file, hop_s=args.hop)
    except (AudioError, LimitError) as error:
        if args.debug:
            raise
        print(f"yamjit: {error}", file=sys.stderr)
        failures.append(file)
        writer.failure(file, str(error))
        return
    if result.damage is not None:
        print(f"yamjit: warning: {result.name}: {result.damage}", file=sys.stderr)
    writer.begin(result.name)
    if args.format != "text":
        writer.rows(_rows(result, args.top))
    writer.end(_summary(result, args.top))


def _rows(result: Classification, top: int) -> Iterator[Row]:
    """Yield the highest classes of each window."""
    from yamjit.results import Row

    for window, start in enumerate(result.times_s.tolist()):
        for label, score, index in result.top(top, window=window):
            yield Row(result.name, start, start + result.window_s, label, score, index)


def _summary(result: Classification, top: int) -> Summary:
    """Return the highest classes of the whole."""
    from yamjit.results import Row, Summary

    return Summary(
        file=result.name,
        duration_s=result.duration_s,
        windows=len(result),
        window_s=result.window_s,
        top=tuple(
            Row(result.name, 0.0, result.duration_s, label, score, index) for label, score, index in result.top(top)
        ),
        damage=result.damage,
    )
