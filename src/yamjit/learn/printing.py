"""Figures as lines of text: tables with aligned columns, and confusions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["confusion_lines", "table"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with aligned columns; the first column is aligned to the left."""
    widths = [max(len(row[k]) for row in (header, *rows)) for k in range(len(header))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in (header, *rows)
    ]


#: Largest number of classes whose confusion is shown as a square.
_MOST_SQUARE = 20


def confusion_lines(labels: Sequence[str], confusion: npt.NDArray[np.int64]) -> list[str]:
    """Return the confusion as a square, or as a list of confused pairs if that would be too wide."""
    size = len(confusion)
    if size <= _MOST_SQUARE:
        rows = [(f"{k + 1} {labels[k]}", *map(str, confusion[k])) for k in range(size)]
        return table(("of (rows) named (columns)", *(str(k + 1) for k in range(size))), rows)
    wrong = [(int(confusion[i, j]), i, j) for i, j in np.argwhere(confusion) if i != j]
    wrong.sort(key=lambda item: (-item[0], item[1], item[2]))
    return [f"{count} of {labels[i]!r} named {labels[j]!r}" for count, i, j in wrong[:50]]
