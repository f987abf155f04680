"""A plan: a graph compiled to a program, with names for its inputs and outputs. Immutable, shared by threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.reprs import brief_repr

if TYPE_CHECKING:
    from yamjit.kernels.program import Program
    from yamjit.kernels.workspace import PreparedProgram

__all__ = ["FrontEndConstants", "Head", "Plan", "Slot"]


class Slot(NamedTuple):
    """An int8 tensor of the integer network: where it is in memory, from which step on, and what its integers mean.

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
        Quantization: ``real = scale * (quantized - zero_point)``.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    step: int
    scale: float
    zero_point: int

    def dequantize(self, quantized: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
        """Return the real values of integers: ``scale * (quantized - zero_point)``, in float32."""
        real = quantized.astype(np.float32)
        real -= np.float32(self.zero_point)
        real *= np.float32(self.scale)
        return real


class Head(NamedTuple):
    """One output of the model: scores, and the logits before the sigmoid.

    Parameters
    ----------
    name : str
        Name of the graph's output tensor.
    scores : Slot
        Scores, shape (classes,).
    logits : Slot
        Logits, shape (classes,).
    """

    name: str
    scores: Slot
    logits: Slot


@brief_repr
class Plan(NamedTuple):
    """A compiled model.

    Parameters
    ----------
    program : Program or PreparedProgram
        Step 0 quantizes the patch, the others are the integer network. It is prepared where it comes from a plan file.
    front_end : FrontEndConstants or None
        Constants of the front end, YAMNet's where the model takes YAMNet's patches; ``None`` where it takes others.
    patch_shape : tuple of int
        Shape of a patch, (n_frames, n_mels).
    patch_offset : int
        Offset of the float32 patch in the arena, in bytes per patch.
    quantized_patch : Slot
        The patch as int8.
    embedding : Slot or None
        The average over positions that the first head is computed from, if there is one.
    heads : tuple of Head
        Outputs of the model, at least one.
    slots : mapping of str to Slot
        Every int8 tensor by name; tensors of the same name are numbered, ``name#1`` being the second.
    """

    program: Program | PreparedProgram
    front_end: FrontEndConstants | None
    patch_shape: tuple[int, int]
    patch_offset: int
    quantized_patch: Slot
    embedding: Slot | None
    heads: tuple[Head, ...]
    slots: Mapping[str, Slot]
