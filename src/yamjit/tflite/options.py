"""An operator's options, from the table of its kind to the typed record."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from yamjit.errors import ModelError
from yamjit.tflite.graph import (
    Activation,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    GatherOptions,
    MulOptions,
    Op,
    Options,
    Padding,
    ReducerOptions,
    ReshapeOptions,
    SplitOptions,
    StridedSliceOptions,
)

__all__ = ["read_options"]

#: What ``quantized_bias_type`` may say: nothing (FLOAT32 is the default), or INT32, as biases are anyway.
_BIAS_TYPES = (0, 2)
_MAX_RESHAPE_RANK = 64

_Enum = TypeVar("_Enum", bound=enum.IntEnum)


def read_options(op: Op, operator: Any, where: str) -> Options | None:
    """Read an operator's options.

    Parameters
    ----------
    op : Op
    operator : tflite.Operator
        In a verified model.
    where : str
        What errors call the operator.

    Returns
    -------
    Options or None
        None for operators whose options say nothing, and for a RESHAPE without.

    Raises
    ------
    ModelError
        If they are missing, of another operator's type, or hold a value that is not known.
    """
    import tflite

    kind = _KINDS.get(op)
    found = operator.BuiltinOptionsType()
    if found == tflite.BuiltinOptions.NONE:
        if kind is not None and kind.required:
            raise ModelError(f"{kind.table} are missing", operator=where)
        return None
    name = kind.table if kind is not None else "none"
    if kind is None or found != getattr(tflite.BuiltinOptions, name):
        raise ModelError(f"options have type {found}; the operator takes {name}", operator=where)
    generic = operator.BuiltinOptions()
    table = getattr(tflite, name)()
    table.Init(generic.Bytes, generic.Pos)
    try:
        return kind.read(table)
    except _UnknownValueError as error:
        raise ModelError(f"{name}: {error}", operator=where) from None


class _UnknownValueError(Exception):
    """A field holds a value that is not known."""


def _choose(choices: type[_Enum], value: int) -> _Enum:
    try:
        return choices(value)
    except ValueError:
        known = ", ".join(choice.name for choice in choices)
        raise _UnknownValueError(f"{choices.__name__.lower()} {value} is not supported; {known} are") from None


def _require(name: str, value: int, accepted: tuple[int, ...]) -> None:
    if value not in accepted:
        raise _UnknownValueError(f"{name} {value} is not supported; {' or '.join(map(str, accepted))} is")


def _read_conv(table: Any) -> Conv2DOptions:
    _require("quantized_bias_type", table.QuantizedBiasType(), _BIAS_TYPES)
    return Conv2DOptions(
        padding=_choose(Padding, table.Padding()),
        stride_h=table.StrideH(),
        stride_w=table.StrideW(),
        dilation_h=table.DilationHFactor(),
        dilation_w=table.DilationWFactor(),
        activation=_choose(Activation, table.FusedActivationFunction()),
    )


def _read_depthwise(table: Any) -> DepthwiseConv2DOptions:
    return DepthwiseConv2DOptions(
        padding=_choose(Padding, table.Padding()),
        stride_h=table.StrideH(),
        stride_w=table.StrideW(),
        dilation_h=table.DilationHFactor(),
        dilation_w=table.DilationWFactor(),
        depth_multiplier=table.DepthMultiplier(),
        activation=_choose(Activation, table.FusedActivationFunction()),
    )


def _read_fully_connected(table: Any) -> FullyConnectedOptions:
    _require("weights_format", table.WeightsFormat(), (0,))
    _require("quantized_bias_type", table.QuantizedBiasType(), _BIAS_TYPES)
    return FullyConnectedOptions(
        activation=_choose(Activation, table.FusedActivationFunction()),
        keep_num_dims=bool(table.KeepNumDims()),
    )


def _read_reshape(table: Any) -> ReshapeOptions:
    rank = table.NewShapeLength()
    if rank > _MAX_RESHAPE_RANK:
        raise _UnknownValueError(f"new_shape has {rank} dimensions; at most {_MAX_RESHAPE_RANK} are supported")
    return ReshapeOptions(new_shape=tuple(table.NewShape(axis) for axis in range(rank)))


def _read_strided_slice(table: Any) -> StridedSliceOptions:
    _require("offset", table.Offset(), (0,))
    return StridedSliceOptions(
        begin_mask=table.BeginMask(),
        end_mask=table.EndMask(),
        ellipsis_mask=table.EllipsisMask(),
        new_axis_mask=table.NewAxisMask(),
        shrink_axis_mask=table.ShrinkAxisMask(),
    )


def _read_mul(table: Any) -> MulOptions:
    return MulOptions(activation=_choose(Activation, table.FusedActivationFunction()))


class _Kind(NamedTuple):
    """The options table of an operator, and whether the operator can be without."""

    table: str
    read: Callable[[Any], Options | None]
    required: bool = True


_KINDS: Mapping[Op, _Kind] = MappingProxyType(
    {
        Op.CONV_2D: _Kind("Conv2DOptions", _read_conv),
        Op.DEPTHWISE_CONV_2D: _Kind("DepthwiseConv2DOptions", _read_depthwise),
        Op.DEQUANTIZE: _Kind("DequantizeOptions", lambda _: None, required=False),
        Op.FULLY_CONNECTED: _Kind("FullyConnectedOptions", _read_fully_connected),
        Op.GATHER: _Kind("GatherOptions", lambda table: GatherOptions(table.Axis(), table.BatchDims())),
        Op.MEAN: _Kind("ReducerOptions", lambda table: ReducerOptions(bool(table.KeepDims()))),
        Op.MUL: _Kind("MulOptions", _read_mul),
        Op.PAD: _Kind("PadOptions", lambda _: None, required=False),
        Op.QUANTIZE: _Kind("QuantizeOptions", lambda _: None, required=False),
        Op.RESHAPE: _Kind("ReshapeOptions", _read_reshape, required=False),
        Op.RFFT2D: _Kind("Rfft2dOptions", lambda _: None, required=False),
        Op.SPLIT: _Kind("SplitOptions", lambda table: SplitOptions(table.NumSplits())),
        Op.STRIDED_SLICE: _Kind("StridedSliceOptions", _read_strided_slice),
    }
)
