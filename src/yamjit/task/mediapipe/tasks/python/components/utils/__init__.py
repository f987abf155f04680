"""``mediapipe.tasks.python.components.utils``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.components.utils import cosine_similarity

__all__ = ["cosine_similarity"]
