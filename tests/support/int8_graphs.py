"""Graphs of one int8 operator each that YAMNet has none of, with constants that are the same on every machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.graphs import Dice, GraphBuilder, quantization
from yamjit.tflite.graph import Activation, Graph, Op, Options, Padding, Quantization
from yamjit.tflite.operators.activations import LeakyReluOptions
from yamjit.tflite.operators.arrangement import ConcatenationOptions
from yamjit.tflite.operators.binary import AddOptions, MulOptions, SubOptions
from yamjit.tflite.operators.blocks import DepthToSpaceOptions, SpaceToDepthOptions
from yamjit.tflite.operators.parts import MirrorPadOptions, PackOptions
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.operators.resizing import ResizeBilinearOptions, ResizeNearestNeighborOptions, ResizeOptions

__all__ = ["INT8_GRAPHS"]

#: What an operator reads: a constant, or the shape of an activation; with its quantization where it is int8.
Operand = tuple[npt.NDArray[Any] | tuple[int, ...], Quantization | None]

ONE, OTHER, RESULT = quantization(0.047, 11), quantization(0.0213, -90), quantization(0.061, -7)
SLOPES = quantization(0.0031, 5)
IMAGE = (1, 7, 5, 6)


def operation(
    op: Op,
    inputs: Sequence[Operand],
    output: tuple[int, ...],
    options: Options | None = None,
    quantized: Quantization = RESULT,
    version: int = 1,
) -> Graph:
    """Return a graph of one operator; an array is a constant, a shape an activation."""
    builder = GraphBuilder()
    indices, fed = [], []
    for item, how in inputs:
        if isinstance(item, np.ndarray):
            indices.append(builder.constant(item, how))
        else:
            indices.append(builder.activation(item, np.int8, how))
            fed.append(indices[-1])
    result = builder.activation(output, np.int8, quantized)
    builder.operator(op, indices, result, options, version=version)
    return builder.build(fed, [result])


def _constant(*shape: int) -> npt.NDArray[np.int8]:
    return Dice(3).int8(*shape)


def _int32(*values: Any) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)


def _of_one(op: Op, options: Options | None = None, quantized: Quantization = RESULT, version: int = 2) -> Graph:
    return operation(op, [(IMAGE, ONE)], IMAGE, options, quantized, version)


def _moved(op: Op, inputs: Sequence[Operand], output: tuple[int, ...], options: Options | None = None) -> Graph:
    return operation(op, [(IMAGE, ONE), *inputs], output, options, ONE)


def _resized(op: Op, size: tuple[int, int], options: ResizeOptions) -> Graph:
    return _moved(op, [(_int32(*size), None)], (1, *size, 6), options)


_ADDED, _RELU = AddOptions(), AddOptions(Activation.RELU)

#: Graphs by what their operator does.
INT8_GRAPHS: dict[str, Graph] = {
    "add": operation(Op.ADD, [(IMAGE, ONE), (IMAGE, OTHER)], IMAGE, _ADDED, version=2),
    "add and clamp": operation(Op.ADD, [(IMAGE, ONE), (IMAGE, OTHER)], IMAGE, _RELU, version=2),
    "add to channels": operation(Op.ADD, [(IMAGE, ONE), (_constant(6), OTHER)], IMAGE, _ADDED, version=2),
    "add a number to": operation(Op.ADD, [(_constant(), OTHER), (IMAGE, ONE)], IMAGE, _ADDED, version=2),
    "add rows": operation(Op.ADD, [(IMAGE, ONE), ((1, 1, 5, 6), OTHER)], IMAGE, _ADDED, version=2),
    "sub": operation(Op.SUB, [(IMAGE, ONE), (IMAGE, OTHER)], IMAGE, SubOptions(), version=2),
    "sub from a constant": operation(Op.SUB, [(_constant(6), ONE), (IMAGE, OTHER)], IMAGE, SubOptions(), version=2),
    "mul": operation(Op.MUL, [(IMAGE, ONE), (IMAGE, OTHER)], IMAGE, MulOptions(Activation.RELU6), version=2),
    "mul by columns": operation(Op.MUL, [(IMAGE, ONE), ((1, 7, 1, 1), OTHER)], IMAGE, MulOptions(), version=2),
    "maximum": operation(Op.MAXIMUM, [(IMAGE, ONE), (IMAGE, ONE)], IMAGE, quantized=ONE, version=2),
    "minimum": operation(Op.MINIMUM, [(IMAGE, ONE), (_constant(6), ONE)], IMAGE, quantized=ONE, version=2),
    "relu": _of_one(Op.RELU),
    "relu6": _of_one(Op.RELU6),
    "relu from -1 to 1": _of_one(Op.RELU_N1_TO_1, version=1),
    "quantize": _of_one(Op.QUANTIZE),
    "tanh": _of_one(Op.TANH, quantized=quantization(1 / 128)),
    "log": _of_one(Op.LOG),
    "exp": _of_one(Op.EXP),
    "hard swish": _of_one(Op.HARD_SWISH, version=1),
    "leaky relu": _of_one(Op.LEAKY_RELU, LeakyReluOptions(0.1875)),
    "prelu": operation(Op.PRELU, [(IMAGE, ONE), (_constant(1, 1, 6), SLOPES)], IMAGE),
    "softmax": _of_one(Op.SOFTMAX, SoftmaxOptions(1.0), quantization(1 / 256, -128)),
    "softmax colder": operation(
        Op.SOFTMAX, [((3, 40), OTHER)], (3, 40), SoftmaxOptions(1.75), quantization(1 / 256, -128), 2
    ),
    "average pool": operation(
        Op.AVERAGE_POOL_2D, [(IMAGE, ONE)], (1, 4, 3, 6), Pool2DOptions(Padding.SAME, 2, 2, 3, 2), ONE, 2
    ),
    "average pool and clamp": operation(
        Op.AVERAGE_POOL_2D,
        [(IMAGE, ONE)],
        (1, 5, 4, 6),
        Pool2DOptions(Padding.VALID, 1, 1, 3, 2, Activation.RELU6),
        ONE,
        2,
    ),
    "average pool of images": operation(
        Op.AVERAGE_POOL_2D, [((3, 4, 4, 2), ONE)], (3, 2, 2, 2), Pool2DOptions(Padding.SAME, 2, 2, 2, 2), ONE, 2
    ),
    "mean of rows": operation(Op.MEAN, [((1, 9, 6), ONE), (_int32(1), None)], (1, 6), ReducerOptions(), version=2),
    "mean of channels": operation(
        Op.MEAN, [((1, 9, 6), ONE), (_int32(-1), None)], (1, 9, 1), ReducerOptions(True), version=2
    ),
    "greatest": _moved(Op.REDUCE_MAX, [(_int32(1, 2), None)], (1, 6), ReducerOptions()),
    "resize": _resized(Op.RESIZE_BILINEAR, (4, 9), ResizeBilinearOptions()),
    "resize half pixels": _resized(Op.RESIZE_BILINEAR, (13, 3), ResizeBilinearOptions(half_pixel_centers=True)),
    "resize corners": _resized(Op.RESIZE_BILINEAR, (9, 4), ResizeBilinearOptions(align_corners=True)),
    "resize nearest": _resized(Op.RESIZE_NEAREST_NEIGHBOR, (13, 3), ResizeNearestNeighborOptions()),
    "concatenation": operation(
        Op.CONCATENATION, [((2, 3), ONE), (_constant(2, 2), ONE)], (2, 5), ConcatenationOptions(1), ONE, 2
    ),
    "pack": operation(Op.PACK, [((2, 3), ONE), ((2, 3), ONE)], (2, 2, 3), PackOptions(2, 1), ONE, 2),
    "tile": _moved(Op.TILE, [(_int32(1, 2, 1, 3), None)], (1, 14, 5, 18)),
    "pad": _moved(Op.PAD, [(_int32([0, 0], [1, 0], [2, 3], [0, 0]), None)], (1, 8, 10, 6)),
    "mirror pad": _moved(
        Op.MIRROR_PAD, [(_int32([0, 0], [2, 6], [1, 0], [0, 0]), None)], (1, 15, 6, 6), MirrorPadOptions()
    ),
    "space to batch": _moved(
        Op.SPACE_TO_BATCH_ND, [(_int32(2, 3), None), (_int32([0, 1], [1, 0]), None)], (6, 4, 2, 6)
    ),
    "batch to space": operation(
        Op.BATCH_TO_SPACE_ND,
        [((6, 4, 2, 3), ONE), (_int32(2, 3), None), (_int32([0, 1], [1, 0]), None)],
        (1, 7, 5, 3),
        quantized=ONE,
    ),
    "space to depth": operation(Op.SPACE_TO_DEPTH, [((1, 4, 6, 2), ONE)], (1, 2, 3, 8), SpaceToDepthOptions(2), ONE),
    "depth to space": operation(Op.DEPTH_TO_SPACE, [((1, 2, 3, 8), ONE)], (1, 4, 6, 2), DepthToSpaceOptions(2), ONE),
}
