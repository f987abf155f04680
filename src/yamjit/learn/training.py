"""From the windows of labelled clips to a head: training, and evaluation on clips that are held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.choosing import WEIGHT_DECAYS, Chooser, Part, parts_of
from yamjit.learn.dataset import divide
from yamjit.learn.evaluation import AGGREGATES, Evaluation, clip_scores, joined
from yamjit.learn.features import Features, same_clips
from yamjit.learn.fitting import CurvePoint, FitOptions, FittedHead, fit_head
from yamjit.reprs import brief_repr
from yamjit.trained.heads import Head, sigmoid, softmax
from yamjit.workers import in_order

__all__ = [
    "FoldHead",
    "TrainOptions",
    "chooser_of",
    "cross_validate",
    "cross_validate_all",
    "evaluate_folds",
    "evaluate_head",
    "train_folds",
    "train_head",
]

Float64 = npt.NDArray[np.float64]

#: Bytes of features up to which several folds are trained at a time: each takes three copies of its part.
_MOST_AT_A_TIME = 2**26


@brief_repr
@explained
@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Options for training a head on clips.

    Parameters
    ----------
    fit : FitOptions
        Options of the head and of its optimizer.
    class_weights : "balanced", mapping of str to float, or None
        Weight of a clip of each class, see `Features.samples`.
    validation : float in [0, 0.5]
        Share of the clips that are held out to stop training early, see `FitOptions.patience`; with 0, training uses
        all clips and ends when the loss no longer falls.
    """

    fit: FitOptions = field(default_factory=FitOptions)
    class_weights: str | dict[str, float] | None = None
    validation: float = 0.0

    def __post_init__(self) -> None:
        checks.instance(self.fit, "fit", FitOptions)
        if isinstance(self.class_weights, str):
            checks.choice(self.class_weights, "class_weights", ("balanced",))
        checks.instance(self.class_weights, "class_weights", str, Mapping, type(None))
        checks.number(self.validation, "validation", 0, 0.5, kind="shares of the clips")

    def with_decay(self, weight_decay: float) -> TrainOptions:
        """Return the same options with a weight decay, such as that of a `Choice`."""
        return replace(self, fit=replace(self.fit, weight_decay=weight_decay))


@explained
def train_head(
    features: Features,
    options: TrainOptions | None = None,
    *,
    progress: Callable[[CurvePoint], None] | None = None,
) -> FittedHead:
    """Train a head on the windows of clips; if they have a split, on those of "train" only.

    Parameters
    ----------
    features : Features
    options : TrainOptions, optional
    progress : callable, optional
        Callback with every point of the learning curve.

    Returns
    -------
    FittedHead

    Raises
    ------
    InputError
        If a class has no clips, or all clips are of one kind.
    """
    dataset = checks.instance(features, "features", Features).dataset
    dataset.check_learnable()
    return _train(features.select(dataset.teaching()), _checked(options), progress)


def chooser_of(candidates: Mapping[str, Features], options: TrainOptions | None, parts: Sequence[Part]) -> Chooser:
    """Return what chooses among candidates, and a weight decay for a linear head unless the options give one."""
    options = _checked(options)
    chosen = options.fit.weight_decay is None and not options.fit.hidden
    return Chooser(candidates, parts, options.class_weights, WEIGHT_DECAYS if chosen else (options.fit.decay,))


def _checked(options: TrainOptions | None) -> TrainOptions:
    checks.instance(options, "options", TrainOptions, type(None))
    return TrainOptions() if options is None else options


def _train(
    features: Features, options: TrainOptions, progress: Callable[[CurvePoint], None] | None = None
) -> FittedHead:
    """Train a head; a class is without clips here if all of them are in the fold that is held out."""
    labels = features.dataset.classes
    training, held_out = _held_out(features, options)
    fitted = fit_head(
        labels,
        training.samples(options.class_weights),
        options.fit,
        validation=None if held_out is None else held_out.samples(options.class_weights),
        progress=progress,
    )
    return fitted._replace(head=replace(fitted.head, features=features.name))


def _held_out(features: Features, options: TrainOptions) -> tuple[Features, Features | None]:
    """Return the clips to train on, and those that stop training early."""
    if not options.validation:
        return features, None
    parts = divide(features.dataset.clips, max(2, round(1 / options.validation)), options.fit.seed)
    held = [index for index, part in enumerate(parts) if part == 0]
    rest = [index for index, part in enumerate(parts) if part != 0]
    return features.select(rest), features.select(held)


