"""A trained network as the bytes of a ``.tflite``: quantized as the official file is, with labels and metadata."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tests.support.graphs import GraphBuilder, quantization
from tests.support.synthetic import add_front_end
from yamjit.tflite.graph import Activation, Op
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.writer import write_graph

__all__ = ["DESCRIPTION", "LABEL_FILE", "NAME", "VERSION", "FoldedLayer", "FoldedNetwork", "Layer", "export"]

Floats = npt.NDArray[np.float64]

NAME, VERSION = "yamjit/starter", "v1"
DESCRIPTION = (
    "A small YAMNet trained by the yamjit project on synthesised sounds only. It knows a few kinds of sound well when "
    "they are as clean as their synthesis; real recordings want the official YAMNet (yamjit fetch)."
)
LABEL_FILE = "starter_label_list.txt"
AUTHOR = "The yamjit developers"
LICENSE = "Apache License. Version 2.0 http://www.apache.org/licenses/LICENSE-2.0."

#: As in the official file: log-mel values from 0.001 up, and ReLU6 over the 255 steps of int8.
PATCH_SCALE, PATCH_ZERO_POINT = 0.048, 16
RELU6_SCALE = 6 / 255


class Layer(enum.Enum):
    """The two kinds of convolution."""

    CONV = Op.CONV_2D
    DEPTHWISE = Op.DEPTHWISE_CONV_2D


@dataclass(frozen=True, eq=False)
class FoldedLayer:
    """A convolution with ReLU6, its normalisation folded in.

    Parameters
    ----------
    kind : Layer
    stride : int
    weights : np.ndarray [shape=(outputs, kernel, kernel, inputs), or (1, kernel, kernel, outputs) if depthwise]
    bias : np.ndarray [shape=(outputs,)]
    """

    kind: Layer
    stride: int
    weights: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class FoldedNetwork:
    """All that is exported.

    Parameters
    ----------
    layers : sequence of FoldedLayer
    weights : np.ndarray [shape=(classes, channels)]
        Weights of the dense layer.
    bias : np.ndarray [shape=(classes,)]
    highest_embedding : float
    logit_range : tuple of float
        Lowest and highest logit that is to be told apart from those beyond.
    """

    layers: Sequence[FoldedLayer]
    weights: Floats
    bias: Floats
    highest_embedding: float
    logit_range: tuple[float, float]


def export(network: FoldedNetwork, labels: Sequence[str]) -> bytes:
    """Quantize a network and write it.

    Parameters
    ----------
    network : FoldedNetwork
    labels : sequence of str
        One for each class.

    Returns
    -------
    bytes
        The same for the same network, on any machine.
    """
    graph = GraphBuilder()
    waveform, patch = add_front_end(graph, PATCH_SCALE, PATCH_ZERO_POINT)
    body = _Body(graph, patch)
    for number, layer in enumerate(network.layers, 1):
        body.convolution(f"layer{number}", layer)
    body.mean(network.highest_embedding / 255)
    body.scores(network)
    files = {LABEL_FILE: "".join(f"{label}\n" for label in labels).encode()}
    built = graph.build([waveform], [body.tensor], description=NAME, metadata=_metadata(), files=files)
    return write_graph(built)


class _Body:
    """Adds the int8 layers to a graph."""

    def __init__(self, graph: GraphBuilder, tensor: int) -> None:
        self._graph, self.tensor, self._scale = graph, tensor, PATCH_SCALE

    def convolution(self, name: str, layer: FoldedLayer) -> None:
        """Add a convolution with ReLU6, its weights quantized per output channel."""
        axis = 0 if layer.kind is Layer.CONV else 3
        others = tuple(k for k in range(4) if k != axis)
        scales = _scales(np.abs(layer.weights).max(axis=others))
        shaped = scales.reshape([-1 if k == axis else 1 for k in range(4)])
        constants = self._constants(name, layer.weights / shaped, axis, layer.bias, scales)
        kind = Conv2DOptions if layer.kind is Layer.CONV else DepthwiseConv2DOptions
        options = kind(stride_h=layer.stride, stride_w=layer.stride, activation=Activation.RELU6)
        _, height, width, _ = self._graph.tensor(self.tensor).shape
        shape = (1, height // layer.stride, width // layer.stride, layer.bias.size)
        output = self._graph.activation(shape, np.int8, quantization(RELU6_SCALE, -128), name)
        self.tensor = self._graph.operator(layer.kind.value, [self.tensor, *constants], output, options)
        self._scale = RELU6_SCALE

    def mean(self, scale: float) -> None:
        """Add the ``MEAN`` over height and width: the embedding."""
        channels = self._graph.tensor(self.tensor).shape[3]
        axes = self._graph.constant(np.array([1, 2], dtype=np.int32), name="embedding/axes")
        output = self._graph.activation((1, 1, 1, channels), np.int8, quantization(scale, -128), "embedding")
        self.tensor = self._graph.operator(Op.MEAN, [self.tensor, axes], output, ReducerOptions(keep_dims=True))
        self._scale = float(np.float32(scale))

    def scores(self, network: FoldedNetwork) -> None:
        """Add the dense layer, with one scale for all weights, and the logistic function."""
        shape = (1, network.bias.size)
        low, high = network.logit_range
        scale = (high - low) / 255
        zero_point = int(np.clip(np.rint(-128 - low / scale), -128, 127))
        weight_scale = _scales(np.abs(network.weights).max(keepdims=True).ravel())
        constants = self._constants("logits", network.weights / weight_scale, 0, network.bias, weight_scale)
        logits = self._graph.activation(shape, np.int8, quantization(scale, zero_point), "logits")
        x = self._graph.operator(Op.FULLY_CONNECTED, [self.tensor, *constants], logits, FullyConnectedOptions())
        scores = self._graph.activation(shape, np.int8, quantization(1 / 256, -128), "scores/int8")
        x = self._graph.operator(Op.LOGISTIC, [x], scores)
        self.tensor = self._graph.operator(Op.DEQUANTIZE, [x], self._graph.activation(shape, name="scores"))

    def _constants(
        self, name: str, weights: Floats, axis: int, bias: Floats, scales: npt.NDArray[np.float32]
    ) -> tuple[int, int]:
        """Add weights, given in steps of their scales, and the bias in steps of the products."""
        steps = scales * np.float32(self._scale)
        whole = np.clip(np.rint(weights), -127, 127).astype(np.int8)
        counted = np.rint(bias / steps.astype(np.float64))
        if np.abs(counted).max() >= 2**31:
            raise ValueError(f"{name}: a bias of {bias} does not fit 32 bits in steps of {steps}")
        return (
            self._graph.constant(whole, quantization(scales, 0, axis), f"{name}/weights"),
            self._graph.constant(counted.astype(np.int32), quantization(steps), f"{name}/bias"),
        )


def _scales(largest: Floats) -> npt.NDArray[np.float32]:
    """Return scales with which the largest magnitude takes 127 steps; a channel of zeros gets any."""
    return (np.maximum(largest, 1e-6) / 127).astype(np.float32)


def _metadata() -> Metadata:
    labels = AssociatedFile(LABEL_FILE, "Names of the classes, as in AudioSet.", FileType.TENSOR_AXIS_LABELS)
    waveform = TensorMetadata("audio_clip", "Input audio clip to be classified.", audio=AudioProperties(16_000, 1))
    scores = TensorMetadata(
        "scores", "Score of each class.", stats_min=(0.0,), stats_max=(1.0,), associated_files=(labels,)
    )
    return Metadata(
        name=NAME,
        description=DESCRIPTION,
        version=VERSION,
        author=AUTHOR,
        license=LICENSE,
        min_parser_version="1.3.0",
        subgraphs=(SubgraphMetadata(inputs=(waveform,), outputs=(scores,)),),
    )
