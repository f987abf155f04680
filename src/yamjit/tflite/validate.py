"""Proof that a graph can be run: limits, constants, quantization, data flow, and each operator's contract.

Nothing is repaired. Shapes are inferred and compared with the declared ones, so that what runs the graph can take
shapes, types, indices and sizes from it without another look. Sizes are Python integers, which do not wrap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from yamjit.errors import LimitError, ModelError
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.graph import TENSOR_TYPES, Graph, Operator, Quantization, Tensor
from yamjit.tflite.node import Node
from yamjit.tflite.operators import OPERATORS

__all__ = ["check_flow", "check_graph", "check_shape", "validate_graph"]

_ABSENT = -1
#: int32 is for biases, whose zero point is 0; floats have no quantization.
_ZERO_POINTS: Mapping[np.dtype[np.generic], tuple[int, int]] = {
    np.dtype(np.int8): (-128, 127),
    np.dtype(np.int32): (0, 0),
}


def validate_graph(graph: Graph, *, limits: Limits = DEFAULT_LIMITS) -> None:
    """Check that a graph can be run exactly, within `limits`; a `ModelError` names operator, tensor and reason."""
    for tensor in graph.tensors:
        check_shape(tensor.shape, limits, str(tensor))
    check_graph(graph, limits)


def check_graph(graph: Graph, limits: Limits) -> None:
    """Check all of a graph but the shapes of its tensors, which `check_shape` has been asked of."""
    for what, count, limit in (
        ("tensors", len(graph.tensors), limits.tensors),
        ("operators", len(graph.operators), limits.operators),
    ):
        if count > limit:
            raise LimitError(f"{count} {what} are more than {limit} (limit {what})")
    for index, tensor in enumerate(graph.tensors):
        _check_tensor(index, tensor)
    check_flow(graph)
    multiply_adds = sum(_check_operator(graph, operator) for operator in graph.operators)
    if multiply_adds > limits.multiply_adds:
        raise LimitError(f"{multiply_adds} multiply-adds are more than {limits.multiply_adds} (limit multiply_adds)")
    _check_arena(graph, limits)


def check_shape(shape: tuple[int, ...], limits: Limits, where: str, *, least: int = 1) -> None:
    """Check that a tensor's dimensions are at least `least`, and their number and product within the limits."""
    if len(shape) > limits.rank:
        raise LimitError(f"{where}: rank {len(shape)} is more than {limits.rank} (limit rank)")
    if any(size < least for size in shape):
        raise ModelError(f"shape {shape} has a dimension that is not positive", tensor=where)
    if (elements := math.prod(shape)) > limits.elements:
        raise LimitError(
            f"{where}: {elements} elements of shape {shape} are more than {limits.elements} (limit elements)"
        )


def _check_tensor(index: int, tensor: Tensor) -> None:
    if tensor.index != index:
        raise ModelError(f"index is {tensor.index} instead of {index}", tensor=str(tensor))
    if tensor.dtype not in TENSOR_TYPES:
        raise ModelError(f"type {tensor.dtype} is not supported", tensor=str(tensor))
    if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype != tensor.dtype):
        found = f"{tensor.data.dtype} of shape {tensor.data.shape}"
        raise ModelError(f"constant is {found} instead of {tensor.dtype} of shape {tensor.shape}", tensor=str(tensor))
    if tensor.data is not None and not np.all(np.isfinite(tensor.data)):
        raise ModelError("constant holds NaN or infinity", tensor=str(tensor))
    if tensor.quantization is not None:
        _check_quantization(tensor, tensor.quantization)


def _check_quantization(tensor: Tensor, quantization: Quantization) -> None:
    scale, zero_point, where = quantization.scale, quantization.zero_point, str(tensor)
    if tensor.dtype not in _ZERO_POINTS:
        raise ModelError(f"type {tensor.dtype} has no quantization", tensor=where)
    if scale.ndim != 1 or scale.size == 0 or scale.shape != zero_point.shape:
        raise ModelError(f"{scale.size} scales and {zero_point.size} zero points", tensor=where)
    if scale.dtype != np.float32 or not np.all(np.isfinite(scale) & (scale >= np.finfo(np.float32).tiny)):
        raise ModelError("scales must be finite, positive, normal float32 numbers", tensor=where)
    least, greatest = _ZERO_POINTS[tensor.dtype]
    if not np.all((zero_point >= least) & (zero_point <= greatest)):
        raise ModelError(f"zero points of {tensor.dtype} must be from {least} to {greatest}", tensor=where)
    if not 0 <= quantization.dimension < max(len(tensor.shape), 1):
        raise ModelError(f"quantized_dimension {quantization.dimension} is not in {tensor.shape}", tensor=where)
    if scale.size > 1 and (not tensor.shape or scale.size != tensor.shape[quantization.dimension]):
        reason = f"{scale.size} scales for dimension {quantization.dimension} of shape {tensor.shape}"
        raise ModelError(reason, tensor=where)


