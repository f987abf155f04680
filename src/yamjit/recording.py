"""Recordings of any length: their windows, scored one after the other in constant memory."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import AudioSource
from yamjit.categories import Categories
from yamjit.errors import InputError
from yamjit.frontend import FrontEnd, Patches, PatchStream
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo
from yamjit.labels import ScoredLabel
from yamjit.results import Row, Summary
from yamjit.scoring import Scorer, Windows
from yamjit.workers import in_order

__all__ = ["AGGREGATES", "FrameStream", "Origin", "WindowStream", "recut", "rows_of", "top_of"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_Self = TypeVar("_Self", bound="_Reading")

#: How the scores of all windows become one.
AGGREGATES = ("mean", "max")

#: Windows that are scored together, where nobody waits for the first.
_WINDOWS_AT_ONCE = 16

#: Samples that are cut at once, at most: 16 s.
_MOST_SAMPLES = 2**18


class _Cut:
    """A recording that is cut into stretches; what was opened is released with it.

    Iterators hold it and not the stream they come from, so that either goes when nobody holds it any more.
    """

    def __init__(self, source: AudioSource, front_end: FrontEnd, hop: int, *, level: bool) -> None:
        self.source = source
        self.hop = hop
        self.tracks = [PatchStream(front_end, hop, level=level) for _ in range(source.tracks)]
        weakref.finalize(self, source.close).atexit = False

    @property
    def channels(self) -> tuple[int | None, ...]:
        return (None,) if len(self.tracks) == 1 else tuple(range(len(self.tracks)))

    def stretches(self) -> Iterator[_Stretch]:
        """Yield what the recording is made of; nothing where a block completes neither a frame nor a window."""
        blocks = self.source.blocks()
        if not self.source.live:
            blocks = recut(blocks, min(_WINDOWS_AT_ONCE * self.hop, _MOST_SAMPLES))
        for block in blocks:
            for track, stream in enumerate(self.tracks):
                patches = stream.push(block[track])
                if len(patches.patches) or len(patches.frames):
                    yield _Stretch(track, patches)
        for track, stream in enumerate(self.tracks):
            yield _Stretch(track, stream.flush())


class _Stretch(NamedTuple):
    """A part of a track, cut and waiting to be scored."""

    track: int
    patches: Patches


class _Reading:
    """A recording as it is read; a context manager."""

    def __init__(self, source: AudioSource, cut: _Cut, sample_rate: int) -> None:
        self.source = source
        self._cut = cut
        self._sample_rate = sample_rate

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.source.name

    @property
    def channels(self) -> tuple[int | None, ...]:
        """What is read: each channel by its number, or only None, one of them or the mean of all."""
        return self._cut.channels

    @property
    def duration_s(self) -> float:
        """What was read so far, in seconds."""
        return self._cut.tracks[0].samples / self._sample_rate

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the audio, once it has been read to its end."""
        return self.source.warnings

    @property
    def damage(self) -> str | None:
        """Why the recording ended too early, if it did, once it has been read to its end."""
        return self.source.damage

    @property
    def lost(self) -> bool:
        """Whether the recording holds sound that could not be read, once it has been read to its end."""
        return self.source.lost

    def close(self) -> None:
        """Stop, and release what was opened."""
        self.source.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FrameStream(_Reading):
    """The log-mel spectrogram of a recording as the model sees it, in constant memory; no network runs.

    Iterating yields the channel and its next frames, (t, n_mels) float32, padded like the last window; where the
    channels are read apart, those of each channel in turn. Made by `Classifier.frames`.

    Parameters
    ----------
    source : AudioSource
        Closed with the stream.
    front_end : FrontEnd
    sample_rate : int
        The model's, in Hz.
    hop : int > 0
        Samples of the model's rate from one window to the next: they say where the padding ends.
    """

    def __init__(self, source: AudioSource, front_end: FrontEnd, sample_rate: int, hop: int) -> None:
        super().__init__(source, _Cut(source, front_end, hop, level=False), sample_rate)
        self.frame_s = front_end.constants.hop_length / sample_rate
        self.window_s = front_end.constants.window_samples / sample_rate

    def summary(self) -> Summary:
        """Return what is known of the recording, without classes."""
        count = sum(track.windows for track in self._cut.tracks)
        return Summary(self.name, self.duration_s, count, self.window_s, (), self.warnings, self.damage, self.lost)

    def __iter__(self) -> Iterator[tuple[int | None, Float32]]:
        return _frames(self._cut)


