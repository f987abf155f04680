"""Pictures of recordings: waveform, log-mel spectrogram, and which classes are heard when. Needs matplotlib.

Recordings of any length are thinned as they are read, so that memory does not depend on the length.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import open_audio
from yamjit.classifier import Classifier
from yamjit.errors import DependencyError, InputError
from yamjit.labels import count
from yamjit.listing import Listing
from yamjit.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from yamjit.recording import WindowStream

__all__ = ["PICTURE_FORMATS", "Overview", "as_caption", "draw_overview", "draw_spectrogram", "save_figure", "survey"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

PICTURE_FORMATS = ("png", "svg", "pdf")

#: Columns of a picture at least, where there is as much; at most twice as many.
_COLUMNS = 2000

#: Samples in which the waveform is looked at.
_CHUNK = 160

_SPECTRUM = "magma"
_SCORES = "Blues"
_INK = "#24405f"


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """A recording, thinned for a picture.

    Parameters
    ----------
    name : str
    start_s, duration_s : float
    envelope : np.ndarray [shape=(n, 2), float32]
        Lowest and highest sample of each stretch.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        Mean of each stretch.
    frames_s : float
        How much time `log_mel` covers: the last window is padded beyond the end.
    scores : np.ndarray [shape=(m, k), float32]
        Highest of each stretch, of the classes that are shown.
    labels : tuple of str
        Of these classes.
    heads : tuple of str
        Of these classes, where the model has several; else empty each.
    windows_per_row : int
        Windows in a row of `scores`.
    hop_s, window_s : float
        From a window to the next, and length of a window.
    band_hz : np.ndarray [shape=(n_mels,), float64]
        Centre of each mel band.
    """

    name: str
    start_s: float
    duration_s: float
    envelope: Float32
    log_mel: Float32
    frames_s: float
    scores: Float32
    labels: tuple[str, ...]
    windows_per_row: int
    hop_s: float
    window_s: float
    band_hz: Float64
    heads: tuple[str, ...] = ()


def survey(
    classifier: Classifier,
    audio: Any,
    *,
    top: int | None = None,
    watch: Callable[[WindowStream], None] | None = None,
    **how: Any,
) -> tuple[Overview, WindowStream]:
    """Read a recording for a picture.

    Parameters
    ----------
    classifier : Classifier
    audio : path, or a binary file object that can seek
        Read twice.
    top : int > 0, optional
        Classes of each head that are shown, those with the highest scores over the whole recording; by default
        `max_results` of the classifier's options.
    watch : callable, optional
        Called with the recording once it is open.
    **how
        Arguments of `Classifier.windows`; the channels cannot be shown apart.

    Returns
    -------
    Overview
    WindowStream
        At its end: it knows duration, damage, warnings.

    Raises
    ------
    AudioError, InputError, ModelError
        See `Classifier.windows`.
    """
    checks.instance(classifier, "classifier", Classifier)
    top = None if top is None else count(top, "top")
    channel = how.get("channel")
    if isinstance(channel, str) and channel == "each":
        raise InputError("a picture shows one channel, or their mean: channel is a number or 'mix'")
    frames, scores = _Thinned(_mean), _Thinned(_highest)
    with classifier.windows(audio, **how) as stream:
        if watch is not None:
            watch(stream)
        listing = Listing(stream.categories)
        for windows in stream:
            frames.add(windows.log_mel)
            scores.add(listing.reduce(windows.heads))
    best = listing.rank([stream.listed_scores(head=index) for index in range(len(stream.heads))], top)
    if hasattr(audio, "seek"):
        audio.seek(0)
    rows, spans = scores.result()
    overview = Overview(
        name=stream.name,
        start_s=stream.source.start_s,
        duration_s=stream.duration_s,
        envelope=_envelope(audio, classifier.sample_rate, how),
        log_mel=frames.result()[0],
        frames_s=frames.total * classifier.front_end.constants.hop_length / classifier.sample_rate,
        scores=rows[:, best],
        labels=tuple(listing.names[index] for index in best),
        heads=tuple(listing.heads[index] for index in best),
        windows_per_row=spans,
        hop_s=stream.hop_s,
        window_s=stream.window_s,
        band_hz=_band_hz(classifier),
    )
    return overview, stream


def draw_overview(overview: Overview) -> Figure:
    """Draw waveform, log-mel spectrogram and class-by-time map under each other.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    rows = max(1, len(_map_lines(overview)))
    figure = _figure(10, 4.6 + 0.24 * rows)
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
    wave.set_title(as_caption(os.path.basename(overview.name)), loc="left", fontsize=11, fontweight="bold")  # noqa: PTH119
    return figure


def draw_spectrogram(overview: Overview) -> Figure:
    """Draw the log-mel spectrogram alone.

    Raises
    ------
    DependencyError
        If matplotlib is not installed.
    """
    figure = _figure(10, 3.6)
    grid = figure.add_gridspec(1, 2, width_ratios=[1, 0.016])
    axes = figure.add_subplot(grid[0, 0])
    image = _draw_log_mel(axes, overview)
    _bar(figure, image, figure.add_subplot(grid[0, 1]), "ln of magnitude")
    _time_axis(axes, overview.start_s, overview.duration_s)
    axes.set_title(as_caption(os.path.basename(overview.name)), loc="left", fontsize=11, fontweight="bold")  # noqa: PTH119
    return figure


