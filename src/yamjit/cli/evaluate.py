"""``yamjit evaluate``: how well a model names labelled recordings."""

from __future__ import annotations

import argparse

from yamjit.cli import arguments, values
from yamjit.cli.classes import add_heads, heads_of, output_of
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.labelled import (
    add_data,
    add_trained,
    dataset_of,
    listening,
    tell_of_clips,
    tell_of_training,
    untrained,
)
from yamjit.cli.options import add_flag, add_value
from yamjit.cli.reports import add_report, check_report, draw, report

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "measure how well a model names labelled recordings"
DESCRIPTION = (
    "Name labelled recordings as yamjit classify does, and report how often that is right: accuracy, confusion, "
    "precision and recall, average precision, d-prime, lwlrap, calibration error, best thresholds."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    add_trained(parser)
    arguments.add_hop(parser)
    arguments.add_aggregate(parser, "mean")
    text = "hear sounds that are shorter than a window at a random place in it, as a stream has them"
    add_flag(parser, "--anywhere", text)
    add_value(parser, "--seed", "N", values.whole(0, 2**64 - 1), "seed of the places of --anywhere", 0)
    add_heads(parser, "the last one")
    arguments.add_model(parser)
    add_report(parser, "how often each class is taken for each")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.learn import evaluate_model
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions

    check_report(args)
    dataset = dataset_of(args)
    options = ClassifierOptions(head=output_of(args))
    how = {"backend": args.backend, "threads": args.threads, "roles": args.roles}
    model = load(args.model, options=options, heads=heads_of(args), **how)
    dataset = untrained(args, model, dataset)
    with listening(args, dataset, "nothing is written") as progress:
        how_heard = {"aggregate": args.aggregate, "hop_s": args.hop, "anywhere": args.seed if args.anywhere else None}
        found, skipped = evaluate_model(model, dataset, progress=progress, **how_heard)
    tell_of_clips(skipped)
    tell_of_training(args, found)
    if args.plot:
        from yamjit.plots import draw_confusion

        draw(args.plot, draw_confusion(found, dark=args.dark))
    report(args, found.as_dict() | {"skipped": [[str(s.clip), s.reason] for s in skipped]}, found.text())
    return EXIT_SOME_FAILED if skipped or dataset.passed_over else EXIT_OK
