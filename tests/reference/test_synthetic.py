"""The synthetic model: always the same bytes, the official file's structure, answers worth testing with."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.synthetic import (
    GERMAN_LABEL_FILE,
    LABEL_FILE,
    Dice,
    mel_matrix,
    probe_signals,
    synthetic_yamnet,
)
from tests.support.synthetic import main as write_synthetic
from yamjit.tflite.graph import Activation, Graph, Op, Quantization, Tensor
from yamjit.tflite.metadata import AudioProperties
from yamjit.tflite.reader import read_graph
from yamjit.tflite.writer import write_graph

pytestmark = pytest.mark.slow

SMALL = 0.125
RESOLVERS = ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN", "AUTO")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return synthetic_yamnet(width=SMALL)


@pytest.fixture(scope="module")
def content(graph: Graph) -> bytes:
    return write_graph(graph)


@pytest.fixture(scope="module")
def oracle(graph: Graph, content: bytes) -> dict[str, np.ndarray]:
    """Every activation over probe signals that the calibration has not seen, from the reference kernels."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    interpreter = litert.Interpreter(
        model_content=content,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    recorded: dict[str, list[np.ndarray]] = {}
    for signal in probe_signals(seed=7).values():
        interpreter.set_tensor(graph.inputs[0], signal)
        interpreter.invoke()
        for tensor in graph.tensors:
            if tensor.data is None:
                recorded.setdefault(tensor.name, []).append(interpreter.get_tensor(tensor.index)[None])
    return {name: np.concatenate(values) for name, values in recorded.items()}


def constants_digest(graph: Graph) -> str:
    """SHA-256 of all constants and quantization parameters."""
    digest = hashlib.sha256()
    for tensor in graph.tensors:
        if tensor.data is not None:
            digest.update(tensor.data.astype(tensor.dtype.newbyteorder("<")).tobytes())
        if tensor.quantization is not None:
            digest.update(tensor.quantization.scale.astype("<f4").tobytes())
            digest.update(tensor.quantization.zero_point.astype("<i8").tobytes())
    return digest.hexdigest()


def test_two_builds_give_the_same_bytes(content: bytes) -> None:
    again = write_graph(synthetic_yamnet(width=SMALL))
    assert hashlib.sha256(again).digest() == hashlib.sha256(content).digest()


def test_every_machine_builds_the_same_model(graph: Graph) -> None:
    assert constants_digest(graph) == "4f2986211e982de7efa0ebba3f4475918781935ba604450fcc87028336b75ae4"


def test_the_seed_decides_the_weights(graph: Graph) -> None:
    assert constants_digest(synthetic_yamnet(seed=1, width=SMALL)) != constants_digest(graph)


def test_dice_never_throw_minus_128_and_reach_both_ends() -> None:
    values = Dice(0).int8(100_000)
    assert (values.min(), values.max()) == (-127, 127)
    uniform = Dice(0).uniform(-2.0, 3.0, 100_000)
    assert -2.0 <= uniform.min() < -1.99
    assert 2.99 < uniform.max() < 3.0


def test_probe_signals_are_one_window_each_and_in_range() -> None:
    signals = probe_signals(3)
    for signal in signals.values():
        assert signal.shape == (15_600,)
        assert signal.dtype == np.float32
        assert np.abs(signal).max() <= 1.0
    assert not signals["silence"].any()
    rms = {name: float(np.sqrt(np.mean(signal**2))) for name, signal in signals.items()}
    assert all(level > 1e-3 for name, level in rms.items() if name != "silence")


@pytest.mark.parametrize(
    ("width", "classes", "first", "last"),
    [(1.0, 521, 32, 1024), (0.125, 521, 8, 128), (0.3, 7, 10, 307), (0.001, 1, 8, 8)],
)
def test_width_and_classes(width: float, classes: int, first: int, last: int) -> None:
    graph = synthetic_yamnet(classes=classes, width=width)
    assert graph.tensor("layer1").shape == (1, 48, 32, first)
    assert graph.tensor("embedding").shape == (1, 1, 1, last)
    assert graph.tensor("scores").shape == (1, classes)
    assert graph.files[LABEL_FILE].count(b"\n") == classes


