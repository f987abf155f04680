"""Operators of the integer network to steps: a lowering for each, in files like those of `yamjit.tflite.operators`.

A lowering takes what the operator's contract has proved, and answers with a `Step`, or with an `Alias` where the
operator only renames memory. It refuses what there is no kernel for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from yamjit.errors import ModelError
from yamjit.plan.lowering.movers import reshape, split
from yamjit.plan.lowering.pointwise import logistic, quantize
from yamjit.plan.lowering.pooling import max_pool_2d
from yamjit.plan.lowering.products import conv_2d, depthwise_conv_2d, fully_connected
from yamjit.plan.lowering.reduce import mean
from yamjit.plan.lowering.step import Alias, Step
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.node import Node

__all__ = ["LOWERINGS", "Alias", "Step", "lower"]

LOWERINGS: Mapping[Op, Callable[[Node], Step | Alias]] = MappingProxyType(
    {
        Op.CONV_2D: conv_2d,
        Op.DEPTHWISE_CONV_2D: depthwise_conv_2d,
        Op.FULLY_CONNECTED: fully_connected,
        Op.LOGISTIC: logistic,
        Op.MAX_POOL_2D: max_pool_2d,
        Op.MEAN: mean,
        Op.QUANTIZE: quantize,
        Op.RESHAPE: reshape,
        Op.SPLIT: split,
    }
)


def lower(graph: Graph, operator: Operator) -> Step | Alias:
    """Lower one operator of the integer network, in a graph that is checked; one without a kernel is a `ModelError`."""
    if operator.op not in LOWERINGS:
        raise ModelError("is not part of an integer network", operator=str(operator))
    return LOWERINGS[operator.op](Node(graph, operator))
