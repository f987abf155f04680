"""``mediapipe.tasks.python.components.processors``."""

from __future__ import annotations

from yamjit.task.mediapipe.options import ClassifierOptions
from yamjit.task.mediapipe.tasks.python.components.processors import classifier_options

__all__ = ["ClassifierOptions", "classifier_options"]
