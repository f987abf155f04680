"""A recording of any length, read for a picture: waveform, spectrum, classes or events, thinned to constant memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.audio.conditioning import recut
from yamjit.audio.source import open_audio
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.events import Event, EventOptions, Watcher, by_start
from yamjit.keywords import explained
from yamjit.labels import count
from yamjit.plots.choosing import outstanding_places, places_of_events
from yamjit.plots.thinning import Thinned, extremes, highest, loudest
from yamjit.reading import ReadOptions, old_keywords
from yamjit.recording import AGGREGATES
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    from yamjit.audio import AudioSource
    from yamjit.recording import FrameStream, WindowStream

__all__ = ["Overview", "refuse_each", "survey", "survey_log_mel"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Samples in each column of the waveform before it is thinned.
_CHUNK = 160


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
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
        Log-mel spectrum of each column: the mean of its frames, if they are at most 16; of more, the highest of the
        means of 16 in each band, so that half a second is seen in hours.
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
    range_hz : tuple of float
        Lowest and highest frequency of the bands, in Hz; (0, 0) if it is not known.
    events : tuple of Event, or None
        Events of the classes that are shown, in the order in which they begin; None if they were not looked for.
    recorded_at : datetime or None
        Time of second 0 of the recording, if it is known.
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
    range_hz: tuple[float, float] = (0.0, 0.0)
    events: tuple[Event, ...] | None = None
    recorded_at: datetime | None = None


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
    aggregate: Literal["mean", "max"] | None = None,
    head: str | int | None = None,
    events: EventOptions | None = None,
    watch: Callable[[WindowStream], None] | None = None,
) -> tuple[Overview, WindowStream]:
    """Read a recording for a picture.

    Parameters
    ----------
    classifier : Classifier
    audio : path, or a binary file object that can seek
        The recording, which is read twice.
    max_results : int > 0, or -1 for all, optional
        Number of classes shown of each head. By default `max_results` of the classifier's options.
    sample_rate, head
        See `Classifier.windows`.
    reading : ReadOptions, optional
        What is read of the recording. Channels cannot be shown separately.
    aggregate : {"mean", "max"}, optional
        Show the classes with the highest aggregate over the whole recording. By default, those that stand out: the
        height of their scores counts, less what is always there, and what other classes show already counts little.
    events : EventOptions, optional
        Look for events, and show the classes of those with the highest scores; `aggregate` is then not accepted.
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
        See `Classifier.windows`; `InputError` as well if an option of the events names an unknown class.
    """
    checks.instance(classifier, "classifier", Classifier)
    band_hz = classifier.band_hz
    max_results = None if max_results is None else count(max_results, "max_results")
    reading = checks.instance(ReadOptions() if reading is None else reading, "reading", ReadOptions)
    refuse_each(reading)
    checks.instance(events, "events", EventOptions, type(None))
    if aggregate is not None:
        checks.choice(aggregate, "aggregate", AGGREGATES)
        if events is not None:
            raise InputError("aggregate chooses classes by their scores: it cannot be given with events")
    how: Any = {"aggregate": aggregate or "mean", "level": events is not None and events.min_dbfs is not None}
    with classifier.windows(audio, sample_rate=sample_rate, reading=reading, head=head, **how) as stream:
        if watch is not None:
            watch(stream)
        frames, scores, found = _hear(stream, events)
    rows, spans = scores.result()
    most = classifier.options.max_results if max_results is None else max_results
    shown = _shown(stream, rows, found, aggregate, most)
    names = [(stream.listing.heads[index], stream.listing.names[index]) for index in shown]
    if hasattr(audio, "seek"):
        audio.seek(0)
    overview = Overview(
        name=stream.name,
        start_s=stream.source.start_s,
        duration_s=stream.duration_s,
        envelope=_envelope(open_audio(audio, sample_rate, reading, target_rate=classifier.sample_rate)),
        log_mel=frames.result()[0],
        frames_s=frames.total * classifier.front_end.constants.hop_length / classifier.sample_rate,
        scores=rows[:, shown],
        labels=tuple(label for _, label in names),
        heads=tuple(head for head, _ in names),
        windows_per_row=spans,
        hop_s=stream.hop_s,
        window_s=stream.window_s,
        band_hz=band_hz,
        range_hz=_range_hz(classifier),
        events=None if found is None else by_start(event for event in found if (event.head, event.label) in names),
        recorded_at=stream.recorded_at,
    )
    return overview, stream


def _hear(stream: WindowStream, options: EventOptions | None) -> tuple[Thinned, Thinned, list[Event] | None]:
    """Read a stream to its end; return its frames and scores, thinned, and its events, None if no options are given."""
    frames, scores = Thinned(loudest), Thinned(highest)
    watcher = None if options is None else Watcher.of(stream, options)
    found: list[Event] = []
    for windows in stream:
        frames.add(windows.log_mel)
        scores.add(stream.listing.reduce(windows.heads))
        if watcher is not None:
            found += watcher.push(windows)
    if watcher is None:
        return frames, scores, None
    return frames, scores, found + watcher.flush(stream.source.start_s + stream.duration_s)


def _shown(
    stream: WindowStream, rows: Float32, events: list[Event] | None, aggregate: str | None, most: int
) -> list[int]:
    """Return the places in the listing of the classes that are shown, those of the first head first."""
    if events is not None:
        return places_of_events(stream.listing, events, most)
    if aggregate is None:
        return outstanding_places(stream.listing, rows, most, stream.duration_s)
    return stream.listing.rank([stream.listed_scores(head=h) for h in range(len(stream.heads))], most).tolist()


def refuse_each(reading: ReadOptions) -> None:
    """Refuse channels that are read separately."""
    if reading.channel == "each":
        raise InputError("a picture shows one channel, or their mean: channel is a number or 'mix'")


def survey_log_mel(classifier: Classifier, stream: FrameStream) -> Overview:
    """Read a recording for a picture of its log-mel spectrogram alone."""
    frames = Thinned(loudest)
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
        band_hz=classifier.band_hz,
        range_hz=_range_hz(classifier),
        recorded_at=stream.recorded_at,
    )


def _envelope(source: AudioSource) -> Float32:
    """Return the lowest and highest samples of a recording, thinned."""
    thinned = Thinned(extremes)
    with source:
        for parts in recut((block[0] for block in source.blocks()), 64 * _CHUNK):
            samples = np.concatenate(parts)
            starts = np.arange(0, len(samples), _CHUNK)
            columns = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
            thinned.add(np.stack(columns, axis=1))
    return thinned.result()[0]


def _range_hz(classifier: Classifier) -> tuple[float, float]:
    """Return where the lowest mel band begins, and the highest ends: the frequencies next to those that count."""
    constants = classifier.front_end.constants
    heard = np.flatnonzero(constants.mel_basis.any(axis=0))
    step = classifier.sample_rate / constants.n_fft
    return max(0.0, float(heard[0] - 1) * step), min(classifier.sample_rate / 2, float(heard[-1] + 1) * step)
