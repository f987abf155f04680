"""The weights of a model in floating point, as a start for a network in another framework.

Names are ``NN_kind/weights`` and ``NN_kind/bias``, numbered in the order in which the layers run:

========== ============================= =======================================================
kind       axes of the weights           what it is
========== ============================= =======================================================
conv       outputs, height, width, in    a convolution
depthwise  1, height, width, channels    a convolution of each channel by itself
dense      outputs, inputs               a dense layer; its input is the embedding, or a hidden layer
========== ============================= =======================================================

Convolutions pad as TensorFlow's SAME does: of an odd number of rows or columns, the larger part comes after the image.
`layers` tells what comes between the layers. ``front_end/...`` are window, mel basis and log offset of the log-mel
spectrogram.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.errors import ModelError
from yamjit.keywords import explained
from yamjit.npz import write_arrays
from yamjit.plan.plan import Plan
from yamjit.plan.seam import find_seam
from yamjit.reprs import brief_repr, shown_briefly
from yamjit.tflite.graph import Graph, Op, Operator, Tensor
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.weight_types import real_values

__all__ = ["FORMATS", "Layer", "float_weights", "layers", "write_weights"]

Float32 = npt.NDArray[np.float32]

#: Formats that weights can be written in.
FORMATS = ("npz", "safetensors")

_KINDS = {Op.CONV_2D: "conv", Op.DEPTHWISE_CONV_2D: "depthwise", Op.FULLY_CONNECTED: "dense"}


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layer:
    """A layer that has weights.

    Parameters
    ----------
    name : str
        Name of the layer, such as ``"00_conv"``.
    kind : {"conv", "depthwise", "dense"}
    weights : np.ndarray [float32]
        Weights, with the axes that the module lists.
    bias : np.ndarray [shape=(outputs,), float32]
    stride : tuple of int
        Stride along height and width.
    padding : {"SAME", "VALID"}
    activation : {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}
    """

    name: str
    kind: str
    weights: Float32
    bias: Float32
    stride: tuple[int, int] = (1, 1)
    padding: str = "SAME"
    activation: str = "NONE"


class Weights(dict[str, Float32]):
    """Weights by name, of which the first few are printed."""

    def __repr__(self) -> str:
        return shown_briefly(dict(self), 400)


@explained
def layers(graph: Graph) -> tuple[Layer, ...]:
    """Return the layers of a model's network, in the order in which they run, in floating point.

    Raises
    ------
    ModelError
        If the weights of a layer are not a constant, of floats or quantized.
    """
    found = [operator for operator in find_seam(graph).network if operator.op in _KINDS]
    return tuple(_layer(graph, number, operator) for number, operator in enumerate(found))


@explained
def float_weights(graph: Graph, plan: Plan | None = None) -> dict[str, Float32]:
    """Return all weights by name.

    Parameters
    ----------
    graph : Graph
    plan : Plan, optional
        Plan of the same model; if given, the constants of the front end are returned as well.
    """
    found = Weights()
    for layer in layers(graph):
        found |= {f"{layer.name}/weights": layer.weights, f"{layer.name}/bias": layer.bias}
    if plan is not None and plan.front_end is not None:
        for name in ("window", "mel_basis", "log_offset"):
            found[f"front_end/{name}"] = getattr(plan.front_end, name)
    return found


def _layer(graph: Graph, number: int, operator: Operator) -> Layer:
    weights = _real(graph.tensors[operator.inputs[1]], operator)
    outputs = weights.shape[-1 if operator.op == Op.DEPTHWISE_CONV_2D else 0]
    has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    bias = _real(graph.tensors[operator.inputs[2]], operator) if has_bias else np.zeros(outputs, np.float32)
    kind = _KINDS[operator.op]
    options = operator.options
    layer = Layer(f"{number:02d}_{kind}", kind, weights, bias.reshape(-1))
    if isinstance(options, Conv2DOptions | DepthwiseConv2DOptions | FullyConnectedOptions):
        layer = replace(layer, activation=options.activation.name)
    if isinstance(options, Conv2DOptions | DepthwiseConv2DOptions):
        layer = replace(layer, stride=(options.stride_h, options.stride_w), padding=options.padding.name)
    return layer


def _real(tensor: Tensor, operator: Operator) -> Float32:
    """Return a constant, of floats or quantized, as real numbers."""
    if tensor.data is not None and tensor.dtype == np.float32:
        return tensor.data.astype(np.float32)
    if tensor.data is None or tensor.quantization is None:
        raise ModelError("has weights that are not a quantized constant", operator=str(operator), tensor=str(tensor))
    return real_values(tensor)


# -- Files ------------------------------------------------------------------------------------------------------


@explained
def write_weights(weights: Mapping[str, npt.ArrayLike], form: str, about: Mapping[str, str] | None = None) -> bytes:
    """Write weights as a file that other frameworks read.

    Parameters
    ----------
    weights : mapping of str to array_like
        Weights by name, written as float32.
    form : {"npz", "safetensors"}
        Format of the file.
    about : mapping of str to str, optional
        Text about the weights, by name; only safetensors files contain it.

    Returns
    -------
    bytes
        Content of the file; the same weights always give the same bytes.

    Raises
    ------
    InputError
        If there is no such format.
    """
    checks.choice(form, "form", FORMATS)
    checks.instance(weights, "weights", Mapping)
    checks.instance(about, "about", Mapping, type(None))
    said = {checks.text(name, "about"): checks.text(text, name) for name, text in dict(about or {}).items()}
    arrays = {
        checks.text(name, "a name"): np.ascontiguousarray(checks.array(array, name, "<f4"))
        for name, array in weights.items()
    }
    return write_arrays(arrays) if form == "npz" else b"".join(_safetensors(arrays, said))


def _safetensors(arrays: Mapping[str, npt.NDArray[np.generic]], about: dict[str, str]) -> Iterator[bytes]:
    """Yield the parts of a file: the length of the header, the header, and the values of each array."""
    header: dict[str, object] = {"__metadata__": about} if about else {}
    end = 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": (end, end + array.nbytes)}
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little")
    yield text
    for array in arrays.values():
        yield array.tobytes()
