"""``mediapipe.tasks.python.components.containers.classification_result``."""

from __future__ import annotations

from yamjit.task.mediapipe.containers import ClassificationResult, Classifications

__all__ = ["ClassificationResult", "Classifications"]
