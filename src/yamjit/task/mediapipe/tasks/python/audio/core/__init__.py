"""``mediapipe.tasks.python.audio.core``."""

from __future__ import annotations

from yamjit.task.mediapipe.tasks.python.audio.core import audio_record, audio_task_running_mode, base_audio_task_api

__all__ = ["audio_record", "audio_task_running_mode", "base_audio_task_api"]
