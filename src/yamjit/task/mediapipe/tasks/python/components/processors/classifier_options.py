"""``mediapipe.tasks.python.components.processors.classifier_options``."""

from __future__ import annotations

from yamjit.task.mediapipe.options import ClassifierOptions

__all__ = ["ClassifierOptions"]
