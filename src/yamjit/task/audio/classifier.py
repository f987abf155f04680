"""The classifier of the Task Library: one window in, the categories of every head out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from yamjit.task.audio.tensor import TensorAudio
from yamjit.task.audio.window import WindowTask
from yamjit.task.core import BaseOptions
from yamjit.task.engine import Engine, listing
from yamjit.task.processor import ClassificationOptions, ClassificationResult

__all__ = ["AudioClassifier", "AudioClassifierOptions"]


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


class AudioClassifier(WindowTask):
    """Names the sounds of one window. Threads may share it.

    Made by `create_from_file` or `create_from_options`.
    """

    def __init__(self, options: AudioClassifierOptions) -> None:
        chosen = options.classification_options
        listed = listing(
            chosen.max_results,
            chosen.score_threshold,
            chosen.category_name_allowlist or chosen.class_name_allowlist,
            chosen.category_name_denylist or chosen.class_name_denylist,
            chosen.display_names_locale,
        )
        super().__init__(Engine(options.base_options, listed))

    @classmethod
    def create_from_file(cls, file_path: str | os.PathLike[str]) -> AudioClassifier:
        """Load a model.

        Parameters
        ----------
        file_path : path
            Path of the model; "starter" is the small model of the package.

        Raises
        ------
        ModelError
            If it cannot be run exactly.
        """
        return cls.create_from_options(AudioClassifierOptions(BaseOptions(file_name=file_path)))

    @classmethod
    def create_from_options(cls, options: AudioClassifierOptions) -> AudioClassifier:
        """Load a model.

        Parameters
        ----------
        options : AudioClassifierOptions

        Raises
        ------
        ModelError
            If it cannot be run exactly.
        InputError
            If an option is wrong.
        """
        return cls(options)

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
