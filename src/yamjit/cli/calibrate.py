"""``yamjit calibrate``: scores of a model that mean what they say, by labelled recordings."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments, learning
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.outputs import writes
from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.heads import HeadInfo
    from yamjit.learn import Dataset

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "calibrate",
        help="calibrate a model's scores by labelled recordings",
        description="Fit a sigmoid to the scores of each class, so that of what scores 0.8 about 80 in 100 are right, "
        "and write the model with it in TFLite's metadata. Use recordings that the model has not learned from.",
    )
    learning.add_data(parser)
    parser.add_argument(
        "-o", "--output", type=writes, metavar="FILE", help="the calibrated model to be written, a .tflite"
    )
    parser.add_argument(
        "--csv", type=writes, metavar="FILE", help="write the calibration alone, for --calibration of other verbs"
    )
    parser.add_argument("--precision", type=arguments.fraction, metavar="P", help="find thresholds for this precision")
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    parser.add_argument(
        "--aggregate",
        choices=("mean", "max"),
        default="max",
        help="how windows become the recording whose score is to hold (default: max, the highest)",
    )
    parser.add_argument(
        "--hop",
        type=arguments.seconds,
        default=0.48,
        metavar="SECONDS",
        help="from one window to the next (default: 0.48)",
    )
    learning.add_folds(parser, "of which each is judged by a fit to the others")
    arguments.add_head(parser, "the last")
    learning.add_pictures(parser, "how often what scores so much is right, before and after")
    learning.add_quiet(parser)
    learning.add_report(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from yamjit.learn import cross_calibrate, evaluate_model, fit_sigmoids, thresholds_for_precision
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions

    options = ClassifierOptions(calibration=None, head=args.head)
    model = load(args.model, backend=args.backend, threads=args.threads, options=options)
    head = model.heads[-1]
    dataset = learning.dataset_of(args)
    learning.keep_clips(args, dataset)
    if not args.quiet:
        learning.tell_of_split(dataset)
    found, skipped = evaluate_model(model, dataset, aggregate=args.aggregate, hop_s=args.hop)
    learning.tell_of_clips(skipped)
    fitted = fit_sigmoids(found.scores, found.targets)
    document: dict[str, Any] = {"clips": len(found.names), "labels": list(found.labels)}
    text = ""
    folds = _folds(args, dataset, found.names)
    if args.plot and not folds:
        raise InputError("--plot needs recordings that were held out: --folds 0 leaves none, one recording neither")
    if folds:
        report = cross_calibrate(found.scores, found.targets, folds)
        document |= report.as_dict()
        if args.plot:
            from yamjit.plots import draw_reliability

            learning.draw(
                args.plot, draw_reliability({"before": found.scores, "calibrated": report.scores}, found.targets)
            )
        if not args.quiet:
            learning.tell(f"warning: {line}" for line in report.warnings)
        text = f"calibration error on recordings held out: {report.before:.4f}, calibrated {report.after:.4f}\n"
    if args.precision:
        limits = thresholds_for_precision(found.labels, fitted.apply(found.scores), found.targets, args.precision)
        document["thresholds"] = {name: None if math.isinf(value) else value for name, value in limits.items()}
        text += "".join(f"{value:.4f}  {name}\n" for name, value in limits.items())
    _write(args, model.source.data, head, found.labels, fitted)
    learning.deliver(args, document, text)
    return EXIT_SOME_FAILED if skipped or dataset.passed_over else EXIT_OK


def _folds(args: argparse.Namespace, dataset: Dataset, names: tuple[str, ...]) -> list[str]:
    """Return the fold of each clip that was read, whatever split it is of; none if nothing is held out."""
    read = set(names)
    clips = tuple(replace(clip, split="") for clip in dataset.clips if str(clip) in read)
    kept = replace(dataset, clips=clips)
    count = learning.folds_of(args, kept)
    if count == 0:
        return []
    by_place = {place: name for name, _, test in kept.folds(count) for place in test}
    return [by_place[place] for place in range(len(kept))]


def _write(args: argparse.Namespace, data: bytes, head: HeadInfo, fitted_labels: tuple[str, ...], fitted: Any) -> None:
    """Write the model and the file that were asked for; classes without recordings keep their scores."""
    import numpy as np

    from yamjit.calibration import Calibration
    from yamjit.learn.describing import set_calibration
    from yamjit.tflite.patching import read_described

    rows = np.array([(1.0, 1.0, 0.0, 0.0)] * len(head.labels))
    rows[[head.labels.index(name) for name in fitted_labels]] = fitted.parameters
    whole = Calibration(rows, fitted.score_transformation)
    if args.csv:
        learning.write(args.csv, whole.to_csv(header=True).encode())
    if args.output:
        learning.write(args.output, set_calibration(read_described(data), whole, output=head.index))
