"""The integer network: a plan and private buffers; patches in, scores, embeddings and any inner tensor out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.kernels import Backend, load_backend
from yamjit.plan import Plan, Slot

__all__ = ["Network", "NetworkOutput"]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

#: Patches that run through a step together: their activations still fit the caches.
_CAPACITY = 16

#: The int8 that each byte stands for.
_INT8_IN_BYTE_ORDER = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """What a network says of `n` patches.

    Parameters
    ----------
    scores : np.ndarray [shape=(n, classes), float32]
        In [0, 1), of the first head.
    logits : np.ndarray [shape=(n, classes), float32]
        Before the sigmoid.
    embeddings : np.ndarray [shape=(n, size), float32]
        The average over positions; size 0 where the model has none.
    tensors : mapping of str to np.ndarray [shape=(n, ...), int8]
        The inner tensors that were asked for.
    """

    scores: Float32
    logits: Float32
    embeddings: Float32
    tensors: Mapping[str, Int8] = field(default_factory=dict)


class Network:
    """Runs a plan. One per thread: the plan is shared, the buffers are not.

    Parameters
    ----------
    plan : Plan
    backend : {"auto", "numba", "numpy"} or Backend
        Every backend gives the same integers. "auto" lets NumPy begin and Numba take over once there is enough work.
    """

    def __init__(self, plan: Plan, backend: str | Backend = "auto") -> None:
        self.plan = plan
        self._backend = load_backend(backend) if isinstance(backend, str) else backend
        self._workspace = plan.program.workspace(_CAPACITY)

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
        tapped = {name: np.empty((len(patches), *slot.shape), np.int8) for name, slot in taps.items()}
        results = self._results()
        found = {name: np.empty((len(patches), *slot.shape), np.int8) for name, slot in results.items()}
        for start in range(0, len(patches), _CAPACITY):
            batch = slice(start, start + _CAPACITY)
            self._run_batch(
                patches[batch],
                [(slot, tapped[name][batch]) for name, slot in taps.items()],
                [(slot, found[name][batch]) for name, slot in results.items()],
            )
        real = {name: _dequantized(found[name], slot) for name, slot in results.items()}
        none = np.empty((len(patches), 0), np.float32)
        return NetworkOutput(real["scores"], real["logits"], real.get("embeddings", none), tapped)

    def _results(self) -> dict[str, Slot]:
        """Return what every run answers with."""
        head = self.plan.heads[0]
        results = {"scores": head.scores, "logits": head.logits}
        if self.plan.embedding is not None:
            results["embeddings"] = self.plan.embedding
        return results

    def _checked(self, patches: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        try:
            patches = np.asarray(patches)
        except ValueError as error:
            raise InputError(f"patches are no array: {error}") from error
        expected = self.plan.patch_shape
        if patches.ndim != 3 or patches.shape[1:] != expected:
            raise InputError(f"patches of shape (n, {expected[0]}, {expected[1]}) are accepted, found {patches.shape}")
        if patches.dtype not in (np.float32, np.int8):
            raise InputError(f"patches of type float32 or int8 are accepted, found {patches.dtype}")
        if not np.isfinite(patches).all():
            raise InputError("patches hold values that are not finite")
        return patches

    def _slot(self, name: str) -> Slot:
        slot = self.plan.slots.get(name)
        if slot is None:
            raise InputError(f"the model has no inner tensor {name!r}")
        return slot

    def _run_batch(
        self, patches: npt.NDArray[np.generic], taps: list[tuple[Slot, Int8]], results: list[tuple[Slot, Int8]]
    ) -> None:
        """Run patches that fit the workspace: in one go, but for a stop after each step that a tap waits for."""
        plan, n = self.plan, len(patches)
        if patches.dtype == np.int8:
            first = 1
            self._workspace.tensor(plan.quantized_patch.offset, n, plan.patch_shape)[...] = patches
        else:
            first = 0
            self._workspace.tensor(plan.patch_offset, n, plan.patch_shape, np.float32)[...] = patches
        for slot, out in sorted(taps, key=lambda tap: tap[0].step):
            if slot.step >= first:
                self._backend.run(plan.program, self._workspace, n, first, slot.step + 1)
                first = slot.step + 1
            out[...] = self._workspace.tensor(slot.offset, n, slot.shape)
        self._backend.run(plan.program, self._workspace, n, first, len(plan.program.steps))
        for slot, out in results:
            out[...] = self._workspace.tensor(slot.offset, n, slot.shape)


def _dequantized(quantized: Int8, slot: Slot) -> Float32:
    """Return real values [shape=(n, size)]: ``scale * (quantized - zero_point)`` in float32, looked up."""
    values = np.float32(slot.scale) * (_INT8_IN_BYTE_ORDER - np.float32(slot.zero_point))
    return values[quantized.view(np.uint8).reshape(len(quantized), math.prod(slot.shape))]
