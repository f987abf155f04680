"""MediaPipe's audio embedder."""

from __future__ import annotations

from collections.abc import Iterator

from yamjit.keywords import explained
from yamjit.scoring import Windows
from yamjit.task import core
from yamjit.task.engine import EmbeddingEngine
from yamjit.task.mediapipe.containers import AudioData, AudioEmbedderResult, Embedding
from yamjit.task.mediapipe.options import AudioEmbedderOptions
from yamjit.task.mediapipe.task import AudioTask
from yamjit.task.vectors import angle_cosine, as_vector

__all__ = ["AudioEmbedder", "cosine_similarity"]


@explained
class AudioEmbedder(AudioTask[AudioEmbedderOptions, AudioEmbedderResult, EmbeddingEngine]):
    """Turns clips, or a stream, into vectors: 1024 values a window for YAMNet. A context manager.

    Made by `create_from_model_path` or `create_from_options`.
    """

    _options_of = AudioEmbedderOptions

    def _load(self, base_options: core.BaseOptions, options: AudioEmbedderOptions) -> EmbeddingEngine:
        self._l2_normalize, self._quantize = options.l2_normalize, options.quantize
        return EmbeddingEngine(base_options)

    def _describe(self, windows: Windows) -> Iterator[AudioEmbedderResult]:
        for found in self._engine.list_embeddings(windows):
            vectors = [as_vector(one, l2_normalize=self._l2_normalize, quantize=self._quantize) for one in found]
            named = enumerate(zip(vectors, self._engine.embeddings, strict=True))
            yield AudioEmbedderResult([Embedding(vector, index, name) for index, (vector, name) in named])

    def embed(self, audio_clip: AudioData) -> list[AudioEmbedderResult]:
        """Embed a clip of any length, rate and number of channels; it is cut into windows that do not overlap.

        Parameters
        ----------
        audio_clip : AudioData

        Returns
        -------
        list of AudioEmbedderResult
            One for each window; `timestamp_ms` is the time at which it starts.

        Raises
        ------
        InputError
            If the sample rate is missing, the clip is empty, a value to be quantized lies beyond [-1, 1], or this
            embedder is for a stream or closed.
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        return self._of_clip(audio_clip)

    def embed_async(self, audio_block: AudioData, timestamp_ms: int) -> None:
        """Take the next block of a stream, of any length; results go to the callback, from a thread of its own.

        Parameters
        ----------
        audio_block : AudioData
            The samples, which are copied.
        timestamp_ms : int
            Time of the block, in ms; greater than that of the block before.

        Raises
        ------
        InputError
            If the sample rate is missing, rate or channels are not those of the first block, the timestamp does not
            increase, a value of an earlier block to be quantized lies beyond [-1, 1], or this embedder is for clips or
            closed.
        AudioError
            If a sample is not finite, or one of an earlier block was far beyond full scale.
        Exception
            Any error that the callback raised, unchanged.
        """
        self._send(audio_block, timestamp_ms)

    @staticmethod
    def cosine_similarity(u: Embedding, v: Embedding) -> float:
        """Return the cosine of the angle between two embeddings, as the function of that name does.

        Parameters
        ----------
        u, v : Embedding
        """
        return cosine_similarity(u, v)


def cosine_similarity(u: Embedding, v: Embedding) -> float:
    """Return the cosine of the angle between two embeddings, in [-1, 1].

    Parameters
    ----------
    u, v : Embedding
        Both of one size, and both quantized or neither.

    Raises
    ------
    InputError
        If one is quantized and the other is not, their sizes differ, or one is empty, zero or not finite.
    """
    return angle_cosine(u.embedding, v.embedding)
