"""What classifier and embedder have in common: they take one window of a fixed format."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.task.audio.core.audio_record import AudioRecord
from yamjit.task.audio.core.tensor_audio import AudioFormat, TensorAudio
from yamjit.task.core import BaseOptions
from yamjit.task.engine import Engine

__all__ = ["WindowTask"]


_Options = TypeVar("_Options")
_Engine = TypeVar("_Engine", bound=Engine)
_Self = TypeVar("_Self", bound="WindowTask[Any, Any]")


@explained
class WindowTask(ABC, Generic[_Options, _Engine]):
    """A task on one window."""

    #: Type of the options, which takes a `BaseOptions`.
    _options_of: type[Any]

    def __init__(self, options: _Options) -> None:
        self._engine = self._load(checks.instance(options, "options", self._options_of))

    @abstractmethod
    def _load(self, options: _Options) -> _Engine:
        """Return what runs the model."""

    @classmethod
    def create_from_file(cls: type[_Self], file_path: str | os.PathLike[str]) -> _Self:
        """Load a model.

        Parameters
        ----------
        file_path : path
            Path of the model; "starter" is the small model of the package.

        Raises
        ------
        ModelError
            If the model cannot be run exactly, or an embedder's model has no embedding.
        """
        return cls(cls._options_of(BaseOptions(file_name=file_path)))

    @classmethod
    def create_from_options(cls: type[_Self], options: _Options) -> _Self:
        """Load a model, see `create_from_file`.

        Parameters
        ----------
        options : AudioClassifierOptions or AudioEmbedderOptions

        Raises
        ------
        InputError
            If an option is wrong.
        """
        return cls(options)

    @property
    def required_audio_format(self) -> AudioFormat:
        """Channels and sample rate that the model takes."""
        return AudioFormat(self._engine.channels, self._engine.sample_rate)

    @property
    def required_input_buffer_size(self) -> int:
        """Number of samples that the model takes."""
        return self._engine.window

    def create_input_tensor_audio(self) -> TensorAudio:
        """Return a buffer of what the model takes, all zeros."""
        return TensorAudio(self.required_audio_format, self.required_input_buffer_size)

    def create_audio_record(self) -> AudioRecord:
        """Return a record of the default input device, in the format that the model takes; see `AudioRecord`."""
        taken = self.required_audio_format
        return AudioRecord(taken.channels, taken.sample_rate, self.required_input_buffer_size)

    def _samples(self, audio: TensorAudio) -> npt.NDArray[np.float32]:
        """Return the samples of one window, or refuse them."""
        if not isinstance(audio, TensorAudio):
            raise InputError(f"a TensorAudio is accepted, found {type(audio).__name__}")
        taken, size = self.required_audio_format, self.required_input_buffer_size
        found = audio.format
        if found.channels != taken.channels:
            raise InputError(f"the audio has {found.channels} channels, the model takes {taken.channels}")
        if found.sample_rate != taken.sample_rate:
            raise InputError(f"the audio has {found.sample_rate} Hz, the model takes {taken.sample_rate} Hz")
        if audio.buffer_size != size:
            raise InputError(f"the audio has {audio.buffer_size} samples, the model takes {size}")
        return audio.buffer[:, 0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._engine}>"