def save_figure(figure: Figure, file: BinaryIO, form: str) -> None:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    file : binary file object
    form : str
        Of `PICTURE_FORMATS`.
    """
    import matplotlib as mpl

    nameless = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
    with mpl.rc_context({"svg.hashsalt": "yamjit"}), warnings.catch_warnings():
        # Scripts that the font does not know are drawn as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format=form, dpi=150, metadata=nameless[form])


# -- Thinning ---------------------------------------------------------------------------------------------------


class _Thinned:
    """Rows that come one after the other, neighbours made one where there are too many."""

    def __init__(self, combine: Callable[[Float32], Float32]) -> None:
        self._combine = combine
        self.total = 0
        self._span = 1
        self._done: list[Float32] = []
        self._count = 0
        self._rest: Float32 | None = None

    def add(self, rows: Float32) -> None:
        """Take further rows, (n, k)."""
        if not len(rows):
            return
        self.total += len(rows)
        rest = rows if self._rest is None else np.concatenate([self._rest, rows])
        whole = len(rest) // self._span * self._span
        self._keep(self._combined(rest[:whole], self._span))
        self._rest = rest[whole:]
        while self._count >= 2 * _COLUMNS:
            self._halve()

    def result(self) -> tuple[Float32, int]:
        """Return the thinned rows, and how many there were for each."""
        parts = list(self._done)
        if self._rest is not None and len(self._rest):
            parts.append(self._combined(self._rest, len(self._rest)))
        return np.concatenate(parts), self._span

    def _keep(self, rows: Float32) -> None:
        if len(rows):
            self._done.append(rows)
            self._count += len(rows)

    def _halve(self) -> None:
        rows = np.concatenate(self._done)
        even = len(rows) // 2 * 2
        left, self._done, self._count = rows[even:], [], 0
        self._keep(self._combined(rows[:even], 2))
        # An odd row at the end stands for `span` rows, and goes back among those that wait for company.
        if len(left) and self._rest is not None:
            self._rest = np.concatenate([np.repeat(left, self._span, axis=0), self._rest])
        self._span *= 2

    def _combined(self, rows: Float32, span: int) -> Float32:
        return self._combine(rows.reshape(-1, span, rows.shape[1]))


def _mean(rows: Float32) -> Float32:
    return rows.mean(axis=1)


def _highest(rows: Float32) -> Float32:
    return rows.max(axis=1)


def _extremes(rows: Float32) -> Float32:
    return np.stack([rows[..., 0].min(axis=1), rows[..., 1].max(axis=1)], axis=1)


def _envelope(audio: Any, rate: int, how: dict[str, Any]) -> Float32:
    """Return lowest and highest samples."""
    reading = {name: how[name] for name in ("sample_rate", "channel", "start_s", "end_s", "non_finite") if name in how}
    thinned = _Thinned(_extremes)
    rest = np.empty(0, np.float32)
    with open_audio(audio, target_rate=rate, **reading) as source:
        for block in source.blocks():
            rest = np.concatenate([rest, block[0]])
            whole = len(rest) // _CHUNK * _CHUNK
            thinned.add(_chunks(rest[:whole]))
            rest = rest[whole:]
    if len(rest):
        thinned.add(np.array([[rest.min(), rest.max()]], np.float32))
    return thinned.result()[0]


def _chunks(samples: Float32) -> Float32:
    chunks = samples.reshape(-1, _CHUNK)
    return np.stack([chunks.min(axis=1), chunks.max(axis=1)], axis=1) if len(chunks) else np.empty((0, 2), np.float32)


def _band_hz(classifier: Classifier) -> Float64:
    """Return the centre of each mel band: the mean of its frequencies, weighted as the band weights them."""
    constants = classifier.front_end.constants
    basis = constants.mel_basis.astype(np.float64)
    hz = np.arange(basis.shape[1]) * classifier.sample_rate / constants.n_fft
    total = basis.sum(axis=1)
    return np.divide(basis @ hz, total, out=np.zeros(len(basis)), where=total > 0)


# -- Drawing ----------------------------------------------------------------------------------------------------


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("pictures need matplotlib: pip install 'yamjit[plot]'") from error
    return Figure(figsize=(width, height), layout="constrained")


def _draw_envelope(axes: Axes, overview: Overview) -> None:
    edges = np.linspace(overview.start_s, overview.start_s + overview.duration_s, len(overview.envelope) + 1)
    lowest, highest = np.append(overview.envelope, overview.envelope[-1:], axis=0).T
    axes.fill_between(edges, lowest, highest, step="post", color=_INK, linewidth=0.3, edgecolor=_INK)
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
    """Draw a row a class; each window is drawn a hop wide about its middle, the first and last one to the ends."""
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
    """Return the lines of the map: a class and its column each; above those of a head its name and None."""
    lines: list[tuple[str, int | None]] = []
    before = ""
    for column, (label, head) in enumerate(zip_longest(overview.labels, overview.heads, fillvalue="")):
        if head != before:
            lines.append((head, None))
        before = head
        lines.append((label, column))
    return lines


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
    """Return a round time of which some ten make the whole."""
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


def as_caption(text: str, most: int = 90) -> str:
    """Return what a stranger wrote as a picture shows it: in one line, without markup, and not too long."""
    shown = printable(text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return shown.replace("$", r"\$")
