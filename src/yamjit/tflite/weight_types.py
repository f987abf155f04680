"""A graph of integers in floating point, and one in floating point with int8 weights: one network, other arithmetic.

Models circulate in three types of weights: int8 throughout; float32; and int8 weights with float32 activations, which
TFLite's converter calls dynamic-range quantization ("dynamic").
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.tflite.graph import Arithmetic, Graph, Op, Operator, Quantization, Tensor
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.pruning import moved, pruned

__all__ = ["dynamic_range", "floating", "real_values"]

_FLOAT32, _INT8, _INT32 = np.dtype(np.float32), np.dtype(np.int8), np.dtype(np.int32)

_CASTS = (Op.QUANTIZE, Op.DEQUANTIZE)

#: Axis of the output channels of the weights of products, and the version of operators with int8 weights alone.
_PRODUCTS = {Op.CONV_2D: (0, 5), Op.DEPTHWISE_CONV_2D: (3, 6), Op.FULLY_CONNECTED: (0, 12)}

#: Fewest weights of a layer that TFLite's converter quantizes.
_FEWEST = 1024

_LARGEST = 127


def real_values(tensor: Tensor) -> npt.NDArray[np.float32]:
    """Return a quantized constant as real numbers: ``scale * (quantized - zero_point)``."""
    quantization = tensor.quantization
    if tensor.data is None or quantization is None:
        raise ModelError("is not a quantized constant", tensor=str(tensor))
    scale, zero_point = quantization.scale, quantization.zero_point
    if quantization.per_channel:
        shape = [-1 if axis == quantization.dimension else 1 for axis in range(len(tensor.shape))]
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    data: npt.NDArray[Any] = tensor.data
    return ((data.astype(np.float64) - zero_point) * scale).astype(np.float32)


def floating(graph: Graph) -> Graph:
    """Return a quantized graph in floating point.

    Every quantized tensor becomes float32: constants are the real numbers that they stand for, and conversions between
    integers and real numbers are left out. Scores come close to those of the integers, which are rounded in each layer.
    An input or output that is quantized is float32 as well. TFLite's reference kernels are those that it is computed
    like, whichever the graph was: others compute floats in an order that depends on the machine.

    Parameters
    ----------
    graph : Graph
        Graph of int8 operators, perhaps with float32 ones before them.

    Raises
    ------
    ModelError
        If a constant of int8 or a bias has no scale.
    """
    source: dict[int, int] = {}
    for operator in graph.operators:
        if operator.op in _CASTS:
            source[operator.outputs[0]] = source.get(operator.inputs[0], operator.inputs[0])
    biases = {o.inputs[2] for o in graph.operators if o.op in _PRODUCTS and len(o.inputs) > 2}
    tensors = [_real(t) if t.dtype == _INT8 or (t.dtype == _INT32 and t.index in biases) else t for t in graph.tensors]
    for output in graph.outputs:
        if (place := source.get(output, output)) not in graph.inputs:
            tensors[place] = replace(tensors[place], name=graph.tensors[output].name)
    operators = [
        replace(operator, inputs=moved(operator.inputs, source), version=_version(graph, operator))
        for operator in graph.operators
        if operator.op not in _CASTS
    ]
    changed = replace(graph, tensors=tuple(tensors), operators=tuple(operators), outputs=moved(graph.outputs, source))
    return pruned(replace(changed, arithmetic=Arithmetic.REFERENCE))


def dynamic_range(graph: Graph) -> Graph:
    """Return a graph of float32 operators with int8 weights, as TFLite's converter writes it.

    The weights of each layer with 1024 or more get a scale for each output channel, and are rounded to integers in
    [-127, 127]; activations stay float32, and are quantized when the model runs. The front end, all that comes before
    the logarithm of its spectrogram, stays as it is.

    Parameters
    ----------
    graph : Graph
        Graph of float32 operators, such as `floating` returns.
    """
    tensors, first = list(graph.tensors), max((o.index for o in graph.operators if o.op == Op.LOG), default=-1)
    operators = list(graph.operators)
    for operator in operators[first + 1 :]:
        weights = tensors[operator.inputs[1]] if operator.op in _PRODUCTS else None
        if weights is None or weights.data is None or weights.dtype != _FLOAT32 or math.prod(weights.shape) < _FEWEST:
            continue
        axis, version = _PRODUCTS[operator.op]
        tensors[weights.index] = _whole(weights, axis)
        options = operator.options
        if isinstance(options, FullyConnectedOptions):
            options = replace(options, asymmetric_quantize_inputs=True)
        operators[operator.index] = replace(operator, options=options, version=version)
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _real(tensor: Tensor) -> Tensor:
    data = None if tensor.data is None else _frozen(real_values(tensor))
    return replace(tensor, dtype=_FLOAT32, quantization=None, data=data)


def _whole(weights: Tensor, axis: int) -> Tensor:
    """Return weights as integers with a scale for each channel of the axis."""
    data: npt.NDArray[Any] = np.asarray(weights.data)
    others = tuple(k for k in range(data.ndim) if k != axis)
    largest = np.abs(data).max(axis=others, keepdims=True)
    scale = np.where(largest > 0, largest / np.float32(_LARGEST), np.float32(1)).astype(np.float32)
    whole = np.clip(np.rint(data / scale), -_LARGEST, _LARGEST).astype(np.int8)
    quantization = Quantization(scale.reshape(-1), np.zeros(scale.size, np.int64), axis)
    return replace(weights, dtype=_INT8, quantization=quantization, data=_frozen(whole))


def _version(graph: Graph, operator: Operator) -> int:
    """Return the version of an operator without integers: the first, if it had some."""
    of_integers = any(graph.tensors[i].dtype == _INT8 for i in (*operator.inputs, *operator.outputs) if i >= 0)
    return 1 if of_integers else operator.version


def _frozen(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    values.flags.writeable = False
    return values
