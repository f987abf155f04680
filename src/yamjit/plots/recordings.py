"""Pictures of recordings: waveform, log-mel spectrogram, and which classes are heard when."""

from __future__ import annotations

import math
import os
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.keywords import explained
from yamjit.plots.drawing import INK, as_caption, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from yamjit.plots.overview import Overview

__all__ = ["draw_overview", "draw_spectrogram"]

_SPECTRUM = "magma"
_SCORES = "Blues"


@explained
def draw_overview(overview: Overview) -> Figure:
    """Draw waveform, log-mel spectrogram and class-by-time map, one below the other.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    rows = max(1, len(_map_lines(overview)))
    figure = new_figure(10, 4.6 + 0.24 * rows)
    heights = [1.2, 2.0, 0.25 * rows + 0.1]
    grid = figure.add_gridspec(3, 2, height_ratios=heights, width_ratios=[1, 0.016])
    wave = figure.add_subplot(grid[0, 0])
    mel = figure.add_subplot(grid[1, 0], sharex=wave)
    classes = figure.add_subplot(grid[2, 0], sharex=wave)
    _draw_envelope(wave, overview)
    image = _draw_log_mel(mel, overview)
    _bar(figure, image, figure.add_subplot(grid[1, 1]), "ln of magnitude")
    image = _draw_scores(classes, overview)
    _bar(figure, image, figure.add_subplot(grid[2, 1]), "score")
    for axes in (wave, mel):
        axes.tick_params(labelbottom=False)
    _time_axis(classes, overview.start_s, overview.duration_s)
    _title(wave, overview)
    return figure


@explained
def draw_spectrogram(overview: Overview) -> Figure:
    """Draw only the log-mel spectrogram.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    figure = new_figure(10, 3.6)
    grid = figure.add_gridspec(1, 2, width_ratios=[1, 0.016])
    axes = figure.add_subplot(grid[0, 0])
    image = _draw_log_mel(axes, overview)
    _bar(figure, image, figure.add_subplot(grid[0, 1]), "ln of magnitude")
    _time_axis(axes, overview.start_s, overview.duration_s)
    _title(axes, overview)
    return figure


def _draw_envelope(axes: Axes, overview: Overview) -> None:
    edges = np.linspace(overview.start_s, overview.start_s + overview.duration_s, len(overview.envelope) + 1)
    lowest, highest = np.append(overview.envelope, overview.envelope[-1:], axis=0).T
    axes.fill_between(edges, lowest, highest, step="post", color=INK, linewidth=0.3, edgecolor=INK)
    peak = max(0.01, float(np.abs(overview.envelope).max()))
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_ylabel("amplitude")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_log_mel(axes: Axes, overview: Overview) -> Any:
    log_mel, band_hz, start_s = overview.log_mel, overview.band_hz, overview.start_s
    low, high = np.percentile(log_mel, [1, 99.8])
    image = axes.imshow(
        log_mel.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(start_s, start_s + overview.frames_s, -0.5, log_mel.shape[1] - 0.5),
        cmap=_SPECTRUM,
        vmin=float(low),
        vmax=float(max(high, low + 1e-3)),
    )
    axes.set_facecolor("black")
    shown = [hz for hz in (250, 500, 1000, 2000, 4000) if band_hz[0] <= hz <= band_hz[-1]]
    axes.set_yticks(np.interp(shown, band_hz, np.arange(len(band_hz))), [_hertz(hz) for hz in shown])
    axes.set_ylabel("frequency (Hz)")
    return image


def _hertz(hz: int) -> str:
    return f"{hz // 1000}k" if hz >= 1000 else str(hz)


def _draw_scores(axes: Axes, overview: Overview) -> Any:
    """Draw a row for each class; a window covers one hop around its middle, the first and last reach to the ends."""
    step = overview.hop_s * overview.windows_per_row
    end = overview.start_s + overview.duration_s
    inner = overview.start_s + (overview.window_s - overview.hop_s) / 2 + np.arange(1, len(overview.scores)) * step
    edges = np.array([overview.start_s, *np.clip(inner, overview.start_s, end), max(end, overview.start_s + 1e-6)])
    lines = _map_lines(overview)
    rows = max(1, len(lines))
    scores = np.full((rows, len(overview.scores)), np.nan, np.float32)
    for row, (_, shown) in enumerate(lines or [("", None)]):
        if shown is not None:
            scores[row] = overview.scores[:, shown]
    mesh = axes.pcolormesh(edges, np.arange(rows + 1) - 0.5, scores, cmap=_SCORES, vmin=0, vmax=1, rasterized=True)
    axes.set_yticks(range(len(lines)), [as_caption(text, 34) for text, _ in lines], fontsize=9)
    for (_, shown), label in zip(lines, axes.get_yticklabels(), strict=True):
        if shown is None:
            label.set_fontweight("bold")
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axes.grid(which="minor", axis="y", color="white", linewidth=1)
    axes.tick_params(axis="y", which="both", length=0)
    return mesh


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


def _title(axes: Axes, overview: Overview) -> None:
    name = os.path.basename(overview.name)  # noqa: PTH119 - a name need not be a path
    axes.set_title(as_caption(name), loc="left", fontsize=11, fontweight="bold")


def _bar(figure: Figure, image: Any, axes: Axes, label: str) -> None:
    bar = figure.colorbar(image, cax=axes)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _time_axis(axes: Axes, start_s: float, duration_s: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    end_s = start_s + duration_s
    step = _tick_step(duration_s)
    axes.set_xlim(start_s, end_s)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value, end_s, step)))
    axes.set_xlabel("time (s)" if end_s < 120 else "time (m:ss)" if end_s < 3600 else "time (h:mm:ss)")


def _tick_step(duration_s: float) -> float:
    """Return a round time that divides the whole into some ten parts."""
    round_steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 86_400)
    wanted = duration_s / 10
    found = next((step for step in round_steps if step >= wanted), None)
    return float(found) if found is not None else 86_400.0 * math.ceil(wanted / 86_400)


def _clock(value: float, end_s: float, step: float) -> str:
    if end_s < 120:
        return f"{value:.1f}" if step < 1 else f"{value:.0f}"
    whole = round(value)
    minutes, seconds = divmod(whole, 60)
    if end_s < 3600:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
