"""Operators to steps: a lowering for each, in files like those of `yamjit.tflite.operators`.

A lowering takes what the operator's contract has proved, and answers with a `Step`, with an `Alias` where the operator
only renames memory, or with several of them in order. It refuses what there is no kernel for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from yamjit.errors import ModelError
from yamjit.plan.lowering.activations import hard_swish, leaky_relu, prelu, relu
from yamjit.plan.lowering.batches import image_by_image
from yamjit.plan.lowering.binary import binary
from yamjit.plan.lowering.movers import concatenation, pack, rearrange, split, split_v, unpack
from yamjit.plan.lowering.normalizing import l2_normalization, log_softmax, sign_or_square, squared_difference
from yamjit.plan.lowering.pointwise import dequantize, function, logistic, quantize, softmax, tanh
from yamjit.plan.lowering.pooling import average_pool_2d, max_pool_2d
from yamjit.plan.lowering.products import conv_2d, depthwise_conv_2d, fully_connected
from yamjit.plan.lowering.reduce import extreme, mean, total
from yamjit.plan.lowering.resizing import resize_bilinear, resize_nearest_neighbor
from yamjit.plan.lowering.spectrum import audio_spectrogram, complex_abs, mfcc, part, rfft2d
from yamjit.plan.lowering.step import Alias, Step, is_temporary
from yamjit.plan.positions import MOVERS
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.node import Node

__all__ = ["LOWERINGS", "Alias", "Step", "is_temporary", "lower"]

LOWERINGS: Mapping[Op, Callable[[Node], Step | Alias | tuple[Step | Alias, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(MOVERS, rearrange),
        **dict.fromkeys((Op.ADD, Op.SUB, Op.MUL, Op.DIV, Op.MAXIMUM, Op.MINIMUM), binary),
        **dict.fromkeys((Op.EXP, Op.LOG, Op.RSQRT, Op.SQRT), function),
        **dict.fromkeys((Op.RELU, Op.RELU6, Op.RELU_N1_TO_1, Op.RELU_0_TO_1), relu),
        **dict.fromkeys((Op.ABS, Op.NEG, Op.SQUARE), sign_or_square),
        **dict.fromkeys((Op.REDUCE_MAX, Op.REDUCE_MIN), extreme),
        **dict.fromkeys((Op.REAL, Op.IMAG), part),
        Op.AUDIO_SPECTROGRAM: audio_spectrogram,
        Op.AVERAGE_POOL_2D: image_by_image(average_pool_2d),
        Op.COMPLEX_ABS: complex_abs,
        Op.CONCATENATION: concatenation,
        Op.CONV_2D: image_by_image(conv_2d),
        Op.DEPTHWISE_CONV_2D: image_by_image(depthwise_conv_2d),
        Op.DEQUANTIZE: dequantize,
        Op.FULLY_CONNECTED: fully_connected,
        Op.HARD_SWISH: hard_swish,
        Op.L2_NORMALIZATION: l2_normalization,
        Op.LOG_SOFTMAX: log_softmax,
        Op.LEAKY_RELU: leaky_relu,
        Op.LOGISTIC: logistic,
        Op.MAX_POOL_2D: image_by_image(max_pool_2d),
        Op.MEAN: mean,
        Op.MFCC: mfcc,
        Op.PACK: pack,
        Op.PRELU: prelu,
        Op.QUANTIZE: quantize,
        Op.RESIZE_BILINEAR: resize_bilinear,
        Op.RESIZE_NEAREST_NEIGHBOR: resize_nearest_neighbor,
        Op.RFFT2D: rfft2d,
        Op.SOFTMAX: softmax,
        Op.SPLIT: split,
        Op.SPLIT_V: split_v,
        Op.SQUARED_DIFFERENCE: squared_difference,
        Op.SUM: total,
        Op.TANH: tanh,
        Op.UNPACK: unpack,
    }
)


def lower(graph: Graph, operator: Operator) -> tuple[Step | Alias, ...]:
    """Lower one operator of a network, in a graph that is checked; one without a kernel is a `ModelError`."""
    if operator.op not in LOWERINGS:
        raise ModelError("is not part of a network", operator=str(operator))
    lowered = LOWERINGS[operator.op](Node(graph, operator))
    return lowered if isinstance(lowered, tuple) else (lowered,)
