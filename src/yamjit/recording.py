"""Recordings of any length, read in constant memory: their windows, scored in order, or only their log-mel frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import deprecation
from yamjit.audio.conditioning import recut
from yamjit.audio.source import AudioSource
from yamjit.categories import Clip
from yamjit.clock import Clock
from yamjit.frontend import Cut, FrontEnd, Patches, PatchStream
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo
from yamjit.keywords import explained
from yamjit.labels import ScoredLabel
from yamjit.last_windows import computed_at_once, ends_apart
from yamjit.listing import ListedScores, Listing, rows_of
from yamjit.read_once import ReadOnce
from yamjit.results import Row, Summary
from yamjit.scoring import Scorer, Windows
from yamjit.workers import Crew

__all__ = ["AGGREGATES", "FrameStream", "RecordingStream", "WindowStream", "scored"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_Self = TypeVar("_Self", bound="RecordingStream")
_Made = TypeVar("_Made", covariant=True)

#: Ways to make one score of the scores of all windows.
AGGREGATES = ("mean", "max")

#: Windows that are scored together, unless the source is live: half as many where more than two threads share a
#: recording, so that they end at about the same time, and few at first, so that none waits. And the most samples, 33 s.
_WINDOWS_AT_ONCE, _FIRST_WINDOWS, _MOST_SAMPLES = 64, 8, 2**19


class _Scorer(Protocol[_Made]):
    """What `Scorer` and `FeatureScorer` have in common."""

    @property
    def network(self) -> Any: ...
    def score(self, cut: Patches, hop: int, *, start_s: float, channel: int | None) -> _Made: ...


class RecordingStream(ReadOnce):
    """A recording as it is read, its channels mixed or each on a track of its own; a context manager.

    Iterators hold the source and the tracks, but not this object: each is released as soon as nothing refers to it.
    """

    #: What computes its windows, if it has any.
    _windows: Generator[Any, None, None] | None = None

    def __init__(
        self,
        source: AudioSource,
        front_end: FrontEnd,
        sample_rate: int,
        hop: int,
        *,
        level: bool = False,
        apart: bool = False,
    ) -> None:
        self.source = source
        self.window_s = front_end.constants.window_samples / sample_rate
        self._sample_rate = sample_rate
        how = {"level": level, "apart": apart, "original": source.pad_end == "original"}
        self._tracks = [PatchStream(front_end, hop, **how) for _ in range(source.tracks)]

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.source.name

    @property
    def channels(self) -> tuple[int | None, ...]:
        """Numbers of the channels that are read separately; else only None, for one channel or the mean of all."""
        return _channels(self._tracks)

    @property
    def clock(self) -> Clock:
        """Clock of the recording."""
        return self.source.clock

    @property
    def recorded_at(self) -> datetime | None:
        """Date and time of second 0 of the recording, even if it is read from a later one on; None if not known."""
        return self.clock.recorded_at

    @property
    def duration_s(self) -> float:
        """Length of what was read so far, in seconds."""
        return self._tracks[0].samples / self._sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the audio, once it has been read to its end; a line each."""
        return self.source.warnings

    @property
    def damage(self) -> str | None:
        """Why the recording ended too early, if it did, once it has been read to its end."""
        return self.source.damage

    @property
    def lost(self) -> bool:
        """Whether the recording holds sound that could not be read, once it has been read to its end."""
        return self.source.lost

    def _summary(self, windows: int, **more: Any) -> Summary:
        return Summary(
            file=self.name,
            duration_s=self.duration_s,
            windows=windows,
            window_s=self.window_s,
            warnings=self.warnings,
            damage=self.damage,
            lost=self.lost,
            recorded_at=self.recorded_at,
            **more,
        )

    def close(self) -> None:
        """Stop, and release what was opened."""
        if self._windows is not None:
            self._windows.close()
        self.source.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.name}: {self.duration_s:.2f} s read>"


