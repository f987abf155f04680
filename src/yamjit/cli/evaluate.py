"""``yamjit evaluate``: how well a model names labelled recordings."""

from __future__ import annotations

import argparse
from typing import Any

from yamjit.cli import arguments, learning
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "evaluate",
        help="tell how well a model names labelled recordings",
        description="Name labelled recordings as yamjit classify does, and tell how often that is right: accuracy, "
        "confusion, precision and recall, average precision, d-prime, lwlrap, calibration error, best thresholds.",
    )
    learning.add_data(parser)
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    parser.add_argument(
        "--hop",
        type=arguments.seconds,
        default=0.48,
        metavar="SECONDS",
        help="from one window to the next (default: 0.48)",
    )
    parser.add_argument(
        "--aggregate", choices=("mean", "max"), default="mean", help="how windows become a recording (default: mean)"
    )
    arguments.add_head(parser, "the last")
    learning.add_pictures(parser, "what is taken for what")
    learning.add_quiet(parser)
    learning.add_report(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.learn import evaluate_model
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions

    dataset = learning.dataset_of(args)
    learning.keep_clips(args, dataset)
    if not args.quiet:
        learning.tell_of_split(dataset)
    options = ClassifierOptions(head=args.head)
    model = load(args.model, backend=args.backend, threads=args.threads, options=options)
    found, skipped = evaluate_model(model, dataset, aggregate=args.aggregate, hop_s=args.hop)
    learning.tell_of_clips(skipped)
    if args.plot:
        from yamjit.plots import draw_confusion

        learning.draw(args.plot, draw_confusion(found))
    learning.deliver(args, found.as_dict() | {"skipped": [[str(s.clip), s.reason] for s in skipped]}, found.text())
    return EXIT_SOME_FAILED if skipped or dataset.passed_over else EXIT_OK
