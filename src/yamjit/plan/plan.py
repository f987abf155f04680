"""A plan: a graph compiled to a program, with names for its inputs and outputs. Immutable, shared by threads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    from yamjit.kernels.program import Program
    from yamjit.kernels.workspace import PreparedProgram

__all__ = ["FrontEndConstants", "Head", "LogMel", "Plan", "Slot"]


class Slot(NamedTuple):
    """A tensor of the network: where it is in memory, from which step on, and what its integers mean, if it has any.

    Parameters
    ----------
    name : str
    shape : tuple of int
        Shape in the graph without the leading axis, that of the patch.
    offset : int
        Offset in the arena, in bytes per patch.
    step : int
        Index of the step that writes it.
    scale, zero_point : float, int
        Quantization of integers: ``real = scale * (quantized - zero_point)``; 1 and 0 for floats.
    dtype : np.dtype
        int8 or float32.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    step: int
    scale: float
    zero_point: int
    dtype: np.dtype[Any] = np.dtype(np.int8)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes for a patch."""
        return math.prod(self.shape) * self.dtype.itemsize

    def dequantize(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the real values of integers: ``scale * (quantized - zero_point)``, in float32; floats as they are."""
        real = values.astype(np.float32, copy=False)
        if self.dtype == np.float32:
            return real
        real -= np.float32(self.zero_point)
        real *= np.float32(self.scale)
        return real


class Head(NamedTuple):
    """One output of the model: scores, and the logits before the sigmoid or softmax.

    Parameters
    ----------
    name : str
        Name of the graph's output tensor.
    scores : Slot
        Scores, shape (classes,).
    logits : Slot
        Logits, shape (classes,); the scores themselves where the model has no sigmoid or softmax at its end.
    output : int
        Position among the graph's outputs.
    """

    name: str
    scores: Slot
    logits: Slot
    output: int


class LogMel(NamedTuple):
    """The log-mel spectrogram that a network computes of samples itself, and gives as an output.

    Parameters
    ----------
    name : str
        Its tensor, in the plan's `slots`.
    shape : (int, int)
        Frames of a window, and bands.
    hop_length, frame_length : int
        Samples from one frame to the next, and samples that a frame is computed from, and no others.
    """

    name: str
    shape: tuple[int, int]
    hop_length: int
    frame_length: int


@brief_repr
class Plan(NamedTuple):
    """A compiled model.

    Parameters
    ----------
    program : Program or PreparedProgram
        Step 0 reads the patch. It is prepared where it comes from a plan file.
    front_end : FrontEndConstants or None
        Constants of the front end, YAMNet's where the model takes YAMNet's patches; ``None`` where the network takes
        what the model does.
    patch_shape : tuple of int
        Shape of a patch: (n_frames, n_mels), or (samples,) where the network begins with a window of samples.
    patch_offset : int
        Offset of the float32 patch in the arena, in bytes per patch.
    quantized_patch : Slot or None
        The patch as int8, where step 0 quantizes it.
    embedding : Slot or None
        The average, or the greatest values, over positions that the first head is computed from, if there is one.
    heads : tuple of Head
        Outputs of the model, at least one.
    slots : mapping of str to Slot
        Every tensor that a step writes by name; tensors of the same name are numbered, ``name#1`` being the second.
    log_mel : LogMel or None
        The log-mel spectrogram among the outputs of a network that takes samples.
    """

    program: Program | PreparedProgram
    front_end: FrontEndConstants | None
    patch_shape: tuple[int, ...]
    patch_offset: int
    quantized_patch: Slot | None
    embedding: Slot | None
    heads: tuple[Head, ...]
    slots: Mapping[str, Slot]
    log_mel: LogMel | None = None

    @property
    def takes_samples(self) -> bool:
        """Whether the model takes samples: by a front end, or as the patch itself."""
        return self.front_end is not None or (len(self.patch_shape) == 1 and not self.takes_embeddings)

    @property
    def takes_embeddings(self) -> bool:
        """Whether the model is a head alone: one row of values is computed from another, throughout."""
        rows = all(math.prod(slot.shape[:-1]) == 1 for slot in self.slots.values())
        return self.front_end is None and len(self.patch_shape) == 1 and rows
