"""A picture of how often scores are right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.metrics import calibration_error, share_interval
from yamjit.plots.drawing import Colours, as_caption, colours_of, figure_for, paint, root_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["draw_reliability"]

Float64 = npt.NDArray[np.float64]

#: Scores below this are one bin: of many classes, most are nearly 0, and would fill all bins.
_LOW = 0.05
#: Most bins above that, and fewest scores in each, unless there are fewer in all.
_BINS, _LEAST = 10, 25
#: Fewer scores than this in a bin are drawn faintly.
_FEW = 15
_MARKERS = "soD^vP"


@explained
def draw_reliability(
    scores: Mapping[str, npt.NDArray[np.floating]],
    truth: npt.NDArray[np.bool_],
    *,
    figure: Figure | SubFigure | None = None,
    dark: bool = False,
) -> Figure:
    """Draw how many of the scores around each value are right, with their 95 % intervals: calibrated, as many as that.

    The scores of all classes are divided into bins with an equal number of them, at least 25 if there are enough;
    scores below 0.05, which are most where there are many classes, are one bin. A dot is at the mean score of a bin and
    at the share that is right; the bar is Wilson's interval, and the line across it is the range of the scores. A
    dot is pale if there are fewer than 15 scores. Below, the number of scores is counted.

    Parameters
    ----------
    scores : mapping of str to np.ndarray [shape=(n, classes)]
        Scores in [0, 1] by the name in the legend, such as "before" and "calibrated"; from one to six.
    truth : np.ndarray [shape=(n, classes), bool]
        Whether each clip is of each class.
    figure : Figure or SubFigure of matplotlib, optional
        Where it is drawn, by default a new figure.
    dark : bool
        Draw for a dark page.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    InputError
        If an argument is wrong.
    """
    if not 1 <= len(scores) <= len(_MARKERS):
        raise InputError(f"{len(scores)} kinds of scores were given; 1 to {len(_MARKERS)} are accepted")
    colours = colours_of(dark)
    figure = figure_for(figure, 5.0, 6.0, colours)
    grid = figure.add_gridspec(2, 1, height_ratios=[4, 1])
    axes = figure.add_subplot(grid[0])
    counts = figure.add_subplot(grid[1], sharex=axes)
    axes.plot([0, 1], [0, 1], color=colours.line, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    edges = np.linspace(0, 1, 21).tolist()
    tints = _tints(len(scores), colours)
    for place, ((name, values), color) in enumerate(zip(scores.items(), tints, strict=True)):
        values = np.asarray(values, np.float64)
        label = f"{as_caption(name)} (calibration error {calibration_error(values, truth):.4f})"
        _draw_bins(axes, equal_bins(values, truth), label, color, _MARKERS[place], colours)
        counts.hist(values.ravel(), edges, histtype="step", color=color, linewidth=1.3)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("share that is right")
    axes.tick_params(labelbottom=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), frameon=False, labelcolor=colours.ink, fontsize=9)
    counts.set_yscale("log")
    counts.set_ylim(bottom=0.7)
    counts.yaxis.set_major_formatter("{x:,.0f}")
    counts.set_ylabel("count")
    counts.set_xlabel("score")
    for part in (axes, counts):
        paint(part, colours, open_corner=True)
    return root_of(figure)


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores that follow each other: how many, their range and mean, the share that is true, and its 95 % interval."""

    count: int
    lowest: float
    highest: float
    mean_score: float
    share_true: float
    interval: tuple[float, float]


def equal_bins(scores: npt.NDArray[np.floating], truth: npt.NDArray[np.bool_]) -> list[Bin]:
    """Return bins of scores of any shape, those from 0.05 with equal numbers; equal scores are in the same bin."""
    order = np.argsort(scores, axis=None, kind="stable")
    values, true = np.asarray(scores, np.float64).ravel()[order], np.asarray(truth).ravel()[order]
    first = int(np.searchsorted(values, _LOW))
    above = len(values) - first
    count = min(max(above // _LEAST, 1), _BINS)
    wanted = first + np.round(np.arange(1, count) * above / count).astype(int)
    ends = np.unique([first, *np.searchsorted(values, values[wanted - 1], side="right"), len(values)])
    return [_bin(values[a:b], true[a:b]) for a, b in pairwise([0, *ends.tolist()]) if b > a]


def _bin(values: Float64, true: npt.NDArray[np.bool_]) -> Bin:
    low, high = float(values[0]), float(values[-1])
    share = float(true.mean())
    return Bin(len(values), low, high, float(values.mean()), share, share_interval(share, len(values)))


def _draw_bins(axes: Axes, bins: list[Bin], label: str, color: str, marker: str, colours: Colours) -> None:
    for bin_ in bins:
        alpha = 0.35 if bin_.count < _FEW else 1.0
        axes.vlines(bin_.mean_score, *bin_.interval, color=color, linewidth=1.2, alpha=alpha)
        axes.hlines(bin_.share_true, bin_.lowest, bin_.highest, color=color, linewidth=0.8, alpha=0.5 * alpha)
        (dot,) = axes.plot(bin_.mean_score, bin_.share_true, marker, alpha=alpha, color=color, markersize=6)
        dot.set_markeredgecolor(colours.paper)
    axes.plot([], [], marker, color=color, markersize=6, label=label)


def _tints(count: int, colours: Colours) -> list[str]:
    """Return a colour for each kind of scores; the last is the one that the picture is about."""
    return [colours.second, *[colours.line] * max(0, count - 2), colours.first][-count:]
