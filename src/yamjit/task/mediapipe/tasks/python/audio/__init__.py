"""``mediapipe.tasks.python.audio``."""

from __future__ import annotations

from yamjit.task.mediapipe.classifier import AudioClassifier
from yamjit.task.mediapipe.containers import AudioClassifierResult
from yamjit.task.mediapipe.options import AudioClassifierOptions, RunningMode
from yamjit.task.mediapipe.tasks.python.audio import audio_classifier, core

__all__ = [
    "AudioClassifier",
    "AudioClassifierOptions",
    "AudioClassifierResult",
    "RunningMode",
    "audio_classifier",
    "core",
]
