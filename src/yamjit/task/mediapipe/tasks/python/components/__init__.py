"""``mediapipe.tasks.python.components``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.components import containers

__all__ = ["containers"]
