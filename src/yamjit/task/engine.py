"""What the tasks run on: a classifier, one window at a time or a stream of them, and what is listed of its scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.categories import Categories
from yamjit.errors import InputError
from yamjit.heads import HeadInfo, HeadRecord
from yamjit.loading import load
from yamjit.options import ClassifierOptions
from yamjit.reading import ReadOptions
from yamjit.scoring import Windows
from yamjit.task.core import BaseOptions
from yamjit.task.processor import Category, Classifications
from yamjit.task.samples import whole

__all__ = ["Engine", "ResultStream", "listing"]

Float32 = npt.NDArray[np.float32]

#: Samples that a stream takes at once, at most.
_BLOCK_SAMPLES = 2**18


class Engine:
    """A model that takes one window of one channel; one that takes patches, but not YAMNet's, is a `ModelError`."""

    channels = 1

    def __init__(self, base_options: BaseOptions, options: ClassifierOptions | None = None) -> None:
        checks.instance(base_options, "base_options", BaseOptions)
        self._classifier = load(base_options.model(), threads=base_options.threads(), options=options)
        self.window = self._classifier.window_samples
        self.sample_rate = self._classifier.sample_rate
        records, locale = self._classifier.head_records, self._classifier.options.display_names_locale
        self._heads = [
            _Head(info, categories, records[info.index], locale)
            for info, categories in zip(self._classifier.heads, self._classifier.categories, strict=True)
        ]

    @property
    def embedding_size(self) -> int:
        """Number of values of an embedding; 0 where the model has none."""
        embedding = self._classifier.plan.embedding
        return 0 if embedding is None else int(np.prod(embedding.shape))

    def classify(self, samples: Float32) -> list[Classifications]:
        """List what each head says of one window, float32 (window,)."""
        return next(self.list_windows(self._classifier.score_window(samples)))

    def embed(self, samples: Float32) -> Float32:
        """Return the embedding, float32 (size,), of one window, float32 (window,)."""
        return self._classifier.score_window(samples).embeddings[0]

    def stream(self, sample_rate: int, channels: int) -> ResultStream:
        """Return a stream that lists windows side by side."""
        return ResultStream(self, sample_rate, channels)

    def list_windows(self, windows: Windows) -> Iterator[list[Classifications]]:
        """Yield for each window what each head says of it."""
        for scores in zip(*(output.scores for output in windows.heads), strict=True):
            yield [head.list(row) for head, row in zip(self._heads, scores, strict=True)]

    def __repr__(self) -> str:
        return repr(self._classifier)


class ResultStream:
    """Blocks of any size in, windows that do not overlap out; the last one is padded with zeros."""

    def __init__(self, engine: Engine, sample_rate: int, channels: int) -> None:
        self._engine = engine
        self._stream = engine._classifier.stream(sample_rate, channels, reading=ReadOptions(overlap=0))

    def push(self, frames: Float32) -> Iterator[list[Classifications]]:
        """Take samples, float32 (n, channels); yield what each head says of each window that is complete."""
        for start in range(0, len(frames), _BLOCK_SAMPLES):
            yield from self._engine.list_windows(self._stream.push(frames[start : start + _BLOCK_SAMPLES]))

    def flush(self) -> Iterator[list[Classifications]]:
        """End the stream; yield what is left of it."""
        yield from self._engine.list_windows(self._stream.flush())


class _Head:
    """An output of the model, and what is listed of it."""

    def __init__(self, info: HeadInfo, categories: Categories, record: HeadRecord, locale: str) -> None:
        self._info = info
        self._categories = categories
        self._indices = np.array(categories.class_indices, np.intp)
        nameless = ("",) * len(info.labels)
        self._category_names = info.labels if record.is_labelled else nameless
        self._display_names = record.display_names(locale) or nameless

    def list(self, scores: Float32) -> Classifications:
        """List one window, from its scores, float32 (classes,)."""
        listed = self._categories.reduce(scores[np.newaxis])[0]
        ranked = self._categories.rank(listed)
        indices = self._indices[ranked].tolist()
        categories = [
            Category(index, score, self._display_names[index], self._category_names[index])
            for index, score in zip(indices, listed[ranked].tolist(), strict=True)
        ]
        return Classifications(categories, self._info.index, self._info.name)


def listing(
    max_results: int | None,
    score_threshold: float | None,
    allowlist: Sequence[str] | None,
    denylist: Sequence[str] | None,
    locale: str | None,
) -> ClassifierOptions:
    """Return options of either library as those of yamjit; both lists at once are refused with an `InputError`."""
    if allowlist and denylist:
        raise InputError("the allowlist and the denylist are mutually exclusive; both have names")
    most = -1 if max_results is None else whole(max_results, "max_results", least=None)
    return ClassifierOptions(
        max_results=max(-1, most),
        score_threshold=score_threshold,
        category_allowlist=allowlist or (),
        category_denylist=denylist or (),
        display_names_locale=locale or "en",
    )
