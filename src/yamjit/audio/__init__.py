"""Audio: any source to float32 blocks; the only importer of soundfile, soxr, av and sounddevice."""

from __future__ import annotations

from yamjit.audio.devices import InputDevice, input_devices
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits
from yamjit.audio.microphone import Microphone
from yamjit.audio.pushing import PushedAudio
from yamjit.audio.raw import RAW_ENCODINGS, RawPcm
from yamjit.audio.source import AudioSource
from yamjit.audio.source import open_audio as _open_audio
from yamjit.reading import old_keywords

__all__ = [
    "DEFAULT_AUDIO_LIMITS",
    "RAW_ENCODINGS",
    "AudioLimits",
    "AudioSource",
    "InputDevice",
    "Microphone",
    "PushedAudio",
    "RawPcm",
    "input_devices",
    "open_audio",
]

#: As internal callers have it from `yamjit.audio.source`, and for one release more with the keywords of version 0.1.
open_audio = old_keywords(_open_audio)


def __dir__() -> list[str]:
    return sorted(__all__)
