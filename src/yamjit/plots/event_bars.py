"""A picture of events: a row for each class, a bar for each event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.errors import InputError
from yamjit.events import Event
from yamjit.keywords import explained
from yamjit.plots.drawing import Colours, add_bar, axes_for, colours_of, in_two_lines, paint, root_of, width_of
from yamjit.plots.time_axis import draw_time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_bars", "draw_events", "label_rows", "label_width"]


@explained
def draw_events(
    events: Iterable[Event],
    *,
    ax: Axes | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
    recorded_at: datetime | None = None,
    width: float = 10.0,
    dark: bool = False,
) -> Figure:
    """Draw events as bars, a row for each class, in the order in which classes are first heard.

    The stronger the colour, the higher the score. An event that is too short to be seen is drawn wider.

    Parameters
    ----------
    events : iterable of Event
    ax : Axes of matplotlib, optional
        Where they are drawn, by default a new figure.
    start_s, end_s : float
        Time that is shown, in seconds of the recording; by default from 0 to the end of the last event.
    recorded_at : datetime, optional
        Time of second 0 of the recording, by default as the events say; if it is known, the axis has the time of day.
    width : float
        Width of a new figure, from 3 to 60 inches.
    dark : bool
        Draw for a dark page.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    InputError
        If an argument is wrong.
    """
    shown = [checks.instance(event, "events", Event) for event in checks.elements(events, "events")]
    shown.sort(key=lambda event: event.start_s)
    checks.number(start_s, "start_s", 0)
    end_s = max((event.end_s for event in shown), default=start_s + 1) if end_s is None else end_s
    if not checks.number(end_s, "end_s", 0) > start_s:
        raise InputError(f"end_s is {end_s:g}, which is not after start_s, {start_s:g}")
    colours = colours_of(dark)
    keys = list(dict.fromkeys((event.head, event.label) for event in shown))
    names = [f"{label} ({head})" if head else label for head, label in keys]
    texts = [in_two_lines(name, label_width(width)) for name in names]
    row = 0.42 if any("\n" in text for text in texts) else 0.34
    plot = width_of(ax, 0.65 * width)
    ax = axes_for(ax, width, 0.8 + row * max(1, len(keys)), colours)
    label_rows(ax, [(text, False) for text in texts], colours)
    placed = [(keys.index((event.head, event.label)), event) for event in shown]
    scores = draw_bars(ax, placed, (end_s - start_s) / 400, colours)
    add_bar(ax.figure, scores, "score", colours, ax=ax, pad=0.01, fraction=0.03, aspect=max(5, 4 * len(keys)))
    if recorded_at is None and shown and (time := shown[0].time) is not None:
        recorded_at = time - timedelta(seconds=shown[0].start_s)
    draw_time_axis(ax, start_s, end_s - start_s, recorded_at, plot)
    paint(ax, colours, open_corner=True)
    return root_of(ax.figure)


def label_width(width: float) -> int:
    """Return how many characters of a class's name are in a line, for a figure of a width in inches."""
    return 26 if width >= 8 else 18


def label_rows(axes: Axes, rows: Sequence[tuple[str, bool]], colours: Colours) -> None:
    """Write the labels of rows, from the top, headings bold, and draw lines between the rows."""
    count = max(1, len(rows))
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [text for text, _ in rows], fontsize=9, linespacing=1)
    for (_, heading), label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if heading else "normal")
    axes.set_yticks(np.arange(1, count) - 0.5, minor=True)
    axes.grid(which="minor", axis="y", color=colours.line, linewidth=0.4, alpha=0.4)
    axes.tick_params(axis="y", which="both", length=0)


def draw_bars(axes: Axes, events: Sequence[tuple[int, Event]], least_s: float, colours: Colours) -> Any:
    """Draw events in their rows, each at least `least_s` long; return what says which colour is which score."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = colours.from_paper(colours.first)
    for row, event in events:
        length = max(event.end_s - event.start_s, least_s)
        left = (event.start_s + event.end_s - length) / 2
        color = scale(event.score)
        axes.barh(row, length, left=left, height=0.64, color=color, edgecolor=colours.first, linewidth=0.6)
    return ScalarMappable(Normalize(0, 1), scale)
