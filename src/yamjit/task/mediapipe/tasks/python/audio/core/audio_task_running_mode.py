"""``mediapipe.tasks.python.audio.core.audio_task_running_mode``."""

from __future__ import annotations

from yamjit.task.mediapipe.options import RunningMode as AudioTaskRunningMode

__all__ = ["AudioTaskRunningMode"]