@explained
class FrameStream(RecordingStream):
    """The log-mel spectrogram of a recording as the model sees it, in constant memory; no network runs.

    Iterating yields a channel and its next frames, (t, n_mels) float32, padded like the last window; channels that are
    read separately take turns. Made by `Classifier.frames`.

    Parameters
    ----------
    source : AudioSource
        Closed with the stream.
    front_end : FrontEnd
    sample_rate : int
        Sample rate of the model, in Hz.
    hop : int > 0
        Samples, at the model's rate, from one window to the next: they determine where the padding ends.
    """

    def __init__(self, source: AudioSource, front_end: FrontEnd, sample_rate: int, hop: int) -> None:
        super().__init__(source, front_end, sample_rate, hop)
        self.frame_s = front_end.constants.hop_length / sample_rate
        self._hop = hop

    @deprecation.renamed("k", "max_results")
    def summary(self) -> Summary:
        """Return what is known of the recording, without classes."""
        count = sum(track.windows for track in self._tracks)
        return self._summary(count)

    def __iter__(self) -> Iterator[tuple[int | None, Float32]]:
        channels, pieces = (
            self.channels,
            _cut(self.source.blocks(), self._tracks, self._hop, _WINDOWS_AT_ONCE, live=self.source.live),
        )
        return ((channels[track], cut.patches().frames) for track, cut in pieces)


@explained
class WindowStream(RecordingStream):
    """The windows of a recording as they are scored, in constant memory; a context manager, read once.

    Iterating yields `Windows` in the order of time, a few at a time or none; channels that are read separately take
    turns. Made by `Classifier.windows`.

    Parameters
    ----------
    source : AudioSource
        Closed with the stream.
    scorer : Scorer
    heads : sequence of HeadInfo
        What each output of the model means.
    listing : Listing
        What is listed of them.
    hop : int > 0
        Samples, at the model's rate, from one window to the next.
    aggregate : {"mean", "max"}
    level : bool
        Whether the level of each window is computed.
    threads : int > 0
    """

    def __init__(
        self,
        source: AudioSource,
        scorer: Scorer,
        heads: Sequence[HeadInfo],
        listing: Listing,
        hop: int,
        aggregate: str = "mean",
        level: bool = False,
        threads: int = 1,
    ) -> None:
        super().__init__(source, scorer.front_end, scorer.sample_rate, hop, level=level, apart=threads > 1)
        self.heads = tuple(heads)
        self.listing = listing
        self.categories = listing.categories
        self.hop_s = hop / scorer.sample_rate
        self._clips = [[Clip(one, aggregate) for one in self.categories] for _ in self._tracks]
        self._windows: Generator[Windows, None, None] = _added(source, self._tracks, hop, scorer, self._clips, threads)

    @property
    def count(self) -> int:
        """Windows scored so far, over all channels."""
        return sum(clips[0].count for clips in self._clips)

    def clip(self, track: int = 0, head: int = 0) -> Clip:
        """Return what is summed up of all windows so far for ``heads[head]``."""
        return self._clips[track][head]

    def clip_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the aggregate of all windows so far, one score per class of ``heads[head]``, (classes,)."""
        return self.clip(track, head).scores

    def listed_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the same for what the options list: classes and groups of classes, (k,)."""
        return self.clip(track, head).listed

    @deprecation.renamed("k", "max_results")
    def top(
        self, max_results: int | None = None, *, track: int = 0, head: str | int | None = None
    ) -> tuple[ScoredLabel, ...]:
        """Return the highest classes of all windows so far, see `Classification.top`."""
        chosen = choose_heads(self.heads, head)
        clips = [clip for one, clip in zip(self.heads, self._clips[track], strict=True) if one in chosen]
        return tuple(scored for clip in clips for scored in clip.categories.top(clip.listed, max_results))

    @deprecation.renamed("k", "max_results")
    def rows(self, windows: Windows, max_results: int | None = None) -> Iterator[Row]:
        """Yield the highest `max_results` classes that the options list, of each window and each head, a row each."""
        end_s = self.source.start_s + self.duration_s
        parts = [
            ListedScores(categories, categories.reduce(output.scores), self.name, windows.channel, head.name)
            for head, categories, output in zip(self.heads, self.categories, windows.heads, strict=True)
        ]
        spans = [(start, min(start + self.window_s, end_s)) for start in windows.times_s.tolist()]
        yield from rows_of(parts, spans, max_results, clock=self.clock)

    @deprecation.renamed("k", "max_results")
    def summary(self, max_results: int | None = None) -> Summary:
        """Return what the recording amounts to, with the highest `max_results` classes of each channel and head."""
        whole = (self.source.start_s, self.source.start_s + self.duration_s)
        parts = [
            ListedScores(clip.categories, clip.listed[np.newaxis], self.name, channel, head.name)
            for channel, clips in zip(self.channels, self._clips, strict=True)
            for head, clip in zip(self.heads, clips, strict=True)
        ]
        top = tuple(rows_of(parts, [whole], max_results, clock=self.clock))
        return self._summary(self.count, top=top, length_s=self.source.length_s)

    def __iter__(self) -> Iterator[Windows]:
        return self._windows


