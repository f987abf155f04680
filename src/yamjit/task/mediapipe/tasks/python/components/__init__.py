"""``mediapipe.tasks.python.components``."""

from __future__ import annotations

from yamjit.task.mediapipe import containers

__all__ = ["containers"]
