"""``mediapipe.tasks.python.audio.core.audio_record``."""

from __future__ import annotations

from yamjit.task.audio.core.audio_record import AudioRecord

__all__ = ["AudioRecord"]
