"""``mediapipe.tasks.python.components.containers.audio_data``."""

from __future__ import annotations

from yamjit.task.mediapipe.containers import AudioData, AudioDataFormat

__all__ = ["AudioData", "AudioDataFormat"]
