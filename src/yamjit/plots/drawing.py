"""What all pictures share: the figure, its colours, captions, and the file that it is written to."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, BinaryIO

from yamjit.errors import DependencyError
from yamjit.keywords import explained
from yamjit.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GREY", "INK", "PICTURE_FORMATS", "as_caption", "new_figure", "save_figure"]

PICTURE_FORMATS = ("png", "svg", "pdf")

INK, GREY = "#24405f", "#9aa5b1"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size, in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: pip install 'yamjit[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def as_caption(text: str, most: int = 90) -> str:
    """Return text from outside as a picture shows it: in one line, without markup, at most `most` characters."""
    shown = printable(text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return shown.replace("$", r"\$")


@explained
def save_figure(figure: Figure, file: BinaryIO, form: str) -> None:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    file : binary file object
    form : str
        One of `PICTURE_FORMATS`.
    """
    import matplotlib as mpl

    nameless = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "yamjit"}), warnings.catch_warnings():
        # Scripts that the font does not know are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format=form, dpi=150, metadata=nameless[form])
