"""A plan: a graph compiled to a program, with names for what comes in and out. Immutable, shared by threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.kernels.program import Program

__all__ = ["FrontEndConstants", "Head", "Plan", "Slot"]


@dataclass(frozen=True, slots=True)
class Slot:
    """An int8 tensor of the integer network: where it lies, when it is alive, and what its integers mean.

    Parameters
    ----------
    name : str
    shape : tuple of int
        As in the graph, with the leading axis (one patch) left out.
    offset : int
        In the arena, bytes per patch.
    step : int
        Index of the step that writes it.
    scale, zero_point : float, int
        ``real = scale * (quantized - zero_point)``.
    """

    name: str
    shape: tuple[int, ...]
    offset: int
    step: int
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Head:
    """One output of the model: scores, and the logits before the sigmoid.

    Parameters
    ----------
    name : str
        Name of the graph's output tensor.
    scores : Slot
        [shape=(classes,)]
    logits : Slot
        [shape=(classes,)]
    """

    name: str
    scores: Slot
    logits: Slot


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A compiled model.

    Parameters
    ----------
    program : Program
        Step 0 quantizes the patch, the others are the integer network.
    front_end : FrontEndConstants or None
        ``None`` where the model takes patches, not samples.
    patch_shape : tuple of int
        (n_frames, n_mels) of one patch.
    patch_offset : int
        Where the float32 patch lies in the arena, bytes per patch.
    quantized_patch : Slot
        The patch as int8.
    embedding : Slot or None
        The average over positions that the first head is computed from.
    heads : tuple of Head
        At least one.
    slots : mapping of str to Slot
        Every int8 tensor by name; tensors of the same name are numbered, ``name#1`` being the second.
    """

    program: Program
    front_end: FrontEndConstants | None
    patch_shape: tuple[int, int]
    patch_offset: int
    quantized_patch: Slot
    embedding: Slot | None
    heads: tuple[Head, ...]
    slots: Mapping[str, Slot]
