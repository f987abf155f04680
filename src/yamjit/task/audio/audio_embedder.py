"""The embedder of the Task Library: one window in, a vector that describes its sound out."""

from __future__ import annotations

from dataclasses import dataclass, field

from yamjit import checks
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.audio.core.tensor_audio import TensorAudio
from yamjit.task.audio.window import WindowTask
from yamjit.task.core import BaseOptions
from yamjit.task.engine import EmbeddingEngine
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
        A model of embeddings, or a classifier, whose embedding is one of its inner values.
    embedding_options : EmbeddingOptions
    """

    base_options: BaseOptions
    embedding_options: EmbeddingOptions = field(default_factory=EmbeddingOptions)


@explained
class AudioEmbedder(WindowTask[AudioEmbedderOptions, EmbeddingEngine]):
    """Turns one window into a vector: 1024 values for YAMNet. Threads may share it.

    Made by `create_from_file` or `create_from_options`.
    """

    _options_of = AudioEmbedderOptions

    def _load(self, options: AudioEmbedderOptions) -> EmbeddingEngine:
        self._options = checks.instance(options.embedding_options, "embedding_options", EmbeddingOptions)
        return EmbeddingEngine(options.base_options)

    def embed(self, audio: TensorAudio) -> EmbeddingResult:
        """Embed a window.

        Parameters
        ----------
        audio : TensorAudio
            A window, with `required_audio_format` and `required_input_buffer_size`.

        Returns
        -------
        EmbeddingResult
            An embedding from each output that embeds.

        Raises
        ------
        InputError
            If channels, sample rate or size are not those that the model takes, or a value to be quantized lies beyond
            [-1, 1].
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        options, windows = self._options, self._engine.score(self._samples(audio))
        (found,) = self._engine.list_embeddings(windows)
        vectors = [as_vector(one, l2_normalize=options.l2_normalize, quantize=options.quantize) for one in found]
        return EmbeddingResult([Embedding(FeatureVector(vector), index) for index, vector in enumerate(vectors)])

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
        sizes = list(self._engine.embeddings.values())
        return sizes[output_index] if 0 <= output_index < len(sizes) else -1

    @property
    def number_of_output_layers(self) -> int:
        """Number of vectors."""
        return len(self._engine.embeddings)
