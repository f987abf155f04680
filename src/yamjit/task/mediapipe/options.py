"""Options of MediaPipe's audio tasks."""

from __future__ import annotations

import enum
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.task import core
from yamjit.task.errors import DelegateError
from yamjit.task.mediapipe.containers import AudioClassifierResult, AudioEmbedderResult

__all__ = ["AudioClassifierOptions", "AudioEmbedderOptions", "BaseOptions", "RunningMode"]


class RunningMode(enum.Enum):
    """Whether audio comes as separate clips, or as one stream of blocks."""

    AUDIO_CLIPS = "AUDIO_CLIPS"
    AUDIO_STREAM = "AUDIO_STREAM"


@explained
@brief_repr
@dataclass
class BaseOptions:
    """Which model to run.

    Parameters
    ----------
    model_asset_path : path, optional
        Path of the model; "starter" is the small model of the package.
    model_asset_buffer : bytes, optional
        The model itself; wins over the path.
    delegate : Delegate, optional
        What computes: ``BaseOptions.Delegate.CPU``, the default; ``GPU`` is refused.
    """

    class Delegate(enum.IntEnum):
        """What computes a model."""

        DEFAULT = 0
        CPU = 1
        GPU = 2

    model_asset_path: str | os.PathLike[str] | None = None
    model_asset_buffer: bytes | None = None
    delegate: Delegate | None = None

    def to_core(self) -> core.BaseOptions:
        """Return the same in the words of the Task Library.

        Raises
        ------
        InputError
            If there is no model.
        DelegateError
            If a GPU should run it: an `InputError` that is a `NotImplementedError` as well.
        """
        if self.delegate == self.Delegate.GPU:
            raise DelegateError(
                f"GPU Delegate is not yet supported for {platform.system()}: everything is computed on the CPU; "
                "omit delegate, or say Delegate.CPU"
            )
        if not self.model_asset_path and not self.model_asset_buffer:
            raise InputError(
                "ExternalFile must specify at least one of 'file_content', 'file_name', 'file_pointer_meta' or "
                "'file_descriptor_meta'. Here one of model_asset_path and model_asset_buffer is needed; both are empty"
            )
        return core.BaseOptions(self.model_asset_path, self.model_asset_buffer)


@brief_repr
@explained
@dataclass
class AudioClassifierOptions:
    """What a classifier runs, how audio arrives, and what is listed.

    Parameters
    ----------
    base_options : BaseOptions
    running_mode : RunningMode
    display_names_locale, max_results, score_threshold, category_allowlist, category_denylist : optional
        Categories that are listed; see `yamjit.task.processor.ClassificationOptions`.
    result_callback : callable, optional
        Called with a result and its timestamp in ms, by a thread of the classifier. Needed for a stream, refused
        for clips.
    """

    base_options: BaseOptions
    running_mode: RunningMode = RunningMode.AUDIO_CLIPS
    display_names_locale: str | None = None
    max_results: int | None = None
    score_threshold: float | None = None
    category_allowlist: Sequence[str] | None = None
    category_denylist: Sequence[str] | None = None
    result_callback: Callable[[AudioClassifierResult, int], None] | None = None


@explained
@brief_repr
@dataclass
class AudioEmbedderOptions:
    """What an embedder runs, how audio arrives, and the form of its vectors.

    Parameters
    ----------
    base_options : BaseOptions
        A model of embeddings, or a classifier, whose embedding is one of its inner values.
    running_mode : RunningMode
    l2_normalize, quantize : bool, optional
        Form of the vectors; see `yamjit.task.processor.EmbeddingOptions`.
    result_callback : callable, optional
        Called with a result and its timestamp in ms, by a thread of the embedder. Needed for a stream, refused for
        clips.
    """

    base_options: BaseOptions
    running_mode: RunningMode = RunningMode.AUDIO_CLIPS
    l2_normalize: bool | None = None
    quantize: bool | None = None
    result_callback: Callable[[AudioEmbedderResult, int], None] | None = None
