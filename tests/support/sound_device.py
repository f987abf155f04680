"""A sounddevice with one microphone: what tests of recording put in the place of the real one."""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from yamjit.task.audio import AudioRecord


class PortAudioError(Exception):
    """What sounddevice raises."""


class InputStream:
    """An input that hears what a test lets it hear, opened as its device allows."""

    device: ClassVar[Device]
    opened: ClassVar[list[InputStream]] = []

    def __init__(self, *, samplerate: int, channels: int, dtype: str, callback: Any, **_: Any) -> None:
        self.device.check(channels=channels, samplerate=samplerate)
        self.samplerate, self.channels, self.dtype, self.callback = samplerate, channels, dtype, callback
        self.active = False
        self.opened.append(self)

    def start(self) -> None:
        self.active = True

    def stop(self, ignore_errors: bool = True) -> None:
        self.active = False

    def close(self, ignore_errors: bool = True) -> None:
        self.active = False

    def hear(self, frames: Any, *, overflow: bool = False) -> None:
        """Call back as PortAudio does: with a buffer that it overwrites afterwards."""
        buffer = np.array(frames, self.dtype).reshape(-1, self.channels)
        self.callback(buffer, len(buffer), None, SimpleNamespace(input_overflow=overflow))
        buffer.fill(np.nan)


class Device:
    """The microphone of a `pretend` sounddevice.

    Parameters
    ----------
    rate : int
        Its own, the only one it has, in Hz.
    channels : int
        Most that it has.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.streams: list[InputStream] = []

    def hear(self, record: AudioRecord, frames: Any, *, overflow: bool = False) -> None:
        """Let a record hear frames, and wait until it has taken them."""
        eventually(lambda: any(stream.active for stream in self.streams))
        before = record._buffer
        self.streams[-1].hear(frames, overflow=overflow)
        eventually(lambda: record._buffer is not before)

    def module(self) -> ModuleType:
        """Return what ``import sounddevice`` is to find."""
        found = ModuleType("sounddevice")
        described = {
            "index": 0,
            "name": "Test microphone",
            "hostapi": 0,
            "max_input_channels": self.channels,
            "default_samplerate": float(self.rate),
        }
        names: dict[str, Any] = {
            "PortAudioError": PortAudioError,
            "InputStream": type("InputStream", (InputStream,), {"device": self, "opened": self.streams}),
            "query_devices": lambda device=None, kind=None: described if kind else [described],
            "query_hostapis": lambda: [{"name": "Tests"}],
            "default": SimpleNamespace(device=(0, -1)),
            "check_input_settings": self.check,
        }
        for name, value in names.items():
            setattr(found, name, value)
        return found

    def check(self, *, channels: int, samplerate: int, **_: Any) -> None:
        """Refuse what the device does not have, as PortAudio does."""
        if samplerate != self.rate or channels > self.channels:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")


def eventually(condition: Any, seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen"
        _pause(0.001)


_pause = time.sleep


def pretend(monkeypatch: pytest.MonkeyPatch, rate: int = 16_000, channels: int = 2) -> Device:
    """Let ``import sounddevice`` find a microphone."""
    device = Device(rate, channels)
    monkeypatch.setitem(sys.modules, "sounddevice", device.module())
    return device
