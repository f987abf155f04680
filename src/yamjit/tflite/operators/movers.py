"""What each operator demands of its operands: one function per operator.

A contract raises `ModelError`, or returns the shape that the outputs must have. The rules are those of TFLite's
``Prepare`` functions for the flavours that are supported, and stricter where TFLite would compute something
that no two of its kernels agree on, such as an int32 accumulator that overflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from yamjit.tflite.graph import (
    GatherOptions,
    MulOptions,
    Op,
    ReducerOptions,
    ReshapeOptions,
    SplitOptions,
    StridedSliceOptions,
)
from yamjit.tflite.node import COMPLEX64, FLOAT32, INT8, INT32, INT32_MAX, Inferred, Node
from yamjit.tflite.operators.products import conv_2d, depthwise_conv_2d, fully_connected

__all__ = ["CONTRACTS"]

#: LOGISTIC's fixed-point input has 4 integer bits of 16.
_LOGISTIC_STEPS = 2.0**11


def _quantize(node: Node) -> Inferred:
    node.check_arity(1)
    node.activation(node.output(INT8))
    return Inferred(node.input(0, FLOAT32).shape)


def _dequantize(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    source = node.input(0, INT8)
    node.activation(source)
    return Inferred(source.shape)


def _logistic(node: Node) -> Inferred:
    node.check_arity(1)
    source, output = node.input(0, INT8), node.output(INT8)
    quantization = node.activation(output)
    if quantization.scale[0] != 1 / 256 or quantization.zero_point[0] != -128:
        raise node.error("scale and zero point should be 1/256 and -128", output)
    node.check_factor(float(node.activation(source).scale[0]) * _LOGISTIC_STEPS, "input scale * 2^11")
    return Inferred(source.shape)


def _mean(node: Node) -> Inferred:
    node.check_arity(2)
    options = node.options(ReducerOptions)
    source, output = node.input(0, INT8), node.output(INT8)
    axes = [node.axis(axis, len(source.shape)) for axis in node.integers(1, scalar=True)]
    if len(set(axes)) != len(axes):
        raise node.error(f"axes {axes} are not distinct", node.inputs[1])
    count = math.prod(source.shape[axis] for axis in axes)
    if count * 255 > INT32_MAX:
        raise node.error(f"sum of {count} values can overflow int32", source)
    factor = float(node.activation(source).scale[0]) / float(node.activation(output).scale[0])
    node.check_factor(factor, "input scale / output scale")
    node.check_factor(factor / count, "input scale / output scale / count")
    kept = [(1 if axis in axes else size) for axis, size in enumerate(source.shape)]
    if not options.keep_dims:
        kept = [size for axis, size in enumerate(source.shape) if axis not in axes]
    return Inferred(tuple(kept))


def _mul(node: Node) -> Inferred:
    node.check_arity(2)
    node.options(MulOptions)
    node.output(FLOAT32)
    left, right = node.input(0, FLOAT32).shape, node.input(1, FLOAT32).shape
    rank = max(len(left), len(right))
    shape = []
    for a, b in zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True):
        if a != b and 1 not in (a, b):
            raise node.error(f"shapes {left} and {right} do not go together")
        shape.append(max(a, b))
    return Inferred(tuple(shape))


def _log(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, FLOAT32).shape)


def _complex_abs(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, COMPLEX64).shape)


def _rfft2d(node: Node) -> Inferred:
    node.check_arity(2)
    node.output(COMPLEX64)
    source = node.input(0, FLOAT32)
    lengths = node.integers(1)
    if len(lengths) != 2 or any(length < 1 or length & (length - 1) for length in lengths) or lengths[1] < 2:
        raise node.error(f"fft_length {lengths} should be two powers of two", node.inputs[1])
    if list(source.shape[-2:]) != lengths:
        raise node.error(f"input of shape {source.shape} should end with {lengths}", source)
    shape = (*source.shape[:-1], lengths[1] // 2 + 1)
    return Inferred(shape, math.prod(source.shape) * math.prod(lengths).bit_length())


def _gather(node: Node) -> Inferred:
    node.check_arity(2)
    options = node.options(GatherOptions)
    source, output = node.input(0, FLOAT32, INT8, INT32), node.outputs[0]
    node.check_same_quantization(source, output)
    if options.batch_dims != 0:
        raise node.error(f"batch_dims {options.batch_dims} is not supported; 0 is")
    axis = node.axis(options.axis, len(source.shape))
    indices = node.constant(1, INT32)
    if np.any(indices < 0) or np.any(indices >= source.shape[axis]):
        raise node.error(f"indices should be from 0 to {source.shape[axis] - 1}", node.inputs[1])
    return Inferred((*source.shape[:axis], *indices.shape, *source.shape[axis + 1 :]))


def _pad(node: Node) -> Inferred:
    node.check_arity(2)
    source, output = node.input(0, FLOAT32, INT8, INT32), node.outputs[0]
    node.check_same_quantization(source, output)
    paddings = node.constant(1, INT32)
    if paddings.shape != (len(source.shape), 2):
        raise node.error(f"paddings of shape {paddings.shape} for rank {len(source.shape)}", node.inputs[1])
    pairs = [(int(before), int(after)) for before, after in paddings]
    if any(before < 0 or after < 0 for before, after in pairs):
        raise node.error("paddings should not be negative", node.inputs[1])
    return Inferred(tuple(before + size + after for size, (before, after) in zip(source.shape, pairs, strict=True)))


def _reshape(node: Node) -> Inferred:
    node.check_arity(1, 2)
    source, output = node.input(0, FLOAT32, INT8, INT32, COMPLEX64), node.outputs[0]
    node.check_same_quantization(source, output)
    wanted = node.integers(1) if len(node.inputs) == 2 else list(node.options(ReshapeOptions).new_shape)
    free = [axis for axis, size in enumerate(wanted) if size == -1]
    if len(free) > 1 or any(size < 1 and size != -1 for size in wanted):
        raise node.error(f"shape {wanted} should have positive dimensions, and at most one -1")
    elements, known = math.prod(source.shape), math.prod(size for size in wanted if size != -1)
    if free and elements % known == 0:
        wanted[free[0]] = elements // known
    if math.prod(wanted) != elements:
        raise node.error(f"{elements} elements of shape {source.shape} do not fill shape {wanted}")
    return Inferred(tuple(wanted))


def _split(node: Node) -> Inferred:
    options = node.options(SplitOptions)
    node.check_arity(2, outputs=max(options.num_splits, 1))
    source = node.input(1, FLOAT32, INT8, INT32)
    for output in node.outputs:
        node.check_same_quantization(source, output)
    axes = node.integers(0, scalar=True)
    if len(axes) != 1:
        raise node.error(f"{len(axes)} axes instead of one", node.inputs[0])
    axis = node.axis(axes[0], len(source.shape))
    if options.num_splits < 1 or source.shape[axis] % options.num_splits:
        raise node.error(f"dimension of {source.shape[axis]} in {options.num_splits} parts", source)
    part = source.shape[axis] // options.num_splits
    return Inferred((*source.shape[:axis], part, *source.shape[axis + 1 :]))


def _strided_slice(node: Node) -> Inferred:
    node.check_arity(4)
    options = node.options(StridedSliceOptions)
    source, output = node.input(0, FLOAT32, INT8, INT32), node.outputs[0]
    node.check_same_quantization(source, output)
    rank = len(source.shape)
    begins, ends, strides = (node.integers(position) for position in (1, 2, 3))
    if not len(begins) == len(ends) == len(strides) == rank:
        raise node.error(f"{len(begins)} begins, {len(ends)} ends and {len(strides)} strides for rank {rank}")
    if options.ellipsis_mask or options.new_axis_mask:
        raise node.error("ellipsis_mask and new_axis_mask are not supported")
    if (options.begin_mask | options.end_mask | options.shrink_axis_mask) >> rank:
        raise node.error(f"masks have bits beyond rank {rank}")
    if 0 in strides:
        raise node.error("strides should not be zero", node.inputs[3])
    shape: list[int] = []
    for axis, size in enumerate(source.shape):
        shape += _slice(node, options, axis, size, (begins[axis], ends[axis], strides[axis]))
    return Inferred(tuple(shape))


def _slice(node: Node, options: StridedSliceOptions, axis: int, size: int, limits: tuple[int, int, int]) -> list[int]:
    """Return what is left of a dimension: its new size, or nothing if it is dropped."""
    begin, end, stride = limits
    if options.shrink_axis_mask >> axis & 1:
        if not -size <= begin < size or stride < 1 or options.begin_mask >> axis & 1:
            raise node.error(f"index {begin} with stride {stride} is outside dimension {axis} of {size}")
        return []
    first = None if options.begin_mask >> axis & 1 else begin
    last = None if options.end_mask >> axis & 1 else end
    count = len(range(*slice(first, last, stride).indices(size)))
    if count < 1:
        raise node.error(f"slice {begin}:{end}:{stride} of dimension {axis} of {size} is empty")
    return [count]


#: The contract of every operator that is known.
CONTRACTS: Mapping[Op, Callable[[Node], Inferred]] = MappingProxyType(
    {
        Op.CONV_2D: conv_2d,
        Op.DEPTHWISE_CONV_2D: depthwise_conv_2d,
        Op.DEQUANTIZE: _dequantize,
        Op.FULLY_CONNECTED: fully_connected,
        Op.LOGISTIC: _logistic,
        Op.MUL: _mul,
        Op.RESHAPE: _reshape,
        Op.PAD: _pad,
        Op.GATHER: _gather,
        Op.MEAN: _mean,
        Op.STRIDED_SLICE: _strided_slice,
        Op.SPLIT: _split,
        Op.LOG: _log,
        Op.QUANTIZE: _quantize,
        Op.RFFT2D: _rfft2d,
        Op.COMPLEX_ABS: _complex_abs,
    }
)
