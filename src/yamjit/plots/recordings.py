"""Pictures of recordings: waveform, log-mel spectrogram, and which classes are heard when."""

from __future__ import annotations

import os
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit import checks
from yamjit.keywords import explained
from yamjit.plots.drawing import (
    Colours,
    add_bar,
    as_caption,
    colours_of,
    figure_for,
    in_two_lines,
    paint,
    root_of,
    width_of,
    write_title,
)
from yamjit.plots.event_bars import draw_bars, label_rows, label_width
from yamjit.plots.overview import Overview
from yamjit.plots.thinning import extremes, highest, loudest, narrowed
from yamjit.plots.time_axis import draw_time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["draw_overview", "draw_spectrogram"]

_SPECTRUM = "magma"

#: Frequencies with a tick, if they are within the bands.
_TICKS_HZ = (250, 500, 1000, 2000, 4000)

#: Share of the figure's width that the time axis has, less than that if names are long.
_PLOT = 0.65

#: Columns of a map for an inch of the figure: each is at least two pixels, so that a second is seen in hours.
_COLUMNS_PER_INCH = 60


@explained
def draw_overview(
    overview: Overview, *, figure: Figure | SubFigure | None = None, width: float = 10.0, dark: bool = False
) -> Figure:
    """Draw waveform, log-mel spectrogram, and classes or events over time, one below the other.

    The time is that of day if it is known when the recording was made. Columns of long recordings show the highest
    score in their time, and the loudest moment; events are drawn at least as wide as a column.

    Parameters
    ----------
    overview : Overview
    figure : Figure or SubFigure of matplotlib, optional
        Where it is drawn, by default a new figure.
    width : float
        Width of a new figure, from 3 to 60 inches. Its height is as the classes need it.
    dark : bool
        Draw for a dark page.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    InputError
        If an argument is wrong.
    """
    checks.instance(overview, "overview", Overview)
    colours, width = colours_of(dark), width_of(figure, width)
    lines = _map_lines(overview)
    texts = [in_two_lines(text, label_width(width)) for text, _ in lines]
    row = 0.31 if any("\n" in text for text in texts) else 0.25
    below = max(1, len(lines)) * row
    figure = figure_for(figure, width, 4.4 + below, colours)
    grid = figure.add_gridspec(3, 2, height_ratios=[1.0, 2.0, below + 0.1], width_ratios=[1, 0.16 / width])
    wave = figure.add_subplot(grid[0, 0])
    mel = figure.add_subplot(grid[1, 0], sharex=wave)
    classes = figure.add_subplot(grid[2, 0], sharex=wave)
    columns = round(_COLUMNS_PER_INCH * width)
    _draw_envelope(wave, overview, columns, colours)
    image = _draw_log_mel(mel, overview, columns)
    add_bar(figure, image, "level (ln)", colours, cax=figure.add_subplot(grid[1, 1]))
    rows = [(text, shown is None) for text, (_, shown) in zip(texts, lines, strict=True)]
    label_rows(classes, rows, colours)
    if overview.events is None:
        image = _draw_scores(classes, overview, lines, columns, colours)
    else:
        places = {(overview.heads[s], overview.labels[s]): row for row, (_, s) in enumerate(lines) if s is not None}
        placed = [(places[event.head, event.label], event) for event in overview.events]
        image = draw_bars(classes, placed, overview.duration_s / columns, colours)
    if not lines:
        nothing = "no class reaches its threshold" if overview.events is None else "no events"
        classes.text(0.5, 0.5, nothing, transform=classes.transAxes, ha="center", va="center", color=colours.ink)
    add_bar(figure, image, "score", colours, cax=figure.add_subplot(grid[2, 1]))
    for axes in (wave, mel):
        axes.tick_params(labelbottom=False)
    draw_time_axis(classes, overview.start_s, overview.duration_s, overview.recorded_at, _PLOT * width)
    _title(wave, overview, colours)
    paint(wave, colours, open_corner=True)
    paint(mel, colours)
    paint(classes, colours)
    return root_of(figure)


@explained
def draw_spectrogram(
    overview: Overview, *, figure: Figure | SubFigure | None = None, width: float = 10.0, dark: bool = False
) -> Figure:
    """Draw only the log-mel spectrogram; for arguments and errors see `draw_overview`."""
    checks.instance(overview, "overview", Overview)
    colours, width = colours_of(dark), width_of(figure, width)
    figure = figure_for(figure, width, 3.6, colours)
    grid = figure.add_gridspec(1, 2, width_ratios=[1, 0.16 / width])
    axes = figure.add_subplot(grid[0, 0])
    image = _draw_log_mel(axes, overview, round(_COLUMNS_PER_INCH * width))
    add_bar(figure, image, "level (ln)", colours, cax=figure.add_subplot(grid[0, 1]))
    draw_time_axis(axes, overview.start_s, overview.duration_s, overview.recorded_at, _PLOT * width)
    _title(axes, overview, colours)
    paint(axes, colours)
    return root_of(figure)


