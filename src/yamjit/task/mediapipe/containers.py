"""``mediapipe.tasks.python.components.containers``: audio in, results out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.audio.arrays import as_array
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.processor import Category, Classifications
from yamjit.task.samples import SampleBuffer, positive, whole
from yamjit.task.vectors import Vector, same

__all__ = [
    "AudioClassifierResult",
    "AudioData",
    "AudioDataFormat",
    "AudioEmbedderResult",
    "Category",
    "ClassificationResult",
    "Classifications",
    "Embedding",
    "EmbeddingResult",
]


@explained
@dataclass
class AudioDataFormat:
    """Channels and sample rate of samples.

    Parameters
    ----------
    num_channels : int > 0
        Number of channels.
    sample_rate : float, optional
        Sample rate in Hz, a whole number; needed to classify.
    """

    num_channels: int = 1
    sample_rate: float | None = None


@explained
class AudioData(SampleBuffer):
    """Samples and their format: a buffer of the newest ones, all zeros at first.

    Parameters
    ----------
    buffer_length : int >= 0
        Number of samples of each channel.
    audio_format : AudioDataFormat, optional
    """

    def __init__(self, buffer_length: int, audio_format: AudioDataFormat | None = None) -> None:
        self._format = AudioDataFormat() if audio_format is None else audio_format
        channels = positive(self._format.num_channels, "num_channels")
        super().__init__(np.zeros((whole(buffer_length, "buffer_length", least=0), channels), np.float32))
        self._is_flat = False

    @classmethod
    def create_from_array(cls, src: Any, sample_rate: float | None = None) -> AudioData:
        """Return samples of an array, all of them; one that cannot be audio is refused with an `InputError`.

        Parameters
        ----------
        src : array_like [shape=(n,) or (n, channels)]
            As for `load_from_array`.
        sample_rate : float, optional
            Sample rate in Hz.
        """
        samples = as_array(src)
        if samples.ndim not in (1, 2):
            raise InputError(f"array of shape {samples.shape}; accepted are (n,) and (n, channels)")
        data = cls(len(samples), AudioDataFormat(samples.shape[1] if samples.ndim == 2 else 1, sample_rate))
        data.load_from_array(samples)
        data._is_flat = samples.ndim == 1
        return data

    @property
    def buffer(self) -> npt.NDArray[np.float32]:
        """The samples [shape=(n, channels), or (n,) if they were made of such an array], the oldest first."""
        return self._buffer[:, 0] if self._is_flat else self._buffer

    @property
    def audio_format(self) -> AudioDataFormat:
        """Channels and sample rate."""
        return self._format

    @property
    def buffer_length(self) -> int:
        """Number of samples of each channel."""
        return len(self._buffer)

    def __repr__(self) -> str:
        form = self._format
        return f"<AudioData: {self.buffer_length} samples, {form.num_channels} channel(s), {form.sample_rate} Hz>"


@partial(brief_repr, most=800)
@dataclass
class ClassificationResult:
    """The result of a classifier for a window.

    Parameters
    ----------
    classifications : list of Classifications
        One for each head.
    timestamp_ms : int or None
        Time at which the window starts, in ms.
    """

    classifications: list[Classifications]
    timestamp_ms: int | None = None


AudioClassifierResult = ClassificationResult


@brief_repr
@dataclass(eq=False)
class Embedding:
    """The embedding of a window, from one output.

    Parameters
    ----------
    embedding : np.ndarray [shape=(size,), float64 or uint8]
        The values, each a float32; the bytes of int8 if `quantize` was set: ``embedding.view("int8")``.
    head_index : int, optional
        Position among the outputs that embed.
    head_name : str, optional
        Name of the output.
    """

    embedding: Vector
    head_index: int | None = None
    head_name: str | None = None

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Embedding)
            and same(self.embedding, other.embedding)
            and (self.head_index, self.head_name) == (other.head_index, other.head_name)
        )


@brief_repr
@dataclass
class EmbeddingResult:
    """The result of an embedder for a window.

    Parameters
    ----------
    embeddings : list of Embedding
        One for each output that embeds.
    timestamp_ms : int or None
        Time at which the window starts, in ms.
    """

    embeddings: list[Embedding]
    timestamp_ms: int | None = None


AudioEmbedderResult = EmbeddingResult
