"""The constants of a log-mel front end, as the operators before QUANTIZE hold them.

They are found by structure: the operators that only move samples are run on the sample numbers 0, 1, 2, ... , and what
comes out tells the framing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.plan.plan import FrontEndConstants
from yamjit.plan.positions import MOVERS, RESHAPERS
from yamjit.plan.seam import Seam
from yamjit.tflite.graph import Activation, Graph, Op, Operator, Tensor
from yamjit.tflite.node import Node
from yamjit.tflite.operators.binary import AddOptions, MulOptions
from yamjit.tflite.operators.products import FullyConnectedOptions

__all__ = ["check_finite", "read_front_end"]

#: Largest sample that a front end is prepared for, far beyond what audio is accepted with.
_PEAK = 2.0**16

#: Bounds of magnitudes, whose squares are numbers of float32, and of what a band sums, with room for rounding.
_MOST_MAGNITUDE, _MOST_BAND = 2.0**62, 2.0**126


def read_front_end(graph: Graph, seam: Seam) -> FrontEndConstants | None:
    """Read the constants of the log-mel front end, or ``None`` where the model takes patches.

    Before QUANTIZE there must be framing, window, Fourier transform, magnitude, mel and logarithm, else a `ModelError`.
    """
    if not seam.front_end:
        return None
    walk = _Walk(graph, seam.front_end)
    frames = walk.framing()
    window = walk.window()
    n_fft = walk.spectrum(frames.shape[0], window.size)
    mel_basis, mel_scale, log_offset = walk.log_mel(frames.shape[0])
    walk.finish()
    samples = graph.tensors[graph.inputs[0]].shape[-1]
    return FrontEndConstants(
        window_samples=samples,
        hop_length=_hop_length(frames, samples, walk.first),
        n_fft=n_fft,
        window=window,
        mel_basis=mel_basis,
        log_offset=log_offset,
        mel_scale=mel_scale,
        float_patch=not any(o.op == Op.QUANTIZE and seam.patch in o.inputs for o in graph.operators),
    )


def check_finite(front_end: FrontEndConstants, seam: Seam) -> None:
    """Check that every logarithm is finite, so that patches of bounded samples need not be looked at again."""
    basis, scale = front_end.mel_basis, front_end.mel_scale
    weights = basis if scale is None else basis * scale[:, None]
    largest = _PEAK * np.abs(front_end.window, dtype=np.float64).sum()
    bands = largest * weights.sum(axis=1, dtype=np.float64) + front_end.log_offset
    if not (largest < _MOST_MAGNITUDE and (bands < _MOST_BAND).all()):
        where = str(seam.front_end[0])
        raise ModelError("window and mel weights are so large that sums may not be finite", operator=where)


def _hop_length(frames: npt.NDArray[np.int64], samples: int, where: Operator) -> int:
    """Return the hop of frames given as sample numbers [shape=(n_frames, frame_length)]."""
    n_frames, frame_length = frames.shape
    hop = int(frames[1, 0]) if n_frames > 1 else frame_length
    regular = np.arange(n_frames)[:, None] * hop + np.arange(frame_length)
    if hop < 1 or not np.array_equal(frames, regular):
        raise ModelError("the samples are not cut into frames at a constant hop", operator=str(where))
    fitting = 1 + (samples - frame_length) // hop
    if n_frames != fitting:
        raise ModelError(f"{n_frames} frames are cut where {fitting} fit", operator=str(where))
    return hop


class _Walk:
    """Goes along the front end, one operator after the other, and reads what each stage holds."""

    def __init__(self, graph: Graph, chain: tuple[Operator, ...]) -> None:
        self._graph = graph
        self._left = list(chain)
        self.first = chain[0]

    # What each stage must be

    def framing(self) -> npt.NDArray[np.int64]:
        """Run the operators that move samples on sample numbers; returns [shape=(n_frames, frame_length)]."""
        source = self._graph.tensors[self._graph.inputs[0]]
        numbers = np.arange(np.prod(source.shape, dtype=np.int64)).reshape(source.shape)
        while self._next_op() in MOVERS and self._next_op() != Op.PAD:
            operator = self._left.pop(0)
            numbers = MOVERS[operator.op](Node(self._graph, operator), numbers)
        frames = _without_batch(numbers.shape)
        if len(frames) != 2:
            message = f"frames of shape (frames, samples) are accepted, found {numbers.shape}"
            raise ModelError(message, operator=str(self.first))
        return numbers.reshape(frames)

    def window(self) -> npt.NDArray[np.float32]:
        """Read the window that every frame is multiplied by."""
        operator = self._take(Op.MUL)
        if not isinstance(operator.options, MulOptions) or operator.options.activation != Activation.NONE:
            raise ModelError("a fused activation is not accepted in the front end", operator=str(operator))
        window = self._constant(operator, self._constant_input(operator))
        if not np.isfinite(window).all():
            raise ModelError("the window must be finite", operator=str(operator))
        frame_length = self._output(operator).shape[-1]
        if window.shape[-1:] != (frame_length,) or window.size != frame_length:
            raise ModelError(f"a window of {window.size} samples does not fit its frames", operator=str(operator))
        return window.reshape(-1)

    def spectrum(self, n_frames: int, frame_length: int) -> int:
        """Check padding, Fourier transform and magnitude; returns the length of the transform."""
        n_fft = frame_length
        if self._next_op() == Op.PAD:
            operator = self._take(Op.PAD)
            n_fft = self._output(operator).shape[-1]
            *others, last = self._constant(operator, 1).tolist()
            if any(map(any, others)) or last != [0, n_fft - frame_length]:
                raise ModelError("frames must be padded with zeros at their end", operator=str(operator))
        self._skip_reshapes()
        operator, bins = self._take(Op.RFFT2D), n_fft // 2 + 1
        written = _without_batch(self._output(operator).shape, 3)
        if (self._constant(operator, 1).tolist(), written) != ([1, n_fft], (n_frames, 1, bins)):
            raise ModelError(f"a transform of {n_fft} samples per frame is accepted", operator=str(operator))
        self._skip_reshapes()
        operator = self._take(Op.COMPLEX_ABS)
        if _without_batch(self._output(operator).shape) != (n_frames, bins):
            raise ModelError("a magnitude per frame and bin is accepted", operator=str(operator))
        self._skip_reshapes()
        return n_fft

    def log_mel(
        self, n_frames: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None, npt.NDArray[np.float32]]:
        """Read the mel basis, its scales where it is int8, and the log offset."""
        operator = self._take(Op.FULLY_CONNECTED)
        options = operator.options
        if not isinstance(options, FullyConnectedOptions) or options.activation != Activation.NONE:
            raise ModelError("a fused activation is not accepted in the front end", operator=str(operator))
        basis = self._constant(operator, 1)
        if _without_batch(self._output(operator).shape) != (n_frames, basis.shape[0]):
            raise ModelError("mel bands per frame are accepted", operator=str(operator))
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        offset = self._constant(operator, 2) if has_bias else np.zeros(basis.shape[0], np.float32)
        self._skip_reshapes()
        if self._next_op() == Op.ADD and not offset.any():
            offset = self._added(basis.shape[0])
        if not (np.isfinite(basis).all() and np.isfinite(offset).all() and (basis >= 0).all() and (offset > 0).all()):
            raise ModelError("mel weights must be >= 0 and log offsets > 0", operator=str(operator))
        scale = self._mel_scale(operator, options) if basis.dtype == np.int8 else None
        self._skip_reshapes()
        self._take(Op.LOG)
        return basis.astype(np.float32, copy=False), scale, offset.reshape(-1)

    def _added(self, bands: int) -> npt.NDArray[np.float32]:
        """Read what is added to every frame, one number for all bands or for each."""
        operator = self._take(Op.ADD)
        added = self._constant(operator, self._constant_input(operator))
        if not isinstance(operator.options, AddOptions) or operator.options.activation != Activation.NONE:
            raise ModelError("a fused activation is not accepted in the front end", operator=str(operator))
        if added.size != 1 and (added.size != bands or bands not in added.shape):
            raise ModelError("one number for all bands, or for each, is accepted", operator=str(operator))
        return np.broadcast_to(added.reshape(-1), bands)

    def _mel_scale(self, operator: Operator, options: FullyConnectedOptions) -> npt.NDArray[np.float32]:
        """Return the scale of each band of int8 weights."""
        tensor = self._graph.tensors[operator.inputs[1]]
        if not options.asymmetric_quantize_inputs or tensor.quantization is None:
            raise ModelError("magnitudes that are quantized symmetrically are not accepted", operator=str(operator))
        return np.broadcast_to(tensor.quantization.scale, tensor.shape[:1]).copy()

    def finish(self) -> None:
        """Check that nothing but a change of shape is left."""
        self._skip_reshapes()
        if self._left:
            raise ModelError("is not expected after the logarithm", operator=str(self._left[0]))

    # How it walks

    def _next_op(self) -> Op | None:
        return self._left[0].op if self._left else None

    def _take(self, op: Op) -> Operator:
        if self._next_op() != op:
            found = str(self._left[0]) if self._left else "QUANTIZE"
            raise ModelError(f"{op.name} is expected at this place of the front end", operator=found)
        return self._left.pop(0)

    def _skip_reshapes(self) -> None:
        while self._next_op() in RESHAPERS:
            self._left.pop(0)

    def _output(self, operator: Operator) -> Tensor:
        return self._graph.tensors[operator.outputs[0]]

    def _constant_input(self, operator: Operator) -> int:
        return next(k for k, i in enumerate(operator.inputs) if self._graph.tensors[i].data is not None)

    def _constant(self, operator: Operator, position: int) -> npt.NDArray[Any]:
        return _constant(self._graph, operator, position)


def _without_batch(shape: tuple[int, ...], rank: int = 2) -> tuple[int, ...]:
    """Return a shape without a first axis of size 1 that is one more than its rank."""
    return shape[1:] if len(shape) == rank + 1 and shape[0] == 1 else shape


def _constant(graph: Graph, operator: Operator, position: int) -> npt.NDArray[Any]:
    tensor = graph.tensors[operator.inputs[position]] if position < len(operator.inputs) else None
    if tensor is None or tensor.data is None:
        raise ModelError(f"input {position} must be a constant", operator=str(operator))
    return tensor.data
