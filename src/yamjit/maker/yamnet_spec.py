"""The network whose embeddings a head is trained on, and how recordings are cut for it."""

from __future__ import annotations

import os
from typing import NoReturn

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.loading import load

__all__ = ["BrowserFftSpec", "YamNetSpec"]


@explained
class YamNetSpec:
    """YAMNet, and how recordings are cut into frames, each of which is an example.

    A frame's embedding is the mean of those of its windows of 0.975 s, of which one begins every 0.48 s.

    Parameters
    ----------
    model_dir : path, optional
        Not used: nothing is kept while a head is trained.
    strategy : None
        No other value is accepted: a head is trained in this process.
    yamnet_model_handle : path, "starter", bytes or Classifier, optional
        YAMNet's model, see `yamjit.load`.
    frame_length : int > 0
        Length of a frame, in samples at 16 kHz. A recording that is shorter has no frames.
    frame_step : int > 0
        Samples from the start of a frame to the start of the next.
    keep_yamnet_and_custom_heads : bool
        Whether exported models keep YAMNet's own output, before the new one.

    Raises
    ------
    InputError
        If a number is out of range, or the model has no embedding.
    ModelNotFoundError
        If there is no model; the message says how to get one.
    """

    EXPECTED_WAVEFORM_LENGTH = 15_600

    def __init__(
        self,
        model_dir: str | os.PathLike[str] | None = None,
        strategy: None = None,
        yamnet_model_handle: str | os.PathLike[str] | bytes | Classifier | None = None,
        frame_length: int = EXPECTED_WAVEFORM_LENGTH,
        frame_step: int = EXPECTED_WAVEFORM_LENGTH // 2,
        keep_yamnet_and_custom_heads: bool = True,
    ) -> None:
        self.model_dir = None if model_dir is None else checks.path(model_dir, "model_dir")
        checks.instance(strategy, "strategy", type(None))
        handle = yamnet_model_handle
        self.model = handle if isinstance(handle, Classifier) else load(handle)
        if self.model.plan.embedding is None:
            raise InputError(f"{self.model.name} has no embedding, from which a head could be trained")
        self.frame_length = checks.whole(frame_length, "frame_length", 1, 2**40)
        self.frame_step = checks.whole(frame_step, "frame_step", 1, 2**40)
        self.keep_yamnet_and_custom_heads = checks.flag(keep_yamnet_and_custom_heads, "keep_yamnet_and_custom_heads")

    @property
    def target_sample_rate(self) -> int:
        """Sample rate of the frames, in Hz."""
        return self.model.sample_rate

    def frames(self, samples: int) -> list[tuple[float, float]]:
        """Return start and end of each frame of a recording, in seconds, from its number of samples."""
        rate, length = self.target_sample_rate, self.frame_length
        starts = range(0, samples - length + 1, self.frame_step)
        return [(start / rate, (start + length) / rate) for start in starts]

    def _yamnet_labels(self) -> list[str]:
        """Return the names of YAMNet's classes: programs written for Model Maker call this."""
        return list(self.model.labels)

    def __repr__(self) -> str:
        return f"<YamNetSpec {self.model.name!r}: frames of {self.frame_length} samples every {self.frame_step}>"


def BrowserFftSpec() -> NoReturn:  # noqa: N802
    """Refuse a specification that yamjit does not have: its network is one of TensorFlow.js.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError("BrowserFftSpec is a network of TensorFlow.js, which yamjit does not have; YamNetSpec is accepted")
