"""What a model hears in a recording: scores of every window, and of the whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.categories import Categories
from yamjit.errors import InputError
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo
from yamjit.labels import ScoredLabel
from yamjit.listing import Scored, rows_of
from yamjit.recording import WindowStream
from yamjit.results import Row
from yamjit.scoring import Windows
from yamjit.spec import DEFAULT_MAX_RESULTS

__all__ = ["KEPT", "Classification", "HeadResult", "collect"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: What can be kept of each window.
KEPT = ("scores", "logits", "embeddings", "log_mel", "level_dbfs")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeadResult:
    """What one output of a model says of a recording.

    Parameters
    ----------
    info : HeadInfo
        What it means: its classes and their names.
    categories : Categories
        Which of them are listed.
    clip_scores : np.ndarray [shape=(classes,), float64]
        The aggregate of all windows, for each class.
    listed_scores : np.ndarray [shape=(k,), float64]
        The same for what is listed: classes, and groups of them.
    scores : np.ndarray [shape=(n, classes), float32] or None
        Of each window, if they were kept.
    logits : np.ndarray [shape=(n, classes), float32] or None
        Before the sigmoid, if they were kept.
    """

    info: HeadInfo
    categories: Categories
    clip_scores: Float64
    listed_scores: Float64
    scores: Float32 | None = None
    logits: Float32 | None = None

    @property
    def name(self) -> str:
        """Of the model's output."""
        return self.info.name

    @property
    def index(self) -> int:
        """Among the model's outputs, from 0."""
        return self.info.index

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its classes."""
        return self.info.labels

    @deprecation.renamed("k", "max_results")
    def top(self, max_results: int | None = None, *, window: int | None = None) -> tuple[ScoredLabel, ...]:
        """Return the highest classes, see `Classification.top`."""
        if window is None:
            return self.categories.top(self.listed_scores, max_results)
        scores = _kept(self.scores, "scores")
        found = checks.index(window)
        if found is None or not -len(scores) <= found < len(scores):
            raise InputError(f"window {checks.shown(window)} is out of range, there are {len(scores)}")
        return self.categories.top(self.categories.reduce(scores[found][np.newaxis])[0], max_results)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Classification:
    """What a model hears in a recording.

    Parameters
    ----------
    name : str
        Of the recording.
    heads : tuple of HeadResult
        One per output of the model that counts; `scores`, `logits`, `labels` and `clip_scores` are those of the first.
    times_s : np.ndarray [shape=(n,), float64]
        Where each window starts, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    start_s, duration_s : float
        Where reading began, and how long the stretch that was read is, in seconds.
    channel : int or None
        That was heard, from 0, where each was scored apart; else None.
    warnings : tuple of str
        What is wrong with the audio, such as clipping; a line each.
    damage : str or None
        What is wrong with the recording: it ended too early, say.
    lost : bool
        Whether it holds sound that could not be read.
    kept : mapping of str to np.ndarray
        What was kept of each window besides the scores.
    """

    name: str
    heads: tuple[HeadResult, ...]
    times_s: Float64
    window_s: float
    start_s: float
    duration_s: float
    channel: int | None
    warnings: tuple[str, ...]
    damage: str | None
    lost: bool
    kept: Mapping[str, npt.NDArray[Any]]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.heads[0].labels

    @property
    def clip_scores(self) -> Float64:
        """One score per class for the whole recording, (classes,): the mean of all windows, or their maximum."""
        return self.heads[0].clip_scores

    @property
    def scores(self) -> Float32:
        """Scores of each window, (n, classes) float32 in [0, 1]; the classes are independent of each other."""
        return _kept(self.heads[0].scores, "scores")

    @property
    def logits(self) -> Float32:
        """What the scores are the sigmoid of, (n, classes) float32; kept on demand."""
        return _kept(self.heads[0].logits, "logits")

    @property
    def embeddings(self) -> Float32:
        """(n, size) float32, 1024 values per window for YAMNet; kept on demand."""
        return _kept(self.kept.get("embeddings"), "embeddings")

    @property
    def log_mel(self) -> Float32:
        """The log-mel spectrogram, (t, n_mels) float32, padded like the last window; kept on demand."""
        return _kept(self.kept.get("log_mel"), "log_mel")

    @property
    def level_dbfs(self) -> Float64:
        """Root mean square of each window in dBFS, (n,) float64; kept on demand."""
        return _kept(self.kept.get("level_dbfs"), "level_dbfs")

    @deprecation.renamed("k", "max_results")
    def top(
        self, max_results: int | None = None, *, window: int | None = None, head: str | int | None = None
    ) -> tuple[ScoredLabel, ...]:
        """Return the classes with the highest scores, as far as the options list them.

        Parameters
        ----------
        max_results : int > 0, or -1 for all, optional
            Number of classes of each head; by default as the options say (5 unless they say otherwise).
        window : int, optional
            Of this window only; by default the aggregate of all windows counts.
        head : str or int, optional
            Of the head of this name or index only.

        Returns
        -------
        tuple of ScoredLabel
            Those of the first head, the highest score first, equal ones by class index; then those of the next.
        """
        chosen = choose_heads(self.heads, head)
        return tuple(scored for one in chosen for scored in one.top(max_results, window=window))

    @deprecation.renamed("k", "max_results")
    def rows(
        self, max_results: int | None = None, *, windows: bool = False, head: str | int | None = None
    ) -> Iterator[Row]:
        """Yield the highest classes as rows.

        Parameters
        ----------
        max_results, head
            See `top`.
        windows : bool
            Of each window, in place of the whole.
        """
        whole = (self.start_s, self.start_s + self.duration_s)
        checks.flag(windows, "windows")
        parts = [
            Scored(
                one.categories,
                one.categories.reduce(_kept(one.scores, "scores")) if windows else one.listed_scores[np.newaxis],
                self.name,
                self.channel,
                one.name,
            )
            for one in choose_heads(self.heads, head)
        ]
        spans = [(start, min(start + self.window_s, whole[1])) for start in self.times_s.tolist()]
        yield from rows_of(parts, spans if windows else [whole], max_results)

    @deprecation.renamed("k", "max_results")
    def to_pandas(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``pandas.DataFrame``."""
        from yamjit.output.dataframes import to_pandas

        return to_pandas(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_polars(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``polars.DataFrame``."""
        from yamjit.output.dataframes import to_polars

        return to_polars(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_arrow(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``pyarrow.Table``."""
        from yamjit.output.dataframes import to_arrow

        return to_arrow(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_hf(self, max_results: int | None = None, *, head: str | int | None = None) -> list[dict[str, Any]]:
        """Return the highest classes as a pipeline of Hugging Face does: ``[{"score": ..., "label": ...}, ...]``.

        Where there are several heads, "head" says which.
        """
        return [
            {"score": one.score, "label": one.label, **({"head": one.head} if one.head else {})}
            for one in self.top(max_results, head=head)
        ]

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        windows = "1 window" if len(self) == 1 else f"{len(self)} windows"
        lines = [f"<Classification of {self.name}: {self.duration_s:.2f} s, {windows} of {self.window_s:g} s"]
        lines += [
            f"  {one.score:.3f}  {one.label}{f'  ({one.head})' if one.head else ''}"
            for one in self.top(DEFAULT_MAX_RESULTS)
        ]
        return "\n".join(lines) + ">"


def _kept(value: Any, name: str) -> Any:
    if value is None:
        raise InputError(f"{name} were not kept; ask for them: classify(..., keep={name!r})")
    return value


def collect(stream: WindowStream, keep: Collection[str]) -> tuple[Classification, ...]:
    """Read a recording to its end; one result per channel that is scored.

    Parameters
    ----------
    stream : WindowStream
        Just opened.
    keep : collection of str
        What is kept of each window, of `KEPT`.
    """
    unknown = [name for name in keep if name not in KEPT]
    if unknown:
        raise InputError(f"keep names {', '.join(map(repr, unknown))}; accepted are {', '.join(KEPT)}")
    found = {channel: _Collector(keep) for channel in stream.channels}
    for windows in stream:
        found[windows.channel].add(windows)
    return tuple(collector.result(stream, track) for track, collector in enumerate(found.values()))


class _Collector:
    """What is kept of the windows of a channel, in the order of time."""

    def __init__(self, keep: Collection[str]) -> None:
        self._keep = [name for name in ("embeddings", "log_mel", "level_dbfs") if name in keep]
        self._keep_of_heads = [name for name in ("scores", "logits") if name in keep]
        self._times: list[Float64] = []
        self._kept: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in self._keep}
        self._heads: list[dict[str, list[Float32]]] = []

    def add(self, windows: Windows) -> None:
        """Keep what is asked for."""
        self._times.append(windows.times_s)
        for name in self._keep:
            self._kept[name].append(getattr(windows, name))
        if not self._heads:
            self._heads = [{name: [] for name in self._keep_of_heads} for _ in windows.heads]
        for kept, output in zip(self._heads, windows.heads, strict=True):
            for name, parts in kept.items():
                parts.append(getattr(output, name))

    def result(self, stream: WindowStream, track: int) -> Classification:
        """Return the result for a track of a stream that has ended."""
        return Classification(
            name=stream.name,
            heads=tuple(self._head(stream, track, head) for head in range(len(self._heads))),
            times_s=np.concatenate(self._times),
            window_s=stream.window_s,
            start_s=stream.source.start_s,
            duration_s=stream.duration_s,
            channel=stream.channels[track],
            warnings=stream.warnings,
            damage=stream.damage,
            lost=stream.lost,
            kept={name: np.concatenate(parts) for name, parts in self._kept.items()},
        )

    def _head(self, stream: WindowStream, track: int, head: int) -> HeadResult:
        return HeadResult(
            info=stream.heads[head],
            categories=stream.categories[head],
            clip_scores=stream.clip_scores(track, head),
            listed_scores=stream.listed_scores(track, head),
            **{name: np.concatenate(parts) for name, parts in self._heads[head].items()},
        )
