"""What the tasks run on: a model, one window at a time or a stream of them, and what is listed of its scores."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.categories import Categories
from yamjit.heads import HeadInfo, HeadRecord
from yamjit.loading import load
from yamjit.options import ClassifierOptions
from yamjit.plan.roles import Role, find_outputs
from yamjit.reading import ReadOptions
from yamjit.scoring import Windows
from yamjit.store import resolve_model
from yamjit.streaming import Stream
from yamjit.task.core import BaseOptions
from yamjit.task.errors import MissingModelError, UnusableModelError, as_theirs
from yamjit.task.listed import without_unknown
from yamjit.task.processor import Category, Classifications
from yamjit.tflite.reader import read_graph

__all__ = ["EmbeddingEngine", "Engine", "WindowStream"]

Float32 = npt.NDArray[np.float32]

#: Samples that a stream takes at once, at most.
_BLOCK_SAMPLES = 2**18


class Engine:
    """A model that takes one window of one channel; one that takes patches, but not YAMNet's, is a `ModelError`."""

    channels = 1

    def __init__(
        self,
        base_options: BaseOptions,
        options: ClassifierOptions | None = None,
        roles: Sequence[str] | None = None,
    ) -> None:
        checks.instance(base_options, "base_options", BaseOptions)
        model, options = base_options.model(), options or ClassifierOptions()
        everything = dataclasses.replace(options, category_allowlist=(), category_denylist=())
        with as_theirs(model):
            loaded = load(model, threads=base_options.threads(), options=everything, roles=roles)
            self._classifier = loaded.with_options(without_unknown(options, loaded.heads))
            self.window = self._classifier.window_samples
        self.sample_rate = self._classifier.sample_rate
        records, locale = self._classifier.head_records, self._classifier.options.display_names_locale
        self._heads = [
            _Head(info, categories, records[info.index], locale)
            for info, categories in zip(self._classifier.heads, self._classifier.categories, strict=True)
        ]

    def classify(self, samples: Float32) -> list[Classifications]:
        """List what each head says of one window, float32 (window,)."""
        return next(self.list_windows(self.score(samples)))

    def score(self, samples: Float32) -> Windows:
        """Return what the model says of one window, float32 (window,)."""
        with as_theirs():
            return self._classifier.score_window(samples)

    def stream(self, sample_rate: int, channels: int) -> WindowStream:
        """Return a stream of windows side by side."""
        return WindowStream(self._classifier.stream(sample_rate, channels, reading=ReadOptions(overlap=0)))

    def list_windows(self, windows: Windows) -> Iterator[list[Classifications]]:
        """Yield for each window what each head says of it."""
        for scores in zip(*(output.scores for output in windows.heads), strict=True):
            yield [head.list(row) for head, row in zip(self._heads, scores, strict=True)]

    def __repr__(self) -> str:
        return repr(self._classifier)


class EmbeddingEngine(Engine):
    """A model whose embeddings are wanted: those of its outputs, or the inner ones of a classifier.

    Attributes
    ----------
    embeddings : dict of str to int
        Number of values of each embedding, by the name of the output; "embedding" is a classifier's.

    Raises
    ------
    UnusableModelError
        If the model has none.
    """

    def __init__(self, base_options: BaseOptions) -> None:
        try:
            super().__init__(base_options)
        except MissingModelError:
            raise
        except UnusableModelError:  # it has no scores, or cannot be run
            outputs = _outputs_that_embed(base_options.model())
            if not outputs:
                raise
            # Outputs are read as they are: no metadata of an embedding ask for calibration.
            super().__init__(base_options, roles=[Role.SCORES.value] * outputs)
            self._are_outputs = True
            self.embeddings = {head.name: len(head.labels) for head in self._classifier.heads}
        else:
            self._are_outputs = False
            self.embeddings = {"embedding": self._inner_size()}

    def _inner_size(self) -> int:
        inner = self._classifier.plan.embedding
        if inner is None:
            raise UnusableModelError(
                "this model has no embedding: its logits are not computed from an average over positions"
            )
        return int(np.prod(inner.shape))

    def list_embeddings(self, windows: Windows) -> Iterator[tuple[Float32, ...]]:
        """Yield for each window its embeddings, float32 (size,) each."""
        found = [head.scores for head in windows.heads] if self._are_outputs else [windows.embeddings]
        return zip(*found, strict=True)


def _outputs_that_embed(model: str | os.PathLike[str] | bytes) -> int:
    """Return how many outputs a model has, if all of them are embeddings; else 0."""
    with as_theirs(model):
        outputs = find_outputs(read_graph(resolve_model(model).data))
    return len(outputs) if all(output.role == Role.EMBEDDINGS for output in outputs) else 0


class WindowStream:
    """Blocks of any size in, windows that do not overlap out; the last one is padded with zeros."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def push(self, frames: Float32) -> Iterator[Windows]:
        """Take samples, float32 (n, channels); yield the windows that are complete, some at a time."""
        for start in range(0, len(frames), _BLOCK_SAMPLES):
            with as_theirs():
                windows = self._stream.push(frames[start : start + _BLOCK_SAMPLES])
            yield windows

    def flush(self) -> Iterator[Windows]:
        """End the stream; yield what is left of it."""
        with as_theirs():
            windows = self._stream.flush()
        yield windows


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
