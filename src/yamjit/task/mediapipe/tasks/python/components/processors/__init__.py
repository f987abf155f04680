"""``mediapipe.tasks.python.components.processors``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.components.processors import classifier_options
from yamjit.task.mediapipe.tasks.python.components.processors.classifier_options import ClassifierOptions

__all__ = ["ClassifierOptions", "classifier_options"]
