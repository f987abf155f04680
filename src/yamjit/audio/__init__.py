"""Audio: any source to float32 blocks; the only importer of soundfile, soxr, av and sounddevice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.lazily import lazily

if TYPE_CHECKING:
    from yamjit.audio.devices import InputDevice, input_devices
    from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, AudioLimits
    from yamjit.audio.microphone import Microphone
    from yamjit.audio.old_keywords import open_audio
    from yamjit.audio.pushing import PushedAudio
    from yamjit.audio.raw import RAW_ENCODINGS, RawPcm
    from yamjit.audio.source import AudioSource

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

__getattr__ = lazily(
    __name__,
    {
        "devices": "InputDevice input_devices",
        "limits": "DEFAULT_AUDIO_LIMITS AudioLimits",
        "microphone": "Microphone",
        "old_keywords": "open_audio",
        "pushing": "PushedAudio",
        "raw": "RAW_ENCODINGS RawPcm",
        "source": "AudioSource",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
