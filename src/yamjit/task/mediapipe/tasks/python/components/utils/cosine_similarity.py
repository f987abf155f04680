"""``mediapipe.tasks.python.components.utils.cosine_similarity``."""

from __future__ import annotations

from yamjit.task.mediapipe.embedder import cosine_similarity

__all__ = ["cosine_similarity"]
