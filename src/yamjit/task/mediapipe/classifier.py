"""MediaPipe's audio classifier: clips, or a stream, in windows side by side."""

from __future__ import annotations

import os
from types import TracebackType

import numpy as np

from yamjit import checks
from yamjit.audio import DEFAULT_AUDIO_LIMITS
from yamjit.audio.limits import check_rate
from yamjit.errors import AudioError, InputError
from yamjit.keywords import explained
from yamjit.task.audio.record import AudioRecord
from yamjit.task.engine import Engine, listing
from yamjit.task.mediapipe.containers import AudioClassifierResult, AudioData
from yamjit.task.mediapipe.options import AudioClassifierOptions, BaseOptions, Callback, RunningMode
from yamjit.task.mediapipe.windows import ResultStream
from yamjit.task.mediapipe.worker import Worker
from yamjit.task.samples import whole

__all__ = ["AudioClassifier"]


@explained
class AudioClassifier:
    """Names the sounds of clips, or of a stream. A context manager.

    Made by `create_from_model_path` or `create_from_options`.
    """

    def __init__(self, options: AudioClassifierOptions) -> None:
        checks.instance(options, "options", AudioClassifierOptions)
        base = checks.instance(options.base_options, "base_options", BaseOptions)
        self._mode, self._callback = _checked_mode(options)
        listed = listing(
            options.max_results,
            options.score_threshold,
            options.category_allowlist,
            options.category_denylist,
            options.display_names_locale,
        )
        self._engine = Engine(base.to_core(), listed)
        self._worker: Worker | None = None
        self._format: tuple[int, int] | None = None
        self._timestamp_ms: int | None = None
        self._closed = False

    @classmethod
    def create_from_model_path(cls, model_path: str | os.PathLike[str]) -> AudioClassifier:
        """Load a model, for clips.

        Parameters
        ----------
        model_path : path
            Path of the model; "starter" is the small model of the package.

        Raises
        ------
        ModelError
            If it cannot be run exactly.
        """
        return cls.create_from_options(AudioClassifierOptions(BaseOptions(model_asset_path=model_path)))

    @classmethod
    def create_from_options(cls, options: AudioClassifierOptions) -> AudioClassifier:
        """Load a model, see `create_from_model_path`.

        Parameters
        ----------
        options : AudioClassifierOptions

        Raises
        ------
        InputError
            If an option is wrong.
        """
        return cls(options)

    def classify(self, audio_clip: AudioData) -> list[AudioClassifierResult]:
        """Score a clip of any length, rate and number of channels.

        It is resampled to the model's rate, its channels are averaged, and it is cut into windows that do not
        overlap, the last one padded with zeros.

        Parameters
        ----------
        audio_clip : AudioData

        Returns
        -------
        list of AudioClassifierResult
            One for each window; `timestamp_ms` is the time at which it starts.

        Raises
        ------
        InputError
            If the sample rate is missing, the clip is empty, or this classifier is for a stream or closed.
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        sample_rate = self._checked(audio_clip, RunningMode.AUDIO_CLIPS)
        if not audio_clip.buffer_length:
            raise InputError("the clip has no samples; at least one is accepted")
        stream = ResultStream(self._engine, sample_rate, audio_clip.buffer.shape[1], 0)
        return [result for _, result in (*stream.push(audio_clip.buffer), *stream.flush())]

    def classify_async(self, audio_block: AudioData, timestamp_ms: int) -> None:
        """Take the next block of a stream, of any length; results go to the callback, from a thread of its own.

        Windows do not depend on how the stream is cut into blocks. The time of a result is that of the first block
        plus the samples since; the timestamps of later blocks are only checked to increase. If scoring is too slow,
        this waits: no block is dropped. `close` scores what is left.

        Parameters
        ----------
        audio_block : AudioData
            The samples, which are copied.
        timestamp_ms : int
            Time of the block, in ms; greater than that of the block before.

        Raises
        ------
        InputError
            If the sample rate is missing, rate or channels are not those of the first block, the timestamp does not
            increase, or this classifier is for clips or closed.
        AudioError
            If a sample is not finite, or one of an earlier block was far beyond full scale.
        Exception
            Any error that the callback raised, unchanged.
        """
        form = (self._checked(audio_block, RunningMode.AUDIO_STREAM), audio_block.buffer.shape[1])
        timestamp = whole(timestamp_ms, "timestamp_ms", least=0)
        if self._format is not None and self._format != form:
            raise InputError(f"the block has {_named(form)}, the stream began with {_named(self._format)}")
        if self._timestamp_ms is not None and timestamp <= self._timestamp_ms:
            raise InputError(
                f"timestamps must be monotonically increasing: {timestamp} ms comes after {self._timestamp_ms} ms"
            )
        if self._worker is None:
            self._worker = Worker(ResultStream(self._engine, *form, timestamp), self._callback)
        self._format, self._timestamp_ms = form, timestamp
        self._worker.send(audio_block.buffer.copy())

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

    def __enter__(self) -> AudioClassifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _checked(self, audio: AudioData, mode: RunningMode) -> int:
        """Return the sample rate of audio that may be scored now."""
        if not isinstance(audio, AudioData):
            raise InputError(f"an AudioData is accepted, found {type(audio).__name__}")
        sample_rate = audio.audio_format.sample_rate
        if not sample_rate:
            raise InputError("the audio data must provide the audio sample rate, in Hz")
        if self._mode is not mode:
            name = "clips" if mode is RunningMode.AUDIO_CLIPS else "stream"
            raise InputError(f"this task is not initialized with the audio {name} mode, but with {self._mode.name}")
        if self._closed:
            raise InputError("this classifier is closed; create another one")
        if not np.isfinite(audio.buffer).all():
            raise AudioError("the audio data hold a sample that is NaN or infinite; samples must be finite")
        return check_rate(sample_rate, "sample_rate", DEFAULT_AUDIO_LIMITS)

    def __repr__(self) -> str:
        return f"<AudioClassifier for {self._mode.value}: {self._engine}>"


def _checked_mode(options: AudioClassifierOptions) -> tuple[RunningMode, Callback]:
    """Return the mode and whom it calls: nobody with clips."""
    mode, callback = options.running_mode, options.result_callback
    if not isinstance(mode, RunningMode):
        raise InputError(f"running_mode is {mode!r}; {', '.join(map(str, RunningMode))} are accepted")
    if mode is RunningMode.AUDIO_CLIPS and callback is not None:
        raise InputError("in audio clips mode a result callback should not be provided: classify returns the results")
    if mode is RunningMode.AUDIO_CLIPS:
        return mode, _call_nobody
    if not callable(callback):
        raise InputError(f"in audio stream mode a result callback must be provided, found {callback!r}")
    return mode, callback


def _call_nobody(result: AudioClassifierResult, timestamp_ms: int) -> None:
    """Stand in for the callback where there is none."""


def _named(form: tuple[int, int]) -> str:
    return f"{form[0]} Hz and {form[1]} channel(s)"
