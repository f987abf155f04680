"""``mediapipe.tasks.python.core.base_options``."""

from __future__ import annotations

from yamjit.task.mediapipe.options import BaseOptions

__all__ = ["BaseOptions"]
