"""A recording in progress: its newest samples can be read at any time."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.audio import Microphone
from yamjit.audio.devices import import_sounddevice
from yamjit.audio.resample import Resampler
from yamjit.disk import describe
from yamjit.errors import AudioError, InputError
from yamjit.keywords import explained
from yamjit.read_once import ReadOnce
from yamjit.task.samples import positive, shift_in
from yamjit.text import plural

__all__ = ["AudioRecord"]

#: Seconds without a block after which the device counts as gone, such as one that was unplugged.
_PATIENCE_S = 10.0

#: Records that PortAudio calls back: they are not collected.
_recording: set[AudioRecord] = set()


@explained
class AudioRecord(ReadOnce):
    """The newest samples of the default input device.

    The device is opened at the rate that is asked for; where it refuses that one, at its own, and its samples are
    resampled. Needs sounddevice (the extra ``mic``), which is imported when a record is made.

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

    _stream: Any = None

    def __init__(self, channels: int, sampling_rate: int, buffer_size: int) -> None:
        self._channels = positive(channels, "channels")
        self._sampling_rate = positive(sampling_rate, "sampling_rate")
        self._buffer = np.zeros((positive(buffer_size, "buffer_size"), self._channels), np.float32)
        self._overruns = 0
        self._heard_s = 0.0
        self._lock = threading.Lock()
        self._open()

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
        return self._overruns

    def start_recording(self) -> None:
        """Forget what was recorded, and record from now on.

        Raises
        ------
        AudioError
            If the device is gone.
        """
        if self in _recording:
            self.stop()
        if self._stream is None:
            self._open()
        self._buffer = np.zeros((self.buffer_size, self._channels), np.float32)
        self._overruns = 0
        self._heard_s = time.monotonic()
        try:
            self._stream.start()
        except import_sounddevice().PortAudioError as error:
            raise AudioError(f"the input device does not record: {describe(error)}") from error
        _recording.add(self)

    def stop(self) -> None:
        """Stop recording; what was recorded can still be read."""
        _recording.discard(self)
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()
            stream.close()

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
        silent_s = time.monotonic() - self._heard_s
        if self in _recording and (silent_s > _PATIENCE_S or not self._stream.active):
            raise AudioError(f"the input device has delivered nothing for {silent_s:.1f} s; it may have been unplugged")
        with self._lock:
            return self._buffer[-wanted:].copy()

    def _open(self) -> None:
        """Open the device, at its own rate if it refuses the other."""
        rate = self._sampling_rate
        try:
            self._stream = self._opened(rate)
        except AudioError:
            rate = Microphone(channels=self._channels).sample_rate  # says what is wrong, unless it is the rate
            if rate == self._sampling_rate:
                raise
            self._stream = self._opened(rate)
        self._resampler = Resampler(rate, self._sampling_rate, self._channels)

    def _opened(self, rate: int) -> Any:
        portaudio = import_sounddevice()
        try:
            return portaudio.InputStream(channels=self._channels, samplerate=rate, dtype="float32", callback=self._take)
        except (portaudio.PortAudioError, ValueError) as error:
            raise AudioError(f"the input device cannot be opened: {describe(error)}") from error

    def _take(self, block: npt.NDArray[np.float32], frames: int = 0, when: Any = None, status: Any = None) -> None:
        """Append a block, float32 (n, channels), which PortAudio overwrites afterwards; its thread calls this."""
        if status is not None and status.input_overflow:
            self._overruns += 1
        heard = self._resampler.push(block.T).T
        with self._lock:
            self._buffer = shift_in(self._buffer, heard)
        self._heard_s = time.monotonic()

    def __del__(self) -> None:
        self.stop()

    def __repr__(self) -> str:
        state, channels = "recording" if self in _recording else "stopped", plural(self.channels, "channel")
        return f"<AudioRecord: {self.buffer_size} samples, {channels}, {self.sampling_rate} Hz, {state}>"