def _frames(cut: _Cut) -> Iterator[tuple[int | None, Float32]]:
    for stretch in cut.stretches():
        yield cut.channels[stretch.track], stretch.patches.frames


class WindowStream(_Reading):
    """The windows of a recording as they are scored, in constant memory; a context manager, read once.

    Iterating yields `Windows`, none or a few at a time and in the order of time; where the channels are scored apart,
    those of each channel in turn. Made by `Classifier.windows`.

    Parameters
    ----------
    source : AudioSource
        Closed with the stream.
    scorer : Scorer
    heads, categories : sequence of HeadInfo, sequence of Categories
        What each output of the model means, and what is listed of it.
    hop : int > 0
        Samples of the model's rate from one window to the next.
    aggregate : {"mean", "max"}
    level : bool
        Whether the level of each window is wanted.
    threads : int > 0
    """

    def __init__(
        self,
        source: AudioSource,
        scorer: Scorer,
        heads: Sequence[HeadInfo],
        categories: Sequence[Categories],
        hop: int,
        *,
        aggregate: str = "mean",
        level: bool = False,
        threads: int = 1,
    ) -> None:
        checks.choice(aggregate, "aggregate", AGGREGATES)
        cut = _Cut(source, scorer.front_end, hop, level=checks.flag(level, "level"))
        super().__init__(source, cut, scorer.sample_rate)
        self.heads = tuple(heads)
        self.categories = tuple(categories)
        self.window_s = scorer.window_s
        self.hop_s = hop / scorer.sample_rate
        self._clips = [[_HeadClip(c, aggregate) for c in self.categories] for _ in cut.tracks]
        self._windows = _scored(cut, scorer, self._clips, threads)

    @property
    def count(self) -> int:
        """Windows scored so far, over all channels."""
        return sum(clips[0].count for clips in self._clips)

    def clip_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the aggregate of all windows so far, one score per class of ``heads[head]``, (classes,)."""
        return self._clips[track][head].all.scores()

    def listed_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the same for what the options list: classes, and groups of them, (k,)."""
        return self._clips[track][head].listed.scores()

    def top(self, k: int | None = None, *, track: int = 0, head: str | int | None = None) -> tuple[ScoredLabel, ...]:
        """Return the highest classes of all windows so far, see `Classification.top`."""
        chosen = {one.index for one in choose_heads(self.heads, head)}
        clips = zip(self.heads, self._clips[track], strict=True)
        return tuple(
            scored
            for one, clip in clips
            if one.index in chosen
            for scored in top_of(clip.categories, clip.listed.scores(), k)
        )

    def rows(self, windows: Windows, k: int | None = None) -> Iterator[Row]:
        """Yield the highest `k` classes of each head in each window, as far as the options list them, a row each."""
        last = self.source.start_s + self.duration_s
        parts = [
            (categories, categories.reduce(output.scores), Origin(self.name, windows.channel, head.name))
            for head, categories, output in zip(self.heads, self.categories, windows.heads, strict=True)
        ]
        for window, start in enumerate(windows.times_s.tolist()):
            for categories, listed, origin in parts:
                yield from rows_of(categories, listed[window], k, origin, (start, min(start + self.window_s, last)))

    def summary(self, k: int | None = None) -> Summary:
        """Return what the recording amounts to, with the highest `k` classes of each channel and head."""
        return Summary(
            file=self.name,
            duration_s=self.duration_s,
            windows=self.count,
            window_s=self.window_s,
            top=tuple(self._clip_rows(k)),
            warnings=self.warnings,
            damage=self.damage,
            length_s=self.source.length_s,
            lost=self.lost,
        )

    def _clip_rows(self, k: int | None) -> Iterator[Row]:
        whole = (self.source.start_s, self.source.start_s + self.duration_s)
        for channel, clips in zip(self.channels, self._clips, strict=True):
            for head, clip in zip(self.heads, clips, strict=True):
                origin = Origin(self.name, channel, head.name)
                yield from rows_of(clip.categories, clip.listed.scores(), k, origin, whole)

    def close(self) -> None:
        """Stop, and release what was opened."""
        self._windows.close()
        super().close()

    def __iter__(self) -> Iterator[Windows]:
        return self._windows


