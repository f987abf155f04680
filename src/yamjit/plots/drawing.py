"""What all pictures share: the figure, its colours, captions, and the file that it is written to."""

from __future__ import annotations

import textwrap
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from yamjit import checks
from yamjit.errors import DependencyError, InputError
from yamjit.installing import how_to_install
from yamjit.keywords import explained
from yamjit.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "PICTURE_FORMATS",
    "Colours",
    "add_bar",
    "as_caption",
    "axes_for",
    "colours_of",
    "figure_for",
    "in_two_lines",
    "paint",
    "root_of",
    "save_figure",
    "width_of",
    "write_title",
]

PICTURE_FORMATS = ("png", "svg", "pdf")

#: Narrowest and widest figure, in inches.
_WIDTHS = (3.0, 60.0)


@dataclass(frozen=True)
class Colours:
    """Colours of a picture; blue and orange differ for every kind of colour blindness.

    Parameters
    ----------
    paper, ink, line : str
        Background; text; axes, ticks and reference lines.
    first, second : str
        What is shown, and what it is compared with.
    """

    paper: str
    ink: str
    line: str
    first: str
    second: str

    def from_paper(self, color: str) -> Colormap:
        """Return a map from the paper to a colour."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("", [self.paper, color])

    def on(self, color: Any) -> str:
        """Return the colour of text on a colour: of paper and ink, the one that contrasts more."""
        return max(self.paper, self.ink, key=lambda text: _contrast(text, color))


_LIGHT = Colours(paper="#ffffff", ink="#1f2933", line="#66717d", first="#1f4e86", second="#c8560b")
_DARK = Colours(paper="#131416", ink="#dde3ea", line="#949fab", first="#8fc1ff", second="#f5a35c")


def colours_of(dark: bool) -> Colours:
    """Return the colours for a light or a dark page."""
    return _DARK if checks.flag(dark, "dark") else _LIGHT


def _contrast(first: Any, second: Any) -> float:
    """Return the contrast of two colours as in WCAG 2: from 1 to 21."""
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Any) -> float:
    from matplotlib.colors import to_rgb

    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def figure_for(figure: Figure | SubFigure | None, width: float, height: float, colours: Colours) -> Figure | SubFigure:
    """Return the figure that was given, else a new one of this size in inches, with the colour of the paper."""
    try:
        from matplotlib.figure import Figure, SubFigure
    except ImportError as error:
        raise DependencyError(f"pictures need matplotlib: {how_to_install('yamjit[plot]')}") from error
    if figure is None:
        checks.number(width, "width", *_WIDTHS)
        figure = Figure(figsize=(width, height), layout="constrained")
    elif not isinstance(figure, (Figure, SubFigure)):
        raise InputError(f"figure is {type(figure).__name__}: a Figure or SubFigure of matplotlib is accepted")
    figure.patch.set_facecolor(colours.paper)
    return figure


def axes_for(ax: Axes | None, width: float, height: float, colours: Colours) -> Axes:
    """Return the axes that were given, else those of a new figure of this size in inches."""
    if ax is None:
        return figure_for(None, width, height, colours).add_subplot()
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise InputError(f"ax is {type(ax).__name__}: Axes of matplotlib are accepted")
    return ax


def width_of(part: Any, width: float) -> float:
    """Return how wide a figure, or a part of it, is, in inches; `width` if it is none."""
    return part.bbox.width / root_of(part.figure).dpi if hasattr(part, "bbox") else width


def root_of(figure: Any) -> Figure:
    """Return the whole figure of a part of it."""
    while figure.figure is not figure:
        figure = figure.figure
    whole: Figure = figure
    return whole


def as_caption(text: str, most: int = 90) -> str:
    """Return text from outside as a picture shows it: in one line, without markup, at most `most` characters."""
    shown = printable(text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return shown.replace("$", r"\$")


def in_two_lines(text: str, width: int) -> str:
    """Return text from outside in one or two lines of some `width` characters, cut only if it is longer still."""
    shown = printable(text)
    if len(shown) <= width:
        return as_caption(shown)
    lines = textwrap.wrap(shown, width, max_lines=2, placeholder="…")
    # Two lines of about the same length need less room.
    for narrower in range(len(shown) // 2, width):
        balanced = textwrap.wrap(shown, narrower, break_long_words=False)
        if len(balanced) <= 2 and max(map(len, balanced)) <= width:
            lines = balanced
            break
    return "\n".join(lines).replace("$", r"\$")


def paint(axes: Axes, colours: Colours, *, open_corner: bool = False) -> None:
    """Give axes, which were drawn, their colours, and fonts that have their characters."""
    from yamjit.plots.fonts import use_fonts

    axes.patch.set_facecolor(colours.paper)
    axes.tick_params(which="both", color=colours.line, labelcolor=colours.ink)
    for spine in axes.spines.values():
        spine.set_edgecolor(colours.line)
    if open_corner:
        axes.spines[["top", "right"]].set_visible(False)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_color(colours.ink)
    use_fonts([*axes.get_xticklabels(), *axes.get_yticklabels()])


def write_title(axes: Axes, title: str, colours: Colours, **how: Any) -> None:
    """Write a title at the left above axes, see `Axes.set_title`."""
    from yamjit.plots.fonts import use_fonts

    use_fonts([axes.set_title(title, loc="left", color=colours.ink, **how)])


def add_bar(figure: Figure | SubFigure, image: Any, label: str, colours: Colours, **where: Any) -> None:
    """Draw the key of a map's colours, on the axes `cax`, or beside `ax`, see `Figure.colorbar`."""
    bar = figure.colorbar(image, **where)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    paint(bar.ax, colours)


@explained
def save_figure(figure: Figure, file: BinaryIO, form: str, *, dpi: float = 150) -> None:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    file : binary file object
    form : str
        One of `PICTURE_FORMATS`.
    dpi : float
        Pixels per inch of a PNG, from 20 to 1200.

    Raises
    ------
    InputError
        If the format or `dpi` is none of those.
    """
    import matplotlib as mpl

    checks.choice(form, "form", PICTURE_FORMATS)
    checks.number(dpi, "dpi", 20, 1200)
    nameless = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "yamjit", "savefig.facecolor": "auto"}), warnings.catch_warnings():
        # What no font has is drawn as boxes, see `fonts.lacking_fonts`.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format=form, dpi=dpi, metadata=nameless[form])
