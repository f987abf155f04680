"""A head as operators, of int8 or of float32, joined to a feature of a model's graph; or as a graph of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError, ModelError
from yamjit.plan.features import find_features, with_feature
from yamjit.plan.roles import Role
from yamjit.text import printable
from yamjit.tflite.graph import ANY, Activation, Graph, Op, Quantization, Tensor
from yamjit.tflite.growing import Growing, frozen
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.pruning import pruned
from yamjit.trained.heads import Dense, Head

__all__ = ["Range", "clipped_range", "graft", "graft_floating", "head_alone", "value_ranges", "with_line"]

Float64 = npt.NDArray[np.float64]

#: A sigmoid in steps of 1/256 does not tell logits beyond this apart.
_LARGEST_LOGIT = 8.0

_SCORE_SCALE, _SCORE_ZERO_POINT = 1 / 256, -128


class Range(NamedTuple):
    """Least and greatest output of a layer; `low` <= 0 <= `high`."""

    low: float
    high: float


def value_ranges(head: Head, embeddings: npt.NDArray[np.float32] | None) -> tuple[Range, ...]:
    """Return the range of each layer's outputs on embeddings of many windows [shape=(n, inputs)].

    None gives the logits of a linear head the range that a sigmoid tells apart.
    """
    if embeddings is None:
        return (Range(-_LARGEST_LOGIT, _LARGEST_LOGIT),)
    if not len(embeddings):
        raise InputError("no embeddings; those of the training clips are needed to find the range of a head's values")
    logits = head.logits(embeddings)
    ranges = [clipped_range(float(logits.min()), float(logits.max()))]
    if len(head.layers) == 2:
        weights, bias = head.layers[0]
        hidden = Head(tuple(map(str, range(len(bias)))), "sigmoid", (Dense(weights, bias),)).logits(embeddings)
        ranges.insert(0, Range(0.0, max(float(hidden.max()), 1e-3)))
    return tuple(ranges)


def clipped_range(low: float, high: float) -> Range:
    """Return the range of logits from `low` to `high`, as far as a sigmoid tells them apart."""
    return Range(float(np.clip(low, -_LARGEST_LOGIT, -1.0)), float(np.clip(high, 1.0, _LARGEST_LOGIT)))


def graft(
    graph: Graph, head: Head, ranges: Sequence[Range], *, name: str, keep: bool, roles: Sequence[Role] | None = None
) -> Graph:
    """Join a head of kind "sigmoid" to the feature of a graph that it takes, quantized to int8.

    A graph without that feature, or with one of another size, is refused with a `ModelError`. `ranges` are those of
    `value_ranges`. `name` is that of the output, and the prefix of the new tensors' names. `keep` says whether the
    graph's own outputs stay, before the new one; otherwise everything that only they need is left out. `roles` are
    what its outputs are, as in `find_features`.
    """
    graph, source = _feature(graph, head, roles)
    if source.quantization is None:
        raise ModelError(f"the feature {head.features} is not quantized, as an int8 head needs it", tensor=str(source))
    builder = _Builder(graph, name)
    x, quantization = source.index, source.quantization
    for index, (layer, span) in enumerate(zip(head.layers, ranges, strict=True)):
        last = index == len(head.layers) - 1
        part = "logits" if last else "hidden"
        x, quantization = builder.dense(
            x, quantization, layer, span, part, Activation.NONE if last else Activation.RELU
        )
    x = builder.scores(x, len(head.labels))
    grown = builder.graph((*graph.outputs, x) if keep else (x,))
    return grown if keep else pruned(grown)


def graft_floating(graph: Graph, head: Head, *, name: str, keep: bool, roles: Sequence[Role] | None = None) -> Graph:
    """Join a head of any kind in floating point to the feature of a graph of int8 or of float32; else as `graft`."""
    graph, source = _feature(graph, head, roles)
    builder, x = _Builder(graph, name), source.index
    if source.dtype == np.int8:
        x = builder.operator(Op.DEQUANTIZE, (x,), builder.tensor("embedding", source.shape, np.dtype(np.float32)))
    scores = builder.floating(x, head, rows=1)
    grown = builder.graph((*graph.outputs, scores) if keep else (scores,))
    return grown if keep else pruned(grown)


def head_alone(head: Head, *, name: str) -> Graph:
    """Return a graph of a head and nothing else: embeddings [shape=(any, inputs), float32] to scores."""
    source = Tensor(0, "embedding", (ANY, head.inputs), np.dtype(np.float32))
    builder = _Builder(Graph((source,), (), (0,), ()), name)
    return builder.graph((builder.floating(0, head, rows=ANY),))


def with_line(graph: Graph, place: int, logits: Tensor, line: Dense, span: Range) -> Graph:
    """Put a dense layer between the logits of the output at a place and their sigmoid; `span` is that of its values.

    `logits` replaces the tensor of its index, which nothing but that sigmoid may use.
    """
    assert logits.quantization is not None
    changed = (*graph.tensors[: logits.index], logits, *graph.tensors[logits.index + 1 :])
    builder = _Builder(replace(graph, tensors=changed), f"{graph.tensors[graph.outputs[place]].name}_calibrated")
    x, _ = builder.dense(logits.index, logits.quantization, line, span, "logits", Activation.NONE)
    x = builder.scores(x, len(line.bias))
    return pruned(builder.graph((*graph.outputs[:place], x, *graph.outputs[place + 1 :])))


def _feature(graph: Graph, head: Head, roles: Sequence[Role] | None) -> tuple[Graph, Tensor]:
    """Return a graph that computes the feature that a head takes, and its tensor."""
    found = {feature.name: feature for feature in find_features(graph, roles)}
    feature = found.get(head.features)
    if feature is None:
        known = f"it has {', '.join(found)}" if found else "it has none"
        raise ModelError(f"the head takes the feature {printable(head.features)!r}, which the model has not: {known}")
    if feature.size != head.inputs:
        raise ModelError(f"the feature {feature.name} has {feature.size} values; the head takes {head.inputs}")
    graph, tensor = with_feature(graph, feature)
    return graph, graph.tensors[tensor]


class _Builder(Growing):
    """Adds the layers of heads to a graph."""

    def scores(self, logits: int, classes: int) -> int:
        """Add the sigmoid of logits, and return the scores."""
        shape, quantization = (1, classes), _quantization(_SCORE_SCALE, _SCORE_ZERO_POINT)
        whole = self.tensor("scores_int8", shape, np.dtype(np.int8), quantization)
        scores = self.tensor("scores", shape, np.dtype(np.float32))
        return self.operator(Op.DEQUANTIZE, (self.operator(Op.LOGISTIC, (logits,), whole),), scores)

    def floating(self, source: int, head: Head, rows: int) -> int:
        """Add the layers of a head in floating point, and return its scores; `ANY` stands for any number of rows."""
        for index, layer in enumerate(head.layers):
            part = "logits" if index == len(head.layers) - 1 else "hidden"
            weights = self.tensor(f"{part}/weights", layer.weights.shape, layer.weights.dtype, data=layer.weights)
            bias = self.tensor(f"{part}/bias", layer.bias.shape, layer.bias.dtype, data=layer.bias)
            output = self.tensor(part, (rows, len(layer.bias)), np.dtype(np.float32))
            options = FullyConnectedOptions(Activation.NONE if part == "logits" else Activation.RELU)
            source = self.operator(Op.FULLY_CONNECTED, (source, weights, bias), output, options)
        scores = self.tensor("scores", (rows, len(head.labels)), np.dtype(np.float32))
        if head.kind == "softmax":
            return self.operator(Op.SOFTMAX, (source,), scores, SoftmaxOptions())
        return self.operator(Op.LOGISTIC, (source,), scores)

    def dense(
        self, source: int, quantization: Quantization, layer: Dense, span: Range, part: str, activation: Activation
    ) -> tuple[int, Quantization]:
        """Add a dense layer with one scale for all weights; return its output and the quantization of that."""
        weights = layer.weights.astype(np.float64)
        scale = np.float32(max(float(np.abs(weights).max()), 1e-8) / 127)
        step = np.float32(quantization.scale[0]) * scale
        whole = np.clip(np.rint(weights / scale), -127, 127).astype(np.int8)
        counted = np.rint(layer.bias.astype(np.float64) / step)
        if np.abs(counted).max() >= 2**30:
            raise InputError(f"{self.name}: a bias of {np.abs(layer.bias).max()} is too large for its weights")
        inputs = (
            source,
            self.tensor(f"{part}/weights", whole.shape, whole.dtype, _quantization(scale), frozen(whole)),
            self.tensor(
                f"{part}/bias",
                counted.shape,
                np.dtype(np.int32),
                _quantization(step),
                frozen(counted.astype(np.int32)),
            ),
        )
        given = _spanning(span)
        output = self.tensor(part, (1, len(counted)), np.dtype(np.int8), given)
        return self.operator(Op.FULLY_CONNECTED, inputs, output, FullyConnectedOptions(activation)), given


def _spanning(span: Range) -> Quantization:
    """Return the quantization whose 256 values span a range, with 0 among them."""
    scale = np.float32((span.high - span.low) / 255)
    return _quantization(scale, int(np.clip(np.rint(-128 - span.low / scale), -128, 127)))


def _quantization(scale: float | np.floating, zero_point: int = 0) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))
