"""Graphs of one float32 operator each, with inputs and constants that are the same on every machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.graphs import Dice, GraphBuilder
from yamjit.tflite.graph import Activation, Arithmetic, Graph, Op, Options, Padding, Quantization
from yamjit.tflite.operators.activations import LeakyReluOptions
from yamjit.tflite.operators.arrangement import ConcatenationOptions, SqueezeOptions
from yamjit.tflite.operators.binary import AddOptions, DivOptions, MulOptions, SubOptions
from yamjit.tflite.operators.blocks import DepthToSpaceOptions, SpaceToDepthOptions
from yamjit.tflite.operators.movers import GatherOptions, SplitOptions, StridedSliceOptions
from yamjit.tflite.operators.parts import MirrorPadOptions, PackOptions, SplitVOptions, UnpackOptions
from yamjit.tflite.operators.pointwise import L2NormOptions, SoftmaxOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.operators.resizing import ResizeBilinearOptions, ResizeNearestNeighborOptions, ResizeOptions

__all__ = ["FLOAT_GRAPHS", "OPTIMISED_GRAPHS", "constant", "operation"]

#: What an operator reads: a constant, or the shape and type of an activation.
Operand = npt.NDArray[Any] | tuple[tuple[int, ...], npt.DTypeLike]

F = np.float32


def operation(
    op: Op,
    inputs: Sequence[Operand],
    output: tuple[tuple[int, ...], npt.DTypeLike],
    options: Options | None = None,
    quantized: Quantization | None = None,
) -> Graph:
    """Return a graph of one operator; an array is a constant, a pair the shape and type of an activation."""
    builder = GraphBuilder()
    indices, fed = [], []
    for item in inputs:
        if isinstance(item, np.ndarray):
            indices.append(builder.constant(item))
        else:
            indices.append(builder.activation(item[0], item[1], quantized))
            fed.append(indices[-1])
    result = builder.activation(output[0], output[1], quantized)
    builder.operator(op, indices, result, options)
    return builder.build(fed, [result])


def constant(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return numbers from -1 to 1."""
    return Dice(seed).uniform(-1.0, 1.0, int(np.prod(shape))).astype(F).reshape(shape)


def _int32(*values: Any) -> npt.NDArray[np.int32]:
    return np.array(values, np.int32)


def _of_one_input(op: Op, options: Options | None = None) -> Graph:
    return operation(op, [((1, 5, 19), F)], ((1, 5, 19), F), options)


def _resized(size: tuple[int, int], options: ResizeOptions) -> Graph:
    op = Op.RESIZE_BILINEAR if isinstance(options, ResizeBilinearOptions) else Op.RESIZE_NEAREST_NEIGHBOR
    return operation(op, [((1, 7, 5, 3), F), _int32(*size)], ((1, *size, 3), F), options)


_MULTIPLIED = DepthwiseConv2DOptions(Padding.SAME, 2, 2, depth_multiplier=3, activation=Activation.RELU)

