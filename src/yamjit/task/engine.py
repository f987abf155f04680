"""What the tasks run on: a classifier, window by window, with the scores of every head and the embedding."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from yamjit.audio.channels import mix
from yamjit.audio.resample import Resampler
from yamjit.classifier import load
from yamjit.errors import InputError
from yamjit.frontend import Patches, PatchStream
from yamjit.heads import HeadInfo, read_heads
from yamjit.plan import Slot
from yamjit.task.core import BaseOptions
from yamjit.tflite.metadata import FileType

__all__ = ["Engine", "HeadNames", "WindowStream", "check_finite"]

Float32 = npt.NDArray[np.float32]

#: Samples of a stream that are taken at once, at most.
_BLOCK_SAMPLES = 2**18


class HeadNames:
    """A head, and the names that its model really has: empty ones where it has none.

    Parameters
    ----------
    info : HeadInfo
    labelled : bool
        Whether the model names the classes.
    """

    def __init__(self, info: HeadInfo, labelled: bool) -> None:
        nameless = ("",) * len(info.labels)
        self.info = info
        self.category_names = info.labels if labelled else nameless
        # Without a file of the language, the display names are the very tuple of the labels.
        self.display_names = nameless if info.display_names is info.labels else info.display_names


class Engine:
    """A model that takes one window of one channel.

    Parameters
    ----------
    options : BaseOptions
    locale : str
        Language of the display names.

    Raises
    ------
    InputError
        If `options` are wrong.
    ModelError
        If the model cannot be run exactly, or takes log-mel patches.
    """

    channels = 1

    def __init__(self, options: BaseOptions, locale: str = "en") -> None:
        self._classifier = load(options.model(), threads=options.threads())
        self._front_end = self._classifier.front_end
        graph, plan = self._classifier.graph, self._classifier.plan
        described = graph.metadata.subgraphs[0].outputs if graph.metadata and graph.metadata.subgraphs else ()
        labelled = [
            any(file.type == FileType.TENSOR_AXIS_LABELS for file in tensor.associated_files) for tensor in described
        ]
        self.heads = tuple(
            HeadNames(info, info.index < len(labelled) and labelled[info.index])
            for info in read_heads(graph, plan, locale)
        )
        names = {slot: name for name, slot in plan.slots.items()}
        self._scores = [(names[head.scores], head.scores) for head in plan.heads]

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self._classifier.sample_rate

    @property
    def window(self) -> int:
        """Samples of a window."""
        return self._front_end.constants.window_samples

    @property
    def embedding_size(self) -> int:
        """Values of an embedding; 0 where the model has none."""
        embedding = self._classifier.plan.embedding
        return 0 if embedding is None else int(np.prod(embedding.shape))

    def score(self, samples: Float32) -> list[Float32]:
        """Return the scores of each head, float32 (classes,), for one window, float32 (window,)."""
        return next(self.score_patches(self._patch(samples)))

    def embed(self, samples: Float32) -> Float32:
        """Return the embedding, float32 (size,), of one window, float32 (window,)."""
        return self._classifier.network.run(self._patch(samples)).embeddings[0]

    def stream(self, sample_rate: int) -> WindowStream:
        """Return a stream that scores windows side by side."""
        resampler = Resampler(sample_rate, self.sample_rate)
        return WindowStream(self, resampler, PatchStream(self._front_end, self.window))

    def score_patches(self, patches: npt.NDArray[np.generic]) -> Iterator[list[Float32]]:
        """Yield for each patch the scores of every head, calibrated as the metadata say."""
        output = self._classifier.network.run(patches, tensors=[name for name, _ in self._scores])
        heads = [
            _calibrated(names.info, _dequantize(output.tensors[name], slot))
            for names, (name, slot) in zip(self.heads, self._scores, strict=True)
        ]
        for index in range(len(patches)):
            yield [scores[index] for scores in heads]

    def _patch(self, samples: Float32) -> npt.NDArray[np.generic]:
        check_finite(samples)
        return self._front_end.frames(np.ascontiguousarray(samples, np.float32))[np.newaxis]


class WindowStream:
    """Samples in blocks of any size in, windows that do not overlap out; the last one is padded with zeros."""

    def __init__(self, engine: Engine, resampler: Resampler, patches: PatchStream) -> None:
        self._engine = engine
        self._resampler = resampler
        self._patches = patches

    def push(self, frames: Float32) -> Iterator[list[Float32]]:
        """Take samples, float32 (n, channels); yield the scores of each window that is complete."""
        for start in range(0, len(frames), _BLOCK_SAMPLES):
            mono = mix(frames[start : start + _BLOCK_SAMPLES])
            yield from self._score(self._patches.push(self._resampler.push(mono)))

    def flush(self) -> Iterator[list[Float32]]:
        """End the stream; yield the scores of what is left of it."""
        yield from self._score(self._patches.push(self._resampler.flush()))
        if self._patches.samples:
            yield from self._score(self._patches.flush())

    def _score(self, stretch: Patches) -> Iterator[list[Float32]]:
        return self._engine.score_patches(stretch.patches) if len(stretch.patches) else iter(())


def check_finite(samples: Float32) -> None:
    """Refuse NaN and infinity."""
    finite = np.isfinite(samples)
    if not finite.all():
        first = int(np.argmin(finite))
        raise InputError(f"sample {first} is {samples.flat[first]}; samples must be finite")


def _dequantize(quantized: npt.NDArray[np.int8], slot: Slot) -> Float32:
    real: Float32 = (quantized.astype(np.float32) - np.float32(slot.zero_point)) * np.float32(slot.scale)
    return real.reshape(len(real), -1)


def _calibrated(info: HeadInfo, scores: Float32) -> Float32:
    return scores if info.calibration is None else info.calibration.apply(scores)
