"""``mediapipe.tasks.python.components``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.components import containers, processors, utils

__all__ = ["containers", "processors", "utils"]
