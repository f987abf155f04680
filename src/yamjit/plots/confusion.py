"""A picture of which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.keywords import explained
from yamjit.plots.drawing import Colours, axes_for, colours_of, in_two_lines, paint, root_of, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from yamjit.learn.evaluation import Evaluation

__all__ = ["draw_confusion"]

Counts = npt.NDArray[np.int64]

#: Characters in each line of a class's name.
_LABEL = 22
#: Size of a cell, and of all, in inches.
_CELL, _WIDEST = 0.38, 30.0
#: Share of the colour that a single mistake has at least.
_FAINTEST = 0.55


@explained
def draw_confusion(
    evaluation: Evaluation, *, ax: Axes | None = None, max_classes: int = 25, dark: bool = False
) -> Figure:
    """Draw how many clips of each class (rows) are named each class (columns).

    Clips that are named correctly are on the diagonal, in blue; mistakes are orange, and any is seen. The colours are
    by the share of the clips of the row. Of many classes, those with the most mistakes are shown by themselves, and
    the others as one row and one column, whose diagonal has their clips that stay among them.

    Parameters
    ----------
    evaluation : Evaluation
    ax : Axes of matplotlib, optional
        Where it is drawn, by default a new figure, of a size that fits.
    max_classes : int
        Most classes that are shown by themselves, from 2 to 200.
    dark : bool
        Draw for a dark page.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    InputError
        If an argument is wrong.
    """
    checks.whole(max_classes, "max_classes", 2, 200)
    colours = colours_of(dark)
    confusion, labels = _worst(evaluation.confusion(), evaluation.outcomes, max_classes)
    cell = min(_CELL, _WIDEST / len(labels))
    side = 2.2 + cell * len(labels)
    ax = axes_for(ax, max(4.6, side), max(4.0, side - 0.4), colours)
    size = 9 * cell / _CELL
    _draw_cells(ax, confusion, size, colours)
    texts = [in_two_lines(label, _LABEL) for label in labels]
    ax.set_xticks(range(len(labels)), texts, rotation=90, fontsize=size, linespacing=1)
    ax.set_yticks(range(len(labels)), texts, fontsize=size, linespacing=1)
    ax.set_xlabel("named as")
    ax.set_ylabel("true class")
    title = f"{evaluation.accuracy:.1%} of {len(evaluation.names):,} clips named correctly"
    left_out = len(evaluation.outcomes) - len(labels) + 1
    if left_out > 1:
        title += f"\nthe {len(labels) - 1} classes with the most mistakes, of {len(evaluation.outcomes)}"
    write_title(ax, title, colours, fontsize=10)
    paint(ax, colours)
    ax.tick_params(length=0)
    return root_of(ax.figure)


def _worst(confusion: Counts, labels: Sequence[str], most: int) -> tuple[Counts, list[str]]:
    """Return the rows and columns of the classes with the most mistakes, in their order, and one of all others."""
    if len(labels) <= most:
        return confusion, list(labels)
    wrong = confusion - np.diag(np.diag(confusion))
    mistakes = wrong.sum(axis=0) + wrong.sum(axis=1)
    shown = np.sort(np.argsort(-mistakes, kind="stable")[:most])
    place = np.full(len(labels), most)
    place[shown] = np.arange(most)
    merged = np.zeros((most + 1, most + 1), np.int64)
    np.add.at(merged, (place[:, None], place[None, :]), confusion)
    return merged, [*(labels[index] for index in shown), f"{len(labels) - most} other classes"]


def _draw_cells(axes: Axes, confusion: Counts, size: float, colours: Colours) -> None:
    """Colour the cells that are not 0 by their share of the row, and write their numbers."""
    right, wrong = colours.from_paper(colours.first), colours.from_paper(colours.second)
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    cells: Any = np.empty((*confusion.shape, 4))
    cells[:] = right(0.0)
    for row, column in np.argwhere(confusion):
        # A root lifts small shares: one mistake in a hundred clips is what the picture is looked at for.
        share = np.sqrt(shares[row, column])
        cells[row, column] = right(shares[row, column]) if row == column else wrong(_FAINTEST + (1 - _FAINTEST) * share)
    axes.imshow(cells, interpolation="nearest")
    edges = np.arange(1, len(confusion)) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color=colours.line, linewidth=0.4, alpha=0.35)
    for row, column in np.argwhere(confusion):
        number = f"{confusion[row, column]}"
        fitting = size * min(1, 3.2 / len(number))
        color = colours.on(cells[row, column])
        axes.text(column, row, number, ha="center", va="center", color=color, fontsize=fitting)
