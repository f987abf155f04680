"""``mediapipe.tasks.python``."""

from __future__ import annotations

from yamjit.task.mediapipe.options import BaseOptions
from yamjit.task.mediapipe.tasks.python import audio, components, core

__all__ = ["BaseOptions", "audio", "components", "core"]
