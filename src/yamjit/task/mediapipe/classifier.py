"""MediaPipe's audio classifier."""

from __future__ import annotations

from collections.abc import Iterator

from yamjit.keywords import explained
from yamjit.scoring import Windows
from yamjit.task import core
from yamjit.task.engine import Engine
from yamjit.task.listed import listing
from yamjit.task.mediapipe.containers import AudioClassifierResult, AudioData
from yamjit.task.mediapipe.options import AudioClassifierOptions
from yamjit.task.mediapipe.task import AudioTask

__all__ = ["AudioClassifier"]


@explained
class AudioClassifier(AudioTask[AudioClassifierOptions, AudioClassifierResult, Engine]):
    """Names the sounds of clips, or of a stream. A context manager.

    Made by `create_from_model_path` or `create_from_options`.
    """

    _options_of = AudioClassifierOptions

    def _load(self, base_options: core.BaseOptions, options: AudioClassifierOptions) -> Engine:
        listed = listing(
            options.max_results,
            options.score_threshold,
            options.category_allowlist,
            options.category_denylist,
            options.display_names_locale,
        )
        return Engine(base_options, listed)

    def _describe(self, windows: Windows) -> Iterator[AudioClassifierResult]:
        return map(AudioClassifierResult, self._engine.list_windows(windows))

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
        return self._of_clip(audio_clip)

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
        self._send(audio_block, timestamp_ms)
