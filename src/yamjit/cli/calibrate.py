"""``yamjit calibrate``: calibrate the scores of a model with labelled recordings."""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments, values
from yamjit.cli.baking import APPLIED_BY_SOME, add_bake, baked, tell_of_kept
from yamjit.cli.classes import add_head
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.labelled import (
    add_data,
    add_folds,
    add_trained,
    dataset_of,
    folds_of,
    listening,
    tell_of_clips,
    tell_of_training,
    untrained,
)
from yamjit.cli.options import add_value
from yamjit.cli.outputs import Writes
from yamjit.cli.reports import NOTHING_HELD_OUT, add_report, check_report, draw, report, write
from yamjit.cli.streams import tell
from yamjit.errors import InputError

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.learn import Dataset

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "calibrate a model's scores with labelled recordings"
DESCRIPTION = (
    "Fit a sigmoid to the scores of each class, so that a score of 0.8 is right about 80 times in 100, and write the "
    "model with it in TFLite's metadata. Use recordings that the model has not learned from."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    add_value(parser, "-o --output", "FILE", Writes("a model", ".tflite"), "write the calibrated model")
    add_bake(parser)
    text = "write only the calibration, for --calibration of other verbs"
    add_value(parser, "--csv", "FILE", Writes("a calibration", ".csv", ".txt"), text)
    add_value(parser, "--precision", "P", values.fraction, "find the threshold of each class for this precision")
    arguments.add_hop(parser)
    arguments.add_aggregate(parser, "max")
    add_trained(parser)
    add_folds(parser, "a fit to the others")
    add_head(parser, "the last one")
    arguments.add_model(parser)
    add_report(parser, "how often scores are right, before and after calibration")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.learn import cross_calibrate, evaluate_model, fit_sigmoids, thresholds_for_precision
    from yamjit.loading import load
    from yamjit.options import ClassifierOptions

    check_report(args)
    if args.bake and not args.output:
        raise InputError("--bake writes the calibration into a model: give -o FILE as well")
    options = ClassifierOptions(calibration=None, head=args.head)
    given = dataset_of(args)
    model = load(args.model, backend=args.backend, threads=args.threads, options=options, roles=args.roles)
    dataset = untrained(args, model, given)
    with listening(args, dataset, "nothing is written") as progress:
        found, skipped = evaluate_model(model, dataset, aggregate=args.aggregate, hop_s=args.hop, progress=progress)
    tell_of_clips(skipped)
    tell_of_training(args, found)
    fitted = fit_sigmoids(found.scores, found.targets)
    document: dict[str, Any] = {"clips": len(found.names), "labels": list(found.labels)}
    text = ""
    folds = _folds(args, dataset, found.names)
    if args.plot and not folds:
        raise InputError(f"--plot {NOTHING_HELD_OUT}")
    if folds:
        judged = cross_calibrate(found.scores, found.targets, folds)
        document |= judged.as_dict()
        if args.plot:
            from yamjit.plots import draw_reliability

            scores = {"before": found.scores, "calibrated": judged.scores}
            draw(args.plot, draw_reliability(scores, found.targets, dark=args.dark))
        if not args.quiet:
            tell(*(f"warning: {line}" for line in judged.warnings))
        text = f"calibration error on recordings held out: {judged.before:.4f}, calibrated {judged.after:.4f}\n"
    if args.precision:
        limits = thresholds_for_precision(found.labels, fitted.apply(found.scores), found.targets, args.precision)
        document["thresholds"] = {name: None if math.isinf(value) else value for name, value in limits.items()}
        lines = (f"  {'none' if math.isinf(value) else f'{value:.4f}':<6}  {name}\n" for name, value in limits.items())
        text += f"thresholds for a precision of {args.precision:g}\n{''.join(lines)}"
    text += _write(args, model, dataset, found.labels, fitted)
    report(args, document, text)
    return EXIT_SOME_FAILED if skipped or dataset.passed_over else EXIT_OK


def _folds(args: argparse.Namespace, dataset: Dataset, names: tuple[str, ...]) -> list[str]:
    """Return the fold of each clip that was read, of any split; an empty list if nothing is held out."""
    read = set(names)
    clips = tuple(replace(clip, split="") for clip in dataset.clips if str(clip) in read)
    kept = replace(dataset, clips=clips)
    count = folds_of(args, kept)
    if count == 0:
        return []
    by_place = {place: name for name, _, test in kept.folds(count) for place in test}
    return [by_place[place] for place in range(len(kept))]


def _write(
    args: argparse.Namespace, model: Classifier, dataset: Dataset, fitted_labels: tuple[str, ...], fitted: Any
) -> str:
    """Write the model and the file that were asked for; return lines about them.

    Classes without recordings keep their scores.
    """
    import numpy as np

    from yamjit.calibration import Calibration
    from yamjit.learn.describing import set_calibration, set_provenance
    from yamjit.provenance import Provenance
    from yamjit.spec import own_version
    from yamjit.tflite.patching import read_described

    head = model.heads[-1]
    rows = np.array([(1.0, 1.0, 0.0, 0.0)] * len(head.labels))
    rows[[head.labels.index(name) for name in fitted_labels]] = fitted.parameters
    whole = Calibration(rows, fitted.score_transformation)
    tell_of_kept(args, head.labels, whole)
    if args.csv:
        write(args.csv, whole.to_csv(header=True).encode())
    if not args.output:
        return ""
    data, notes = set_calibration(read_described(model.source.data), whole, output=head.index), APPLIED_BY_SOME
    if model.provenance is None:
        record = Provenance(own_version(), model.name, model.source.sha256)
        data = set_provenance(read_described(data), record)
    if args.bake:
        data, notes = baked(args, data, dataset, head.index)
    write(args.output, data)
    return notes