def _draw_envelope(axes: Axes, overview: Overview, columns: int, colours: Colours) -> None:
    envelope = narrowed(overview.envelope, 3 * columns, extremes)
    edges = np.linspace(overview.start_s, overview.start_s + overview.duration_s, len(envelope) + 1)
    lowest, low_high = np.append(envelope, envelope[-1:], axis=0).T
    axes.fill_between(edges, lowest, low_high, step="post", color=colours.first, linewidth=0.3, edgecolor=colours.first)
    peak = max(0.01, float(np.abs(envelope).max()))
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_ylabel("amplitude")


def _draw_log_mel(axes: Axes, overview: Overview, columns: int) -> Any:
    whole, band_hz, start_s = overview.log_mel, overview.band_hz, overview.start_s
    column_s = overview.frames_s / len(whole)
    # Columns of one frame, of 10 ms, are combined to means; those that are long already, to the highest.
    log_mel = narrowed(whole, 2 * columns, loudest, max(1, round(column_s / 0.01)))
    group = -(-len(whole) // (2 * columns))
    low, high = np.percentile(log_mel, [1, 99.8])
    image = axes.imshow(
        log_mel.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(start_s, start_s + len(log_mel) * group * column_s, -0.5, log_mel.shape[1] - 0.5),
        cmap=_SPECTRUM,
        vmin=float(low),
        vmax=float(max(high, low + 1e-3)),
    )
    bands, shown = np.arange(len(band_hz), dtype=float), list(_TICKS_HZ)
    if overview.range_hz[1] > 0:
        low_hz, high_hz = overview.range_hz
        band_hz = np.array([low_hz, *band_hz, high_hz])
        bands = np.array([-0.5, *bands, len(bands) - 0.5])
        shown = [*(hz for hz in shown if hz < 0.7 * high_hz), round(high_hz)]
    shown = [hz for hz in shown if band_hz[0] <= hz <= band_hz[-1]]
    axes.set_yticks(np.interp(shown, band_hz, bands), [_hertz(hz) for hz in shown])
    axes.set_ylabel("frequency (Hz)")
    return image


def _hertz(hz: int) -> str:
    return f"{hz / 1000:.3g}k" if hz >= 1000 else str(hz)


def _draw_scores(
    axes: Axes, overview: Overview, lines: list[tuple[str, int | None]], columns: int, colours: Colours
) -> Any:
    """Draw a row for each class; a window covers one hop around its middle, the first and last reach to the ends."""
    shown_scores = narrowed(overview.scores, columns, highest)
    step = overview.hop_s * overview.windows_per_row * -(-len(overview.scores) // columns)
    end = overview.start_s + overview.duration_s
    inner = overview.start_s + (overview.window_s - overview.hop_s) / 2 + np.arange(1, len(shown_scores)) * step
    edges = np.array([overview.start_s, *np.clip(inner, overview.start_s, end), max(end, overview.start_s + 1e-6)])
    rows = max(1, len(lines))
    scores = np.full((rows, len(shown_scores)), np.nan, np.float32)
    for row, (_, shown) in enumerate(lines):
        if shown is not None:
            scores[row] = shown_scores[:, shown]
    scale = colours.from_paper(colours.first)
    return axes.pcolormesh(edges, np.arange(rows + 1) - 0.5, scores, cmap=scale, vmin=0, vmax=1, rasterized=True)


def _map_lines(overview: Overview) -> list[tuple[str, int | None]]:
    """Return the lines of the map: name and column of each class, and before those of a head its name and None."""
    lines: list[tuple[str, int | None]] = []
    before = ""
    for column, (label, head) in enumerate(zip_longest(overview.labels, overview.heads, fillvalue="")):
        if head != before:
            lines.append((head, None))
        before = head
        lines.append((label, column))
    return lines


def _title(axes: Axes, overview: Overview, colours: Colours) -> None:
    name = os.path.basename(overview.name)  # noqa: PTH119 - a name need not be a path
    write_title(axes, as_caption(name), colours, fontsize=11, fontweight="bold")
