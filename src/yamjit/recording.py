"""Recordings of any length: their windows, scored one after the other in constant memory."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.audio import AudioSource
from yamjit.categories import Categories
from yamjit.errors import InputError
from yamjit.frontend import Patches, PatchStream
from yamjit.heads import HeadInfo
from yamjit.labels import ScoredLabel
from yamjit.results import Row, Summary
from yamjit.streaming import Scorer, Windows
from yamjit.workers import in_order

__all__ = ["AGGREGATES", "Origin", "WindowStream", "recut", "rows_of", "top_of"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: How the scores of all windows become one.
AGGREGATES = ("mean", "max")

#: Windows that are scored together, where nobody waits for the first.
_WINDOWS_AT_ONCE = 16

#: Samples that are cut at once, at most: 16 s.
_MOST_SAMPLES = 2**18


class WindowStream:
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
        self.source = source
        self.heads = tuple(heads)
        self.categories = tuple(categories)
        self.window_s = scorer.window_s
        self.hop_s = hop / scorer.sample_rate
        self._scorer = scorer
        self._hop = hop
        self._threads = threads
        self._tracks = [PatchStream(scorer.front_end, hop, level=level) for _ in range(source.tracks)]
        self._clips = [[_HeadClip(c, aggregate) for c in self.categories] for _ in self._tracks]
        self._windows = self._run()

    @property
    def name(self) -> str:
        """Name of the recording."""
        return self.source.name

    @property
    def channels(self) -> tuple[int | None, ...]:
        """What is scored: each channel by its number, or only None, one of them or the mean of all."""
        return (None,) if len(self._tracks) == 1 else tuple(range(len(self._tracks)))

    @property
    def duration_s(self) -> float:
        """What was read so far, in seconds."""
        return self._tracks[0].samples / self._scorer.sample_rate

    @property
    def count(self) -> int:
        """Windows scored so far, over all channels."""
        return sum(clips[0].count for clips in self._clips)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the audio, once it has been read to its end."""
        return self.source.warnings

    @property
    def damage(self) -> str | None:
        """Why the recording ended too early, if it did, once it has been read to its end."""
        return self.source.damage

    def clip_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the aggregate of all windows so far, one score per class, (classes,)."""
        return self._clips[track][head].all.scores()

    def listed_scores(self, track: int = 0, head: int = 0) -> Float64:
        """Return the same for what the options list: classes, and groups of them, (k,)."""
        return self._clips[track][head].listed.scores()

    def top(self, k: int = -1, *, track: int = 0, head: int = 0) -> tuple[ScoredLabel, ...]:
        """Return the highest classes of all windows so far, as far as the options list them."""
        return top_of(self.categories[head], self.listed_scores(track, head), k)

    def rows(self, windows: Windows, k: int = -1) -> Iterator[Row]:
        """Yield the highest `k` classes of each window, as far as the options list them, a row each."""
        last = self.source.start_s + self.duration_s
        for head, categories, output in zip(self.heads, self.categories, windows.heads, strict=True):
            origin = Origin(self.name, windows.channel, head.name)
            for start, scores in zip(windows.times_s.tolist(), categories.reduce(output.scores), strict=True):
                yield from rows_of(categories, scores, k, origin, (start, min(start + self.window_s, last)))

    def summary(self, k: int = -1) -> Summary:
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
        )

    def _clip_rows(self, k: int) -> Iterator[Row]:
        whole = (self.source.start_s, self.source.start_s + self.duration_s)
        for channel, clips in zip(self.channels, self._clips, strict=True):
            for head, clip in zip(self.heads, clips, strict=True):
                origin = Origin(self.name, channel, head.name)
                yield from rows_of(clip.categories, clip.listed.scores(), k, origin, whole)

    def close(self) -> None:
        """Stop, and release what was opened."""
        self._windows.close()
        self.source.close()

    def __iter__(self) -> Iterator[Windows]:
        return self._windows

    def __enter__(self) -> WindowStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> Generator[Windows, None, None]:
        if self._threads > 1:
            self._scorer.prepare()
        with contextlib.closing(in_order(self._stretches(), self._score, self._threads)) as results:
            for track, windows in results:
                for clip, output in zip(self._clips[track], windows.heads, strict=True):
                    clip.add(output.scores)
                yield windows

    def _score(self, stretch: _Stretch) -> tuple[int, Windows]:
        channel = self.channels[stretch.track]
        return stretch.track, self._scorer.score(
            stretch.patches, self._hop, start_s=self.source.start_s, channel=channel
        )

    def _stretches(self) -> Iterator[_Stretch]:
        blocks = self.source.blocks()
        if not self.source.live:
            blocks = recut(blocks, min(_WINDOWS_AT_ONCE * self._hop, _MOST_SAMPLES))
        for block in blocks:
            for track, stream in enumerate(self._tracks):
                yield _Stretch(track, stream.push(block[track]))
        for track, stream in enumerate(self._tracks):
            yield _Stretch(track, stream.flush())


class _Stretch(NamedTuple):
    """A part of a track, cut and waiting to be scored."""

    track: int
    patches: Patches


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
        if how not in AGGREGATES:
            raise InputError(f"aggregate is {how!r}; accepted are {', '.join(AGGREGATES)}")
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


def top_of(categories: Categories, scores: npt.NDArray[np.floating], k: int) -> tuple[ScoredLabel, ...]:
    """Return what is listed of one row of listed scores, the highest first."""
    return tuple(
        ScoredLabel(categories.names[i], float(scores[i]), int(categories.class_indices[i]))
        for i in categories.rank(scores, k)
    )


def rows_of(
    categories: Categories,
    scores: npt.NDArray[np.floating],
    k: int,
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
