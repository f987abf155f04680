"""A model that is given the sample rate beside the samples, as those of speech commands are, as one that knows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from yamjit.spec import DEFAULT_SAMPLE_RATE
from yamjit.tflite.graph import Graph, Op
from yamjit.tflite.node import INT32

__all__ = ["with_sample_rate"]


def with_sample_rate(graph: Graph) -> Graph:
    """Return a graph whose input of a sample rate, which only ``Mfcc`` reads, is a constant; others as they are.

    The rate is the one that the metadata name, else `DEFAULT_SAMPLE_RATE`: recordings come at that rate.
    """
    others = {index for o in graph.operators for index in (o.inputs[:1] if o.op == Op.MFCC else o.inputs)}
    given = {index for o in graph.operators if o.op == Op.MFCC for index in o.inputs[1:] if index in graph.inputs}
    rates = {index for index in given - others if _is_one_int32(graph, index)}
    if not rates or rates.intersection(graph.outputs) or rates.issuperset(graph.inputs):
        return graph
    subgraphs = graph.metadata.subgraphs if graph.metadata else ()
    named = [tensor.audio.sample_rate for tensor in subgraphs[0].inputs if tensor.audio] if subgraphs else []
    rate = next(filter(None, named), DEFAULT_SAMPLE_RATE)
    tensors = tuple(
        replace(tensor, data=np.full(tensor.shape, rate, np.int32)) if tensor.index in rates else tensor
        for tensor in graph.tensors
    )
    return replace(graph, tensors=tensors, inputs=tuple(index for index in graph.inputs if index not in rates))


def _is_one_int32(graph: Graph, index: int) -> bool:
    if not 0 <= index < len(graph.tensors):
        return False
    tensor = graph.tensors[index]
    return tensor.dtype == INT32 and tensor.shape in ((), (1,))
