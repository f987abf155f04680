"""A model that takes int8 values as one that takes floats, which it quantizes first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["with_float_input"]


def with_float_input(graph: Graph) -> Graph:
    """Return a graph with a QUANTIZE before everything else, where its one input is int8; others as they are.

    The scale and zero point of the input say how. Constants, outputs and numbers of tensors stay.
    """
    if len(graph.inputs) != 1 or graph.tensors[graph.inputs[0]].dtype != np.int8:
        return graph
    taken = graph.tensors[graph.inputs[0]]
    given = replace(taken, index=len(graph.tensors), dtype=np.dtype(np.float32), quantization=None)
    first = Operator(0, Op.QUANTIZE, (taken.index,), (taken.index,))
    operators = (replace(first, inputs=(given.index,)), *graph.operators)
    return replace(
        graph,
        tensors=(*graph.tensors, given),
        operators=tuple(replace(operator, index=index) for index, operator in enumerate(operators)),
        inputs=(given.index,),
    )
