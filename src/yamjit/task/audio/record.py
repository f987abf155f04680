"""A recording that goes on, of which the newest samples can be read at any time."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.audio.device import open_input
from yamjit.errors import InputError
from yamjit.task.samples import positive, shift_in

__all__ = ["AudioRecord"]


class AudioRecord:
    """The newest samples of the default input device.

    Needs sounddevice (``pip install 'yamjit[mic]'``), which is imported when a record is made.

    Parameters
    ----------
    channels : int > 0
    sampling_rate : int > 0
        In Hz; the device has to offer it.
    buffer_size : int > 0
        How many samples of each channel are kept.

    Raises
    ------
    InputError
        If an argument is wrong.
    DependencyError
        If sounddevice or PortAudio is not installed.
    AudioError
        If no device can be opened so.
    """

    def __init__(self, channels: int, sampling_rate: int, buffer_size: int) -> None:
        self._channels = positive(channels, "channels")
        self._sampling_rate = positive(sampling_rate, "sampling_rate")
        self._buffer = np.zeros((positive(buffer_size, "buffer_size"), self._channels), np.float32)
        self._overruns = 0
        self._lock = threading.Lock()
        self._stream = open_input(self._channels, self._sampling_rate, self._take)

    @property
    def channels(self) -> int:
        """How many there are."""
        return self._channels

    @property
    def sampling_rate(self) -> int:
        """In Hz."""
        return self._sampling_rate

    @property
    def buffer_size(self) -> int:
        """How many samples of each channel are kept."""
        return len(self._buffer)

    @property
    def overruns(self) -> int:
        """How often the device lost samples since the recording was started, because the computer was too slow."""
        return self._overruns

    def start_recording(self) -> None:
        """Forget what was recorded, and record from now on."""
        with self._lock:
            self._buffer = np.zeros_like(self._buffer)
            self._overruns = 0
        self._stream.start()

    def stop(self) -> None:
        """Stop recording; what was recorded can still be read."""
        self._stream.stop()

    def read(self, size: int) -> npt.NDArray[np.float32]:
        """Return the newest samples; zeros stand for those that have not been recorded yet.

        Parameters
        ----------
        size : int in [1, buffer_size]

        Returns
        -------
        np.ndarray [shape=(size, channels), float32]
            The oldest first.
        """
        wanted = positive(size, "size")
        if wanted > self.buffer_size:
            raise InputError(f"size is {wanted}, but the record keeps {self.buffer_size} samples")
        with self._lock:
            return self._buffer[-wanted:].copy()

    def _take(self, frames: npt.NDArray[np.float32], count: int = 0, time: Any = None, status: Any = None) -> None:
        """Append what the device heard; called by its thread."""
        block = np.asarray(frames, np.float32)
        with self._lock:
            self._buffer = shift_in(self._buffer, block)
            self._overruns += bool(getattr(status, "input_overflow", False))
