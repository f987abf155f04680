"""A picture of how a training went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from yamjit.keywords import explained
from yamjit.plots.drawing import axes_for, colours_of, paint, root_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from yamjit.learn.fitting import CurvePoint

__all__ = ["draw_learning_curve"]


@explained
def draw_learning_curve(curve: Sequence[CurvePoint], *, ax: Axes | None = None, dark: bool = False) -> Figure:
    """Draw the losses of a training over its iterations.

    Parameters
    ----------
    curve : sequence of CurvePoint
    ax : Axes of matplotlib, optional
        Where it is drawn, by default a new figure.
    dark : bool
        Draw for a dark page.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    colours = colours_of(dark)
    ax = axes_for(ax, 6.0, 3.5, colours)
    iterations = [point.iteration for point in curve]
    ax.plot(iterations, [point.training_loss for point in curve], color=colours.first, label="training")
    held_out = [point.validation_loss for point in curve]
    if not np.isnan(held_out).all():
        ax.plot(iterations, held_out, color=colours.second, linestyle="--", label="held out")
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, labelcolor=colours.ink)
    ax.set_yscale("log")
    ax.set_xlabel("iteration")
    ax.set_ylabel("loss")
    paint(ax, colours, open_corner=True)
    return root_of(ax.figure)
