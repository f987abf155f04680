"""Models that take log-mel patches: a synthetic one with its front end cut off."""

from __future__ import annotations

from dataclasses import replace

from yamjit.tflite.graph import Graph, Op

__all__ = ["without_front_end"]


def without_front_end(graph: Graph) -> Graph:
    """Return the part of `graph` from QUANTIZE on, with tensors renumbered."""
    start = next(operator.index for operator in graph.operators if operator.op == Op.QUANTIZE)
    operators = graph.operators[start:]
    patch = operators[0].inputs[0]
    kept = sorted({patch} | {i for o in operators for i in (*o.inputs, *o.outputs) if i >= 0})
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
        inputs=(number[patch],),
        outputs=tuple(number[i] for i in graph.outputs),
        metadata=None,
        files={},
    )