#: Graphs by what their operator does.
FLOAT_GRAPHS: dict[str, Graph] = {
    "conv": operation(
        Op.CONV_2D,
        [((1, 7, 6, 5), F), constant(9, 3, 3, 5), constant(9, seed=1)],
        ((1, 4, 3, 9), F),
        Conv2DOptions(Padding.SAME, 2, 2, activation=Activation.RELU6),
    ),
    "conv valid": operation(
        Op.CONV_2D,
        [((1, 7, 6, 2), F), constant(3, 2, 4, 2), constant(3)],
        ((1, 6, 3, 3), F),
        Conv2DOptions(Padding.VALID),
    ),
    "conv of pixels": operation(
        Op.CONV_2D, [((1, 5, 3, 33), F), constant(20, 1, 1, 33), constant(20)], ((1, 5, 3, 20), F), Conv2DOptions()
    ),
    "depthwise": operation(
        Op.DEPTHWISE_CONV_2D,
        [((1, 6, 5, 17), F), constant(1, 3, 3, 17), constant(17)],
        ((1, 6, 5, 17), F),
        DepthwiseConv2DOptions(activation=Activation.RELU_N1_TO_1),
    ),
    "depthwise multiplied": operation(
        Op.DEPTHWISE_CONV_2D, [((1, 7, 5, 2), F), constant(1, 3, 2, 6)], ((1, 4, 3, 6), F), _MULTIPLIED
    ),
    "fully connected": operation(
        Op.FULLY_CONNECTED,
        [((3, 21), F), constant(17, 21), constant(17)],
        ((3, 17), F),
        FullyConnectedOptions(Activation.RELU),
    ),
    "max pool": operation(
        Op.MAX_POOL_2D, [((1, 7, 5, 6), F)], ((1, 4, 3, 6), F), Pool2DOptions(Padding.SAME, 2, 2, 3, 2)
    ),
    "average pool": operation(
        Op.AVERAGE_POOL_2D,
        [((1, 7, 5, 6), F)],
        ((1, 7, 3, 6), F),
        Pool2DOptions(Padding.SAME, 1, 2, 3, 2, Activation.RELU),
    ),
    "mean": operation(Op.MEAN, [((1, 5, 4, 7), F), _int32(1, 2)], ((1, 7), F), ReducerOptions()),
    "mean of the last": operation(Op.MEAN, [((1, 5, 9), F), _int32(-1)], ((1, 5, 1), F), ReducerOptions(True)),
    "mean of two apart": operation(Op.MEAN, [((4, 5, 3), F), _int32(2, 0)], ((5,), F), ReducerOptions()),
    "mean of all": operation(Op.MEAN, [((3, 7), F), _int32(0, 1)], ((), F), ReducerOptions()),
    "add": operation(Op.ADD, [((1, 3, 4, 5), F), ((1, 3, 4, 5), F)], ((1, 3, 4, 5), F), AddOptions(Activation.RELU)),
    "add to rows": operation(Op.ADD, [((6, 9), F), constant(9)], ((6, 9), F), AddOptions()),
    "add to columns": operation(Op.ADD, [((6, 1), F), ((2, 1, 9), F)], ((2, 6, 9), F), AddOptions()),
    "sub": operation(Op.SUB, [((6, 9), F), ((6, 1), F)], ((6, 9), F), SubOptions()),
    "sub from a constant": operation(Op.SUB, [constant(1), ((6, 9), F)], ((6, 9), F), SubOptions()),
    "mul": operation(Op.MUL, [((6, 9), F), constant(1, 9)], ((6, 9), F), MulOptions(Activation.RELU6)),
    "mul by a column": operation(Op.MUL, [((6, 9), F), constant(6, 1)], ((6, 9), F), MulOptions()),
    "div": operation(Op.DIV, [((6, 9), F), ((6, 9), F)], ((6, 9), F), DivOptions()),
    "div of a constant": operation(Op.DIV, [constant(6, 9), ((9,), F)], ((6, 9), F), DivOptions()),
    "maximum": operation(Op.MAXIMUM, [((6, 9), F), np.array(0.25, F)], ((6, 9), F)),
    "minimum": operation(Op.MINIMUM, [((6, 9), F), ((6, 9), F)], ((6, 9), F)),
    "relu": _of_one_input(Op.RELU),
    "relu6": _of_one_input(Op.RELU6),
    "relu from -1 to 1": _of_one_input(Op.RELU_N1_TO_1),
    "relu from 0 to 1": _of_one_input(Op.RELU_0_TO_1),
    "sqrt": _of_one_input(Op.SQRT),
    "rsqrt": _of_one_input(Op.RSQRT),
    "log": _of_one_input(Op.LOG),
    "exp": _of_one_input(Op.EXP),
    "tanh": _of_one_input(Op.TANH),
    "logistic": _of_one_input(Op.LOGISTIC),
    "softmax": _of_one_input(Op.SOFTMAX, SoftmaxOptions()),
    "softmax colder": _of_one_input(Op.SOFTMAX, SoftmaxOptions(2.5)),
    "reshape": operation(Op.RESHAPE, [((4, 3), F), _int32(2, 6)], ((2, 6), F)),
    "squeeze": operation(Op.SQUEEZE, [((1, 4, 1, 3), F)], ((4, 1, 3), F), SqueezeOptions((0,))),
    "squeeze all": operation(Op.SQUEEZE, [((1, 4, 1, 3), F)], ((4, 3), F), SqueezeOptions()),
    "expand dims": operation(Op.EXPAND_DIMS, [((4, 3), F), _int32(-1)], ((4, 3, 1), F)),
    "gather": operation(Op.GATHER, [((4, 3), F), _int32([0, 3], [1, 1])], ((2, 2, 3), F), GatherOptions()),
    "gather columns": operation(Op.GATHER, [((4, 3), F), _int32(2, 0)], ((4, 2), F), GatherOptions(axis=-1)),
    "slice": operation(Op.SLICE, [((4, 5, 3), F), _int32(1, 0, 2), _int32(2, -1, 1)], ((2, 5, 1), F)),
    "strided slice": operation(
        Op.STRIDED_SLICE,
        [((4, 5, 3, 2), F), _int32(1, 9, 2, 1), _int32(4, 4, 9, 9), _int32(2, 1, -1, 1)],
        ((2, 4, 3), F),
        StridedSliceOptions(begin_mask=2, end_mask=4, shrink_axis_mask=8),
    ),
    "strided slice with new axes": operation(
        Op.STRIDED_SLICE,
        [((4, 5, 3), F), _int32(0, 1, 0, 2), _int32(0, 3, 0, 0), _int32(1, 1, 1, 1)],
        ((1, 2, 5), F),
        StridedSliceOptions(ellipsis_mask=4, new_axis_mask=1, shrink_axis_mask=8),
    ),
    "transpose": operation(Op.TRANSPOSE, [((2, 3, 4), F), _int32(2, 0, 1)], ((4, 2, 3), F)),
    "pad": operation(Op.PAD, [((4, 3), F), _int32([0, 1], [2, 0])], ((5, 5), F)),
    "split": operation(Op.SPLIT, [np.array(1, np.int32), ((4, 3), F)], ((4, 3), F), SplitOptions(1)),
    "concatenation": operation(
        Op.CONCATENATION,
        [((2, 3), F), constant(2, 2), ((2, 1), F)],
        ((2, 6), F),
        ConcatenationOptions(axis=-1),
    ),
    "conv dilated": operation(
        Op.CONV_2D,
        [((1, 9, 8, 3), F), constant(5, 3, 2, 3), constant(5)],
        ((1, 9, 8, 5), F),
        Conv2DOptions(dilation_h=2, dilation_w=3),
    ),
    "conv of images": operation(
        Op.CONV_2D, [((3, 4, 5, 2), F), constant(3, 2, 2, 2), constant(3)], ((3, 4, 5, 3), F), Conv2DOptions()
    ),
    "depthwise dilated": operation(
        Op.DEPTHWISE_CONV_2D,
        [((1, 9, 8, 3), F), constant(1, 3, 3, 3), constant(3)],
        ((1, 5, 4, 3), F),
        DepthwiseConv2DOptions(Padding.VALID, dilation_h=2, dilation_w=2),
    ),
    "hard swish": _of_one_input(Op.HARD_SWISH),
    "leaky relu": _of_one_input(Op.LEAKY_RELU, LeakyReluOptions(0.1875)),
    "leaky relu steeper": _of_one_input(Op.LEAKY_RELU, LeakyReluOptions(1.75)),
    "prelu": operation(Op.PRELU, [((1, 5, 4, 7), F), constant(1, 1, 7)], ((1, 5, 4, 7), F)),
    "squared difference": operation(Op.SQUARED_DIFFERENCE, [((6, 9), F), ((6, 1), F)], ((6, 9), F)),
    "squared difference of a constant": operation(Op.SQUARED_DIFFERENCE, [((6, 9), F), constant(9)], ((6, 9), F)),
    "neg": _of_one_input(Op.NEG),
    "abs": _of_one_input(Op.ABS),
    "square": _of_one_input(Op.SQUARE),
    "l2 normalization": _of_one_input(Op.L2_NORMALIZATION, L2NormOptions()),
    "log softmax": _of_one_input(Op.LOG_SOFTMAX),
    "sum": operation(Op.SUM, [((1, 5, 4, 7), F), _int32(1, 2)], ((1, 7), F), ReducerOptions()),
    "sum of the last": operation(Op.SUM, [((5, 9), F), _int32(-1)], ((5, 1), F), ReducerOptions(True)),
    "sum of two apart": operation(Op.SUM, [((4, 5, 3), F), _int32(2, 0)], ((5,), F), ReducerOptions()),
    "greatest": operation(Op.REDUCE_MAX, [((1, 5, 4, 7), F), _int32(1, 2)], ((1, 7), F), ReducerOptions()),
    "greatest of the last": operation(Op.REDUCE_MAX, [((5, 9), F), _int32(1)], ((5,), F), ReducerOptions()),
    "least": operation(Op.REDUCE_MIN, [((4, 5, 3), F), _int32(2, 0)], ((5,), F), ReducerOptions()),
    "resize": _resized((4, 9), ResizeBilinearOptions()),
    "resize half pixels": _resized((13, 3), ResizeBilinearOptions(half_pixel_centers=True)),
    "resize corners": _resized((9, 4), ResizeBilinearOptions(align_corners=True)),
    "resize nearest": _resized((4, 9), ResizeNearestNeighborOptions()),
    "resize nearest half pixels": _resized((13, 3), ResizeNearestNeighborOptions(half_pixel_centers=True)),
    "resize nearest corners": _resized((9, 4), ResizeNearestNeighborOptions(align_corners=True)),
    "pack": operation(Op.PACK, [((2, 3), F), constant(2, 3), ((2, 3), F)], ((2, 3, 3), F), PackOptions(3, 1)),
    "unpack": operation(Op.UNPACK, [((1, 3), F)], ((3,), F), UnpackOptions(1, 0)),
    "split by sizes": operation(
        Op.SPLIT_V, [((4, 3), F), _int32(-1), np.array(1, np.int32)], ((4, 3), F), SplitVOptions(1)
    ),
    "tile": operation(Op.TILE, [((2, 1, 3), F), _int32(1, 4, 2)], ((2, 4, 6), F)),
    "mirror pad": operation(Op.MIRROR_PAD, [((4, 3), F), _int32([0, 3], [2, 1])], ((7, 6), F), MirrorPadOptions()),
    "mirror pad symmetric": operation(
        Op.MIRROR_PAD, [((4, 3), F), _int32([4, 0], [2, 3])], ((8, 8), F), MirrorPadOptions(1)
    ),
    "space to batch": operation(
        Op.SPACE_TO_BATCH_ND, [((1, 7, 5, 2), F), _int32(2, 3), _int32([0, 1], [1, 0])], ((6, 4, 2, 2), F)
    ),
    "batch to space": operation(
        Op.BATCH_TO_SPACE_ND, [((6, 4, 2, 2), F), _int32(2, 3), _int32([0, 1], [1, 0])], ((1, 7, 5, 2), F)
    ),
    "space to depth": operation(Op.SPACE_TO_DEPTH, [((1, 4, 6, 2), F)], ((1, 2, 3, 8), F), SpaceToDepthOptions(2)),
    "depth to space": operation(Op.DEPTH_TO_SPACE, [((1, 2, 3, 8), F)], ((1, 4, 6, 2), F), DepthToSpaceOptions(2)),
}

