"""Names of YAMNet's classes for a file that names none: only where its last layer is that of a published YAMNet."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.graphs import GraphBuilder
from yamjit import published_layer
from yamjit.cli import main
from yamjit.heads import NamedBy, official_head
from yamjit.loading import load
from yamjit.task.audio import AudioClassifier
from yamjit.tflite import Graph, Op, read_graph, write_graph
from yamjit.tflite.graph import Activation
from yamjit.tflite.operators.products import FullyConnectedOptions

CLASSES, SIZE = 521, 1024


def layer(bias: np.ndarray, size: int = SIZE) -> bytes:
    """Return a head of one layer, with weights of zero and without names."""
    builder = GraphBuilder()
    given, logits = builder.activation((1, size)), builder.activation((1, len(bias)))
    weights = builder.constant(np.zeros((len(bias), size), np.float32))
    inputs = (given, weights, builder.constant(bias.astype(np.float32)))
    builder.operator(Op.FULLY_CONNECTED, inputs, logits, FullyConnectedOptions(Activation.NONE))
    scores = builder.operator(Op.LOGISTIC, (logits,), builder.activation((1, len(bias)), name="Identity"))
    return write_graph(builder.build((given,), (scores,)))


def published(network: int, classes: int = CLASSES) -> np.ndarray:
    """Return a bias that has what is known of a published one."""
    bias = np.zeros(classes)
    bias[:: published_layer._EVERY] = np.array(published_layer._BIASES[network][: len(bias[:: published_layer._EVERY])])
    return bias / 1000


def named_by(data: bytes) -> NamedBy:
    return load(data, backend="numpy").head_records[0].named_by


@pytest.mark.parametrize("network", [0, 1])
def test_the_last_layer_of_a_published_network_has_its_names(network: int) -> None:
    dice = np.random.default_rng(network)
    bias = published(network) + dice.uniform(-0.002, 0.002, CLASSES)
    (head,) = load(layer(bias), backend="numpy").heads
    assert head.labels == official_head().labels
    assert head.audioset_ids[0] == "/m/09x0r"
    assert named_by(layer(bias.astype(np.float16))) == NamedBy.WEIGHTS


@pytest.mark.parametrize("network", [0, 1])
def test_other_networks_of_its_shape_have_none(network: int) -> None:
    trained = published(network)
    trained[-1] += 0.01
    others = [
        trained,
        np.zeros(CLASSES),
        published(network)[::-1],
        published(network, CLASSES - 1),
        -published(network),
    ]
    for data in (*map(layer, others), layer(published(network), SIZE // 2)):
        assert named_by(data) == NamedBy.NOTHING
        assert load(data, backend="numpy").labels[390] == "class 390"


@pytest.fixture
def nameless(official_model_path: Path) -> Graph:
    return replace(read_graph(official_model_path), metadata=None, files={})


def test_the_official_model_is_known_without_its_metadata(
    nameless: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nameless.tflite"
    path.write_bytes(write_graph(nameless))
    assert load(path, backend="numpy").labels == official_head().labels
    assert main(["info", str(path)]) == 0
    assert "labels      YAMNet's, since the last layer is that of a published YAMNet: the" in capsys.readouterr().out
    assert main(["info", str(path), "--json"]) == 0
    (head,) = json.loads(capsys.readouterr().out)["heads"]
    assert (head["named_by"], head["labels"][0]) == ("weights", "Speech")
    assert main(["labels", "dog", "--model", str(path)]) == 0
    assert "/m/0bt9lr" in capsys.readouterr().out


def test_faces_of_other_libraries_go_by_the_file_alone(nameless: Graph, tmp_path: Path) -> None:
    path = tmp_path / "nameless.tflite"
    path.write_bytes(write_graph(nameless))
    classifier = AudioClassifier.create_from_file(path)
    found = classifier.classify(classifier.create_input_tensor_audio())
    assert {one.category_name for one in found.classifications[0].categories} == {""}
