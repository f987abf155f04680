"""What holds the audio for the tasks of ``tflite_support.task.audio``."""

from __future__ import annotations

from yamjit.task.audio.core import audio_record, tensor_audio

__all__ = ["audio_record", "tensor_audio"]
