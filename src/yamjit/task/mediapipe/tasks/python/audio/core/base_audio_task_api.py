"""``mediapipe.tasks.python.audio.core.base_audio_task_api``."""

from __future__ import annotations

from yamjit.task.mediapipe.task import AudioTask as BaseAudioTaskApi

__all__ = ["BaseAudioTaskApi"]
