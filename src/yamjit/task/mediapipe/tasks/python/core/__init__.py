"""``mediapipe.tasks.python.core``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.core import base_options

__all__ = ["base_options"]
