"""A recording in progress: its newest samples can be read at any time."""

from __future__ import annotations

import dataclasses
import math
import threading

import numpy as np
import numpy.typing as npt

from yamjit.audio import DEFAULT_AUDIO_LIMITS, Microphone
from yamjit.audio.source import open_audio
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.read_once import ReadOnce
from yamjit.reading import ReadOptions
from yamjit.task.samples import positive, shift_in
from yamjit.text import plural

__all__ = ["AudioRecord"]

#: Length of a block of the device, in seconds: the newest sample is at most this old, plus some milliseconds.
_BLOCK_S = 0.02

#: A record may go on for ever.
_LIMITS = dataclasses.replace(DEFAULT_AUDIO_LIMITS, seconds=math.inf)


@explained
class AudioRecord(ReadOnce):
    """The newest samples of the default input device.

    The device is opened at its own rate, and its samples are resampled. Needs sounddevice
    (the extra ``mic``), which is imported when a record is made.

    Parameters
    ----------
    channels : int > 0
        Number of channels that the device must have.
    sampling_rate : int
        Sample rate of what is read, in Hz.
    buffer_size : int > 0
        Number of samples of each channel that are kept.

    Raises
    ------
    InputError
        If an argument is wrong, or the device has fewer channels.
    DependencyError
        If sounddevice or PortAudio is not installed.
    AudioError
        If there is no device, or it cannot be opened.
    """

    def __init__(self, channels: int, sampling_rate: int, buffer_size: int) -> None:
        self._channels = positive(channels, "channels")
        self._sampling_rate = positive(sampling_rate, "sampling_rate")
        self._buffer = np.zeros((positive(buffer_size, "buffer_size"), self._channels), np.float32)
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        self._microphone = self._open()

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    @property
    def sampling_rate(self) -> int:
        """Sample rate in Hz."""
        return self._sampling_rate

    @property
    def buffer_size(self) -> int:
        """Number of samples of each channel that are kept."""
        return len(self._buffer)

    @property
    def overruns(self) -> int:
        """How often samples were lost since the recording was started, because the computer was too slow."""
        return self._microphone.overruns

    def start_recording(self) -> None:
        """Forget what was recorded, and record from now on.

        Raises
        ------
        AudioError
            If the device is gone.
        """
        self.stop()
        self._buffer = np.zeros_like(self._buffer)
        self._error = None
        self._microphone = self._open()
        self._thread = threading.Thread(
            target=self._record, args=(self._microphone,), name="yamjit-record", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop recording; what was recorded can still be read."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._microphone.close()
            thread.join()

    def read(self, size: int) -> npt.NDArray[np.float32]:
        """Return the newest samples; zeros stand for those that have not been recorded yet.

        Parameters
        ----------
        size : int in [1, buffer_size]
            Number of samples.

        Returns
        -------
        np.ndarray [shape=(size, channels), float32]
            Samples, the oldest first.

        Raises
        ------
        InputError
            If `size` is out of range.
        AudioError
            If the recording ended by itself, as when the device was unplugged.
        """
        wanted = positive(size, "size")
        if wanted > self.buffer_size:
            raise InputError(f"size is {wanted}, but the record keeps {self.buffer_size} samples")
        with self._lock:
            if self._error is not None:
                raise self._error
            return self._buffer[-wanted:].copy()

    def _open(self) -> Microphone:
        return Microphone(channels=self._channels, block_s=_BLOCK_S)

    def _record(self, microphone: Microphone) -> None:
        """Append what the device hears until it is closed; the thread's work."""
        try:
            each = ReadOptions(channel="each")
            with open_audio(microphone, None, each, target_rate=self._sampling_rate, limits=_LIMITS) as source:
                for block in source.blocks():
                    with self._lock:
                        self._buffer = shift_in(self._buffer, block.T)
        except Exception as error:  # noqa: BLE001 - raised again where it is read
            # A recording that was stopped at once has no samples, which is an error elsewhere.
            if self._thread is not None:
                self._error = error

    def __repr__(self) -> str:
        state, channels = "stopped" if self._thread is None else "recording", plural(self.channels, "channel")
        return f"<AudioRecord: {self.buffer_size} samples, {channels}, {self.sampling_rate} Hz, {state}>"
