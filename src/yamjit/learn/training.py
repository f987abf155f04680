"""From labelled recordings to a head: embed, train, judge on clips that were held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.head_names import choose_heads
from yamjit.learn.dataset import Dataset, divide
from yamjit.learn.evaluation import AGGREGATES, Evaluation, clip_scores, joined
from yamjit.learn.features import DEFAULT_HOP_S, Features, Skipped
from yamjit.learn.fitting import CurvePoint, FitOptions, FittedHead, fit_head
from yamjit.learn.heads import Head, sigmoid, softmax
from yamjit.reading import ReadOptions

__all__ = ["TrainOptions", "cross_validate", "cross_validate_all", "evaluate_head", "evaluate_model", "train_head"]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a head is trained on clips.

    Parameters
    ----------
    fit : FitOptions
    class_weights : "balanced", mapping of str to float, or None
        How much a clip of a class counts.
    validation : float in [0, 0.5]
        Share of the clips that training is stopped by, see `FitOptions.patience`; 0 trains on all of them, until the
        loss does not fall any more.
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


def train_head(
    features: Features,
    options: TrainOptions | None = None,
    *,
    progress: Callable[[CurvePoint], None] | None = None,
) -> FittedHead:
    """Train a head on the windows of clips; of those that have a split, on "train" alone.

    Parameters
    ----------
    features : Features
    options : TrainOptions, optional
    progress : callable, optional
        Is told of every point of the learning curve.

    Returns
    -------
    FittedHead

    Raises
    ------
    InputError
        If a class has no clips, or there is but one kind of them.
    """
    dataset = checks.instance(features, "features", Features).dataset
    dataset.check_learnable()
    return _train(features.select(dataset.teaching()), _checked(options), progress)


def _checked(options: TrainOptions | None) -> TrainOptions:
    checks.instance(options, "options", TrainOptions, type(None))
    return TrainOptions() if options is None else options


def _train(
    features: Features, options: TrainOptions, progress: Callable[[CurvePoint], None] | None = None
) -> FittedHead:
    """Train a head; of a class that a fold leaves no clips of, on none."""
    labels = features.dataset.classes
    training, held_out = _held_out(features, options)
    return fit_head(
        labels,
        training.samples(options.class_weights),
        options.fit,
        validation=None if held_out is None else held_out.samples(options.class_weights),
        progress=progress,
    )


def _held_out(features: Features, options: TrainOptions) -> tuple[Features, Features | None]:
    """Return what to train on, and what to stop by."""
    if not options.validation:
        return features, None
    parts = divide(features.dataset.clips, max(2, round(1 / options.validation)), options.fit.seed)
    held = [index for index, part in enumerate(parts) if part == 0]
    rest = [index for index, part in enumerate(parts) if part != 0]
    return features.select(rest), features.select(held)


def evaluate_head(head: Head, features: Features, *, aggregate: str = "logit") -> Evaluation:
    """Score clips with a head in floating point.

    Parameters
    ----------
    head : Head
    features : Features
    aggregate : {"logit", "mean", "max"}
        How windows become a clip, see `clip_scores`.
    """
    checks.choice(aggregate, "aggregate", AGGREGATES)
    checks.instance(head, "head", Head)
    checks.instance(features, "features", Features)
    values = head.logits(features.embeddings) if aggregate == "logit" else head.scores(features.embeddings)
    dataset = features.dataset
    return Evaluation(
        head.labels,
        tuple(map(str, dataset.clips)),
        dataset.targets().astype(bool),
        clip_scores(values, features.clips, len(dataset), aggregate, sigmoid if head.kind == "sigmoid" else softmax),
    )


def cross_validate(
    features: Features,
    options: TrainOptions | None = None,
    *,
    folds: int | None = None,
    aggregate: str = "logit",
    augment: Callable[[Features], Features] | None = None,
) -> Evaluation:
    """Train on all folds but one and judge on that, for each of them; or as the data are split, see `Dataset.folds`.

    Parameters
    ----------
    features : Features
    options : TrainOptions, optional
    folds : int, optional
        By default the division that came with the data, else 5 or as many as there are groups.
    aggregate : {"logit", "mean", "max"}
    augment : callable, optional
        Is given the features of the training clips, and returns more.

    Returns
    -------
    Evaluation
        Of every clip that is held out, by a head that has not learned from it or its group.

    Raises
    ------
    InputError
        If nothing can be learned, or nothing can be held out.
    """
    checks.choice(aggregate, "aggregate", AGGREGATES)
    return cross_validate_all(features, options, folds=folds, augment=augment, aggregates=(aggregate,))[aggregate]


def cross_validate_all(
    features: Features,
    options: TrainOptions | None = None,
    *,
    folds: int | None = None,
    augment: Callable[[Features], Features] | None = None,
    aggregates: Sequence[str] = AGGREGATES,
) -> dict[str, Evaluation]:
    """Train as `cross_validate` does, and judge by each of several ways from windows to clips."""
    checks.instance(features, "features", Features).dataset.check_learnable()
    options = _checked(options)
    ways = [checks.choice(one, "aggregates", AGGREGATES) for one in checks.elements(aggregates, "aggregates", "ways")]
    parts: dict[str, list[Evaluation]] = {aggregate: [] for aggregate in ways}
    names = []
    for name, training, test in features.dataset.folds(folds, seed=options.fit.seed):
        learned = features.select(training)
        head = _train(augment(learned) if augment else learned, options).head
        held_out = features.select(test)
        for aggregate in parts:
            parts[aggregate].append(evaluate_head(head, held_out, aggregate=aggregate))
        names.append(name)
    if not names:
        raise InputError("all clips are of the split 'train', and none is held out; a number of folds divides them")
    return {aggregate: joined(found, names) for aggregate, found in parts.items()}


def evaluate_model(
    model: Classifier,
    dataset: Dataset,
    *,
    head: int | str = -1,
    aggregate: Literal["mean", "max"] = "mean",
    hop_s: float = DEFAULT_HOP_S,
) -> tuple[Evaluation, tuple[Skipped, ...]]:
    """Score recordings with a model as `Classifier.classify` does.

    Parameters
    ----------
    model : Classifier
    dataset : Dataset
    head : int or str
        Which of the model's outputs, by index or name; the last one by default.
    aggregate : {"mean", "max"}
    hop_s : float > 0
        From one window to the next, in seconds.

    Returns
    -------
    evaluation : Evaluation
    skipped : tuple of Skipped
        The clips that could not be read, or only in part; the latter are judged as well.

    Raises
    ------
    InputError
        If the output does not have all of the dataset's classes.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(dataset, "dataset", Dataset)
    checks.choice(aggregate, "aggregate", ("mean", "max"))
    (info,) = choose_heads(model.heads, head)
    missing = [name for name in dataset.classes if name not in info.labels]
    if missing:
        raise InputError(f"the model's output {info.name!r} has no class {', '.join(map(repr, missing))}")
    rows, kept, skipped = [], [], []
    for clip in dataset.clips:
        try:
            reading = ReadOptions(hop_s=hop_s, start_s=clip.start_s, end_s=clip.end_s)
            result = model.classify(clip.path, reading=reading, keep=(), aggregate=aggregate)
        except (AudioError, InputError, LimitError) as error:  # also a stretch beyond the end
            skipped.append(Skipped(clip, str(error)))
            continue
        rows.append(choose_heads(result.heads, info.index)[0].clip_scores)
        kept.append(clip)
        if result.lost:
            skipped.append(Skipped(clip, str(result.damage), in_part=True))
    if not kept:
        raise InputError(f"none of {len(skipped)} clips can be read, the first is {skipped[0]}")
    judged = replace(dataset, clips=tuple(kept))
    columns = [info.labels.index(name) for name in dataset.classes]
    names = tuple(map(str, kept))
    scores = np.stack(rows)[:, columns].astype(np.float64)
    return Evaluation(dataset.classes, names, judged.targets().astype(bool), scores), tuple(skipped)
