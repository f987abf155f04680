"""``tflite_support.task.audio``: classifier and embedder, and what holds the audio for them."""

from __future__ import annotations

from yamjit.task.audio.audio_classifier import AudioClassifier, AudioClassifierOptions
from yamjit.task.audio.audio_embedder import AudioEmbedder, AudioEmbedderOptions
from yamjit.task.audio.core.audio_record import AudioRecord
from yamjit.task.audio.core.tensor_audio import AudioFormat, TensorAudio

__all__ = [
    "AudioClassifier",
    "AudioClassifierOptions",
    "AudioEmbedder",
    "AudioEmbedderOptions",
    "AudioFormat",
    "AudioRecord",
    "TensorAudio",
]


def __dir__() -> list[str]:
    return sorted(__all__)
