"""``mediapipe.tasks.python.components.containers.embedding_result``."""

from __future__ import annotations

from yamjit.task.mediapipe.containers import Embedding, EmbeddingResult

__all__ = ["Embedding", "EmbeddingResult"]
