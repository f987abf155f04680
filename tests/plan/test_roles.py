"""What outputs are, by metadata, operators and names."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.float_graphs import FLOAT_GRAPHS
from tests.support.graphs import GraphBuilder
from yamjit.cli import main
from yamjit.errors import InputError, ModelError
from yamjit.loading import load
from yamjit.plan.roles import Role, find_outputs, read_roles
from yamjit.tflite import Graph, Metadata, Op, read_graph, write_graph
from yamjit.tflite.metadata import AssociatedFile, FileType, SubgraphMetadata, TensorMetadata
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions

#: Tensors of `network`, and what each is if all are outputs.
TENSORS = {
    "a": (Role.LOG_MEL, "LOG computes it, and the scores come from it"),
    "b": (Role.EMBEDDINGS, "FULLY_CONNECTED reads it on the way to the scores"),
    "c": (Role.EMBEDDINGS, "FULLY_CONNECTED reads it on the way to the scores"),
    "d": (Role.OTHER, "nothing says what it is"),
    "e": (Role.SCORES, "LOGISTIC computes it"),
    "f": (Role.SCORES, "SOFTMAX computes it"),
}


def network(*outputs: str, names: dict[str, str] | None = None) -> Graph:
    """Return a network with two heads; its tensors are called as `names` say."""
    builder, called = GraphBuilder(), {name: name for name in TENSORS} | (names or {})

    def dense(source: int, inputs: int, units: int, name: str = "") -> int:
        weights = builder.constant(np.ones((units, inputs), np.float32))
        output = builder.activation((1, units), name=name)
        return builder.operator(Op.FULLY_CONNECTED, [source, weights], output, FullyConnectedOptions())

    source = builder.activation((1, 6, 4))
    logs = builder.operator(Op.LOG, [source], builder.activation((1, 6, 4), name=called["a"]))
    axes = builder.constant(np.array([1], np.int32))
    average = builder.operator(Op.MEAN, [logs, axes], builder.activation((1, 4)), ReducerOptions())
    row = builder.operator(Op.RESHAPE, [average], builder.activation((1, 4), name=called["b"]), ReshapeOptions((1, 4)))
    hidden = dense(row, 4, 5, called["c"])
    logits = dense(hidden, 5, 3, called["d"])
    scores = builder.operator(Op.LOGISTIC, [logits], builder.activation((1, 3), name=called["e"]))
    other = builder.operator(
        Op.SOFTMAX, [dense(row, 4, 2)], builder.activation((1, 2), name=called["f"]), SoftmaxOptions()
    )
    places = dict(zip(TENSORS, (logs, row, hidden, logits, scores, other), strict=True))
    return builder.build([source], [places[name] for name in outputs])


def roles(graph: Graph) -> list[Role]:
    return [output.role for output in find_outputs(graph)]


def test_operators_say_what_outputs_are() -> None:
    found = find_outputs(network(*TENSORS))
    assert [(output.role, output.reason) for output in found] == list(TENSORS.values())


def test_outputs_are_found_in_any_order() -> None:
    assert roles(network("b", "e", "a")) == [Role.EMBEDDINGS, Role.SCORES, Role.LOG_MEL]


def test_without_probabilities_logits_are_the_scores() -> None:
    assert roles(network("d")) == [Role.SCORES]
    assert roles(network("b", "d")) == [Role.EMBEDDINGS, Role.SCORES]
    assert roles(network("b")) == [Role.EMBEDDINGS]


@pytest.mark.parametrize("ends", [None, Op.SOFTMAX, Op.LOGISTIC])
def test_the_mean_of_scores_of_all_windows_is_scores(ends: Op | None) -> None:
    """As the tutorial on transfer learning ends its model."""
    builder = GraphBuilder()
    source = builder.activation((-1, 40))
    weights = builder.constant(np.random.default_rng(0).normal(0, 1, (3, 40)).astype(np.float32))
    inputs = [source, weights]
    scores = builder.operator(Op.FULLY_CONNECTED, inputs, builder.activation((-1, 3)), FullyConnectedOptions())
    if ends is not None:
        options = SoftmaxOptions() if ends == Op.SOFTMAX else None
        scores = builder.operator(ends, [scores], builder.activation((-1, 3)), options)
    axis = builder.constant(np.array(0, np.int32))
    mean = builder.operator(Op.MEAN, [scores, axis], builder.activation((3,)), ReducerOptions())
    data = write_graph(builder.build([source], [mean]))
    head = load(data, backend="numpy")
    assert roles(head.graph) == [Role.SCORES]
    assert head.plan.embedding is None
    row = np.random.default_rng(1).normal(0, 1, (1, 40)).astype(np.float32)
    if runtime_available():
        (expected,) = Runtime(data).run(row)
        np.testing.assert_array_equal(head.network.run(row).scores[0], expected)


def test_names_decide_what_is_left() -> None:
    assert roles(network("e", "d", names={"d": "my_embeddings"})) == [Role.SCORES, Role.EMBEDDINGS]
    assert roles(network("d", "a", names={"a": "log_mel_spectrogram"})) == [Role.SCORES, Role.LOG_MEL]


def test_metadata_come_first() -> None:
    graph = network("e", "d")
    labels = AssociatedFile("labels.txt", type=FileType.TENSOR_AXIS_LABELS)
    outputs = (TensorMetadata(name="Embedding"), TensorMetadata(associated_files=(labels,)))
    found = find_outputs(replace(graph, metadata=Metadata(subgraphs=(SubgraphMetadata(outputs=outputs),))))
    assert [(output.role, output.reason) for output in found] == [
        (Role.EMBEDDINGS, "the metadata call it 'Embedding'"),
        (Role.SCORES, "the metadata name its classes"),
    ]


def test_the_starter_has_scores(small_model_path: Path) -> None:
    assert roles(read_graph(small_model_path)) == [Role.SCORES]


@pytest.mark.recordings
def test_yamnet_of_any_length_has_all_three(test_data: Path) -> None:
    path = test_data / "models" / "yamnet_dynamic_hybrid.tflite"
    if not path.exists():
        pytest.skip("yamnet_dynamic_hybrid is not at hand")
    assert roles(read_graph(path)) == [Role.SCORES, Role.EMBEDDINGS, Role.LOG_MEL]


def test_info_says_what_outputs_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], small_model_path: Path) -> None:
    assert main(["info", str(small_model_path)]) == 0
    assert "scores float32 (1, 33): scores, since the metadata name its classes" in capsys.readouterr().out
    path = tmp_path / "x.tflite"
    path.write_bytes(write_graph(network("b", "e", "d")))
    assert main(["info", str(path), "--json"]) == 0
    outputs = json.loads(capsys.readouterr().out)["outputs"]
    assert [line.split(": ")[1].split(",")[0] for line in outputs] == ["embeddings", "scores", "other"]


def test_roles_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "two.tflite"
    path.write_bytes(write_graph(network("e", "f")))
    graph = read_graph(path)
    assert [str(output) for output in find_outputs(graph, [Role.OTHER, Role.SCORES])] == [
        "other, since it was said",
        "scores, since it was said",
    ]
    with pytest.raises(InputError, match=r"roles has 1 role; the model has 2 outputs: 'e', 'f'"):
        find_outputs(graph, [Role.SCORES])
    for roles in ("scores", ["scores", "sound"], 3, [None, None]):
        with pytest.raises(InputError, match="roles"):
            read_roles(roles)
    assert read_roles(None) is None


def test_a_model_is_loaded_with_roles_that_are_said(two_heads_model: bytes, tmp_path: Path) -> None:
    both = load(two_heads_model, backend="numpy")
    second = load(two_heads_model, backend="numpy", roles=("other", "scores"))
    assert [head.name for head in second.heads] == [both.heads[1].name]
    assert second.labels == both.heads[1].labels
    assert pickle.loads(pickle.dumps(second)).roles == second.roles == ("other", "scores")
    assert both.roles is None
    samples = np.zeros(16_000, np.float32)
    scores = [head.scores for head in both.classify(samples, sample_rate=16_000).heads]
    np.testing.assert_array_equal(second.classify(samples, sample_rate=16_000).scores, scores[1])
    with pytest.raises(ModelError, match="an output of scores is accepted, this one has"):
        load(two_heads_model, backend="numpy", roles=("other", "log-mel"))
    path = tmp_path / "two.tflite"
    path.write_bytes(two_heads_model)
    assert main(["info", str(path), "--roles", "other,scores"]) == 0
    assert main(["info", str(path), "--roles", "scores"]) == 1
    with pytest.raises(SystemExit):
        main(["info", str(path), "--roles", "scores,sound"])


def test_rows_of_length_one_are_embeddings() -> None:
    (output,) = find_outputs(FLOAT_GRAPHS["l2 normalization"])
    assert (output.role, output.reason) == (Role.EMBEDDINGS, "L2_NORMALIZATION computes it")
