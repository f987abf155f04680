"""``mediapipe.tasks.python.audio.audio_embedder``."""

from __future__ import annotations

from yamjit.task.mediapipe.containers import AudioEmbedderResult
from yamjit.task.mediapipe.embedder import AudioEmbedder
from yamjit.task.mediapipe.options import AudioEmbedderOptions

__all__ = ["AudioEmbedder", "AudioEmbedderOptions", "AudioEmbedderResult"]
