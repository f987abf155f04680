"""The integer network: a plan and private buffers; patches in, scores, embeddings and any inner tensor out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.kernels import Backend, load_backend
from yamjit.plan import Plan, Slot

__all__ = ["HeadOutput", "Network", "NetworkOutput", "Quantized"]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]

#: Patches that run through a step together: their activations still fit the caches.
_CAPACITY = 16


class Quantized(NamedTuple):
    """An answer of a network as integers.

    Parameters
    ----------
    integers : np.ndarray [shape=(n, size), int8]
    scale, zero_point : np.float32
        A value is ``scale * (integer - zero_point)``.
    """

    integers: Int8
    scale: np.float32
    zero_point: np.float32

    def real(self) -> Float32:
        """Return the values, (n, size) float32."""
        values = self.integers.astype(np.float32)
        values -= self.zero_point
        values *= self.scale
        return values

    @classmethod
    def joined(cls, parts: Sequence[Quantized]) -> Quantized:
        """Return answers to patches that follow each other as one."""
        return parts[0]._replace(integers=np.concatenate([part.integers for part in parts]))


class HeadOutput(NamedTuple):
    """What one head of a network says of `n` patches.

    Parameters
    ----------
    quantized_scores, quantized_logits : Quantized
    calibration : Calibration or None
        Changes the scores.
    """

    quantized_scores: Quantized
    quantized_logits: Quantized
    calibration: Calibration | None = None

    @property
    def scores(self) -> Float32:
        """Scores in [0, 1], (n, classes) float32."""
        scores = self.quantized_scores.real()
        return scores if self.calibration is None else self.calibration.apply(scores)

    @property
    def logits(self) -> Float32:
        """Logits, whose sigmoid the scores are before calibration, (n, classes) float32."""
        return self.quantized_logits.real()

    @classmethod
    def joined(cls, parts: Sequence[HeadOutput]) -> HeadOutput:
        """Return what a head says of patches that follow each other as one."""
        scores = Quantized.joined([part.quantized_scores for part in parts])
        return cls(scores, Quantized.joined([part.quantized_logits for part in parts]), parts[0].calibration)


@dataclass(frozen=True, slots=True, eq=False)
class NetworkOutput:
    """What a network says of `n` patches.

    Parameters
    ----------
    heads : tuple of HeadOutput
        One per output of the model.
    quantized_embeddings : Quantized
        The average over positions; of size 0 where the model has none.
    tensors : mapping of str to np.ndarray [shape=(n, ...), int8]
        The inner tensors that were asked for.
    """

    heads: tuple[HeadOutput, ...]
    quantized_embeddings: Quantized
    tensors: Mapping[str, Int8] = field(default_factory=dict)

    @property
    def embeddings(self) -> Float32:
        """Embeddings, (n, size) float32."""
        return self.quantized_embeddings.real()

    @property
    def scores(self) -> Float32:
        """Scores of the first head."""
        return self.heads[0].scores

    @property
    def logits(self) -> Float32:
        """Logits of the first head."""
        return self.heads[0].logits


class Network:
    """Runs a plan. Threads may share it: each call has buffers to itself, and leaves them to a later one.

    Parameters
    ----------
    plan : Plan
    backend : {"auto", "numba", "numpy"} or Backend
        Every backend gives the same integers. "auto" lets NumPy begin and Numba take over once there is enough work.
    """

    def __init__(self, plan: Plan, backend: str | Backend = "auto") -> None:
        self.plan = plan
        self._backend = load_backend(backend) if isinstance(backend, str) else backend
        self._idle: list[_Buffers] = []

    def prepare(self) -> None:
        """Load or compile now, in the calling thread, what the first `run` would: Ctrl-C reaches no other thread."""
        buffers = self._take()
        self._backend.run(self.plan.program, buffers.workspace, 0, 0, 0)
        self._idle.append(buffers)

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
        count = len(patches)
        taps = {name: self._slot(name) for name in tensors}
        tapped = {name: np.empty((count, *slot.shape), np.int8) for name, slot in taps.items()}
        buffers = self._take()
        found = [one._replace(integers=np.empty((count, one.integers.shape[1]), np.int8)) for one in buffers.results]
        for start in range(0, count, _CAPACITY):
            batch = slice(start, start + _CAPACITY)
            n = self._run_batch(patches[batch], [(slot, tapped[name][batch]) for name, slot in taps.items()], buffers)
            for result, out in zip(buffers.results, found, strict=True):
                out.integers[batch] = result.integers[:n]
        self._idle.append(buffers)
        *answers, embeddings = found
        heads = tuple(map(HeadOutput, answers[::2], answers[1::2]))
        return NetworkOutput(heads, embeddings, tapped)

    def _take(self) -> _Buffers:
        # No lock: what a list does to one element is done at once, and a fork leaves nothing locked behind.
        try:
            return self._idle.pop()
        except IndexError:
            return _Buffers(self.plan)

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

    def _run_batch(self, patches: npt.NDArray[np.generic], taps: list[tuple[Slot, Int8]], buffers: _Buffers) -> int:
        """Run patches that fit the workspace, in one go but for a stop after each step that a tap waits for."""
        program, workspace, n = self.plan.program, buffers.workspace, len(patches)
        first = 1 if patches.dtype == np.int8 else 0
        (buffers.quantized_patch if first else buffers.patch)[:n] = patches
        for slot, out in sorted(taps, key=lambda tap: tap[0].step):
            if slot.step >= first:
                self._backend.run(program, workspace, n, first, slot.step + 1)
                first = slot.step + 1
            out[...] = workspace.tensor(slot.offset, n, slot.shape)
        self._backend.run(program, workspace, n, first, len(program.steps))
        return n


class _Buffers:
    """What one call works in: a workspace, and views of what goes in and comes out.

    Views are made once: NumPy takes a microsecond for each, and a batch of one patch takes a few hundred.
    """

    def __init__(self, plan: Plan) -> None:
        self.workspace = plan.program.workspace(_CAPACITY)
        self.patch = self.workspace.tensor(plan.patch_offset, _CAPACITY, plan.patch_shape, np.float32)
        self.quantized_patch = self.workspace.tensor(plan.quantized_patch.offset, _CAPACITY, plan.patch_shape)
        slots = [slot for head in plan.heads for slot in (head.scores, head.logits)]
        self.results = [self._result(slot) for slot in (*slots, plan.embedding)]

    def _result(self, slot: Slot | None) -> Quantized:
        """Return an answer where the last step leaves it, if the model gives it."""
        if slot is None:
            return Quantized(self.workspace.tensor(0, _CAPACITY, (0,)), np.float32(1), np.float32(0))
        integers = self.workspace.tensor(slot.offset, _CAPACITY, (math.prod(slot.shape),))
        return Quantized(integers, np.float32(slot.scale), np.float32(slot.zero_point))
