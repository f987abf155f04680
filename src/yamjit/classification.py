"""What a model hears in a recording: scores of every window, and of the whole."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks, deprecation
from yamjit.categories import Categories, Clip
from yamjit.clock import Clock
from yamjit.errors import InputError
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo
from yamjit.keywords import explained
from yamjit.labels import ScoredLabel
from yamjit.listing import ListedScores, rows_of
from yamjit.network import HeadOutput, Quantized
from yamjit.results import Row
from yamjit.spec import DEFAULT_MAX_RESULTS
from yamjit.text import plural

__all__ = ["Classification", "HeadResult"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]


@explained
@dataclass(frozen=True, eq=False, repr=False)
class HeadResult:
    """What one output of a model says of a recording.

    Parameters
    ----------
    info : HeadInfo
        The classes of the output and their names.
    categories : Categories
        Which of them are listed.
    clip : Clip
        Scores of the whole recording.
    output : HeadOutput or None
        Scores and logits of each window, if windows were kept.
    """

    info: HeadInfo
    categories: Categories
    clip: Clip
    output: HeadOutput | None = None

    @property
    def name(self) -> str:
        """Name of the model's output."""
        return self.info.name

    @property
    def index(self) -> int:
        """Position among the model's outputs, from 0."""
        return self.info.index

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its classes."""
        return self.info.labels

    @functools.cached_property
    def clip_scores(self) -> Float64:
        """Aggregate of all windows, for each class, (classes,)."""
        return self.clip.scores

    @functools.cached_property
    def listed_scores(self) -> Float64:
        """The same for what is listed: classes, and groups of them, (k,)."""
        return self.clip.listed

    @functools.cached_property
    def scores(self) -> Float32:
        """Scores of each window, (n, classes) float32 in [0, 1]; the classes are independent of each other."""
        return _kept(self.output, "scores").scores

    @functools.cached_property
    def logits(self) -> Float32:
        """Logits of each window, whose sigmoid the scores are before calibration, (n, classes) float32."""
        return _kept(self.output, "logits").logits

    @deprecation.renamed("k", "max_results")
    def top(self, max_results: int | None = None, *, window: int | None = None) -> tuple[ScoredLabel, ...]:
        """Return the highest classes, see `Classification.top`."""
        if window is None:
            return self.categories.top(self.listed_scores, max_results)
        scores = self.scores
        found = checks.index(window)
        if found is None or not -len(scores) <= found < len(scores):
            raise InputError(f"window {checks.shown(window)} is out of range, there are {len(scores)}")
        return self.categories.top(self.categories.reduce(scores[found][np.newaxis])[0], max_results)

    def __repr__(self) -> str:
        highest = "".join(f", highest {one.label} {one.score:.3f}" for one in self.top(1))
        return f"<HeadResult {self.name!r}: {len(self.labels)} classes{highest}>"


@explained
@dataclass(frozen=True, eq=False, repr=False)
class Classification:
    """What a model hears in a recording.

    Made by `Classifier.classify`. Scores, logits and embeddings are held as the model computes them: the 8-bit integers
    of a quantized one become floats when they are first asked for.

    Parameters
    ----------
    name : str
        Name of the recording.
    heads : tuple of HeadResult
        One per output of the model that counts; `scores`, `logits`, `labels` and `clip_scores` are those of the first.
    times_s : np.ndarray [shape=(n,), float64]
        Start of each window, in seconds from the start of the recording.
    window_s : float
        Length of a window, in seconds.
    start_s, duration_s : float
        Where reading began, and the length of what was read, in seconds.
    channel : int or None
        Number of the channel, from 0, where channels were scored separately; else None.
    warnings : tuple of str
        What is wrong with the audio, such as clipping; a line each.
    damage : str or None
        What is wrong with the recording, such as an early end.
    lost : bool
        Whether the recording holds sound that could not be read.
    quantized_embeddings : Quantized or None
        Embedding of each window, if windows were kept.
    levels : np.ndarray [shape=(n,), float64] or None
        Level of each window in dBFS, if it was computed.
    read_log_mel : callable or None
        Returns the log-mel spectrogram, where the recording can be read again.
    clock : Clock
        Clock of the recording.

    Examples
    --------
    >>> result = model.classify("street.mp3")
    >>> result.top(3)
    >>> result.to_pandas()
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
    quantized_embeddings: Quantized | None = None
    levels: Float64 | None = None
    read_log_mel: Callable[[], Float32] | None = None
    clock: Clock = field(default_factory=Clock)

    @property
    def recorded_at(self) -> datetime | None:
        """Date and time of second 0 of the recording, even if it was read from a later one on; None if not known."""
        return self.clock.recorded_at

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
        return self.heads[0].scores

    @property
    def logits(self) -> Float32:
        """Logits of each window, whose sigmoid the scores are before calibration, (n, classes) float32."""
        return self.heads[0].logits

    @functools.cached_property
    def embeddings(self) -> Float32:
        """Embedding of each window, (n, size) float32: 1024 values for YAMNet."""
        return _kept(self.quantized_embeddings, "embeddings").real()

    @functools.cached_property
    def log_mel(self) -> Float32:
        """The log-mel spectrogram, (t, n_mels) float32, padded like the last window; the recording is read again.

        Raises
        ------
        InputError
            If the recording cannot be read twice, as a file object or a live source cannot.
        """
        if self.read_log_mel is None:
            raise InputError(f"{self.name}: cannot be read again for its log-mel; use Classifier.log_mel(audio) for it")
        return self.read_log_mel()

    @property
    def level_dbfs(self) -> Float64:
        """Root mean square of each window in dBFS, (n,) float64, if it was computed."""
        if self.levels is None:
            raise InputError("level_dbfs was not computed; ask for it: classify(..., level=True)")
        return self.levels

    @deprecation.renamed("k", "max_results")
    def top(
        self, max_results: int | None = None, *, window: int | None = None, head: str | int | None = None
    ) -> tuple[ScoredLabel, ...]:
        """Return the classes with the highest scores, of those that the options list.

        Parameters
        ----------
        max_results : int > 0, or -1 for all, optional
            Number of classes of each head; by default as the options say (5 unless they say otherwise).
        window : int, optional
            Number of the only window that counts, from 0; by default the aggregate of all windows.
        head : str or int, optional
            Name or index of the only head that counts.

        Returns
        -------
        tuple of ScoredLabel
            Those of the first head, the highest score first, equal ones by class index; then those of the next.
        """
        chosen = self.heads if head is None else choose_heads(self.heads, head)
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
            Whether each window has rows of its own, in place of the whole recording.
        """
        whole = (self.start_s, self.start_s + self.duration_s)
        checks.flag(windows, "windows")
        parts = [
            ListedScores(
                one.categories,
                one.categories.reduce(one.scores) if windows else one.listed_scores[np.newaxis],
                self.name,
                self.channel,
                one.name,
            )
            for one in choose_heads(self.heads, head)
        ]
        spans = [(start, min(start + self.window_s, whole[1])) for start in self.times_s.tolist()]
        yield from rows_of(parts, spans if windows else [whole], max_results, clock=self.clock)

    @deprecation.renamed("k", "max_results")
    def to_pandas(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``pandas.DataFrame``, see `rows`."""
        from yamjit.output.dataframes import to_pandas

        return to_pandas(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_polars(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``polars.DataFrame``, see `rows`."""
        from yamjit.output.dataframes import to_polars

        return to_polars(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_arrow(self, max_results: int | None = None, *, windows: bool = True, head: str | int | None = None) -> Any:
        """Return the rows as a ``pyarrow.Table``, see `rows`."""
        from yamjit.output.dataframes import to_arrow

        return to_arrow(self.rows(max_results, windows=windows, head=head))

    @deprecation.renamed("k", "max_results")
    def to_hf(self, max_results: int | None = None, *, head: str | int | None = None) -> list[dict[str, Any]]:
        """Return the highest classes as a pipeline of Hugging Face does: ``[{"score": ..., "label": ...}, ...]``.

        Where there are several heads, "head" says which. For the arguments see `top`.
        """
        return [
            {"score": one.score, "label": one.label, **({"head": one.head} if one.head else {})}
            for one in self.top(max_results, head=head)
        ]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what reads the recording again: it holds a model."""
        return {**self.__dict__, "read_log_mel": None}

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        windows = plural(len(self), "window")
        lines = [f"<Classification of {self.name}: {self.duration_s:.2f} s, {windows} of {self.window_s:g} s"]
        lines += [
            f"  {one.score:.3f}  {one.label}{f'  ({one.head})' if one.head else ''}"
            for one in self.top(DEFAULT_MAX_RESULTS)
        ]
        return "\n".join(lines) + ">"


def _kept(value: Any, name: str) -> Any:
    if value is None:
        raise InputError(f"{name} of windows were not kept, since classify() was called with windows=False")
    return value
