"""A sounddevice that is not there: what tests of recording put in its place."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest


class PortAudioError(Exception):
    """What sounddevice raises."""


class InputStream:
    """An input that hears what a test lets it hear."""

    def __init__(self, *, samplerate: int, channels: int, dtype: str, callback: Any) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        self.samplerate, self.channels, self.dtype, self.callback = samplerate, channels, dtype, callback
        self.calls: list[str] = []
        self.opened.append(self)

    rates = (16_000, 20_000, 48_000)
    opened: list[InputStream]

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def hear(self, frames: Any, *, overflow: bool = False) -> None:
        """Call back as PortAudio does: with a buffer that it overwrites afterwards."""
        buffer = np.array(frames, self.dtype).reshape(-1, self.channels)
        status = ModuleType("status")
        status.input_overflow = overflow  # type: ignore[attr-defined]
        self.callback(buffer, len(buffer), None, status)
        buffer.fill(np.nan)


def pretend(monkeypatch: pytest.MonkeyPatch) -> list[InputStream]:
    """Let ``import sounddevice`` find this; return the streams that are opened."""
    module = ModuleType("sounddevice")
    opened: list[InputStream] = []
    stream = type("InputStream", (InputStream,), {"opened": opened})
    module.InputStream = stream  # type: ignore[attr-defined]
    module.PortAudioError = PortAudioError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return opened
