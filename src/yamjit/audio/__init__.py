"""Audio: any source to float32 blocks; the only importer of soundfile and soxr."""

from __future__ import annotations

from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits
from yamjit.audio.pushing import PushedAudio
from yamjit.audio.source import AudioSource, open_audio

__all__ = ["DEFAULT_AUDIO_LIMITS", "AudioLimits", "AudioSource", "PushedAudio", "open_audio"]
