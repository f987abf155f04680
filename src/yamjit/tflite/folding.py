"""A graph of any length as one of fixed shapes: what follows from shapes and constants is computed, and goes.

Converters leave the lengths of a recording to be computed in the graph, by a third of its operators and more. For one
window they are numbers, and what is left is what computes with samples.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np

from yamjit.errors import LimitError
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.constants import VALUES, follows
from yamjit.tflite.graph import ANY, Graph, Op, Operator, Tensor
from yamjit.tflite.node import Node
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, StridedSliceOptions
from yamjit.tflite.operators.shapes import SHAPE_OPERATORS
from yamjit.tflite.validate import check_flow, check_shape

__all__ = ["WINDOW_SAMPLES", "fold_graph"]

#: Samples of a window, where a graph takes any number: those of YAMNet.
WINDOW_SAMPLES = 15_600
#: Frames of a window, where a graph takes any number of them, each of these bands.
_WINDOW_FRAMES, _BANDS = 96, 64

#: Values that all operators together may read and write when constants are computed.
_MOST_VALUES = 2**24

_SHAPE_OPS = frozenset(record.op for record in SHAPE_OPERATORS)

#: Operators that compute each row of (rows, values) from that row alone; of two operands, if constants are one row.
_ROW_BY_ROW = frozenset(
    (
        *(Op.FULLY_CONNECTED, Op.L2_NORMALIZATION, Op.QUANTIZE, Op.DEQUANTIZE),
        *(Op.LOGISTIC, Op.LOG_SOFTMAX, Op.SOFTMAX, Op.TANH),
        *(Op.HARD_SWISH, Op.LEAKY_RELU, Op.RELU, Op.RELU6, Op.RELU_0_TO_1, Op.RELU_N1_TO_1),
    )
)
_OF_TWO = frozenset((Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MAXIMUM, Op.MINIMUM))

#: Operators that do nothing where the shape stays the same.
_MOVERS = frozenset((Op.EXPAND_DIMS, Op.PAD, Op.RESHAPE, Op.SLICE, Op.SQUEEZE, Op.STRIDED_SLICE))


def fold_graph(graph: Graph, *, samples: int = WINDOW_SAMPLES, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """Return a graph of fixed shapes, without operators that follow from shapes and constants, or do nothing.

    Parameters
    ----------
    graph : Graph
        As it is read: sizes that are not fixed are `ANY`.
    samples : int > 0
        Samples that the input has, where the graph takes any number.
    limits : Limits

    Returns
    -------
    Graph
        The same graph if all of its shapes are fixed and none is computed. Otherwise tensors and operators are
        numbered anew. Nothing but the flow of data has been checked.

    Raises
    ------
    ModelError
        If shapes depend on the samples, or do not go together.
    LimitError
        If a shape, or what is to be computed, is beyond the limits.
    """
    check_flow(graph)
    if _is_batch(graph):
        (source,) = graph.inputs
        rows = dataclasses.replace(graph.tensors[source], shape=(ANY, graph.tensors[source].shape[1]))
        graph = dataclasses.replace(graph, tensors=(*graph.tensors[:source], rows, *graph.tensors[source + 1 :]))
    if not _is_open(graph):
        return graph
    return _Folding(graph, samples, limits).fold()


def _is_open(graph: Graph) -> bool:
    """Return whether shapes are missing, or operators wait to be computed."""
    return any(ANY in tensor.shape for tensor in graph.tensors) or any(
        operator.op in _SHAPE_OPS or (operator.op in VALUES and follows(Node(graph, operator)))
        for operator in graph.operators
    )


def _is_batch(graph: Graph) -> bool:
    """Return whether a graph is layers over several rows at once, such as a head for 32 embeddings: each by itself."""
    if len(graph.inputs) != 1 or not all(_is_row_by_row(graph, operator) for operator in graph.operators):
        return False
    shapes = [graph.tensors[index].shape for index in (*graph.inputs, *graph.outputs)]
    return all(len(shape) == 2 and shape[0] == shapes[0][0] > 1 for shape in shapes)


def _is_row_by_row(graph: Graph, operator: Operator) -> bool:
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    one_row = all(tensor.data is None or math.prod(tensor.shape[:-1]) == 1 for tensor in read)
    return operator.op in _ROW_BY_ROW or (operator.op in _OF_TWO and one_row)


def _fixed_input(tensor: Tensor, samples: int) -> Tensor:
    """Return an input for one window: its number of samples, or one of what its other dimensions say."""
    fixed = [size for size in tensor.shape if size not in (ANY, 1)]
    free = [axis for axis, size in enumerate(tensor.shape) if size == ANY]
    if not free:
        return tensor
    shape = [1 if size == ANY else size for size in tensor.shape]
    if not fixed:
        shape[free[-1]] = samples
    elif fixed == [_BANDS] and tensor.shape[-1] == _BANDS and len(shape) - free[-1] == 2 and len(shape) > 2:
        shape[free[-1]] = _WINDOW_FRAMES
    return dataclasses.replace(tensor, shape=tuple(shape))


class _Folding:
    """A graph while it is folded: its tensors with what is known of them, and the operators that stay."""

    def __init__(self, graph: Graph, samples: int, limits: Limits) -> None:
        self.tensors = list(graph.tensors)
        self.arithmetic = graph.arithmetic
        for index in graph.inputs:
            self.tensors[index] = _fixed_input(self.tensors[index], samples)
        self._graph = graph
        self._limits = limits
        self._left = _MOST_VALUES
        self._kept: list[Operator] = []
        self._same: dict[int, int] = {}

    def fold(self) -> Graph:
        """Go through all operators; return what is left."""
        for operator in self._graph.operators:
            inputs = tuple(self._same.get(index, index) for index in operator.inputs)
            operator = dataclasses.replace(operator, inputs=inputs)
            node = Node(self, operator)
            if follows(node):
                self._compute(node)
            else:
                self._infer(node)
        return self._part(self._used())

    def _compute(self, node: Node) -> None:
        try:
            with np.errstate(all="ignore"):
                values = VALUES[node.operator.op](node)
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise node.error(f"cannot be computed: {error}") from error
        if len(values) != len(node.outputs):
            raise node.error(f"{len(node.outputs)} outputs; there are {len(values)} values for them")
        read = [tensor.data.size for tensor in node.inputs if tensor is not None and tensor.data is not None]
        self._left -= sum(read) + sum(value.size for value in values)
        if self._left < 0:
            raise LimitError(f"{node.operator}: more than {_MOST_VALUES} values of constants are to be computed")
        for tensor, value in zip(node.outputs, values, strict=True):
            if value.dtype != tensor.dtype:
                raise node.error(f"type {tensor.dtype} should be {value.dtype}", tensor)
            data = np.ascontiguousarray(value).reshape(value.shape)
            data.flags.writeable = False
            self.tensors[tensor.index] = dataclasses.replace(tensor, shape=value.shape, data=data)

    def _infer(self, node: Node) -> None:
        inferred = OPERATORS[node.operator.op].contract(node)
        for tensor, shape in zip(node.outputs, inferred.shapes(len(node.outputs)), strict=True):
            check_shape(shape, self._limits, str(tensor))
            self.tensors[tensor.index] = dataclasses.replace(tensor, shape=shape)
        if self._does_nothing(node, inferred.shape):
            self._same[node.operator.outputs[0]] = node.operator.inputs[0]
        else:
            self._kept.append(_reshaped(node, inferred.shape))

    def _does_nothing(self, node: Node, shape: tuple[int, ...]) -> bool:
        source, options = node.inputs[0], node.operator.options
        if node.operator.op not in _MOVERS or source is None or source.shape != shape:
            return False
        if isinstance(options, StridedSliceOptions) and any(step != 1 for step in node.integers(3)):
            return False
        return node.operator.outputs[0] not in self._graph.outputs

    def _used(self) -> list[Operator]:
        """Return the operators that lead to an output."""
        wanted, used = set(self._graph.outputs), []
        for operator in reversed(self._kept):
            if wanted.intersection(operator.outputs):
                wanted.update(operator.inputs)
                used.append(operator)
        return used[::-1]

    def _part(self, operators: list[Operator]) -> Graph:
        """Return the graph of some operators, and of their tensors."""
        graph = self._graph
        ends = (*graph.inputs, *graph.outputs)
        named = {index for operator in operators for index in (*operator.inputs, *operator.outputs) if index >= 0}
        kept = sorted(named.union(ends))
        number = {old: new for new, old in enumerate(kept)} | {-1: -1}

        def renumbered(indices: Iterable[int]) -> tuple[int, ...]:
            return tuple(number[index] for index in indices)

        return dataclasses.replace(
            graph,
            tensors=tuple(dataclasses.replace(self.tensors[old], index=number[old]) for old in kept),
            operators=tuple(
                dataclasses.replace(o, index=index, inputs=renumbered(o.inputs), outputs=renumbered(o.outputs))
                for index, o in enumerate(operators)
            ),
            inputs=renumbered(graph.inputs),
            outputs=renumbered(graph.outputs),
        )


def _reshaped(node: Node, shape: tuple[int, ...]) -> Operator:
    """Return an operator, or a RESHAPE in place of a GATHER that takes everything in its order."""
    operator, options, source = node.operator, node.operator.options, node.inputs[0]
    if operator.op != Op.GATHER or source is None or not isinstance(options, GatherOptions):
        return operator
    if not np.array_equal(node.values(1).reshape(-1), np.arange(source.shape[options.axis])):
        return operator
    return Operator(operator.index, Op.RESHAPE, operator.inputs[:1], operator.outputs, ReshapeOptions(shape))
