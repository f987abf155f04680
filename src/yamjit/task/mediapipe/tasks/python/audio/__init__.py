"""``mediapipe.tasks.python.audio``."""

from __future__ import annotations

from yamjit.task.mediapipe.classifier import AudioClassifier
from yamjit.task.mediapipe.containers import AudioClassifierResult, AudioEmbedderResult
from yamjit.task.mediapipe.embedder import AudioEmbedder
from yamjit.task.mediapipe.options import AudioClassifierOptions, AudioEmbedderOptions, RunningMode
from yamjit.task.mediapipe.tasks.python.audio import audio_classifier, audio_embedder, core

__all__ = [
    "AudioClassifier",
    "AudioClassifierOptions",
    "AudioClassifierResult",
    "AudioEmbedder",
    "AudioEmbedderOptions",
    "AudioEmbedderResult",
    "RunningMode",
    "audio_classifier",
    "audio_embedder",
    "core",
]
