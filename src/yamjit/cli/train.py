"""``yamjit train``: labelled recordings in, a model that names them out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from yamjit.cli import arguments, learning
from yamjit.cli.exits import EXIT_OK, EXIT_SOME_FAILED
from yamjit.cli.outputs import writes

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.learn import Evaluation, Features, TrainOptions

__all__ = ["add_parser"]


def add_parser(verbs: Any) -> None:
    """Add the verb to the command line."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        "train",
        help="learn from labelled recordings, and write a .tflite",
        description="Learn to name sounds from labelled recordings: a head on YAMNet's embedding, judged by recordings "
        "that are held out in turn, trained on all of them, and written with the network as one int8 .tflite.",
    )
    learning.add_data(parser)
    parser.add_argument(
        "-o", "--output", type=writes, required=True, metavar="FILE", help="the model to be written, a .tflite"
    )
    parser.add_argument("--head", type=writes, metavar="FILE", help="write the head in floating point as well, an .npz")
    arguments.add_model(parser)
    arguments.add_backend(parser)
    arguments.add_threads(parser)
    learning.add_embedding(parser)
    _add_training(parser)
    learning.add_card(parser)
    learning.add_pictures(parser, "what is taken for what, of the recordings that were held out")
    learning.add_report(parser)
    parser.set_defaults(run=_run)


def _add_training(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument(
        "--kind",
        choices=("sigmoid", "softmax"),
        default="sigmoid",
        help="whether classes are independent, or share one; a model has sigmoids in any case (default: sigmoid)",
    )
    group.add_argument(
        "--hidden",
        type=arguments.whole(0, 4096),
        default=0,
        metavar="N",
        help="units of a hidden layer (default: none)",
    )
    group.add_argument("--weight-decay", type=arguments.number, default=0.003, metavar="X", help="default: %(default)s")
    group.add_argument(
        "--iterations", type=arguments.whole(1, 10**6), default=300, metavar="N", help="at most (default: %(default)s)"
    )
    group.add_argument(
        "--validation",
        type=arguments.real(0, 0.5, "share"),
        default=0.0,
        metavar="SHARE",
        help="of the recordings, to stop early by (default: none)",
    )
    group.add_argument(
        "--balanced", action="store_true", help="let classes count the same, however many clips they have"
    )
    group.add_argument(
        "--copies",
        type=arguments.whole(0, 1000),
        default=0,
        metavar="N",
        help="changed copies of each recording (default: none)",
    )
    group.add_argument(
        "--embedding-noise", type=arguments.real(0, 1e6), default=0.0, metavar="X", help="on embeddings (default: none)"
    )
    group.add_argument(
        "--seed",
        type=arguments.whole(0, 2**64 - 1),
        default=0,
        metavar="N",
        help="of all that is drawn (default: %(default)s)",
    )
    learning.add_folds(group, "of which each is judged by a head that has learned from the others")  # type: ignore[arg-type]
    group.add_argument(
        "--calibrate",
        action="store_true",
        help="calibrate the scores by the recordings that were held out: the highest window of each",
    )


def _run(args: argparse.Namespace) -> int:
    from yamjit.errors import InputError
    from yamjit.learn import augmented, export_model, train_head
    from yamjit.loading import load

    options = _options(args)
    dataset = learning.dataset_of(args)
    learning.keep_clips(args, dataset)
    dataset.check_learnable()
    if args.calibrate and dataset.has_split and args.folds is None:
        raise InputError("--calibrate would learn from validation and test; --folds N divides the clips of 'train'")
    model = load(args.model, backend=args.backend, threads=args.threads)
    features = learning.features_of(args, model, dataset)
    judged = _judge(args, model, features, options)
    calibration, document, text = _calibrate(args, judged)
    _draw(args, judged)
    taught = features.select(features.dataset.teaching())
    learned = augmented(model, taught, _augmentation(args), hop_s=args.hop) if args.copies else taught
    fitted = train_head(learned, options)
    card = learning.card_of(args, calibration=calibration)
    learning.write(args.output, export_model(model.graph, fitted.head, taught.embeddings, card))
    if args.head:
        learning.write(args.head, fitted.head.to_bytes())
    document |= {
        "model": args.output,
        "skipped": [[str(item.clip), item.reason] for item in features.skipped],
        "passed_over": list(dataset.passed_over),
        "learning_curve": [[p.iteration, p.training_loss] for p in fitted.curve],
    }
    learning.deliver(
        args, document, f"{text}{args.output}: {len(fitted.head.labels)} classes, {len(taught.dataset)} clips\n"
    )
    return EXIT_SOME_FAILED if features.skipped or dataset.passed_over else EXIT_OK


def _options(args: argparse.Namespace) -> TrainOptions:
    from yamjit.learn import FitOptions, TrainOptions

    fit = FitOptions(
        kind=args.kind,
        hidden=args.hidden,
        weight_decay=args.weight_decay,
        iterations=args.iterations,
        embedding_noise=args.embedding_noise,
        seed=args.seed,
    )
    return TrainOptions(fit, "balanced" if args.balanced else None, args.validation)


def _augmentation(args: argparse.Namespace) -> Any:
    from yamjit.learn import Augmentation

    return Augmentation(copies=args.copies, seed=args.seed)


def _judge(
    args: argparse.Namespace, model: Classifier, features: Features, options: TrainOptions
) -> dict[str, Evaluation]:
    """Return how well recordings that were held out are named, for each way of going from windows to them."""
    from yamjit.learn.evaluation import AGGREGATES
    from yamjit.learn.training import cross_validate_all

    folds = learning.folds_of(args, features.dataset)
    if folds == 0:
        return {}
    from yamjit.learn import augmented

    def more(training: Features) -> Features:
        return augmented(model, training, _augmentation(args), hop_s=args.hop) if args.copies else training

    return cross_validate_all(features, options, folds=folds, augment=more, aggregates=AGGREGATES)


def _draw(args: argparse.Namespace, judged: dict[str, Evaluation]) -> None:
    if not args.plot:
        return
    from yamjit.errors import InputError
    from yamjit.plots import draw_confusion

    if not judged:
        raise InputError("--plot needs recordings that were held out: --folds 0 leaves none, one recording neither")
    learning.draw(args.plot, draw_confusion(judged["logit"]))


def _calibrate(args: argparse.Namespace, judged: dict[str, Evaluation]) -> tuple[Any, dict[str, Any], str]:
    """Return the calibration that was asked for, and the figures as a document and as text."""
    from yamjit.errors import InputError
    from yamjit.learn import cross_calibrate, fit_sigmoids

    if not judged:
        if args.calibrate:
            raise InputError(
                "--calibrate needs recordings that were held out: --folds 0 leaves none, one recording neither"
            )
        return None, {}, ""
    document: dict[str, Any] = {"aggregates": {name: found.accuracy for name, found in judged.items()}}
    document |= judged["logit"].as_dict()
    shares = ", ".join(f"{name} {found.accuracy:.2%}" for name, found in judged.items())
    text = f"{judged['logit'].text()}\naccuracy by what makes a clip of its windows: {shares}\n"
    if not args.calibrate:
        return None, document, text
    held_out = judged["max"]
    report = cross_calibrate(held_out.scores, held_out.targets, held_out.folds)
    learning.tell(f"warning: {line}" for line in report.warnings)
    text += f"calibration error of the highest windows: {report.before:.4f}, calibrated {report.after:.4f}\n"
    return fit_sigmoids(held_out.scores, held_out.targets), document | report.as_dict(), text
