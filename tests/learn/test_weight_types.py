"""Models in floating point and with int8 weights alone: the same network, as TFLite's runtime runs it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reference.runtime import Runtime, runtime_available
from yamjit.classifier import Classifier
from yamjit.errors import InputError, ModelError
from yamjit.learn import ModelCard, export_head, export_model
from yamjit.loading import load
from yamjit.tflite import Graph, Op, read_graph, validate_graph, write_graph
from yamjit.tflite.graph import Arithmetic
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.patching import read_described, replace_metadata
from yamjit.tflite.weight_types import dynamic_range, floating
from yamjit.trained.heads import Dense, Head
from yamjit.weights import layers

PRODUCTS = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)
LABELS = ("Amsel", "Drossel", "Fink")

requires_runtime = pytest.mark.skipif(not runtime_available(), reason="needs a TFLite runtime")


@pytest.fixture(scope="module")
def model(real_model_path: Path) -> Classifier:
    return load(real_model_path, backend="numpy")


@pytest.fixture(scope="module")
def real(model: Classifier) -> Graph:
    return floating(model.graph)


def head_of(model: Classifier, hidden: int = 0, kind: str = "softmax") -> Head:
    dice = np.random.Generator(np.random.PCG64(hidden))
    assert model.plan.embedding is not None
    sizes = [int(np.prod(model.plan.embedding.shape)), *([hidden] if hidden else []), len(LABELS)]
    pairs = pairwise(sizes)
    return Head(LABELS, kind, tuple(Dense(dice.normal(0, a**-0.5, (b, a)), dice.normal(0, 1, b)) for a, b in pairs))


def windows(count: int = 3) -> list[np.ndarray]:
    dice = np.random.Generator(np.random.PCG64(1))
    tones = [0.5 * np.sin(np.arange(15_600) * step) for step in (0.05, 0.2)]
    return [np.asarray(w, np.float32) for w in (dice.uniform(-0.3, 0.3, 15_600), *tones)][:count]


# -- Graphs -------------------------------------------------------------------------------------------------------


def test_nothing_is_left_of_the_integers(model: Classifier, real: Graph) -> None:
    assert not any(tensor.dtype == np.int8 for tensor in real.tensors)
    assert not {Op.QUANTIZE, Op.DEQUANTIZE} & {operator.op for operator in real.operators}
    for old, new in zip((model.graph.outputs, model.graph.inputs), (real.outputs, real.inputs), strict=True):
        assert [real.tensors[i].name for i in new] == [model.graph.tensors[i].name for i in old]
        assert [real.tensors[i].shape for i in new] == [model.graph.tensors[i].shape for i in old]
    validate_graph(real)


def test_the_weights_are_those_of_the_model(model: Classifier, real: Graph) -> None:
    products = [operator for operator in real.operators if operator.op in PRODUCTS][-len(layers(model.graph)) :]
    for layer, operator in zip(layers(model.graph), products, strict=True):
        weights, bias = (real.tensors[index] for index in operator.inputs[1:])
        np.testing.assert_array_equal(weights.data, layer.weights)
        np.testing.assert_array_equal(bias.data, layer.bias)
        assert operator.version == 1


def test_weights_as_integers(real: Graph) -> None:
    """A step is 1/127 of the largest weight of a channel, and no weight is off by more than half of one."""
    whole = dynamic_range(real)
    validate_graph(whole)
    small = large = 0
    for operator in whole.operators:
        if operator.op not in PRODUCTS:
            continue
        before, after = real.tensors[operator.inputs[1]], whole.tensors[operator.inputs[1]]
        in_front = operator.index < max(o.index for o in whole.operators if o.op == Op.LOG)
        if in_front or before.data is None or before.data.size < 1024:
            small += 1
            assert after.dtype == np.float32
            continue
        large += 1
        assert after.data is not None
        assert after.quantization is not None
        axis = after.quantization.dimension
        shape = [-1 if k == axis else 1 for k in range(after.data.ndim)]
        scale = after.quantization.scale.reshape(shape)
        assert np.abs(after.data * scale - before.data).max() <= scale.max() / 2 * (1 + 1e-6)
        assert np.abs(after.data).max() == 127
        assert not np.any(after.data == -128)
        if isinstance(operator.options, FullyConnectedOptions):
            assert operator.options.asymmetric_quantize_inputs
    assert small
    assert large


def test_what_is_written_is_read(real: Graph) -> None:
    for graph in (real, dynamic_range(real)):
        data = write_graph(graph)
        assert write_graph(read_graph(data)) == data


def test_channels_without_weights(real: Graph) -> None:
    """A channel of zeros has a scale as well."""
    operator = real.operators[-2] if real.operators[-2].op == Op.FULLY_CONNECTED else real.operators[-3]
    weights = real.tensors[operator.inputs[1]]
    data = np.array(weights.data)
    data[0] = 0
    tensors = list(real.tensors)
    tensors[weights.index] = type(weights)(weights.index, weights.name, weights.shape, weights.dtype, None, data)
    graph = dynamic_range(type(real)(tuple(tensors), real.operators, real.inputs, real.outputs))
    found = graph.tensors[weights.index]
    assert found.data is not None
    assert found.quantization is not None
    assert not np.asarray(found.data)[0].any()
    assert found.quantization.scale[0] == 1


# -- Heads --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["mixed", "float32", "dynamic"])
@pytest.mark.parametrize("keep", [True, False])
def test_a_model_with_a_head(model: Classifier, weights: str, keep: bool) -> None:
    data = export_model(model, head_of(model), None, ModelCard(keep=keep), weights=weights)
    described = read_described(data)
    graph = read_graph(data)
    assert [end.shape for end in described.outputs] == ([(1, len(model.labels))] if keep else []) + [(1, len(LABELS))]
    assert graph.operators[-1].op == Op.SOFTMAX
    assert described.files["custom_labels.txt"].decode().split() == list(LABELS)
    assert described.metadata is not None
    assert described.metadata.subgraphs[0].outputs[-1].description == "Score of each class; they add up to 1."
    assert data == export_model(model, head_of(model), None, ModelCard(keep=keep), weights=weights)
    int8 = len(export_model(model, head_of(model, kind="sigmoid"), None, ModelCard(keep=keep)))
    assert len(data) > 2 * int8 if weights == "float32" else 0.8 * int8 < len(data) < 1.3 * int8


def test_a_head_alone_takes_any_number_of_embeddings(model: Classifier) -> None:
    head = head_of(model)
    described = read_described(export_head(head, ModelCard(head_name="birds")))
    assert described.inputs[0].shape == (-1, head.inputs)
    assert described.outputs[0].shape == (-1, len(LABELS))
    assert described.operators == ("FULLY_CONNECTED", "SOFTMAX")
    assert described.files["birds_labels.txt"].decode().split() == list(LABELS)


def test_what_is_refused(model: Classifier) -> None:
    head = head_of(model)
    with pytest.raises(InputError, match="accepted are int8, mixed, float32, dynamic"):
        export_model(model, head, None, weights="float16")
    with pytest.raises(InputError, match="accepted are float32, dynamic"):
        export_head(head, weights="int8")
    other = Head(LABELS, "softmax", (Dense(np.ones((3, 7)), np.zeros(3)),))
    with pytest.raises(ModelError, match="the head takes 7"):
        export_model(model, other, None, weights="float32")


# -- As TFLite's runtime runs them ----------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["mixed", "float32", "dynamic"])
def test_yamjit_runs_them(model: Classifier, weights: str) -> None:
    head = head_of(model)
    heard = load(export_model(model, head, None, ModelCard(keep=True), weights=weights), backend="numpy")
    off = 1e-5 if weights == "mixed" else 0.1
    for window in windows():
        before, (base, custom) = model.score_window(window), heard.score_window(window).heads
        assert np.abs(base.scores - before.scores).max() < (1e-9 if weights == "mixed" else 0.1)
        assert np.abs(custom.scores - head.scores(before.embeddings)).max() < off


@pytest.mark.runtime
@requires_runtime
def test_yamjit_runs_them_as_the_runtime_does(model: Classifier, real: Graph) -> None:
    """Hybrid products are sums of integers: bits."""
    data = write_graph(dynamic_range(real))
    runtime, heard = Runtime(data), load(data, backend="numpy")
    for window in windows():
        np.testing.assert_array_equal(heard.score_window(window).scores, runtime.run(window)[0])


def test_several_outputs_and_hidden_layers(model: Classifier) -> None:
    embeddings = np.concatenate([model.score_window(window).embeddings for window in windows()])
    whole = read_graph(export_model(model, head_of(model, 12, "sigmoid"), embeddings, ModelCard(keep=True)))
    before, after = load(write_graph(whole), backend="numpy"), load(write_graph(floating(whole)), backend="numpy")
    assert [head.name for head in after.heads] == [head.name for head in before.heads] == ["yamnet", "custom"]
    for window in windows():
        for old, new in zip(before.score_window(window).heads, after.score_window(window).heads, strict=True):
            assert np.abs(new.scores - old.scores).max() < 0.1


@pytest.mark.runtime
@requires_runtime
def test_scores_are_close_to_those_of_the_integers(model: Classifier, real: Graph) -> None:
    for graph in (real, dynamic_range(real)):
        runtime = Runtime(write_graph(graph), kernels="optimised")
        for window in windows():
            (scores,) = runtime.run(window)
            assert np.abs(scores - model.score_window(window).scores).max() < 0.1


# -- Which kernels a file is computed like --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def optimised(real: Graph) -> Graph:
    return replace(dynamic_range(real), arithmetic=Arithmetic.OPTIMISED)


def test_a_file_says_that_it_is_computed_like_the_optimised_kernels(optimised: Graph) -> None:
    data = write_graph(optimised)
    assert read_graph(data).arithmetic == Arithmetic.OPTIMISED
    described = replace_metadata(read_described(data), Metadata("other"), {})
    assert (read_graph(described).arithmetic, read_graph(described).metadata.name) == (Arithmetic.OPTIMISED, "other")  # type: ignore[union-attr]
    assert read_graph(write_graph(floating(optimised))).arithmetic == Arithmetic.REFERENCE
    with pytest.raises(ModelError, match="'reference' or 'optimised' is accepted, found b'optimizer'"):
        read_graph(data.replace(b"optimised", b"optimizer"))


def test_a_head_keeps_the_network_that_it_was_trained_on(model: Classifier, optimised: Graph) -> None:
    base, head = load(write_graph(optimised), backend="numpy"), head_of(model, kind="sigmoid")
    joined = load(export_model(base, head, None, ModelCard(keep=True), weights="mixed"), backend="numpy")
    assert joined.made_here
    for window in windows():
        found, expected = joined.score_window(window), base.score_window(window)
        np.testing.assert_array_equal(found.embeddings, expected.embeddings)
        np.testing.assert_array_equal(found.scores, expected.scores)
    for weights in ("float32", "dynamic"):
        alike = load(export_model(base, head, None, weights=weights), backend="numpy")
        assert (alike.graph.arithmetic, alike.made_here) == (Arithmetic.REFERENCE, True)


@pytest.mark.runtime
@requires_runtime
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.parametrize("hidden", [0, 12])
def test_scores_of_heads(model: Classifier, kind: str, hidden: int) -> None:
    """In floating point they are those of the head; the model's embedding is itself close to that of the integers."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    head = head_of(model, hidden, kind)
    embeddings = np.concatenate([model.score_window(window).embeddings for window in windows()])
    for weights, off in (("float32", 1e-5), ("dynamic", 0.05)):
        interpreter = litert.Interpreter(model_content=export_head(head, weights=weights))
        place = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(place, embeddings.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(place, embeddings)
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        assert np.abs(found - head.scores(embeddings)).max() < off
    data = export_model(model, head, None, ModelCard(keep=True), weights="float32")
    _, scores = Runtime(data, kernels="optimised").run(windows()[0])
    assert np.abs(scores - head.scores(embeddings[:1])).max() < 0.1
    data = export_model(model, head, None, weights="mixed")
    for window, embedding in zip(windows(), embeddings, strict=True):
        (scores,) = Runtime(data).run(window)
        assert np.abs(scores - head.scores(embedding[np.newaxis])).max() < 1e-5