def _scored(
    cut: _Cut, scorer: Scorer, clips: Sequence[Sequence[_HeadClip]], threads: int
) -> Generator[Windows, None, None]:
    """Yield the windows of a recording, and add them to its clips."""

    def score(stretch: _Stretch) -> tuple[int, Windows]:
        channel = cut.channels[stretch.track]
        return stretch.track, scorer.score(stretch.patches, cut.hop, start_s=cut.source.start_s, channel=channel)

    if threads > 1:
        scorer.network.prepare()
    with contextlib.closing(in_order(cut.stretches(), score, threads)) as results:
        for track, windows in results:
            for clip, output in zip(clips[track], windows.heads, strict=True):
                clip.add(output.scores)
            yield windows


def recut(blocks: Iterable[Float32], size: int) -> Iterator[Float32]:
    """Yield the same samples, (tracks, n), in blocks of `size`, the last one excepted."""
    held: list[Float32] = []
    missing = size
    for block in blocks:
        start = 0
        while block.shape[-1] - start >= missing:
            yield np.concatenate((*held, block[..., start : start + missing]), axis=-1)
            start += missing
            held, missing = [], size
        held.append(block[..., start:])
        missing -= block.shape[-1] - start
    if missing < size:
        yield np.concatenate(held, axis=-1)


# -- From windows to a clip -------------------------------------------------------------------------------------


class _Aggregate:
    """One score per class for any number of windows, which come one after the other.

    Windows are added one by one, so that nothing depends on how many come at once.
    """

    def __init__(self, how: str) -> None:
        self.count = 0
        self._how = how
        self._total: Float64 | None = None

    def add(self, scores: Float32) -> None:
        """Take the scores of further windows, (n, classes)."""
        combine = np.maximum if self._how == "max" else np.add
        for window in scores.astype(np.float64):
            self._total = window if self._total is None else combine(self._total, window)
        self.count += len(scores)

    def scores(self) -> Float64:
        """Return the aggregate, (classes,)."""
        if self._total is None:
            raise InputError("no window has been scored yet")
        return self._total / self.count if self._how == "mean" else self._total


class _HeadClip:
    """What the windows of one channel amount to by one head: all of its classes, and what is listed of them."""

    def __init__(self, categories: Categories, how: str) -> None:
        self.categories = categories
        self.all = _Aggregate(how)
        self.listed = _Aggregate(how)

    @property
    def count(self) -> int:
        """Windows so far."""
        return self.all.count

    def add(self, scores: Float32) -> None:
        """Take the scores of further windows, (n, classes)."""
        self.all.add(scores)
        self.listed.add(self.categories.reduce(scores))


class Origin(NamedTuple):
    """Where scores come from: the recording, the channel (None where they were mixed), and the model's output."""

    file: str
    channel: int | None
    head: str


def top_of(categories: Categories, scores: npt.NDArray[np.floating], k: int | None) -> tuple[ScoredLabel, ...]:
    """Return what is listed of one row of listed scores, the highest first."""
    return tuple(
        ScoredLabel(categories.names[i], float(scores[i]), int(categories.class_indices[i]), categories.head)
        for i in categories.rank(scores, k)
    )


def rows_of(
    categories: Categories,
    scores: npt.NDArray[np.floating],
    k: int | None,
    origin: Origin,
    stretch: tuple[float, float],
) -> Iterator[Row]:
    """Yield what is listed of one row of listed scores as rows, the highest first; `stretch` is (start, end) in s."""
    for i in categories.rank(scores, k):
        yield Row(
            file=origin.file,
            start_s=stretch[0],
            end_s=stretch[1],
            label=categories.names[i],
            score=float(scores[i]),
            class_index=int(categories.class_indices[i]),
            audioset_id=categories.audioset_ids[i],
            channel=origin.channel,
            head=origin.head,
        )
