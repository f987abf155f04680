"""``mediapipe.tasks.python.audio.audio_classifier``."""

from __future__ import annotations

from yamjit.task.mediapipe.classifier import AudioClassifier
from yamjit.task.mediapipe.containers import AudioClassifierResult
from yamjit.task.mediapipe.options import AudioClassifierOptions

__all__ = ["AudioClassifier", "AudioClassifierOptions", "AudioClassifierResult"]
