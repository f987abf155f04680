"""A recording of any length, thinned for a picture as it is read: memory does not depend on the length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.audio.source import open_audio
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.labels import count
from yamjit.reading import ReadOptions, old_keywords
from yamjit.recording import recut
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    from yamjit.audio import AudioSource
    from yamjit.recording import FrameStream, WindowStream

__all__ = ["Overview", "refuse_each", "survey", "survey_log_mel"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Fewest columns of a picture, where the recording has as many; it has at most twice as many.
_COLUMNS = 2000

#: Samples in each column of the waveform before it is thinned.
_CHUNK = 160


@brief_repr
@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """A recording, thinned for a picture.

    Parameters
    ----------
    name : str
        Name of the recording.
    start_s, duration_s : float
        Start and length of what was read, in seconds.
    envelope : np.ndarray [shape=(n, 2), float32]
        Lowest and highest sample of each column.
    log_mel : np.ndarray [shape=(t, n_mels), float32]
        Mean log-mel spectrum of each column.
    frames_s : float
        Length of `log_mel`, in seconds: the last window is padded beyond the end.
    scores : np.ndarray [shape=(m, k), float32]
        Highest score in each column of each class that is shown.
    labels : tuple of str
        Names of the classes that are shown.
    windows_per_row : int
        Windows in a row of `scores`.
    hop_s, window_s : float
        Distance between the starts of windows, and length of a window, in seconds.
    band_hz : np.ndarray [shape=(n_mels,), float64]
        Centre of each mel band, in Hz.
    heads : tuple of str
        Head of each class that is shown, where the model has several; otherwise empty strings.
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


@explained
@deprecation.renamed("top", "max_results")
@old_keywords
def survey(
    classifier: Classifier,
    audio: Any,
    *,
    max_results: int | None = None,
    sample_rate: int | None = None,
    reading: ReadOptions | None = None,
    aggregate: Literal["mean", "max"] = "mean",
    head: str | int | None = None,
    watch: Callable[[WindowStream], None] | None = None,
) -> tuple[Overview, WindowStream]:
    """Read a recording for a picture.

    Parameters
    ----------
    classifier : Classifier
    audio : path, or a binary file object that can seek
        The recording, which is read twice.
    max_results : int > 0, or -1 for all, optional
        Number of classes shown of each head: those with the highest scores over the whole recording. By default
        `max_results` of the classifier's options.
    sample_rate, aggregate, head
        See `Classifier.windows`.
    reading : ReadOptions, optional
        What is read of the recording. Channels cannot be shown separately.
    watch : callable, optional
        Called with the recording once it is open.

    Returns
    -------
    Overview
    WindowStream
        The stream at its end: it knows duration, damage and warnings.

    Raises
    ------
    AudioError, InputError, ModelError
        See `Classifier.windows`.
    """
    checks.instance(classifier, "classifier", Classifier)
    max_results = None if max_results is None else count(max_results, "max_results")
    reading = checks.instance(ReadOptions() if reading is None else reading, "reading", ReadOptions)
    refuse_each(reading)
    frames, scores = _Thinned(_mean), _Thinned(_highest)
    with classifier.windows(audio, sample_rate=sample_rate, reading=reading, aggregate=aggregate, head=head) as stream:
        if watch is not None:
            watch(stream)
        listing = stream.listing
        for windows in stream:
            frames.add(windows.log_mel)
            scores.add(listing.reduce(windows.heads))
    best = listing.rank([stream.listed_scores(head=index) for index in range(len(stream.heads))], max_results)
    if hasattr(audio, "seek"):
        audio.seek(0)
    rows, spans = scores.result()
    overview = Overview(
        name=stream.name,
        start_s=stream.source.start_s,
        duration_s=stream.duration_s,
        envelope=_envelope(open_audio(audio, sample_rate, reading, target_rate=classifier.sample_rate)),
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


def refuse_each(reading: ReadOptions) -> None:
    """Refuse channels that are read separately."""
    if reading.channel == "each":
        raise InputError("a picture shows one channel, or their mean: channel is a number or 'mix'")


def survey_log_mel(classifier: Classifier, stream: FrameStream) -> Overview:
    """Read a recording for a picture of its log-mel spectrogram alone."""
    frames = _Thinned(_mean)
    for _, rows in stream:
        frames.add(rows)
    nothing = np.empty((0, 2), np.float32)
    return Overview(
        name=stream.name,
        start_s=stream.source.start_s,
        duration_s=stream.duration_s,
        envelope=nothing,
        log_mel=frames.result()[0],
        frames_s=frames.total * stream.frame_s,
        scores=nothing,
        labels=(),
        windows_per_row=1,
        hop_s=0.0,
        window_s=stream.window_s,
        band_hz=_band_hz(classifier),
    )


class _Thinned:
    """Rows as they come; neighbours are combined whenever there are too many."""

    def __init__(self, combine: Callable[[Float32], Float32]) -> None:
        self._combine = combine
        self.total = 0
        self._span = 1
        self._done: list[Float32] = []
        self._count = 0
        self._rest: Float32 | None = None

    def add(self, rows: Float32) -> None:
        """Take more rows [shape=(n, k)]."""
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
        """Return the thinned rows, and how many rows each stands for."""
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
        # An odd row at the end stands for `span` rows, and goes back to those that are not combined yet.
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


def _envelope(source: AudioSource) -> Float32:
    """Return the lowest and highest samples of a recording, thinned."""
    thinned = _Thinned(_extremes)
    with source:
        for part in recut((block[0] for block in source.blocks()), 64 * _CHUNK):
            starts = np.arange(0, len(part), _CHUNK)
            columns = np.minimum.reduceat(part, starts), np.maximum.reduceat(part, starts)
            thinned.add(np.stack(columns, axis=1))
    return thinned.result()[0]


def _band_hz(classifier: Classifier) -> Float64:
    """Return the centre of each mel band: the mean of its frequencies by their weights in the band."""
    constants = classifier.front_end.constants
    basis = constants.mel_basis.astype(np.float64)
    hz = np.arange(basis.shape[1]) * classifier.sample_rate / constants.n_fft
    total = basis.sum(axis=1)
    return np.divide(basis @ hz, total, out=np.zeros(len(basis)), where=total > 0)
