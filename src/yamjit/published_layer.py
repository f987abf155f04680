"""The last layer of the YAMNets that Google published, by which their classes are known where a file names none.

Two networks are published, the quantized one and TensorFlow Hub's, both of the 521 classes of AudioSet in one order.
The latter, converted, is a file without names. A network of the same shape may be of any classes: the biases of its
last layer tell, which conversion leaves as they are but for a thousandth.
"""

from __future__ import annotations

import numpy as np

from yamjit.tflite.graph import Graph, Op
from yamjit.tflite.weight_types import real_values

__all__ = ["is_published_layer"]

#: Every 26th bias of each network, in thousandths, and by how much one may be off.
_EVERY = 26
_BIASES = (
    (-477, 208, 113, 14, 71, 119, -392, -84, 189, -358, -79, -120, 172, -87, -74, -206, 127, 181, 308, -379, 328),
    (-206, 110, 37, 86, 74, 110, -273, -66, 139, -280, -77, -87, 114, -60, -60, -191, 64, 114, 185, -270, 177),
)
_TOLERANCE = 5

_CLASSES, _INPUTS = 521, 1024

_SAME_VALUES = (Op.DEQUANTIZE, Op.LOGISTIC, Op.QUANTIZE, Op.RESHAPE, Op.SQUEEZE)


def is_published_layer(graph: Graph, output: int) -> bool:
    """Return whether an output, a tensor of a graph, comes from the last layer of a published YAMNet."""
    producers = {index: operator for operator in graph.operators for index in operator.outputs}
    while (operator := producers.get(output)) is not None and operator.op in _SAME_VALUES:
        output = operator.inputs[0]
    if operator is None or operator.op not in (Op.FULLY_CONNECTED, Op.CONV_2D) or operator.inputs[2:] in ((), (-1,)):
        return False
    weights, bias = graph.tensors[operator.inputs[1]], graph.tensors[operator.inputs[2]]
    if bias.data is None or bias.shape != (_CLASSES,) or weights.nbytes // weights.dtype.itemsize != _CLASSES * _INPUTS:
        return False
    values = real_values(bias) if bias.quantization is not None else bias.data
    return bool((np.abs(_BIASES - 1000 * values[::_EVERY]).max(axis=1) < _TOLERANCE).any())
