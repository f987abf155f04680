"""``yamjit train``: a model that names sounds, learned from labelled recordings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple

from yamjit.cli import arguments, values
from yamjit.cli.baking import APPLIED_BY_SOME, add_bake, baked, tell_of_kept
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.labelled import add_data, add_folds, cache_of, candidates_of, dataset_of, embedded, folds_of
from yamjit.cli.model_card import WEIGHTS, add_card, card_of
from yamjit.cli.options import add_choice, add_flag, add_value
from yamjit.cli.outputs import Writes
from yamjit.cli.reports import NOTHING_HELD_OUT, add_report, check_report, draw, report, write
from yamjit.cli.streams import tell
from yamjit.errors import InputError
from yamjit.text import plural

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.learn import Dataset, Evaluation, Features, TrainOptions
    from yamjit.learn.choosing import Chooser

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "learn from labelled recordings, and write a .tflite"
DESCRIPTION = (
    "Learn to name sounds from labelled recordings: a head on YAMNet's embedding, or on an inner layer, is judged by "
    "recordings that are held out in turn, then trained on all of them, and written with the network as one .tflite."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    add_value(parser, "-o --output", "FILE", Writes("a model", ".tflite"), "write the new model", required=True)
    text = "write the head in floating point as well, an .npz"
    add_value(parser, "--head", "FILE", Writes("a head", ".npz"), text)
    arguments.add_hop(parser)
    add_flag(parser, "--no-cache", "compute all embeddings again, and keep none")
    arguments.add_model(parser)
    _add_training(parser)
    add_card(parser)
    text = (
        "weights of the new model: int8 throughout, the smallest and fastest; mixed, int8 with a head in float32, "
        "which gives that head's scores; float32 throughout; or dynamic, int8 weights with float32 activations"
    )
    add_choice(parser, "--weights", WEIGHTS, text, "int8")
    add_flag(parser, "--no-digests", "keep no digests of the recordings in the model, by which evaluate knows them")
    add_report(parser, "how often each class is taken for each, of the recordings that were held out")


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    text = (
        "sigmoid if classes are independent, softmax if each recording has one class; a model of int8 weights has "
        "sigmoids in both cases"
    )
    add_choice(group, "--kind", ("sigmoid", "softmax"), text, "sigmoid")
    add_value(group, "--hidden", "N", values.whole(0, 4096), "number of units of a hidden layer, 0 for none", 0)
    text = "strength of the penalty on large weights (default: chosen with the features, 0.003 where these are given)"
    add_value(group, "--weight-decay", "X", values.number, text)
    add_value(group, "--iterations", "N", values.whole(1, 10**6), "largest number of iterations", 300)
    text = "share of the recordings that say when to stop early, 0 for none"
    add_value(group, "--validation", "SHARE", values.real(0, 0.5, "share"), text, 0.0)
    add_flag(group, "--balanced", "give all classes the same weight, however many clips they have")
    text = (
        "number of changed copies of each recording to learn from as well (default: 6 of those whose sound is shorter "
        "than a window, elsewhere in it, none of others)"
    )
    add_value(group, "--copies", "N", values.whole(0, 1000), text)
    text = (
        "features to learn from, as yamjit embed computes them: embedding, or those of an inner layer, such as "
        "layer6_mean (default: those that name recordings best which are held out, the embedding if it is as good)"
    )
    add_value(group, "--features", "NAME", str, text)
    add_flag(group, "--anywhere", "judge by short sounds at a random place in a window as well, as a stream has them")
    text = "standard deviation of noise that is added to the embeddings"
    add_value(group, "--embedding-noise", "X", values.real(0, 1e6), text, 0.0)
    add_value(group, "--seed", "N", values.whole(0, 2**64 - 1), "seed of everything that is drawn at random", 0)
    add_folds(group, "a head that has learned from the others")
    text = "calibrate the scores by the recordings that were held out, by the highest window of each"
    add_flag(group, "--calibrate", text)
    add_bake(group)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    from yamjit.learn import anywhere, export_model, train_head
    from yamjit.learn.training import evaluate_folds, train_folds
    from yamjit.loading import load

    check_report(args)
    options = _options(args)
    if args.bake and not args.calibrate:
        raise InputError("--bake writes a calibration into the network: give --calibrate as well")
    if args.bake and args.weights != "int8":
        raise InputError(f"--bake writes a calibration into integers, not into --weights {args.weights}")
    dataset = dataset_of(args)
    dataset.check_learnable()
    if args.calibrate and dataset.has_split and args.folds is None:
        raise InputError(
            "--calibrate would learn from validation and test; use --folds N, which divides the clips of 'train'"
        )
    model = load(args.model, backend=args.backend, threads=args.threads, roles=args.roles)
    first, folds, heard, candidates, chooser = _heard(args, model, dataset, options)
    choice = chooser.choice()
    heads = [] if folds == 0 else train_folds(candidates, options, folds=folds, chooser=chooser, threads=model.threads)
    judged = evaluate_folds(heads, candidates) if heads else {}
    calibration, document, text = _calibrate(args, judged)
    _draw(args, judged)
    taught = candidates[choice.name].select(first.dataset.teaching())
    fitted = train_head(taught, options.with_decay(choice.weight_decay))
    card = card_of(args, calibration=calibration, digests=not args.no_digests)
    data = export_model(model, fitted.head, taught, card, weights=args.weights)
    tell_of_kept(args, fitted.head.labels, calibration)
    notes = APPLIED_BY_SOME if args.calibrate else ""
    if args.bake:
        data, notes = baked(args, data, taught.dataset)
    write(args.output, data)
    if args.head:
        write(args.head, fitted.head.to_bytes())
    if args.anywhere:
        moved = evaluate_folds(heads, anywhere(model, heard, seed=args.seed, hop_s=args.hop))
        document["anywhere"] = {name: found.accuracy for name, found in moved.items()}
        text += f"accuracy with short sounds anywhere in a window: {_shares(moved)}\n"
    document |= {
        "features": choice.as_dict() | {"folds": {one.fold: one.head.features for one in heads}},
        "model": args.output,
        "skipped": [[str(item.clip), item.reason] for item in first.skipped],
        "passed_over": list(dataset.passed_over),
        "learning_curve": [[p.iteration, p.training_loss] for p in fitted.curve],
    }
    text += choice.text()
    text += f"{args.output}: {plural(len(fitted.head.labels), 'class')}, {plural(len(taught.dataset), 'clip')}\n"
    report(args, document, text + notes)
    return EXIT_SOME_FAILED if first.skipped or dataset.passed_over else EXIT_OK


def _options(args: argparse.Namespace) -> TrainOptions:
    from yamjit.learn import FitOptions, TrainOptions

    names = ("kind", "hidden", "weight_decay", "iterations", "embedding_noise", "seed")
    fit = FitOptions(**{name: getattr(args, name) for name in names})
    return TrainOptions(fit, "balanced" if args.balanced else None, args.validation)


class _Heard(NamedTuple):
    """Recordings that could be read, in how many parts, their windows, these with those of copies, and what chooses."""

    first: Features
    folds: int | None
    heard: dict[str, Features]
    candidates: dict[str, Features]
    chooser: Chooser


def _heard(args: argparse.Namespace, model: Classifier, dataset: Dataset, options: TrainOptions) -> _Heard:
    """Return the windows to learn from: of many, only the features that are chosen."""
    from yamjit.learn import candidate_features, with_copies
    from yamjit.learn.choosing import parts_of
    from yamjit.learn.many_windows import chooser_by_means, has_many_windows
    from yamjit.learn.short_sounds import DEFAULT_COPIES
    from yamjit.learn.training import chooser_of

    short, longer = (DEFAULT_COPIES, 0) if args.copies is None else (args.copies, args.copies)
    names = candidate_features(model) if args.features is None else (args.features,)
    many = len(names) > 1 and has_many_windows(dataset, args.hop, short, longer)
    heard = candidates_of(args, model, dataset, names[:1] if many else names)
    first = next(iter(heard.values()))
    folds = folds_of(args, first.dataset)
    if args.anywhere and folds == 0:
        raise InputError(f"--anywhere {NOTHING_HELD_OUT}")
    if many:
        how = {"folds": folds or None, "hop_s": args.hop, "cache": cache_of(args)}
        chooser = chooser_by_means(model, first, names, options, **how)
        chosen = [name for name in names if name in chooser.chosen()]
        heard = heard if chosen == [first.name] else embedded(args, model, first.dataset, chosen)
    candidates = with_copies(model, heard, short, longer=longer, seed=args.seed, hop_s=args.hop)
    if not many:
        chooser = chooser_of(candidates, options, parts_of(first.dataset, folds or None, args.seed))
    return _Heard(first, folds, heard, candidates, chooser)


def _draw(args: argparse.Namespace, judged: dict[str, Evaluation]) -> None:
    if not args.plot:
        return
    from yamjit.plots import draw_confusion

    if not judged:
        raise InputError(f"--plot {NOTHING_HELD_OUT}")
    draw(args.plot, draw_confusion(judged["logit"], dark=args.dark))


def _calibrate(args: argparse.Namespace, judged: dict[str, Evaluation]) -> tuple[Any, dict[str, Any], str]:
    """Return the calibration if it was asked for, and the figures as a document and as text."""
    from yamjit.learn import cross_calibrate, fit_sigmoids

    if not judged:
        if args.calibrate:
            raise InputError(f"--calibrate {NOTHING_HELD_OUT}")
        return None, {}, ""
    document: dict[str, Any] = {"aggregates": {name: found.accuracy for name, found in judged.items()}}
    document |= judged["logit"].as_dict()
    text = f"{judged['logit'].text()}\naccuracy by how windows are combined: {_shares(judged)}\n"
    if not args.calibrate:
        return None, document, text
    held_out = judged["max"]
    judgement = cross_calibrate(held_out.scores, held_out.targets, held_out.folds)
    if not args.quiet:
        tell(*(f"warning: {line}" for line in judgement.warnings))
    text += f"calibration error of the highest windows: {judgement.before:.4f}, calibrated {judgement.after:.4f}\n"
    return fit_sigmoids(held_out.scores, held_out.targets), document | judgement.as_dict(), text


def _shares(judged: dict[str, Evaluation]) -> str:
    return ", ".join(f"{name} {found.accuracy:.2%}" for name, found in judged.items())