def test_full_width_has_the_shapes_of_yamnet() -> None:
    graph = synthetic_yamnet()
    shapes = [graph.tensor(f"layer{layer}").shape[1:] for layer in range(1, 28, 2)]
    assert shapes == [
        (48, 32, 32),
        (48, 32, 64),
        (24, 16, 128),
        (24, 16, 128),
        (12, 8, 256),
        (12, 8, 256),
        *[(6, 4, 512)] * 6,
        (3, 2, 1024),
        (3, 2, 1024),
    ]
    assert len(graph.operators) == 47


def test_weights_use_the_symmetric_range(graph: Graph) -> None:
    for operator in graph.operators:
        if operator.op in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D):
            weights = graph.tensors[operator.inputs[1]]
            assert weights.data.min() >= -127, weights
            assert weights.quantization.scale.size == graph.tensors[operator.outputs[0]].shape[3]
            assert not weights.quantization.zero_point.any()
            assert operator.options.activation == Activation.RELU6
    pointwise = graph.tensor("layer27/weights").data
    assert (pointwise.min(), pointwise.max()) == (-127, 127)


def test_multipliers_are_below_one_and_biases_have_the_scale_of_the_products(graph: Graph) -> None:
    for operator in graph.operators:
        if operator.op in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D) or operator.outputs == (graph.tensor("logits").index,):
            x, weights, bias = (graph.tensors[index].quantization for index in operator.inputs)
            y = graph.tensors[operator.outputs[0]].quantization
            np.testing.assert_array_equal(bias.scale, x.scale * weights.scale)
            assert (x.scale.astype(np.float64) * weights.scale / y.scale).max() < 1.0


def test_one_layer_has_a_narrower_range(graph: Graph) -> None:
    scales = [float(graph.tensor(f"layer{layer}").quantization.scale[0]) for layer in range(1, 28)]
    assert scales[22] == pytest.approx(0.0209)
    assert {round(scale, 6) for scale in scales[:22] + scales[23:]} == {round(6 / 255, 6)}


def test_metadata_and_labels(content: bytes) -> None:
    graph = read_graph(content)
    assert graph.metadata is not None
    assert graph.metadata.name == "yamjit/synthetic"
    assert graph.metadata.author
    assert graph.metadata.license
    (subgraph,) = graph.metadata.subgraphs
    assert subgraph.inputs[0].audio == AudioProperties(16_000, 1)
    assert [(file.name, file.locale) for file in subgraph.outputs[0].associated_files] == [
        (LABEL_FILE, ""),
        (GERMAN_LABEL_FILE, "de"),
    ]
    for name, first in ((LABEL_FILE, "Class 0"), (GERMAN_LABEL_FILE, "Geräusch 0")):
        labels = graph.files[name].decode().splitlines()
        assert labels[0] == first
        assert len(set(labels)) == 521


def test_what_is_written_is_read_back(graph: Graph, content: bytes) -> None:
    found = read_graph(content)
    assert found.operators == graph.operators
    assert (found.inputs, found.outputs) == (graph.inputs, graph.outputs)
    assert found.description == graph.description
    assert found.metadata == graph.metadata
    assert dict(found.files) == dict(graph.files)
    assert len(found.tensors) == len(graph.tensors)
    for read, written in zip(found.tensors, graph.tensors, strict=True):
        assert_same_tensor(read, written)
    assert write_graph(found) == content


def assert_same_tensor(found: Tensor, expected: Tensor) -> None:
    assert (found.index, found.name) == (expected.index, expected.name)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert_same_quantization(found.quantization, expected.quantization)
    assert (found.data is None) == (expected.data is None)
    if expected.data is not None:
        np.testing.assert_array_equal(found.data, expected.data, strict=True)


def assert_same_quantization(found: Quantization | None, expected: Quantization | None) -> None:
    assert (found is None) == (expected is None)
    if expected is not None:
        np.testing.assert_array_equal(found.scale, expected.scale, strict=True)
        np.testing.assert_array_equal(found.zero_point, expected.zero_point, strict=True)
        assert found.dimension == expected.dimension


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "model.tflite"
    write_synthetic([str(out), "--seed", "5", "--classes", "3", "--width", "0.01"])
    assert out.read_bytes() == write_graph(synthetic_yamnet(seed=5, classes=3, width=0.01))
    assert f"{out.stat().st_size:,} bytes" in capsys.readouterr().out


