"""Operators of the integer network to steps: shapes, folded zero points, integer multipliers.

One function per operator kind, listed in `LOWERINGS`. A lowering reads the graph and answers with a `Step`, or with
an alias where the operator only renames memory (RESHAPE, SPLIT into one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.kernels.program import Column, Rounding, StepOp
from yamjit.plan.quantization import (
    Multipliers,
    activation_range,
    logistic_table,
    mean_multipliers,
    one_shift_offset,
    quantize_multiplier,
)
from yamjit.tflite.graph import Activation, Graph, Op, Operator, Padding, Quantization, Tensor
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

__all__ = ["LOWERINGS", "Alias", "Step", "lower"]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A step before its memory is laid out.

    Parameters
    ----------
    op : StepOp
    operator : Operator
        Where it comes from.
    input, output : int
        Tensor indices.
    columns : mapping of Column to int
        Sizes and clamps.
    constants : mapping of Column to np.ndarray
        What goes into the constants, by the column that will hold its offset.
    """

    op: StepOp
    operator: Operator
    input: int
    output: int
    columns: Mapping[Column, int]
    constants: Mapping[Column, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alias:
    """An operator that does nothing to memory: tensor `output` is tensor `input` under another shape."""

    input: int
    output: int


def lower(graph: Graph, operator: Operator) -> Step | Alias:
    """Lower one operator of the integer network.

    Raises
    ------
    ModelError
        If there is no kernel for what the operator asks.
    """
    lowering = LOWERINGS.get(operator.op)
    if lowering is None:
        raise ModelError("is not part of an integer network", operator=str(operator))
    return lowering(graph, operator)


# -- One function per operator ----------------------------------------------------------------------------------


def _quantize(graph: Graph, operator: Operator) -> Step:
    source, output = _tensor(graph, operator.inputs[0]), _tensor(graph, operator.outputs[0])
    quantization = _quantization(output, operator)
    size = int(np.prod(source.shape, dtype=np.int64))
    return Step(
        StepOp.QUANTIZE,
        operator,
        source.index,
        output.index,
        {**_flat(size), Column.OUTPUT_ZERO_POINT: int(quantization.zero_point[0])},
        {Column.WEIGHTS: quantization.scale},
    )


def _conv_2d(graph: Graph, operator: Operator) -> Step:
    options = operator.options
    if not isinstance(options, Conv2DOptions):
        raise ModelError("has no Conv2DOptions", operator=str(operator))
    weights = np.moveaxis(_weights(graph, operator), 0, -1)  # (co, kh, kw, ci) -> (kh, kw, ci, co)
    window = _window(graph, operator, options, weights.shape[:2])
    pointwise = weights.shape[:2] == (1, 1) and (options.stride_h, options.stride_w) == (1, 1)
    columns = {**_images(graph, operator), **({} if pointwise else window)}
    return _accumulating(
        StepOp.POINTWISE if pointwise else StepOp.CONV,
        graph,
        operator,
        weights[0, 0] if pointwise else weights,
        options.activation,
        columns,
    )


def _depthwise_conv_2d(graph: Graph, operator: Operator) -> Step:
    options = operator.options
    if not isinstance(options, DepthwiseConv2DOptions) or options.depth_multiplier != 1:
        raise ModelError("a depth multiplier of 1 is accepted", operator=str(operator))
    weights = _weights(graph, operator)[0]
    columns = {**_images(graph, operator), **_window(graph, operator, options, weights.shape[:2])}
    if columns[Column.INPUT_C] != columns[Column.OUTPUT_C]:
        raise ModelError("as many output as input channels are accepted", operator=str(operator))
    return _accumulating(StepOp.DEPTHWISE, graph, operator, weights, options.activation, columns)


def _fully_connected(graph: Graph, operator: Operator) -> Step:
    options = operator.options
    if not isinstance(options, FullyConnectedOptions):
        raise ModelError("has no FullyConnectedOptions", operator=str(operator))
    weights = _weights(graph, operator).T
    size = int(np.prod(_tensor(graph, operator.inputs[0]).shape, dtype=np.int64))
    if size != weights.shape[0]:
        raise ModelError(f"{weights.shape[0]} inputs per patch are accepted, found {size}", operator=str(operator))
    columns = {**_flat(weights.shape[0]), Column.OUTPUT_C: weights.shape[1]}
    return _accumulating(StepOp.POINTWISE, graph, operator, weights, options.activation, columns, Rounding.REAL)


def _mean(graph: Graph, operator: Operator) -> Step:
    source, output = _tensor(graph, operator.inputs[0]), _tensor(graph, operator.outputs[0])
    axes = _tensor(graph, operator.inputs[1]).data
    height, width, channels = _image(graph, operator, source.index)
    if axes is None or sorted(axis % 4 for axis in axes.reshape(-1).tolist()) != [1, 2]:
        raise ModelError("the mean over axes 1 and 2 of an image is accepted", operator=str(operator))
    quantized, result = _quantization(source, operator), _quantization(output, operator)
    scale = float(quantized.scale[0]) / float(result.scale[0])
    multipliers = mean_multipliers(scale, height * width)
    bias = np.full(channels, -int(quantized.zero_point[0]) * height * width, np.int64)
    bound = np.full(channels, 256 * height * width, np.int64)
    columns = {
        Column.INPUT_H: height,
        Column.INPUT_W: width,
        Column.INPUT_C: channels,
        Column.OUTPUT_H: 1,
        Column.OUTPUT_W: 1,
        Column.OUTPUT_C: channels,
        **_clamps(-128, 127, result),
        Column.ROUNDING: Rounding.TWICE,
    }
    constants = _requantization(operator, bias, bound, _broadcast(multipliers, channels), Rounding.TWICE)
    return Step(StepOp.MEAN, operator, source.index, output.index, columns, constants)


def _logistic(graph: Graph, operator: Operator) -> Step:
    source, output = _tensor(graph, operator.inputs[0]), _tensor(graph, operator.outputs[0])
    table = logistic_table(_quantization(source, operator), int(_quantization(output, operator).zero_point[0]))
    size = int(np.prod(source.shape, dtype=np.int64))
    return Step(StepOp.LOOKUP, operator, source.index, output.index, _flat(size), {Column.WEIGHTS: table})


def _reshape(graph: Graph, operator: Operator) -> Alias:
    return Alias(operator.inputs[0], operator.outputs[0])


def _split(graph: Graph, operator: Operator) -> Alias:
    if len(operator.outputs) != 1:
        raise ModelError(f"a split into one is accepted, this one has {len(operator.outputs)}", operator=str(operator))
    return Alias(operator.inputs[1], operator.outputs[0])


LOWERINGS: dict[Op, Callable[[Graph, Operator], Step | Alias]] = {
    Op.QUANTIZE: _quantize,
    Op.CONV_2D: _conv_2d,
    Op.DEPTHWISE_CONV_2D: _depthwise_conv_2d,
    Op.FULLY_CONNECTED: _fully_connected,
    Op.MEAN: _mean,
    Op.LOGISTIC: _logistic,
    Op.RESHAPE: _reshape,
    Op.SPLIT: _split,
}


# -- What they share --------------------------------------------------------------------------------------------


def _accumulating(
    op: StepOp,
    graph: Graph,
    operator: Operator,
    weights: npt.NDArray[np.int8],
    activation: Activation,
    columns: Mapping[Column, int],
    rounding: Rounding | None = None,
) -> Step:
    """Make the step of an operator that sums products: weights with the output channels last."""
    source, output = _tensor(graph, operator.inputs[0]), _tensor(graph, operator.outputs[0])
    quantized, result = _quantization(source, operator), _quantization(output, operator)
    channels = weights.shape[-1]
    filters = _quantization(_tensor(graph, operator.inputs[1]), operator)
    scale = float(quantized.scale[0]) * filters.scale.astype(np.float64) / float(result.scale[0])
    multipliers = quantize_multiplier(np.broadcast_to(scale, channels))
    low, high = activation_range(activation, result)
    if rounding is None:
        hidden = low >= int(result.zero_point[0]) and int(multipliers.shift.max()) <= 0
        rounding = Rounding.ONE_SHIFT if hidden else Rounding.TWICE
    sums = weights.reshape(-1, channels).astype(np.int64)
    bias = _bias(graph, operator, channels)
    bound = np.abs(bias) + 256 * np.abs(sums).sum(axis=0)
    if op == StepOp.POINTWISE:
        bias = bias - int(quantized.zero_point[0]) * sums.sum(axis=0)
    return Step(
        op,
        operator,
        source.index,
        output.index,
        {**columns, **_clamps(low, high, result), Column.ROUNDING: rounding},
        {Column.WEIGHTS: weights, **_requantization(operator, bias, bound, multipliers, rounding)},
    )


def _requantization(
    operator: Operator,
    bias: npt.NDArray[np.int64],
    bound: npt.NDArray[np.int64],
    multipliers: Multipliers,
    rounding: Rounding,
) -> dict[Column, npt.NDArray[np.generic]]:
    """Return the constants of a requantization, once it is proven that nothing in it can overflow.

    `bound` is the largest magnitude that an accumulator can reach, per channel.
    """
    reach = bound * np.maximum(multipliers.scale, 1.0)
    doubled = bound * np.exp2(np.clip(multipliers.shift, 0, 62))
    if (np.maximum(reach, doubled) >= 2.0**31 - 256).any():
        channel = int(np.argmax(np.maximum(reach, doubled)))
        raise ModelError(f"the accumulator of channel {channel} could overflow 32 bits", operator=str(operator))
    offset = one_shift_offset(multipliers) if rounding == Rounding.ONE_SHIFT else np.zeros(bias.size, np.int64)
    return {
        Column.BIAS: bias.astype(np.int32),
        Column.MULTIPLIER: multipliers.multiplier,
        Column.SHIFT: multipliers.shift,
        Column.OFFSET: offset,
        Column.SCALE: multipliers.scale,
    }


def _broadcast(multipliers: Multipliers, channels: int) -> Multipliers:
    return Multipliers(
        np.repeat(multipliers.scale, channels),
        np.repeat(multipliers.multiplier, channels),
        np.repeat(multipliers.shift, channels),
    )


def _tensor(graph: Graph, index: int) -> Tensor:
    return graph.tensors[index]


def _quantization(tensor: Tensor, operator: Operator) -> Quantization:
    if tensor.quantization is None:
        raise ModelError("has no quantization", operator=str(operator), tensor=str(tensor))
    return tensor.quantization


def _weights(graph: Graph, operator: Operator) -> npt.NDArray[np.int8]:
    tensor = _tensor(graph, operator.inputs[1])
    if tensor.data is None or tensor.dtype != np.int8:
        raise ModelError("weights must be int8 constants", operator=str(operator), tensor=str(tensor))
    if _quantization(tensor, operator).zero_point.any():
        raise ModelError("weights must have the zero point 0", operator=str(operator), tensor=str(tensor))
    return tensor.data.view(np.int8)


def _bias(graph: Graph, operator: Operator, channels: int) -> npt.NDArray[np.int64]:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(channels, np.int64)
    tensor = _tensor(graph, operator.inputs[2])
    if tensor.data is None or tensor.data.size != channels:
        raise ModelError(f"a constant bias for {channels} channels is accepted", operator=str(operator))
    return tensor.data.reshape(-1).astype(np.int64)


def _flat(size: int) -> dict[Column, int]:
    """Columns of a step that sees a patch as `size` values in a row."""
    one = dict.fromkeys((Column.INPUT_H, Column.INPUT_W, Column.OUTPUT_H, Column.OUTPUT_W), 1)
    return {**one, Column.INPUT_C: size, Column.OUTPUT_C: size}


def _image(graph: Graph, operator: Operator, index: int) -> tuple[int, int, int]:
    """Return (height, width, channels) of the one image that a tensor is."""
    tensor = _tensor(graph, index)
    if len(tensor.shape) != 4 or tensor.shape[0] != 1:
        raise ModelError(
            f"one image (1, height, width, channels) is accepted, found {tensor.shape}",
            operator=str(operator),
            tensor=str(tensor),
        )
    return tensor.shape[1], tensor.shape[2], tensor.shape[3]


def _images(graph: Graph, operator: Operator) -> dict[Column, int]:
    input_h, input_w, input_c = _image(graph, operator, operator.inputs[0])
    output_h, output_w, output_c = _image(graph, operator, operator.outputs[0])
    return {
        Column.INPUT_H: input_h,
        Column.INPUT_W: input_w,
        Column.INPUT_C: input_c,
        Column.OUTPUT_H: output_h,
        Column.OUTPUT_W: output_w,
        Column.OUTPUT_C: output_c,
    }


def _window(
    graph: Graph,
    operator: Operator,
    options: Conv2DOptions | DepthwiseConv2DOptions,
    kernel: tuple[int, ...],
) -> dict[Column, int]:
    """Columns that say how the kernel walks; SAME puts the odd row or column of padding at the end."""
    if (options.dilation_h, options.dilation_w) != (1, 1):
        raise ModelError("a dilation of 1 is accepted", operator=str(operator))
    source, output = _tensor(graph, operator.inputs[0]), _tensor(graph, operator.outputs[0])
    pad_top = _padding(options.padding, source.shape[1], output.shape[1], kernel[0], options.stride_h)
    pad_left = _padding(options.padding, source.shape[2], output.shape[2], kernel[1], options.stride_w)
    return {
        Column.KERNEL_H: kernel[0],
        Column.KERNEL_W: kernel[1],
        Column.STRIDE_H: options.stride_h,
        Column.STRIDE_W: options.stride_w,
        Column.PAD_TOP: pad_top,
        Column.PAD_LEFT: pad_left,
        Column.INPUT_ZERO_POINT: int(_quantization(source, operator).zero_point[0]),
    }


def _padding(padding: Padding, size_in: int, size_out: int, kernel: int, stride: int) -> int:
    if padding == Padding.VALID:
        return 0
    return max(0, (size_out - 1) * stride + kernel - size_in) // 2


def _clamps(low: int, high: int, result: Quantization) -> dict[Column, int]:
    return {
        Column.OUTPUT_ZERO_POINT: int(result.zero_point[0]),
        Column.ACTIVATION_MIN: low,
        Column.ACTIVATION_MAX: high,
    }
