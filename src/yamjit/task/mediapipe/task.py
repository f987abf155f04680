"""What MediaPipe's audio tasks have in common: clips, or a stream, in windows side by side."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio import DEFAULT_AUDIO_LIMITS
from yamjit.audio.limits import check_rate
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.scoring import Windows
from yamjit.task import core
from yamjit.task.audio import AudioRecord
from yamjit.task.engine import Engine
from yamjit.task.errors import UnusableAudioError
from yamjit.task.mediapipe.containers import AudioData
from yamjit.task.mediapipe.options import BaseOptions, RunningMode
from yamjit.task.mediapipe.windows import ResultStream, Timed
from yamjit.task.mediapipe.worker import Worker
from yamjit.task.samples import whole

__all__ = ["AudioTask"]

Float32 = npt.NDArray[np.float32]

_Options = TypeVar("_Options")
_Result = TypeVar("_Result", bound=Timed)
_Engine = TypeVar("_Engine", bound=Engine)
_Self = TypeVar("_Self", bound="AudioTask[Any, Any, Any]")

#: How MediaPipe calls a mode in its error messages.
_MODES = {RunningMode.AUDIO_CLIPS: "audio clips mode", RunningMode.AUDIO_STREAM: "audio stream mode"}


@explained
class AudioTask(ABC, Generic[_Options, _Result, _Engine]):
    """A task on clips, or on a stream. A context manager."""

    #: Type of the options, which takes a `BaseOptions`.
    _options_of: type[Any]

    def __init__(self, options: _Options) -> None:
        given: Any = checks.instance(options, "options", self._options_of)
        base = checks.instance(given.base_options, "base_options", BaseOptions)
        self._mode = given.running_mode
        self._callback = _checked_callback(self._mode, given.result_callback)
        self._engine = self._load(base.to_core(), options)
        self._worker: Worker | None = None
        self._format: tuple[int, int] | None = None
        self._timestamp_ms: int | None = None
        self._closed = False

    @abstractmethod
    def _load(self, base_options: core.BaseOptions, options: _Options) -> _Engine:
        """Return what runs the model."""

    @abstractmethod
    def _describe(self, windows: Windows) -> Iterator[_Result]:
        """Yield the result for each window; its time is filled in afterwards."""

    @classmethod
    def create_from_model_path(cls: type[_Self], model_path: str | os.PathLike[str]) -> _Self:
        """Load a model, for clips.

        Parameters
        ----------
        model_path : path
            Path of the model; "starter" is the small model of the package.

        Raises
        ------
        ModelError
            If it cannot be run exactly, or an embedder's model has no embedding.
        """
        return cls.create_from_options(cls._options_of(BaseOptions(model_asset_path=model_path)))

    @classmethod
    def create_from_options(cls: type[_Self], options: _Options) -> _Self:
        """Load a model, see `create_from_model_path`.

        Parameters
        ----------
        options : AudioClassifierOptions or AudioEmbedderOptions

        Raises
        ------
        InputError
            If an option is wrong.
        """
        return cls(options)

    def create_audio_record(self, num_channels: int, sample_rate: int, required_input_buffer_size: int) -> AudioRecord:
        """Return a record of the default input device, see `yamjit.task.audio.AudioRecord`.

        Parameters
        ----------
        num_channels, sample_rate, required_input_buffer_size : int > 0
            Channels, sample rate in Hz, and number of samples that are kept.
        """
        return AudioRecord(num_channels, sample_rate, required_input_buffer_size)

    def close(self) -> None:
        """Score what is left of the stream, and end; a second call does nothing.

        Raises
        ------
        Exception
            Any error that the callback raised, unchanged.
        """
        self._closed = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _of_clip(self, clip: AudioData) -> list[_Result]:
        """Return the results of a clip."""
        form, frames = self._checked(clip, RunningMode.AUDIO_CLIPS)
        if not clip.buffer_length:
            raise InputError("the clip has no samples; at least one is accepted")
        stream = ResultStream(self._engine, self._describe, form, 0)
        return [result for _, result in (*stream.push(frames), *stream.flush())]

    def _send(self, block: AudioData, timestamp_ms: int) -> None:
        """Take the next block of a stream."""
        form, frames = self._checked(block, RunningMode.AUDIO_STREAM)
        timestamp = whole(timestamp_ms, "timestamp_ms", least=0)
        if self._format is not None and self._format != form:
            raise InputError(f"the block has {_named(form)}, the stream began with {_named(self._format)}")
        if self._timestamp_ms is not None and timestamp <= self._timestamp_ms:
            raise InputError(
                f"Input timestamp must be monotonically increasing: {timestamp} ms comes after {self._timestamp_ms} ms"
            )
        if self._worker is None:
            stream = ResultStream(self._engine, self._describe, form, timestamp)
            self._worker = Worker(stream, self._callback)
        self._format, self._timestamp_ms = form, timestamp
        self._worker.send(frames.copy())

    def _checked(self, audio: AudioData, mode: RunningMode) -> tuple[tuple[int, int], Float32]:
        """Return sample rate and number of channels of audio that may be scored now, and its samples."""
        if not isinstance(audio, AudioData):
            raise InputError(f"an AudioData is accepted, found {type(audio).__name__}")
        sample_rate = audio.audio_format.sample_rate
        if not sample_rate:
            raise InputError(f"Must provide the audio sample rate in audio data, in Hz; found {sample_rate}")
        if self._mode is not mode:
            raise InputError(
                f"Task is not initialized with the {_MODES[mode]}. Current running mode:{_MODES[self._mode]}"
            )
        if self._closed:
            raise InputError("this task is closed; create another one")
        if not np.isfinite(audio.buffer).all():
            raise UnusableAudioError("the audio data hold a sample that is NaN or infinite; samples must be finite")
        frames = audio.buffer[:, np.newaxis] if audio.buffer.ndim == 1 else audio.buffer
        return (check_rate(sample_rate, "sample_rate", DEFAULT_AUDIO_LIMITS), frames.shape[1]), frames

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self._mode.value}: {self._engine}>"


def _checked_callback(mode: RunningMode, callback: Any) -> Callable[[Any, int], None]:
    """Return what is called with the results of a stream; with clips, nobody is."""
    if not isinstance(mode, RunningMode):
        raise InputError(f"running_mode is {mode!r}; {', '.join(map(str, RunningMode))} are accepted")
    if mode is RunningMode.AUDIO_CLIPS:
        if callback is not None:
            raise InputError(
                "The audio task is in audio clips mode, a user-defined result callback shouldn't be provided: "
                "a result callback should not be provided where the method itself returns the results"
            )
        return _call_nobody
    if not callable(callback):
        raise InputError(
            "The audio task is in audio stream mode, a user-defined result callback must be provided, "
            f"found {callback!r}"
        )
    return callback


def _call_nobody(result: Any, timestamp_ms: int) -> None:
    """Stand in for the callback where there is none."""


def _named(form: tuple[int, int]) -> str:
    return f"{form[0]} Hz and {form[1]} channel(s)"
