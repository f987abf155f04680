"""Graphs without what nothing needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from yamjit.tflite.graph import Graph, Operator

__all__ = ["moved", "pruned"]


def moved(indices: Iterable[int], places: Mapping[int, int]) -> tuple[int, ...]:
    """Return indices of tensors, with new ones for those that have some."""
    return tuple(places.get(index, index) for index in indices)


def pruned(graph: Graph) -> Graph:
    """Return a graph with only what its outputs need."""
    wanted = set(graph.outputs) | set(graph.inputs)
    operators: list[Operator] = []
    for operator in reversed(graph.operators):
        if wanted & set(operator.outputs):
            wanted.update(i for i in (*operator.inputs, *operator.outputs) if i >= 0)
            operators.append(operator)
    kept = [tensor for tensor in graph.tensors if tensor.index in wanted]
    places = {tensor.index: index for index, tensor in enumerate(kept)}
    return replace(
        graph,
        tensors=tuple(replace(tensor, index=index) for index, tensor in enumerate(kept)),
        operators=tuple(
            replace(
                operator, index=index, inputs=moved(operator.inputs, places), outputs=moved(operator.outputs, places)
            )
            for index, operator in enumerate(reversed(operators))
        ),
        inputs=moved(graph.inputs, places),
        outputs=moved(graph.outputs, places),
    )