def _channels(tracks: Sequence[PatchStream]) -> tuple[int | None, ...]:
    return (None,) if len(tracks) == 1 else tuple(range(len(tracks)))


def _cut(
    blocks: Generator[Float32, None, None], tracks: Sequence[PatchStream], hop: int, threads: int = 1, *, live: bool
) -> Generator[tuple[int, Cut], None, None]:
    """Yield tracks and their next patches, where there are some or a frame, or a live source has no samples yet."""
    try:
        at_once = _WINDOWS_AT_ONCE if threads <= 2 else _WINDOWS_AT_ONCE // 2
        size = min(at_once * hop, _MOST_SAMPLES)
        first = None if threads == 1 else _FIRST_WINDOWS * hop
        for parts in ([block] for block in blocks) if live else recut(blocks, size, first):
            if not parts[0].size:
                yield 0, tracks[0].cut()
                continue
            for track, stream in enumerate(tracks):
                if not (cut := stream.cut(*(part[track] for part in parts))).empty:
                    yield track, cut
        for track, stream in enumerate(tracks):
            if (zeros := stream.padding()).size and not (cut := stream.cut(zeros)).empty:
                yield track, cut
    finally:
        blocks.close()


def scored(
    source: AudioSource, tracks: Sequence[PatchStream], hop: int, scorer: _Scorer[_Made], threads: int
) -> Generator[tuple[int, _Made], None, None]:
    """Yield tracks and what a scorer makes of their next patches."""
    channels = _channels(tracks)

    def score(piece: tuple[int, Cut]) -> tuple[int, _Made]:
        track, cut = piece
        return track, scorer.score(cut.patches(), hop, start_s=source.start_s, channel=channels[track])

    results: Iterator[tuple[int, _Made]]
    if threads == 1:
        pieces = _cut(source.blocks(), tracks, hop, live=source.live)
        results, end = map(score, pieces), pieces.close
    else:
        scorer.network.warm_up()
        crew = Crew(threads)
        pieces = _cut(source.blocks(None if source.live else crew.ahead), tracks, hop, threads, live=source.live)
        results = crew.in_order(pieces if source.live else crew.ahead(pieces), score)
        end = results.close
    try:
        yield from results
    finally:
        end()


def _added(
    source: AudioSource, tracks: Sequence[PatchStream], hop: int, scorer: Scorer, clips: list[list[Clip]], threads: int
) -> Generator[Windows, None, None]:
    """Yield the windows of a recording, and add them to its clips."""
    pieces = scored(source, tracks, hop, scorer, threads)
    results: Iterator[tuple[int, Windows]] = pieces
    if source.pad_end == "original" and not source.live:
        apart = scorer.of_each_head(ends_apart(scorer.network.plans))
        results = computed_at_once(results, tracks, apart) if any(apart) else results
    try:
        for track, windows in results:
            for clip, output in zip(clips[track], windows.heads, strict=True):
                clip.add(output, len(windows))
            yield windows
    finally:
        pieces.close()