#: Operators that TFLite's optimised kernels compute in another order, or by other functions. A logistic function has
#: whole vectors of four here: the last values of a tensor that do not fill one are computed in yet another way.
OPTIMISED_GRAPHS: dict[str, Graph] = {
    name: dataclasses.replace(graph, arithmetic=Arithmetic.OPTIMISED)
    for name, graph in {
        "depthwise": FLOAT_GRAPHS["depthwise"],
        "depthwise multiplied": operation(
            Op.DEPTHWISE_CONV_2D,
            [((1, 7, 5, 2), F), constant(1, 3, 2, 6), constant(6)],
            ((1, 4, 3, 6), F),
            _MULTIPLIED,
        ),
        "logistic": operation(Op.LOGISTIC, [((1, 25, 20), F)], ((1, 25, 20), F)),
        "conv of pixels in blocks": operation(
            Op.CONV_2D,
            [((1, 3, 2, 1024), F), constant(16, 1, 1, 1024), constant(16)],
            ((1, 3, 2, 16), F),
            Conv2DOptions(activation=Activation.RELU),
        ),
        "rows in three blocks": operation(
            Op.FULLY_CONNECTED,
            [((4, 1500), F), constant(8, 1500), constant(8)],
            ((4, 8), F),
            FullyConnectedOptions(Activation.RELU6),
        ),
        "rows in equal blocks": operation(
            Op.FULLY_CONNECTED, [((4, 1360), F), constant(8, 1360)], ((4, 8), F), FullyConnectedOptions()
        ),
        "rows in one block": operation(
            Op.FULLY_CONNECTED, [((4, 680), F), constant(8, 680)], ((4, 8), F), FullyConnectedOptions()
        ),
    }.items()
}
