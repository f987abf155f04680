"""The network: patches in; scores, embeddings and any inner tensor out."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import deprecation
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.kernels import Backend, load_backend
from yamjit.kernels.workspace import ResultLayout, Workspace
from yamjit.plan import Plan, Slot
from yamjit.reprs import brief_repr

__all__ = ["HeadOutput", "Network", "NetworkOutput", "Outputs", "Quantized"]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

#: Number of patches that run through a step together: their activations still fit the caches.
_CAPACITY = 16

#: Stands for the embedding of a model that has none.
_NO_EMBEDDING = Slot(name="", shape=(0,), offset=0, step=0, scale=1.0, zero_point=0)


@brief_repr
class Quantized(NamedTuple):
    """An output of a network as the model computes it: integers, or floats where it has no others.

    Parameters
    ----------
    values : np.ndarray [shape=(n, size), int8 or float32]
        Values of the output; the float32 ones are real as they are.
    slot : Slot
        Type of the values; scale and zero point of integers.
    """

    values: npt.NDArray[Any]
    slot: Slot

    @property
    def integers(self) -> npt.NDArray[Any]:
        """The old name of `values`."""
        deprecation.warn("Quantized.integers", "Quantized.values")
        return self.values

    def real(self) -> Float32:
        """Return the real values, (n, size) float32."""
        return self.slot.dequantize(self.values)

    @classmethod
    def joined(cls, parts: Sequence[Quantized]) -> Quantized:
        """Return the outputs for patches that follow each other as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(np.concatenate([part.values for part in parts]), parts[0].slot)


@brief_repr
@dataclass(frozen=True, eq=False, repr=False)
class HeadOutput:
    """The output of one head of a network for `n` patches.

    Parameters
    ----------
    quantized_scores, quantized_logits : Quantized
        The scores, and the logits that they are the sigmoid of.
    calibration : Calibration, optional
        What changes the scores.
    """

    quantized_scores: Quantized
    quantized_logits: Quantized
    calibration: Calibration | None = None

    @functools.cached_property
    def scores(self) -> Float32:
        """Scores in [0, 1], (n, classes) float32."""
        scores = self.quantized_scores.real()
        return scores if self.calibration is None else self.calibration.apply(scores)

    @functools.cached_property
    def logits(self) -> Float32:
        """Logits, whose sigmoid the scores are before calibration, (n, classes) float32."""
        return self.quantized_logits.real()

    @classmethod
    def joined(cls, parts: Sequence[HeadOutput]) -> HeadOutput:
        """Return the outputs for patches that follow each other as one."""
        if len(parts) == 1:
            return parts[0]
        scores = Quantized.joined([part.quantized_scores for part in parts])
        return cls(scores, Quantized.joined([part.quantized_logits for part in parts]), parts[0].calibration)


class Outputs:
    """Real values of what has `heads` and `quantized_embeddings`, computed when they are first asked for."""

    heads: tuple[HeadOutput, ...]
    quantized_embeddings: Quantized

    @functools.cached_property
    def embeddings(self) -> Float32:
        """Embeddings, (n, size) float32: 1024 values each for YAMNet."""
        return self.quantized_embeddings.real()

    @property
    def scores(self) -> Float32:
        """Scores of the first head, (n, classes) float32 in [0, 1]."""
        return self.heads[0].scores

    @property
    def logits(self) -> Float32:
        """Logits of the first head, (n, classes) float32."""
        return self.heads[0].logits


@brief_repr
@dataclass(frozen=True, eq=False, repr=False)
class NetworkOutput(Outputs):
    """The output of a network for `n` patches.

    Parameters
    ----------
    heads : tuple of HeadOutput
        Scores and logits of each output of the model.
    quantized_embeddings : Quantized
        The average over positions; of size 0 where the model has none.
    tensors : mapping of str to np.ndarray [shape=(n, ...), int8]
        Inner tensors that were asked for, by name.
    """

    heads: tuple[HeadOutput, ...]
    quantized_embeddings: Quantized
    tensors: Mapping[str, Int8] = field(default_factory=dict)


