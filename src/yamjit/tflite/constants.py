"""What operators compute of constants and shapes alone, with NumPy: the sizes of a graph of any length, and weights.

Integers are TFLite's int32 and int64, which wrap; of floats there are only operations whose result IEEE 754 defines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import LimitError
from yamjit.tflite.graph import Activation, Op, Tensor
from yamjit.tflite.node import FLOAT16, FLOAT32, INT8, INT32, INT64, Node
from yamjit.tflite.operators.arrangement import ConcatenationOptions, SqueezeOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions, SplitOptions, strided_cuts
from yamjit.tflite.operators.parts import PackOptions, SplitVOptions, UnpackOptions
from yamjit.tflite.operators.reduce import ReducerOptions

__all__ = ["MOST_ELEMENTS", "VALUES", "follows"]

Array = npt.NDArray[Any]
Values = Callable[[Node], list[Array]]

#: Elements of a tensor that is computed.
MOST_ELEMENTS = 2**22

#: Operators that only ask for the shape of their input.
_OF_SHAPES = frozenset((Op.SHAPE, Op.RANK, Op.ZEROS_LIKE))

#: Types of the numbers that are computed with, and of weights that DEQUANTIZE makes float32.
_NUMBERS, _WEIGHTS = (FLOAT32, INT32, INT64), (INT8, FLOAT16)


def follows(node: Node) -> bool:
    """Return whether what an operator computes follows from what is known: from shapes, or from constants."""
    op, inputs = node.operator.op, node.inputs
    if op not in VALUES or not inputs or not node.outputs:
        return False
    accepted = _WEIGHTS if op == Op.DEQUANTIZE else _NUMBERS
    return op in _OF_SHAPES or all(tensor is not None and _is_constant(tensor, accepted) for tensor in inputs)


def _is_constant(tensor: Tensor, dtypes: Sequence[np.dtype[Any]]) -> bool:
    plain = tensor.dtype == INT8 or tensor.quantization is None
    return tensor.data is not None and tensor.dtype in dtypes and plain


def _all(node: Node) -> list[Array]:
    """Return the values of all inputs."""
    return [node.values(position) for position in range(len(node.inputs))]


def _scalar(node: Node, position: int) -> int:
    values = node.values(position)
    if values.size != 1 or values.dtype.kind != "i":
        raise node.error(f"shape {values.shape} of {values.dtype} should be one integer", node.inputs[position])
    return int(values.reshape(-1)[0])


def _sizes(node: Node, position: int) -> list[int]:
    values = node.values(position)
    if values.ndim != 1 or values.dtype.kind != "i":
        raise node.error(f"shape {values.shape} of {values.dtype} should be a vector", node.inputs[position])
    return [int(value) for value in values]


def _room(node: Node, shape: tuple[int, ...] | list[int]) -> None:
    """Check that an output of this shape may be made."""
    if any(size < 0 for size in shape):
        raise node.error(f"shape {tuple(shape)} has a negative dimension")
    if math.prod(shape) > MOST_ELEMENTS:
        raise LimitError(
            f"{node.operator}: {math.prod(shape)} values of shape {tuple(shape)} are computed of constants"
        )


def _integer_type(node: Node) -> np.dtype[Any]:
    """Return the type of an output that is to hold integers."""
    dtype = node.outputs[0].dtype
    if dtype.kind != "i":
        raise node.error(f"type {dtype} should be an integer", node.outputs[0])
    return dtype


# -- Shapes -----------------------------------------------------------------------------------------------------


def _shape(node: Node) -> list[Array]:
    node.check_arity(1)
    return [np.array(node.any_input(0).shape, _integer_type(node))]


def _rank(node: Node) -> list[Array]:
    node.check_arity(1)
    return [np.array(len(node.any_input(0).shape), _integer_type(node))]


def _zeros_like(node: Node) -> list[Array]:
    node.check_arity(1)
    source = node.any_input(0)
    _room(node, source.shape)
    return [np.zeros(source.shape, source.dtype)]


def _range(node: Node) -> list[Array]:
    node.check_arity(3)
    start, stop, step = (_scalar(node, position) for position in range(3))
    if step == 0:
        raise node.error("a range has a step other than 0")
    numbers = range(start, stop, step)
    _room(node, [len(numbers)])
    return [np.array(numbers, _integer_type(node))]


def _fill(node: Node) -> list[Array]:
    node.check_arity(2)
    shape = _sizes(node, 0)
    _room(node, shape)
    return [np.full(shape, node.values(1).reshape(()))]


# -- Value by value ---------------------------------------------------------------------------------------------


def _binary(compute: Callable[[Array, Array], Array]) -> Values:
    def values(node: Node) -> list[Array]:
        node.check_arity(2)
        options = node.operator.options
        if getattr(options, "activation", Activation.NONE) != Activation.NONE:
            raise node.error("a fused activation is not supported where constants are computed")
        left, right = _all(node)
        if left.dtype != right.dtype:
            raise node.error(f"types {left.dtype} and {right.dtype} differ")
        _room(node, np.broadcast_shapes(left.shape, right.shape))
        return [compute(left, right)]

    return values


def _division(compute: Callable[[Array, Array], Array]) -> Values:
    def values(node: Node) -> list[Array]:
        if any(part.dtype.kind != "i" for part in _all(node)) or not np.all(_all(node)[-1]):
            raise node.error("integers, and a divisor other than 0, are accepted")
        return _binary(compute)(node)

    return values


def _cast(node: Node) -> list[Array]:
    node.check_arity(1)
    return [np.trunc(node.values(0)).astype(node.outputs[0].dtype)]


def _unary(compute: Callable[[Array], Array]) -> Values:
    def values(node: Node) -> list[Array]:
        node.check_arity(1)
        return [compute(node.values(0))]

    return values


def _dequantize(node: Node) -> list[Array]:
    node.check_arity(1)
    source, values = node.any_input(0), node.values(0)
    if values.dtype == FLOAT16:
        return [values.astype(np.float32)]
    quantization = node.quantization(source)
    axes = [1] * values.ndim
    if quantization.per_channel:
        axes[node.axis(quantization.dimension, values.ndim)] = -1
    scale, zero_point = quantization.scale.reshape(axes), quantization.zero_point.reshape(axes)
    return [scale * (values - zero_point).astype(np.float32)]


# -- Moved ------------------------------------------------------------------------------------------------------


def _reshape(node: Node) -> list[Array]:
    node.check_arity(1, 2)
    shape = _sizes(node, 1) if len(node.inputs) == 2 else list(node.options(ReshapeOptions).new_shape)
    return [node.values(0).reshape(shape)]


def _expand_dims(node: Node) -> list[Array]:
    node.check_arity(2)
    return [np.expand_dims(node.values(0), _scalar(node, 1))]


def _squeeze(node: Node) -> list[Array]:
    node.check_arity(1)
    return [np.squeeze(node.values(0), node.options(SqueezeOptions).squeeze_dims or None)]


def _transpose(node: Node) -> list[Array]:
    node.check_arity(2)
    return [node.values(0).transpose(_sizes(node, 1))]


def _slice(node: Node) -> list[Array]:
    node.check_arity(3)
    source = node.values(0)
    parts = zip(_sizes(node, 1), _sizes(node, 2), source.shape, strict=True)
    return [source[tuple(slice(begin, whole if size == -1 else begin + size) for begin, size, whole in parts)]]


def _strided_slice(node: Node) -> list[Array]:
    node.check_arity(4)
    source = node.values(0)
    return [source[strided_cuts(node, source.shape)]]


def _gather(node: Node) -> list[Array]:
    node.check_arity(2)
    options, source, places = node.options(GatherOptions), node.values(0), node.values(1)
    axis = node.axis(options.axis, source.ndim)
    if options.batch_dims or np.any(places < 0):
        raise node.error("batch dimensions and negative indices are not supported")
    _room(node, (*source.shape[:axis], *places.shape, *source.shape[axis + 1 :]))
    return [np.take(source, places, axis)]


def _pack(node: Node) -> list[Array]:
    parts, options = _all(node), node.options(PackOptions)
    if options.values_count != len(parts):
        raise node.error(f"{len(parts)} inputs instead of {options.values_count}")
    _room(node, (len(parts), *parts[0].shape))
    return [np.stack(parts, options.axis)]


def _unpack(node: Node) -> list[Array]:
    options, source = node.options(UnpackOptions), node.values(0)
    node.check_arity(1, outputs=options.num)
    axis = node.axis(options.axis, source.ndim)
    return [np.take(source, place, axis) for place in range(source.shape[axis])]


def _concatenation(node: Node) -> list[Array]:
    parts, options = _all(node), node.options(ConcatenationOptions)
    _room(node, [sum(part.size for part in parts)])
    return [np.concatenate(parts, options.axis)]


def _tile(node: Node) -> list[Array]:
    node.check_arity(2)
    source, times = node.values(0), _sizes(node, 1)
    _room(node, [size * count for size, count in zip(source.shape, times, strict=True)])
    return [np.tile(source, times)]


def _split(node: Node) -> list[Array]:
    source, count = node.values(1), node.options(SplitOptions).num_splits
    return list(np.split(source, count, _scalar(node, 0))) if count > 0 else []


def _split_v(node: Node) -> list[Array]:
    node.check_arity(3, outputs=node.options(SplitVOptions).num_splits)
    source, sizes, axis = node.values(0), _sizes(node, 1), node.axis(_scalar(node, 2), node.values(0).ndim)
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(sizes) - 1
    if min(sizes, default=-1) < 0 or sum(sizes) != source.shape[axis]:
        raise node.error(f"sizes {sizes} do not add up to {source.shape[axis]}", node.inputs[1])
    return list(np.split(source, np.cumsum(sizes)[:-1], axis))


def _reduced(compute: Callable[..., Any]) -> Values:
    def values(node: Node) -> list[Array]:
        node.check_arity(2)
        source, axes = node.values(0), tuple(int(axis) for axis in np.atleast_1d(node.values(1)))
        if source.dtype.kind != "i":
            raise node.error(f"type {source.dtype} should be an integer", node.inputs[0])
        keep = node.options(ReducerOptions).keep_dims
        return [np.asarray(compute(source, axis=axes, keepdims=keep)).astype(source.dtype)]

    return values


#: What an operator computes of constants, output by output.
VALUES: Mapping[Op, Values] = {
    Op.SHAPE: _shape,
    Op.RANK: _rank,
    Op.ZEROS_LIKE: _zeros_like,
    Op.RANGE: _range,
    Op.FILL: _fill,
    Op.ADD: _binary(np.add),
    Op.SUB: _binary(np.subtract),
    Op.MUL: _binary(np.multiply),
    Op.MAXIMUM: _binary(np.maximum),
    Op.MINIMUM: _binary(np.minimum),
    Op.FLOOR_DIV: _division(np.floor_divide),
    Op.FLOOR_MOD: _division(np.mod),
    Op.CAST: _cast,
    Op.DEQUANTIZE: _dequantize,
    Op.CEIL: _unary(np.ceil),
    Op.FLOOR: _unary(np.floor),
    Op.ROUND: _unary(lambda values: np.rint(values) + values.dtype.type(0)),  # never -0.0
    Op.NEG: _unary(np.negative),
    Op.ABS: _unary(np.abs),
    Op.SQUARE: _unary(np.square),
    Op.SUM: _reduced(np.sum),
    Op.REDUCE_PROD: _reduced(np.prod),
    Op.REDUCE_MAX: _reduced(np.max),
    Op.REDUCE_MIN: _reduced(np.min),
    Op.RESHAPE: _reshape,
    Op.EXPAND_DIMS: _expand_dims,
    Op.SQUEEZE: _squeeze,
    Op.TRANSPOSE: _transpose,
    Op.SLICE: _slice,
    Op.STRIDED_SLICE: _strided_slice,
    Op.GATHER: _gather,
    Op.PACK: _pack,
    Op.UNPACK: _unpack,
    Op.CONCATENATION: _concatenation,
    Op.TILE: _tile,
    Op.SPLIT: _split,
    Op.SPLIT_V: _split_v,
}
