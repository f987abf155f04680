"""The log-mel spectrogram that a network computes of samples itself, and gives as an output.

How it cuts samples into frames is found by running the operators that move samples on the sample numbers 0, 1, 2, ...
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from yamjit.plan.plan import LogMel, Slot
from yamjit.plan.positions import MOVERS, NOTHING
from yamjit.plan.roles import Output, Role
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.node import Node

__all__ = ["find_log_mel"]

#: Operators that compute each row of what they read by itself, or value by value.
_BY_ROW = frozenset({Op.FULLY_CONNECTED, Op.RESHAPE, Op.SQUEEZE, Op.EXPAND_DIMS, Op.PAD})
_BY_VALUE = frozenset(
    {
        *(Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MAXIMUM, Op.MINIMUM, Op.SQRT, Op.RSQRT, Op.LOG, Op.EXP),
        *(Op.RELU, Op.RELU6, Op.DEQUANTIZE),
    }
)


def find_log_mel(graph: Graph, outputs: Sequence[Output], slot: Slot, name: str) -> LogMel | None:
    """Return what the output of log-mel is, which `slot` is called `name`: frames that each hear their own samples.

    None where samples are not cut at a constant hop, or a frame depends on more than its own.
    """
    tensor = next(output.tensor for output in outputs if output.role == Role.LOG_MEL)
    number, frames = _framing(graph)
    if frames is None or slot.dtype != np.float32 or not _is_by_frame(graph, number, tensor, len(frames)):
        return None
    n_frames, frame_length = frames.shape
    hop = int(frames[1, 0]) if n_frames > 1 else frame_length
    samples = graph.tensors[graph.inputs[0]].shape[-1]
    is_regular = np.array_equal(frames, np.arange(n_frames)[:, np.newaxis] * hop + np.arange(frame_length))
    if not is_regular or hop < 1 or n_frames != 1 + (samples - frame_length) // hop:
        return None
    return LogMel(name, (n_frames, slot.nbytes // 4 // n_frames), hop, frame_length)


def _framing(graph: Graph) -> tuple[int, npt.NDArray[np.int64] | None]:
    """Return the tensor of frames, and the number of each sample in it [shape=(n_frames, frame_length)]."""
    tensor, shape = graph.inputs[0], graph.tensors[graph.inputs[0]].shape
    numbers = np.arange(np.prod(shape, dtype=np.int64)).reshape(shape)
    while True:
        readers = [operator for operator in graph.operators if tensor in operator.inputs]
        if len(readers) != 1 or readers[0].op not in MOVERS or readers[0].op == Op.PAD:
            break
        numbers, tensor = MOVERS[readers[0].op](Node(graph, readers[0]), numbers), readers[0].outputs[0]
    return tensor, numbers if numbers.ndim == 2 and NOTHING not in numbers else None


def _is_by_frame(graph: Graph, frames: int, log_mel: int, count: int) -> bool:
    """Return whether all that leads from frames to their logarithms is computed for each frame alike, by itself."""
    producers = {index: operator for operator in graph.operators for index in operator.outputs}
    waiting, seen = [log_mel], set()
    while waiting:
        tensor = waiting.pop()
        if tensor == frames or tensor in seen:
            continue
        seen.add(tensor)
        operator = producers.get(tensor)
        if operator is None or not _is_by_row(graph, operator, count):
            return False
        waiting += [index for index in operator.inputs if index >= 0 and graph.tensors[index].data is None]
    return True


def _is_by_row(graph: Graph, operator: Operator, count: int) -> bool:
    """Return whether an operator computes `count` rows, each of the same row of its inputs, and all in one way."""
    tensors = [graph.tensors[index] for index in operator.inputs if index >= 0]
    flowing = [tensor.shape for tensor in tensors if tensor.data is None]
    if operator.op not in _BY_ROW | _BY_VALUE or any(_rows(shape) != count for shape in flowing):
        return False
    constants = [tensor.data for tensor in tensors if tensor.data is not None]
    if operator.op == Op.PAD:
        return all(not data[:-1].any() for data in constants)
    alike = operator.op in _BY_ROW or all(data.size in (1, data.shape[-1]) for data in constants)
    return alike and _rows(graph.tensors[operator.outputs[0]].shape) == count


def _rows(shape: tuple[int, ...]) -> int:
    """Return the first size that is not 1."""
    return next((size for size in shape if size > 1), 1)
