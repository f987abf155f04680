"""The audio that a task is given: a ring buffer that keeps the newest samples."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.task.audio.core.audio_record import AudioRecord
from yamjit.task.samples import SampleBuffer, positive, read_frames, shift_in, whole

__all__ = ["AudioFormat", "TensorAudio"]


@explained
@dataclass(frozen=True)
class AudioFormat:
    """Channels and sample rate of samples.

    Parameters
    ----------
    channels : int > 0
        Number of channels.
    sample_rate : int > 0
        Sample rate in Hz.
    """

    channels: int
    sample_rate: int

    def __post_init__(self) -> None:
        positive(self.channels, "channels")
        positive(self.sample_rate, "sample_rate")


@explained
class TensorAudio(SampleBuffer):
    """A buffer of the newest samples, all zeros at first.

    What is loaded is appended, and replaces the oldest samples.

    Parameters
    ----------
    audio_format : AudioFormat
    buffer_size : int > 0
        Number of samples of each channel.
    """

    def __init__(self, audio_format: AudioFormat, buffer_size: int) -> None:
        self._format = audio_format
        super().__init__(np.zeros((positive(buffer_size, "buffer_size"), audio_format.channels), np.float32))

    @classmethod
    def create_from_wav_file(cls, file_name: str | os.PathLike[str], sample_count: int, offset: int = 0) -> TensorAudio:
        """Read part of an audio file, with its rate and its channels.

        Parameters
        ----------
        file_name : path
            Path of an audio file, WAV or another.
        sample_count : int > 0
            Number of samples of each channel, from `offset`: a model's `required_input_buffer_size`. A file that ends
            sooner gives a smaller buffer.
        offset : int >= 0
            Number of samples to skip at the start, of each channel.

        Raises
        ------
        AudioError
            If the file cannot be read.
        InputError
            If an argument is wrong, or nothing follows `offset`.
        """
        start, count = whole(offset, "offset", least=0), positive(sample_count, "sample_count")
        sample_rate, frames = read_frames(file_name, start, count)
        if not len(frames):
            raise InputError(f"offset is {start}, where {os.fspath(file_name)} ends")
        tensor = cls(AudioFormat(frames.shape[1], sample_rate), len(frames))
        tensor._buffer = frames
        return tensor

    @property
    def format(self) -> AudioFormat:
        """Channels and sample rate."""
        return self._format

    @property
    def buffer_size(self) -> int:
        """Number of samples of each channel."""
        return len(self._buffer)

    def load_from_wav_file(self, file_name: str | os.PathLike[str], offset: int = 0) -> None:
        """Append samples of an audio file from `offset` on, as many as the buffer holds.

        Parameters
        ----------
        file_name : path
            Path of a file of the same format as the buffer.
        offset : int >= 0
            Number of samples to skip at the start, of each channel.

        Raises
        ------
        AudioError
            If the file cannot be read.
        InputError
            If its channels or its sample rate differ, or it ends before `offset`.
        """
        start = whole(offset, "offset", least=0)
        sample_rate, frames = read_frames(file_name, start, self.buffer_size)
        self._check_format(os.fspath(file_name), frames.shape[1], sample_rate)
        self._buffer = shift_in(self._buffer, frames)

    def load_from_audio_record(self, record: AudioRecord) -> None:
        """Load the newest samples of a recording in progress.

        Raises
        ------
        InputError
            If the record holds fewer samples than this buffer, or has other channels or another sample rate.
        """
        if record.buffer_size < self.buffer_size:
            raise InputError(
                "The audio record's buffer size cannot be smaller than the tensor audio's sample count. "
                f"The audio record holds {record.buffer_size} samples, the tensor audio takes {self.buffer_size}"
            )
        wanted = self._format
        if record.channels != wanted.channels:
            raise InputError(
                f"The audio record's channel count doesn't match. Expects {wanted.channels} channel(s). "
                f"The audio record has {record.channels} channel(s), the tensor audio takes {wanted.channels}"
            )
        if record.sampling_rate != wanted.sample_rate:
            raise InputError(
                f"The audio record's sampling rate doesn't match. Expects {wanted.sample_rate}Hz. "
                f"The audio record has {record.sampling_rate} Hz, the tensor audio takes {wanted.sample_rate} Hz"
            )
        self.load_from_array(record.read(self.buffer_size))

    def _check_format(self, file: str, channels: int, sample_rate: int) -> None:
        wanted = self._format
        if channels != wanted.channels:
            raise InputError(f"{file} has {channels} channel(s), the tensor audio takes {wanted.channels}")
        if sample_rate != wanted.sample_rate:
            raise InputError(f"{file} has {sample_rate} Hz, the tensor audio takes {wanted.sample_rate} Hz")

    def __repr__(self) -> str:
        form = self._format
        return f"<TensorAudio: {self.buffer_size} samples, {form.channels} channel(s), {form.sample_rate} Hz>"
