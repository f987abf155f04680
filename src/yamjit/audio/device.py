"""Input of a sound device that is called back with what it hears; sounddevice is imported when one is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yamjit.errors import AudioError, DependencyError

__all__ = ["open_input"]


def open_input(channels: int, sample_rate: int, callback: Callable[..., None]) -> Any:
    """Open the default input device, to be started, stopped and closed by the caller.

    Parameters
    ----------
    channels : int > 0
    sample_rate : int > 0
        In Hz.
    callback : callable
        Called by a thread of PortAudio as ``callback(frames, count, time, status)``, `frames` being float32
        (count, channels) and valid during the call alone.

    Returns
    -------
    sounddevice.InputStream

    Raises
    ------
    DependencyError
        If sounddevice or PortAudio is not installed.
    AudioError
        If no device can be opened so.
    """
    sounddevice = _import_sounddevice()
    try:
        return sounddevice.InputStream(samplerate=sample_rate, channels=channels, dtype="float32", callback=callback)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"no input device could be opened with {channels} channel(s) at {sample_rate} Hz: {error}; "
            "`python -m sounddevice` lists the devices"
        ) from error


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise DependencyError("recording needs sounddevice: pip install 'yamjit[mic]'") from error
    except OSError as error:  # the package is there, PortAudio is not
        raise DependencyError(
            f"recording needs PortAudio ({error}); on Debian and Ubuntu: sudo apt install libportaudio2"
        ) from error
    return sounddevice
