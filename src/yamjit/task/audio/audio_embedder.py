"""The embedder of the Task Library: one window in, a vector that describes its sound out."""

from __future__ import annotations

from dataclasses import dataclass, field

from yamjit import checks
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.audio.core.tensor_audio import TensorAudio
from yamjit.task.audio.window import WindowTask
from yamjit.task.core import BaseOptions
from yamjit.task.engine import Engine
from yamjit.task.processor import Embedding, EmbeddingOptions, EmbeddingResult, FeatureVector
from yamjit.task.vectors import angle_cosine, as_vector

__all__ = ["AudioEmbedder", "AudioEmbedderOptions"]


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
        return Engine.of_embeddings(options.base_options)

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
        embedding = self._engine.embed(self._samples(audio))
        value = as_vector(embedding, l2_normalize=self._options.l2_normalize, quantize=self._options.quantize)
        return EmbeddingResult([Embedding(FeatureVector(value), 0)])

    @staticmethod
    def cosine_similarity(u: FeatureVector, v: FeatureVector) -> float:
        """Return the cosine of the angle between two vectors, in [-1, 1].

        Raises
        ------
        InputError
            If one is quantized and the other is not, their sizes differ, or one is empty, zero or not finite.
        """
        return angle_cosine(u.value, v.value)

    def get_embedding_dimension(self, output_index: int) -> int:
        """Return the number of values of an output; -1 if there is no such output."""
        return self._engine.embedding_size if output_index == 0 else -1

    @property
    def number_of_output_layers(self) -> int:
        """Number of vectors."""
        return 1