@pytest.mark.model
def test_the_structure_is_that_of_the_official_file(official_model_path: Path) -> None:
    official = read_graph(official_model_path.read_bytes())
    built = synthetic_yamnet()
    for found, expected in zip(built.operators, official.operators, strict=True):
        assert (found.op, found.version) == (expected.op, expected.version)
        assert found.options == expected.options, expected
        for ours, theirs in zip(found.inputs + found.outputs, expected.inputs + expected.outputs, strict=True):
            assert_same_kind(built.tensors[ours], official.tensors[theirs])


def assert_same_kind(found: Tensor, expected: Tensor) -> None:
    """Everything but the name, the numbers of the weights, and the last digits of the scales."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), expected
    assert (found.data is None) == (expected.data is None), expected
    assert (found.quantization is None) == (expected.quantization is None), expected
    if found.quantization is not None:
        np.testing.assert_array_equal(found.quantization.zero_point, expected.quantization.zero_point)
        assert found.quantization.dimension == expected.quantization.dimension
        if found.data is None:
            np.testing.assert_allclose(found.quantization.scale, expected.quantization.scale, rtol=2e-3)
    elif found.data is not None:
        np.testing.assert_allclose(found.data, expected.data, rtol=0, atol=3e-7)


@pytest.mark.model
def test_the_mel_matrix_is_that_of_the_official_file(official_model_path: Path) -> None:
    official = read_graph(official_model_path.read_bytes())
    dense = next(operator for operator in official.operators if operator.op == Op.FULLY_CONNECTED)
    np.testing.assert_array_equal(mel_matrix(), official.tensors[dense.inputs[1]].data)


@pytest.mark.runtime
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_runtime_runs_it(graph: Graph, content: bytes, oracle: dict[str, np.ndarray], resolver: str) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    kind = getattr(litert.OpResolverType, resolver)
    interpreter: Any = litert.Interpreter(model_content=content, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    for signal, expected in zip(probe_signals(seed=7).values(), oracle["scores"], strict=True):
        interpreter.set_tensor(graph.inputs[0], signal)
        interpreter.invoke()
        # TFLite's kernels disagree with each other by a step of the logits here and there.
        atol = 0 if resolver == "BUILTIN_REF" else 0.1
        np.testing.assert_allclose(interpreter.get_tensor(graph.outputs[0]), expected, rtol=0, atol=atol)


@pytest.mark.runtime
def test_no_layer_is_dead_or_saturated(oracle: dict[str, np.ndarray]) -> None:
    for layer in range(1, 28):
        values = oracle[f"layer{layer}"]
        assert 0.15 < np.mean(values == -128) < 0.5, layer
        assert 0.005 < np.mean(values == 127) < 0.2, layer
        channels = values.reshape(-1, values.shape[-1])
        assert (channels.max(axis=0) > channels.min(axis=0)).all(), layer


@pytest.mark.runtime
def test_embeddings_are_spread(oracle: dict[str, np.ndarray]) -> None:
    embeddings = oracle["embedding"].reshape(len(oracle["embedding"]), -1).astype(int) + 128
    assert (np.mean(embeddings > 0, axis=1) > 0.8).all()
    assert (np.mean(embeddings == 255, axis=1) < 0.05).all()
    assert (embeddings.std(axis=1) > 40).all()


@pytest.mark.runtime
def test_scores_are_not_degenerate(oracle: dict[str, np.ndarray]) -> None:
    scores = oracle["scores"].reshape(len(oracle["scores"]), -1)
    assert np.unique(scores).size >= 28  # of 32 that the quantization allows
    for index, row in enumerate(scores):
        assert np.unique(row).size >= 20
        assert 0.02 < np.mean(row >= 0.5) < 0.2
        assert 0.2 < np.mean(row == 0) < 0.5
        for other in scores[:index]:
            assert np.mean(row != other) > 0.3
    assert np.unique(scores.argmax(axis=1)).size >= 5


def test_a_graph_can_be_broken_on_purpose(graph: Graph) -> None:
    operators = tuple(reversed(graph.operators))
    assert write_graph(dataclasses.replace(graph, operators=operators)) != write_graph(graph)