class Network:
    """Runs a plan. Threads may share it: each call has buffers to itself, and leaves them for a later call.

    Parameters
    ----------
    plan : Plan
    backend : {"auto", "compiled", "numba", "numpy"} or Backend
        What runs the program, see `load_backend`; every backend gives the same integers.
    results : sequence of Slot, optional
        What `answers` gives; by default scores and logits of each head, and the embeddings.
    """

    def __init__(self, plan: Plan, backend: str | Backend = "auto", results: Sequence[Slot] | None = None) -> None:
        self.plan = plan
        self._backend = load_backend(backend) if isinstance(backend, str) else backend
        own = [slot for head in plan.heads for slot in (head.scores, head.logits)]
        self._results = [*own, plan.embedding or _NO_EMBEDDING] if results is None else list(results)
        self._layout = _layout(self._results)
        self._idle: list[Workspace] = []

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans that results are of."""
        return (self.plan,)

    def warm_up(self) -> None:
        """Load or compile now what the first `run` would, in the calling thread, which alone Ctrl-C can interrupt."""
        self._run(np.empty((0, *self.plan.patch_shape), np.float32), self._layout)

    def run(self, patches: npt.NDArray[np.generic], tensors: Iterable[str] = ()) -> NetworkOutput:
        """Run the network.

        Parameters
        ----------
        patches : np.ndarray [shape=(n, n_frames, n_mels), float32 or int8]
            Log-mel patches; int8 ones are taken as already quantized.
        tensors : iterable of str
            Names of inner tensors to return as well, see `Plan.slots`.

        Raises
        ------
        InputError
            If the shape or type does not fit, a value is not finite, or a tensor is unknown.
        """
        patches = self._checked(patches)
        taps = {name: self._slot(name) for name in tensors}
        layout = _layout([*self._results, *taps.values()]) if taps else self._layout
        found = self._run(patches, layout)
        *answers, embeddings = self._own(found)
        others = zip(taps.items(), layout.columns[len(self._results) :], strict=True)
        tapped = {name: _values(found[:, part], slot).reshape(-1, *slot.shape) for (name, slot), part in others}
        return NetworkOutput(tuple(map(HeadOutput, answers[::2], answers[1::2])), embeddings, tapped)

    def answers(self, patches: Float32) -> list[Quantized]:
        """Return scores and logits of each head, and the embeddings, of patches that a front end made: all are finite.

        Where other results were asked for, return these.

        Each frame of them is in one piece of memory, and follows the one before.
        """
        return self._own(self._run(patches, self._layout))

    def _own(self, found: Int8) -> list[Quantized]:
        """Return the network's own results, each in one piece of memory and without that of the tensors.

        Those of one patch alone are in one piece already.
        """
        whole = found if found.shape[1] == self._layout.width else found[:, : self._layout.width].copy()
        parts = zip(self._layout.columns, self._results, strict=True)
        return [Quantized(_values(whole[:, columns], slot), slot) for columns, slot in parts]

    def _run(self, patches: npt.NDArray[np.generic], layout: ResultLayout) -> Int8:
        results = np.empty((len(patches), layout.width), np.int8)
        # Without a lock, which a process that forks could leave locked: a list adds and takes an element atomically.
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self.plan.program.workspace(_CAPACITY)
        self._backend.run(self.plan.program, workspace, patches, layout, results, int(patches.dtype == np.int8))
        self._idle.append(workspace)
        return results

    def _checked(self, patches: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        try:
            patches = np.asarray(patches)
        except ValueError as error:
            raise InputError(f"patches are not an array: {error}") from error
        expected = self.plan.patch_shape
        if patches.ndim != 1 + len(expected) or patches.shape[1:] != expected:
            shape = ", ".join(("n", *map(str, expected)))
            raise InputError(f"patches of shape ({shape}) are accepted, found {patches.shape}")
        types = (np.float32,) if self.plan.quantized_patch is None else (np.float32, np.int8)
        if patches.dtype not in types:
            names = " or ".join(np.dtype(kind).name for kind in types)
            raise InputError(f"patches of type {names} are accepted, found {patches.dtype}")
        if not (patches.flags.aligned and patches[:1].flags.c_contiguous):
            patches = patches.copy()
        if not np.isfinite(_each_once(patches)).all():
            raise InputError("patches contain values that are not finite")
        return patches

    def _slot(self, name: str) -> Slot:
        slot = self.plan.slots.get(name)
        if slot is None:
            raise InputError(f"the model has no inner tensor {name!r}")
        return slot

    def __repr__(self) -> str:
        sizes = [str(math.prod(head.scores.shape)) for head in self.plan.heads]
        return f"<Network: patches {self.plan.patch_shape} -> {' + '.join(sizes)} scores>"


def _layout(slots: Iterable[Slot]) -> ResultLayout:
    return ResultLayout((slot.step, slot.offset, slot.nbytes) for slot in slots)


def _values(found: Int8, slot: Slot) -> npt.NDArray[Any]:
    """Return a slot's part of the results in one piece of memory, with the type that its bytes have."""
    return found if len(found) == 1 and slot.dtype == np.int8 else found.copy().view(slot.dtype)


def _each_once(patches: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the values of patches, those that overlapping patches share only once."""
    count, pace, size = len(patches), patches.strides[0], patches[:1].nbytes
    if count > 1 and 0 < pace < size:
        values = ((count - 1) * pace + size) // patches.itemsize
        return np.lib.stride_tricks.as_strided(patches, (values,), (patches.itemsize,), writeable=False)
    return patches
