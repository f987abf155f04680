"""Operators to steps: a lowering for each, in files like those of `yamjit.tflite.operators`.

A lowering takes what the operator's contract has proved, and answers with a `Step`, with an `Alias` where the operator
only renames memory, or with several of them in order. It refuses what there is no kernel for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from yamjit.errors import ModelError
from yamjit.plan.lowering.binary import binary
from yamjit.plan.lowering.movers import concatenation, rearrange, split
from yamjit.plan.lowering.pointwise import dequantize, function, logistic, quantize, relu, softmax
from yamjit.plan.lowering.pooling import average_pool_2d, max_pool_2d
from yamjit.plan.lowering.products import conv_2d, depthwise_conv_2d, fully_connected
from yamjit.plan.lowering.reduce import mean
from yamjit.plan.lowering.step import Alias, Step, is_temporary
from yamjit.plan.positions import MOVERS
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.node import Node

__all__ = ["LOWERINGS", "Alias", "Step", "is_temporary", "lower"]

LOWERINGS: Mapping[Op, Callable[[Node], Step | Alias | tuple[Step | Alias, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(MOVERS, rearrange),
        **dict.fromkeys((Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MAXIMUM, Op.MINIMUM), binary),
        **dict.fromkeys((Op.EXP, Op.LOG, Op.RSQRT, Op.SQRT, Op.TANH), function),
        **dict.fromkeys((Op.RELU, Op.RELU6, Op.RELU_N1_TO_1, Op.RELU_0_TO_1), relu),
        Op.AVERAGE_POOL_2D: average_pool_2d,
        Op.CONCATENATION: concatenation,
        Op.CONV_2D: conv_2d,
        Op.DEPTHWISE_CONV_2D: depthwise_conv_2d,
        Op.DEQUANTIZE: dequantize,
        Op.FULLY_CONNECTED: fully_connected,
        Op.LOGISTIC: logistic,
        Op.MAX_POOL_2D: max_pool_2d,
        Op.MEAN: mean,
        Op.QUANTIZE: quantize,
        Op.SOFTMAX: softmax,
        Op.SPLIT: split,
    }
)


def lower(graph: Graph, operator: Operator) -> tuple[Step | Alias, ...]:
    """Lower one operator of a network, in a graph that is checked; one without a kernel is a `ModelError`."""
    if operator.op not in LOWERINGS:
        raise ModelError("is not part of a network", operator=str(operator))
    lowered = LOWERINGS[operator.op](Node(graph, operator))
    return lowered if isinstance(lowered, tuple) else (lowered,)
