"""Evaluation of a model as it is, with labelled recordings that it hears as any others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.class_names import refuse_missing
from yamjit.classifier import Classifier
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.head_names import choose_heads
from yamjit.keywords import explained
from yamjit.learn.dataset import Clip, Dataset
from yamjit.learn.evaluation import Evaluation
from yamjit.learn.features import Skipped, counted, readable
from yamjit.learn.leakage import clips_trained_on
from yamjit.learn.short_sounds import placed
from yamjit.reading import DEFAULT_HOP_S

__all__ = ["evaluate_model"]

Float64 = npt.NDArray[np.float64]


@explained
def evaluate_model(
    model: Classifier,
    dataset: Dataset,
    *,
    head: int | str = -1,
    aggregate: Literal["mean", "max"] = "mean",
    hop_s: float = DEFAULT_HOP_S,
    anywhere: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Evaluation, tuple[Skipped, ...]]:
    """Score recordings with a model as `Classifier.classify` does.

    Parameters
    ----------
    model : Classifier
    dataset : Dataset
    head : int or str
        Output of the model, by index or name; the last one by default.
    aggregate : {"mean", "max"}
        How the scores of windows become the score of their clip.
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds.
    anywhere : int in [0, 2**64), optional
        Seed of the places in a window at which sounds are heard that are shorter than one, as they are met in a stream,
        see `yamjit.learn.anywhere`. By default every recording is heard from its start.
    progress : callable, optional
        Callback with the number of clips that are done, and of all clips.

    Returns
    -------
    evaluation : Evaluation
        With a warning if the model has learned from the clips, see `clips_trained_on`.
    skipped : tuple of Skipped
        Clips that could not be read, or only in part; the latter are evaluated as well.

    Raises
    ------
    InputError
        If the output lacks a class of the dataset, or no clip can be read.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(dataset, "dataset", Dataset)
    checks.choice(aggregate, "aggregate", ("mean", "max"))
    (info,) = choose_heads(model.heads, head)
    missing = [name for name in dataset.classes if name not in info.labels]
    if missing:
        refuse_missing(missing, info)

    checks.instance(anywhere, "anywhere", int, type(None))
    if anywhere is not None:
        checks.whole(anywhere, "anywhere", 0, 2**64 - 1)

    def scored(numbered: tuple[int, Clip]) -> tuple[Float64 | None, str | None]:
        place, clip = numbered
        try:
            moved = None if anywhere is None else placed(model, clip, place, anywhere)
            if moved is not None:
                result = model.classify(moved, model.sample_rate, windows=False)
                return choose_heads(result.heads, info.index)[0].clip_scores, None
            result = model.classify(clip.path, reading=clip.reading(hop_s), windows=False, aggregate=aggregate)
        except (AudioError, InputError, LimitError) as error:  # also a clip beyond the end
            return None, str(error)
        return choose_heads(result.heads, info.index)[0].clip_scores, str(result.damage) if result.lost else None

    judged, rows, skipped = readable(dataset, counted(map(scored, enumerate(dataset.clips)), len(dataset), progress))
    columns = [info.labels.index(name) for name in dataset.classes]
    scores = np.stack(rows)[:, columns].astype(np.float64)
    names = tuple(map(str, judged.clips))
    seen = tuple(map(str, clips_trained_on(model, judged)))
    return Evaluation(dataset.classes, names, judged.targets().astype(bool), scores, trained_on=seen), skipped
