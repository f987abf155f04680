"""``mediapipe.tasks``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks import python
from yamjit.task.mediapipe.tasks.python import BaseOptions, audio, components

__all__ = ["BaseOptions", "audio", "components", "python"]
