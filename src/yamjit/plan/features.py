"""Features of a network by name: its embedding, and maps of inner layers, pooled over time with frequency kept.

They are operators that are added to the graph, so that a plan computes what an exported model does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from yamjit.plan.compiler import compile_plan
from yamjit.plan.plan import Plan, Slot
from yamjit.plan.roles import Role, find_embedding, find_outputs
from yamjit.spec import EMBEDDING
from yamjit.tflite.graph import Activation, Graph, Op, Padding
from yamjit.tflite.growing import Growing, frozen
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.pruning import pruned

__all__ = ["Feature", "compile_features", "find_features", "with_feature"]

_CONVOLUTIONS = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D)
_POOLS = (Op.MEAN, Op.AVERAGE_POOL_2D, Op.MAX_POOL_2D)


class Feature(NamedTuple):
    """A feature: its name, the number of its values, the tensor that it is computed from, and what computes it.

    `layer` counts from 1; it is 0 for the embedding, which is a tensor as it is.
    """

    name: str
    size: int
    tensor: int
    pool: Op | None = None
    layer: int = 0


class _Link(NamedTuple):
    """An operator on the way to the scores, and the tensor on that way that it computes."""

    op: Op
    tensor: int


def find_features(graph: Graph, roles: Sequence[Role] | None = None) -> tuple[Feature, ...]:
    """Return the features of a network: the embedding, if there is one, then those of layers by depth.

    A layer is a convolution with what follows it value by value; a depthwise one counts together with the convolution
    that reads it. ``layerN_mean`` and ``layerN_max`` are the mean and the greatest values over time of the map of layer
    N, frequency after frequency, where it has several places in time. `roles` are what the outputs are.
    """
    outputs = find_outputs(graph, roles)
    embedding = find_embedding(graph, outputs)
    found = [] if embedding is None else [Feature(EMBEDDING, _size(graph.tensors[embedding].shape), embedding)]
    end = next((o.tensor for o in outputs if o.role == Role.SCORES), embedding)
    for layer, index in enumerate(() if end is None else _maps(graph, _way(graph, end)), 1):
        shape, quantization = graph.tensors[index].shape, graph.tensors[index].quantization
        is_plain = graph.tensors[index].dtype == np.float32 or (quantization and not quantization.per_channel)
        if is_plain and len(shape) == 4 and shape[0] == 1 < shape[1]:
            size = shape[2] * shape[3]
            found.append(Feature(f"layer{layer}_mean", size, index, Op.MEAN, layer))
            found.append(Feature(f"layer{layer}_max", size, index, Op.MAX_POOL_2D, layer))
    return tuple(found)


def with_feature(graph: Graph, feature: Feature) -> tuple[Graph, int]:
    """Return a graph that computes a feature, and the tensor of its values; its outputs are as before."""
    if feature.pool is None:
        return graph, feature.tensor
    growing, source = Growing(graph, feature.name), graph.tensors[feature.tensor]
    place = 1 + next(place for place, operator in enumerate(graph.operators) if source.index in operator.outputs)
    shape = (1, source.shape[1], 1, feature.size)

    def constant(part: str, *values: int) -> int:
        data = frozen(np.array(values, np.int32))
        return growing.tensor(part, data.shape, data.dtype, data=data)

    columns = growing.tensor("columns", shape, source.dtype, source.quantization)
    growing.operator(Op.RESHAPE, (source.index, constant("shape", *shape)), columns, ReshapeOptions(shape), place=place)
    pooled = growing.tensor("", (1, 1, 1, feature.size), source.dtype, source.quantization)
    if feature.pool == Op.MEAN:
        inputs, options = (columns, constant("axes", 1, 2)), ReducerOptions(keep_dims=True)
        growing.operator(Op.MEAN, inputs, pooled, options, place=place + 1)
    else:
        window = Pool2DOptions(Padding.VALID, 1, 1, filter_height=shape[1], filter_width=1, activation=Activation.NONE)
        growing.operator(Op.MAX_POOL_2D, (columns,), pooled, window, place=place + 1)
    return growing.graph(graph.outputs), pooled


def compile_features(graph: Graph, features: Sequence[Feature]) -> tuple[Plan, tuple[Slot, ...]]:
    """Compile what computes features of a graph and nothing else, in one pass; return it, and where each of them is."""
    tensors = []
    for feature in features:
        graph, tensor = with_feature(graph, feature)
        tensors.append(tensor)
    graph = pruned(replace(graph, outputs=tuple(tensors), metadata=None, files={}))
    own = next((place for place, feature in enumerate(features) if feature.pool is None), 0)
    plan = compile_plan(graph, roles=[Role.EMBEDDINGS if k == own else Role.OTHER for k in range(len(features))])
    # The names of tensors that were added are like no other.
    slots = [plan.embedding if k == own else plan.slots[graph.tensors[i].name] for k, i in enumerate(graph.outputs)]
    return plan, tuple(slot for slot in slots if slot is not None)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _way(graph: Graph, end: int) -> list[_Link]:
    """Return the operators that lead to a tensor, from the spectrogram on where the graph computes one.

    Where ways meet, it is the one with the operator that comes last.
    """
    producers = {index: operator for operator in graph.operators for index in operator.outputs}
    way: list[_Link] = []
    while (operator := producers.get(end)) is not None and operator.op != Op.LOG:
        way.append(_Link(operator.op, end))
        before = [i for i in operator.inputs if i in producers and producers[i].index < operator.index]
        if not before:
            break
        end = max(before, key=lambda i: producers[i].index)
    return way[::-1]


def _maps(graph: Graph, way: Sequence[_Link]) -> Iterator[int]:
    """Yield the map of each layer on a way."""
    for place, link in enumerate(way):
        if link.op not in _CONVOLUTIONS:
            continue
        found, after = graph.tensors[link.tensor], None
        for after in way[place + 1 :]:
            following = graph.tensors[after.tensor]
            same = (following.shape, following.dtype) == (found.shape, found.dtype)
            if not same or after.op in (*_CONVOLUTIONS, *_POOLS):
                break
            found = following
        if not (link.op == Op.DEPTHWISE_CONV_2D and after is not None and after.op == Op.CONV_2D):
            yield found.index
