"""A model cut in two behind its front end: what takes log-mel patches, and what makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["front_end_only", "without_front_end"]


def without_front_end(graph: Graph) -> Graph:
    """Return the part of a graph from QUANTIZE on: log-mel patch to scores."""
    start = _quantize(graph)
    return _part(graph, graph.operators[start.index :], start.inputs, graph.outputs)


def front_end_only(graph: Graph) -> Graph:
    """Return the part of a graph before QUANTIZE: samples to log-mel patch."""
    end = _quantize(graph)
    return _part(graph, graph.operators[: end.index], graph.inputs, end.inputs)


def _quantize(graph: Graph) -> Operator:
    return next(operator for operator in graph.operators if operator.op == Op.QUANTIZE)


def _part(graph: Graph, operators: Sequence[Operator], inputs: Sequence[int], outputs: Sequence[int]) -> Graph:
    """Return a graph of some operators, its tensors renumbered."""
    kept = sorted({*inputs} | {i for operator in operators for i in (*operator.inputs, *operator.outputs) if i >= 0})
    number = {old: new for new, old in enumerate(kept)} | {-1: -1}
    return replace(
        graph,
        tensors=tuple(replace(graph.tensors[old], index=number[old]) for old in kept),
        operators=tuple(
            replace(
                operator,
                index=index,
                inputs=tuple(number[i] for i in operator.inputs),
                outputs=tuple(number[i] for i in operator.outputs),
            )
            for index, operator in enumerate(operators)
        ),
        inputs=tuple(number[i] for i in inputs),
        outputs=tuple(number[i] for i in outputs),
        metadata=None,
        files={},
    )
