"""Recording devices, as PortAudio lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from yamjit import checks
from yamjit.disk import describe
from yamjit.errors import AudioError, DependencyError
from yamjit.installing import how_to_install
from yamjit.keywords import explained
from yamjit.suggestions import did_you_mean, with_hint
from yamjit.text import printable

__all__ = ["InputDevice", "find_device", "import_sounddevice", "input_devices"]

#: A way that needs no PortAudio, for messages.
WITHOUT = "without PortAudio: arecord -q -f S16_LE -r 16000 -c 1 -t raw | yamjit listen --raw s16le -"

_MOST_DEVICES = 10_000


@dataclass(frozen=True, slots=True)
class InputDevice:
    """A recording device.

    Parameters
    ----------
    index : int
        Number by which `Microphone` takes it.
    name : str
        Name in one line; a part of it is enough for `Microphone`.
    host_api : str
        Sound system, such as "ALSA", "Core Audio", "Windows WASAPI".
    channels : int
        Largest number of channels that it records.
    sample_rate : int
        Its own sample rate, in Hz.
    default : bool
        Whether `Microphone` takes it by default.
    """

    index: int
    name: str
    host_api: str
    channels: int
    sample_rate: int
    default: bool


@explained
def input_devices() -> tuple[InputDevice, ...]:
    """Return the recording devices.

    Raises
    ------
    DependencyError
        If sounddevice or PortAudio is not installed.
    AudioError
        If the sound system does not answer.
    """
    portaudio = import_sounddevice()
    try:
        devices = portaudio.query_devices()
        names = [str(api["name"]) for api in portaudio.query_hostapis()]
        default = portaudio.default.device[0]
    except portaudio.PortAudioError as error:
        raise AudioError(f"the sound system does not answer: {describe(error)}; {WITHOUT}") from error
    return tuple(
        InputDevice(
            index=index,
            name=printable(str(device["name"])),
            host_api=names[device["hostapi"]],
            channels=int(device["max_input_channels"]),
            sample_rate=round(device["default_samplerate"]),
            default=index == default,
        )
        for index, device in enumerate(devices)
        if device["max_input_channels"] > 0
    )


def import_sounddevice() -> Any:
    """Return sounddevice; a `DependencyError` says how to get it, and how to record without it."""
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyError(
            f"recording needs sounddevice: {how_to_install('yamjit[mic]')} ({describe(error)}); {WITHOUT}"
        ) from error
    except OSError as error:  # sounddevice is installed, PortAudio is not
        raise DependencyError(
            f"recording needs PortAudio: sudo apt install libportaudio2 ({describe(error)}); {WITHOUT}"
        ) from error
    except Exception as error:
        raise AudioError(f"the sound system does not answer: {describe(error)}; {WITHOUT}") from error
    return sounddevice


def find_device(portaudio: Any, device: object) -> tuple[int, dict[str, Any]]:
    """Return index and description of a recording device."""
    if not isinstance(device, (str, type(None))):
        device = checks.whole(device, "device", 0, _MOST_DEVICES, also=" and a part of a name")
    if isinstance(device, str) and device.isdecimal():
        device = int(device)
    try:
        found = portaudio.query_devices(device, "input")
    except (portaudio.PortAudioError, ValueError) as error:
        devices = input_devices()
        if not devices:
            raise AudioError(
                f"there is no microphone: no device, or no permission (on Linux, the group audio has it); {WITHOUT}"
            ) from error
        names = "; ".join(f"{found.index} {found.name}" for found in devices)
        like = did_you_mean(str(device), [found.name for found in devices])
        raise AudioError(with_hint(f"no such microphone: {describe(error)}; there are: {names}", like)) from error
    return int(found["index"]), dict(found)
