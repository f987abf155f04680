"""``mediapipe.tasks.python.components.containers.category``."""

from __future__ import annotations

from yamjit.task.processor import Category

__all__ = ["Category"]
