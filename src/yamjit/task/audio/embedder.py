"""The embedder of the Task Library: one window in, a vector that describes its sound out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError, ModelError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.audio.tensor import TensorAudio
from yamjit.task.audio.window import WindowTask
from yamjit.task.core import BaseOptions
from yamjit.task.engine import Engine
from yamjit.task.processor import Embedding, EmbeddingOptions, EmbeddingResult, FeatureVector

__all__ = ["AudioEmbedder", "AudioEmbedderOptions"]

Float32 = npt.NDArray[np.float32]

#: What a value of 1 becomes when it is quantized.
_QUANTIZED_ONE = 128


@brief_repr
@explained
@dataclass
class AudioEmbedderOptions:
    """What an embedder runs, and the form of its vectors.

    Parameters
    ----------
    base_options : BaseOptions
        Any classifier will do: the embedding is one of its inner values.
    embedding_options : EmbeddingOptions
    """

    base_options: BaseOptions
    embedding_options: EmbeddingOptions = field(default_factory=EmbeddingOptions)


@explained
class AudioEmbedder(WindowTask[AudioEmbedderOptions]):
    """Turns one window into a vector: 1024 values for YAMNet. Threads may share it.

    Made by `create_from_file` or `create_from_options`.
    """

    _options_of = AudioEmbedderOptions

    def _load(self, options: AudioEmbedderOptions) -> Engine:
        self._options = checks.instance(options.embedding_options, "embedding_options", EmbeddingOptions)
        engine = Engine(options.base_options)
        if not engine.embedding_size:
            raise ModelError("this model has no embedding: its logits are not computed from an average over positions")
        return engine

    def embed(self, audio: TensorAudio) -> EmbeddingResult:
        """Embed a window.

        Parameters
        ----------
        audio : TensorAudio
            A window, with `required_audio_format` and `required_input_buffer_size`.

        Returns
        -------
        EmbeddingResult
            One embedding.

        Raises
        ------
        InputError
            If channels, sample rate or size are not those that the model takes, or a value to be quantized lies beyond
            [-1, 1].
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        vector = self._engine.embed(self._samples(audio))
        if self._options.l2_normalize:
            vector = _normalized(vector)
        value = _quantized(vector) if self._options.quantize else vector
        return EmbeddingResult([Embedding(FeatureVector(value), 0)])

    @staticmethod
    def cosine_similarity(u: FeatureVector, v: FeatureVector) -> float:
        """Return the cosine of the angle between two vectors, in [-1, 1].

        Raises
        ------
        InputError
            If one is quantized and the other is not, their sizes differ, or one is empty, zero or not finite.
        """
        first, second = np.asarray(u.value), np.asarray(v.value)
        if first.dtype != second.dtype:
            raise InputError(f"vectors of one type are accepted, found {first.dtype} and {second.dtype}")
        if first.shape != second.shape or first.ndim != 1 or not first.size:
            raise InputError(f"vectors of one size are accepted, found shapes {first.shape} and {second.shape}")
        a, b = first.astype(np.float64), second.astype(np.float64)
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        if not lengths > 0:
            raise InputError("a vector is zero or not finite, and has no direction")
        return min(1.0, max(-1.0, float(a @ b) / lengths))

    def get_embedding_dimension(self, output_index: int) -> int:
        """Return the number of values of an output; -1 if there is no such output."""
        return self._engine.embedding_size if output_index == 0 else -1

    @property
    def number_of_output_layers(self) -> int:
        """Number of vectors."""
        return 1


def _normalized(vector: Float32) -> Float32:
    """Return a vector of length 1; one of zeros stays as it is."""
    length = np.linalg.norm(vector.astype(np.float64))
    return vector if length == 0 else (vector / length).astype(np.float32)


def _quantized(vector: Float32) -> npt.NDArray[np.int8]:
    """Return round(128 v), halves away from zero, in [-128, 127]."""
    largest = float(np.abs(vector).max())
    if largest > 1:
        raise InputError(
            f"values in [-1, 1] can be quantized, the largest is {largest:.6g}; set l2_normalize=True as well"
        )
    scaled = vector.astype(np.float64) * _QUANTIZED_ONE
    rounded: Any = np.trunc(scaled + np.copysign(0.5, scaled))
    return np.clip(rounded, -128, 127).astype(np.int8)
