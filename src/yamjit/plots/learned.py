"""Pictures of what was learned: confusion, reliability, learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.keywords import explained
from yamjit.learn.metrics import calibration_error, reliability
from yamjit.plots.drawing import GREY, INK, as_caption, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from yamjit.learn.evaluation import Evaluation
    from yamjit.learn.fitting import CurvePoint

__all__ = ["draw_confusion", "draw_learning_curve", "draw_reliability"]

#: Most classes whose confusion has numbers in its cells.
_MOST_NUMBERED = 30
#: Most characters of a class's name.
_MOST_LABEL = 40


@explained
def draw_confusion(evaluation: Evaluation) -> Figure:
    """Draw how many clips of each class (rows) are named each class (columns), as shares of the row.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    confusion = evaluation.confusion()
    labels = [as_caption(label, _MOST_LABEL) for label in evaluation.outcomes]
    side = min(14.0, 2.5 + 0.45 * len(labels))
    figure = new_figure(side + 0.6, side)
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("named")
    axes.set_ylabel("is")
    if len(labels) <= _MOST_NUMBERED:
        for row, column in np.argwhere(confusion):
            color = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(confusion[row, column]), ha="center", va="center", color=color, fontsize=9)
    axes.set_title(f"{evaluation.accuracy:.1%} of {len(evaluation.names)} clips named right", loc="left", fontsize=11)
    return figure


@explained
def draw_reliability(scores: Mapping[str, npt.NDArray[np.floating]], truth: npt.NDArray[np.bool_]) -> Figure:
    """Draw the share of true clips at each score: calibrated scores lie on the diagonal; larger dots stand for more.

    Parameters
    ----------
    scores : mapping of str to np.ndarray [shape=(n, classes)]
        Scores in [0, 1] by the name in the legend, such as "before" and "calibrated".
    truth : np.ndarray [shape=(n, classes), bool]
        Whether each clip is of each class.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    figure = new_figure(5.0, 5.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    colors = [GREY, INK] if len(scores) == 2 else [None] * len(scores)
    for (name, values), color in zip(scores.items(), colors, strict=True):
        bins = reliability(values, truth)
        label = f"{as_caption(name)}: error {calibration_error(values, truth):.4f}"
        x, y = [b.mean_score for b in bins], [b.share_true for b in bins]
        (line,) = axes.plot(x, y, color=color, linewidth=0.8, label=label)
        sizes = [12 * (1 + np.log10(b.count)) ** 2 for b in bins]
        axes.scatter(x, y, sizes, color=line.get_color(), alpha=0.8, zorder=3)
    axes.set_xlabel("score")
    axes.set_ylabel("share that is true")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


@explained
def draw_learning_curve(curve: Sequence[CurvePoint]) -> Figure:
    """Draw the losses of a training over its iterations.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    figure = new_figure(6.0, 3.5)
    axes = figure.add_subplot()
    iterations = [point.iteration for point in curve]
    axes.plot(iterations, [point.training_loss for point in curve], color=INK, label="training")
    held_out = [point.validation_loss for point in curve]
    if not np.isnan(held_out).all():
        axes.plot(iterations, held_out, color=GREY, label="held out")
        axes.legend(frameon=False)
    axes.set_yscale("log")
    axes.set_xlabel("iteration")
    axes.set_ylabel("loss")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
