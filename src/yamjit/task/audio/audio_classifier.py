"""The classifier of the Task Library: one window in, the categories of every head out."""

from __future__ import annotations

from dataclasses import dataclass, field

from yamjit import checks
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task.audio.core.tensor_audio import TensorAudio
from yamjit.task.audio.window import WindowTask
from yamjit.task.core import BaseOptions
from yamjit.task.engine import Engine
from yamjit.task.listed import LISTS_OF_TASK_LIBRARY, listing
from yamjit.task.processor import ClassificationOptions, ClassificationResult

__all__ = ["AudioClassifier", "AudioClassifierOptions"]


@brief_repr
@explained
@dataclass
class AudioClassifierOptions:
    """What a classifier runs, and what it lists.

    Parameters
    ----------
    base_options : BaseOptions
    classification_options : ClassificationOptions
    """

    base_options: BaseOptions
    classification_options: ClassificationOptions = field(default_factory=ClassificationOptions)


@explained
class AudioClassifier(WindowTask[AudioClassifierOptions, Engine]):
    """Names the sounds of one window. Threads may share it.

    Made by `create_from_file` or `create_from_options`.
    """

    _options_of = AudioClassifierOptions

    def _load(self, options: AudioClassifierOptions) -> Engine:
        chosen = checks.instance(options.classification_options, "classification_options", ClassificationOptions)
        listed = listing(
            chosen.max_results,
            chosen.score_threshold,
            chosen.category_name_allowlist or chosen.class_name_allowlist,
            chosen.category_name_denylist or chosen.class_name_denylist,
            chosen.display_names_locale,
            LISTS_OF_TASK_LIBRARY,
        )
        return Engine(options.base_options, listed)

    def classify(self, audio: TensorAudio) -> ClassificationResult:
        """Score a window.

        Parameters
        ----------
        audio : TensorAudio
            A window, with `required_audio_format` and `required_input_buffer_size`.

        Returns
        -------
        ClassificationResult
            The `classifications` of each head.

        Raises
        ------
        InputError
            If channels, sample rate or size are not those that the model takes.
        AudioError
            If a sample is not finite, or far beyond full scale.
        """
        return ClassificationResult(self._engine.classify(self._samples(audio)))
