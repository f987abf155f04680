"""``mediapipe.tasks.python.components.containers``."""

from __future__ import annotations

from yamjit.task.mediapipe.containers import (
    AudioData,
    AudioDataFormat,
    Category,
    ClassificationResult,
    Classifications,
    Embedding,
    EmbeddingResult,
)

__all__ = [
    "AudioData",
    "AudioDataFormat",
    "Category",
    "ClassificationResult",
    "Classifications",
    "Embedding",
    "EmbeddingResult",
]