def check_flow(graph: Graph) -> None:
    """Check that every tensor is written once, before it is read, and that the ends are what they say."""
    if not graph.operators:
        raise ModelError("there are no operators")
    _check_ends(graph, graph.inputs, "input")
    _check_ends(graph, graph.outputs, "output")
    ready = {tensor.index for tensor in graph.tensors if tensor.data is not None} | set(graph.inputs)
    written: set[int] = set()
    for position, operator in enumerate(graph.operators):
        if operator.index != position:
            raise ModelError(f"index is {operator.index} instead of {position}", operator=str(operator))
        if operator.op not in OPERATORS:
            raise ModelError("is not supported", operator=str(operator))
        _check_reads(graph, operator, ready)
        _check_writes(graph, operator, ready)
        ready.update(operator.outputs)
        written.update(operator.outputs)
    for index in graph.outputs:
        if index not in written:
            raise ModelError("the graph's output is not written by any operator", tensor=str(graph.tensors[index]))


def _check_ends(graph: Graph, indices: tuple[int, ...], what: str) -> None:
    if not indices:
        raise ModelError(f"the graph has no {what}s")
    if len(set(indices)) != len(indices):
        raise ModelError(f"the graph's {what}s are not distinct")
    for index in indices:
        if not 0 <= index < len(graph.tensors):
            raise ModelError(f"the graph's {what} {index} is none of the {len(graph.tensors)} tensors")
        if graph.tensors[index].data is not None:
            raise ModelError(f"the graph's {what} is a constant", tensor=str(graph.tensors[index]))


def _check_reads(graph: Graph, operator: Operator, ready: set[int]) -> None:
    for position, index in enumerate(operator.inputs):
        if index == _ABSENT and position == OPERATORS[operator.op].optional_input:
            continue
        if not 0 <= index < len(graph.tensors):
            reason = f"input {position} is {index}, which is none of the {len(graph.tensors)} tensors"
            raise ModelError(reason, operator=str(operator))
        if index not in ready:
            reason = "is read before it is written"
            raise ModelError(reason, operator=str(operator), tensor=str(graph.tensors[index]))


def _check_writes(graph: Graph, operator: Operator, ready: set[int]) -> None:
    if len(set(operator.outputs)) != len(operator.outputs):
        raise ModelError("outputs are not distinct", operator=str(operator))
    for position, index in enumerate(operator.outputs):
        if not 0 <= index < len(graph.tensors):
            reason = f"output {position} is {index}, which is none of the {len(graph.tensors)} tensors"
            raise ModelError(reason, operator=str(operator))
        if index in ready:
            tensor = graph.tensors[index]
            reason = "is a constant and written" if tensor.data is not None else "is written twice"
            raise ModelError(reason, operator=str(operator), tensor=str(tensor))


def _check_operator(graph: Graph, operator: Operator) -> int:
    """Check an operator's contract and its declared output shapes; return its multiply-adds."""
    node = Node(graph, operator)
    inferred = OPERATORS[operator.op].contract(node)
    for tensor, shape in zip(node.outputs, inferred.shapes(len(node.outputs)), strict=True):
        if tensor.shape != shape:
            raise node.error(f"declared shape {tensor.shape} should be {shape}", tensor)
    return inferred.multiply_adds


def _check_arena(graph: Graph, limits: Limits) -> None:
    """Check the bytes of all tensors that are needed at the same time; no layout takes less."""
    last_use = {index: len(graph.operators) for index in graph.outputs}
    for operator in graph.operators:
        for index in (*operator.inputs, *operator.outputs):
            last_use[index] = max(last_use.get(index, 0), operator.index)
    live = {index: graph.tensors[index].nbytes for index in graph.inputs}
    for operator in graph.operators:
        live.update({index: graph.tensors[index].nbytes for index in operator.outputs})
        size = sum(live.values())
        if size > limits.arena_bytes:
            raise LimitError(
                f"{operator}: activations of {size} bytes are more than {limits.arena_bytes} (limit arena_bytes)"
            )
        live = {index: size for index, size in live.items() if last_use.get(index, 0) > operator.index}