@explained
def evaluate_head(head: Head, features: Features, *, aggregate: str = "logit") -> Evaluation:
    """Score clips with a head in floating point.

    Parameters
    ----------
    head : Head
    features : Features
        Windows of the clips; those of copies do not count.
    aggregate : {"logit", "mean", "max"}
        How the scores of windows become the score of their clip, see `clip_scores`.
    """
    checks.choice(aggregate, "aggregate", AGGREGATES)
    checks.instance(head, "head", Head)
    head.check_features(checks.instance(features, "features", Features).name)
    features = features.originals()
    values = head.logits(features.embeddings) if aggregate == "logit" else head.scores(features.embeddings)
    dataset = features.dataset
    return Evaluation(
        head.labels,
        tuple(map(str, dataset.clips)),
        dataset.targets().astype(bool),
        clip_scores(values, features.clips, len(dataset), aggregate, sigmoid if head.kind == "sigmoid" else softmax),
    )


@explained
def cross_validate(
    features: Features | Mapping[str, Features],
    options: TrainOptions | None = None,
    *,
    folds: int | None = None,
    aggregate: str = "logit",
    augment: Callable[[Features], Features] | None = None,
) -> Evaluation:
    """Evaluate a head on each fold in turn, trained on the others; or as the data are split, see `Dataset.folds`.

    Parameters
    ----------
    features : Features or mapping of str to Features
        Windows of clips. Of several features of the same clips, those that each head learns from are chosen without the
        clips of its fold, and so is its weight decay, see `choose_features`.
    options : TrainOptions, optional
    folds : int, optional
        Number of folds; by default the division that came with the data, else 5 or the number of groups if less.
    aggregate : {"logit", "mean", "max"}
        How the scores of windows become the score of their clip.
    augment : callable, optional
        Function that takes the features of the training clips, and returns more of them.

    Returns
    -------
    Evaluation
        Evaluation of every clip that is held out, by a head that has not learned from it or its group.

    Raises
    ------
    InputError
        If nothing can be learned, or nothing can be held out.
    """
    heads = train_folds(features, options, folds=folds, augment=augment)
    return evaluate_folds(heads, features, (aggregate,))[aggregate]


def cross_validate_all(
    features: Features | Mapping[str, Features],
    options: TrainOptions | None = None,
    *,
    folds: int | None = None,
    augment: Callable[[Features], Features] | None = None,
) -> dict[str, Evaluation]:
    """Train as `cross_validate` does; return an evaluation for each way from windows to clips."""
    return evaluate_folds(train_folds(features, options, folds=folds, augment=augment), features)


class FoldHead(NamedTuple):
    """A head that has not learned from a fold, the name of the fold, and the positions of its clips."""

    fold: str
    head: Head
    clips: list[int]


def train_folds(
    features: Features | Mapping[str, Features],
    options: TrainOptions | None = None,
    *,
    folds: int | None = None,
    augment: Callable[[Features], Features] | None = None,
    chooser: Chooser | None = None,
    threads: int = 1,
) -> list[FoldHead]:
    """Train a head for each fold as `cross_validate` does; what is chosen is by `chooser`, or by one of its own.

    Several folds are trained at a time by `threads`, with the same bits, as long as copies of all windows are small.
    """
    candidates = same_clips(features)
    dataset = next(iter(candidates.values())).dataset
    dataset.check_learnable()
    options = _checked(options)
    chooser = chooser or chooser_of(candidates, options, parts_of(dataset, folds, options.fit.seed))

    def lessons() -> Iterator[tuple[str, list[int], Features, TrainOptions]]:
        for name, training, test in dataset.folds(folds, seed=options.fit.seed):
            choice = chooser.choice(without=name)
            learned = candidates[choice.name].select(training)
            yield name, test, augment(learned) if augment else learned, options.with_decay(choice.weight_decay)

    def taught(lesson: tuple[str, list[int], Features, TrainOptions]) -> FoldHead:
        name, test, learned, decided = lesson
        return FoldHead(name, _train(learned, decided).head, test)

    largest = max(one.embeddings.nbytes for one in candidates.values())
    heads = list(in_order(lessons(), taught, threads if largest < _MOST_AT_A_TIME else 1))
    if not heads:
        raise InputError(
            "all clips are in the split 'train' and none is held out; give a number of folds to divide them"
        )
    return heads


def evaluate_folds(
    heads: Sequence[FoldHead], features: Features | Mapping[str, Features], aggregates: Sequence[str] = AGGREGATES
) -> dict[str, Evaluation]:
    """Return evaluations of each fold's clips by its head, as one, for several ways from windows to clips.

    `features` are those that the heads were trained on, or others of the same clips, such as those of `anywhere`.
    """
    candidates = {one.name: one for one in same_clips(features).values()}
    ways = [checks.choice(one, "aggregate", AGGREGATES) for one in checks.elements(aggregates, "aggregates", "ways")]
    held_out = [candidates[head.features].select(clips) for _, head, clips in heads]
    return {
        way: joined(
            [evaluate_head(one.head, found, aggregate=way) for one, found in zip(heads, held_out, strict=True)],
            [one.fold for one in heads],
        )
        for way in ways
    }
