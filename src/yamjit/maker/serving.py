"""A trained model as a function of one window of samples."""

from __future__ import annotations

from typing import Any, NamedTuple

from yamjit import checks
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.maker.tensors import Tensor
from yamjit.maker.yamnet_spec import YamNetSpec
from yamjit.trained.heads import Head

__all__ = ["End", "ServingModel"]


class End(NamedTuple):
    """An input or output: its name, its shape, None where any size is accepted, and its type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@explained
class ServingModel:
    """A trained model as a function of one window of samples.

    Made by `AudioClassifier.create_serving_model`.

    Parameters
    ----------
    spec : YamNetSpec
        Network, and whether its own scores are returned.
    head : Head
        Trained head.
    """

    def __init__(self, spec: YamNetSpec, head: Head) -> None:
        self._spec, self._head = spec, head

    def __repr__(self) -> str:
        return f"<ServingModel: windows of {self.input_shape[1]} samples, {len(self._head.labels)} classes>"

    @property
    def input_shape(self) -> tuple[None, int]:
        """Shape of the input: a window of samples in each row."""
        return None, self._spec.model.window_samples

    @property
    def inputs(self) -> list[End]:
        """The input."""
        return [End("audio", self.input_shape)]

    @property
    def outputs(self) -> list[End]:
        """The outputs: YAMNet's scores if they are kept, and those of the head."""
        custom = End("custom", (None, len(self._head.labels)))
        return [End("yamnet", (None, len(self._spec.model.labels))), custom] if self._keeps else [custom]

    @property
    def _keeps(self) -> bool:
        return self._spec.keep_yamnet_and_custom_heads

    def __call__(self, audio: Any) -> list[Tensor] | Tensor:
        """Return the scores of one window: a tensor [shape=(1, classes)] for each output.

        Parameters
        ----------
        audio : array_like [shape=(samples,) or (1, samples)]
            Samples in [-1, 1] at 16 kHz, as many as `input_shape` says.

        Raises
        ------
        InputError
            If there is another number of samples.
        """
        samples = checks.array(audio, "audio")
        size = self.input_shape[1]
        if samples.shape not in ((size,), (1, size)):
            raise InputError(f"audio of shape ({size},) or (1, {size}) is accepted, found {samples.shape}")
        windows = self._spec.model.score_window(samples.reshape(-1))
        custom = Tensor.of(self._head.scores(windows.embeddings))
        return [Tensor.of(windows.scores), custom] if self._keeps else custom
