"""Heads in files of their own, which run on a model's embeddings: what they take, say, and are called."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reference.runtime import Runtime, runtime_available
from tests.support.graphs import GraphBuilder
from yamjit.classifier import Classifier
from yamjit.cli import main
from yamjit.deploy import deploy
from yamjit.errors import InputError, LimitError, ModelError, ModelNotFoundError
from yamjit.learn import ModelCard, export_head
from yamjit.loading import load
from yamjit.options import ClassifierOptions
from yamjit.reading import ReadOptions
from yamjit.tflite import Op, read_graph, write_graph
from yamjit.tflite.graph import Activation, Operator, Tensor
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import ReshapeOptions
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.products import FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.pruning import pruned
from yamjit.trained.heads import Dense, Head

#: Values of an embedding of the starter.
SIZE = 256
LABELS = ("Amsel", "Drossel", "Fink")


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> Classifier:
    return load(small_model_path, backend="numpy")


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return np.random.Generator(np.random.PCG64(3)).uniform(-0.3, 0.3, 40_000).astype(np.float32)


def trained(hidden: int = 0, kind: str = "softmax", size: int = SIZE) -> Head:
    dice = np.random.Generator(np.random.PCG64(hidden))
    sizes = [size, *([hidden] if hidden else []), len(LABELS)]
    layers = (Dense(dice.normal(0, a**-0.5, (b, a)), dice.normal(0, 1, b)) for a, b in pairwise(sizes))
    return Head(LABELS, kind, tuple(layers))


def converted(
    shape: Sequence[int] = (1, SIZE), ends: Sequence[Op | None] = (Op.SOFTMAX,), *, apart: bool = False
) -> bytes:
    """Return a head as converters write it, without metadata: an output for each of `ends`, None for logits.

    With `apart`, values are multiplied by 1 first, and a RELU follows its layer.
    """
    dice, builder = np.random.Generator(np.random.PCG64(7)), GraphBuilder()
    rows = 1 if len(shape) == 1 else shape[0]
    source = given = builder.activation(shape, name="serving_default_input:0")
    if len(shape) != 2:
        reshaped = (source, builder.constant(np.array([1, SIZE], np.int32)))
        source = builder.operator(Op.RESHAPE, reshaped, builder.activation((1, SIZE)), ReshapeOptions((1, SIZE)))
    if apart:
        scaled = (source, builder.constant(np.ones(SIZE, np.float32)))
        source = builder.operator(Op.MUL, scaled, builder.activation((rows, SIZE)), MulOptions(Activation.NONE))

    def dense(source: int, inputs: int, outputs: int, activation: Activation) -> int:
        weights = builder.constant(dice.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32))
        bias = builder.constant(dice.normal(0, 0.1, outputs).astype(np.float32))
        to = builder.activation((rows, outputs), name=f"StatefulPartitionedCall:{source}")
        return builder.operator(Op.FULLY_CONNECTED, (source, weights, bias), to, FullyConnectedOptions(activation))

    hidden = dense(source, SIZE, 8, Activation.NONE if apart else Activation.RELU)
    if apart:
        hidden = builder.operator(Op.RELU, (hidden,), builder.activation((rows, 8)))
    outputs = []
    for classes, op in enumerate(ends, 3):
        logits = dense(hidden, 8, classes, Activation.NONE)
        options = SoftmaxOptions() if op == Op.SOFTMAX else None
        scores = builder.activation((rows, classes), name=f"StatefulPartitionedCall:{classes}")
        outputs.append(logits if op is None else builder.operator(op, (logits,), scores, options))
    return write_graph(builder.build((given,), outputs))


# -- Scores -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.parametrize("weights", ["float32", "dynamic"])
def test_scores_are_those_of_the_network_fed_with_embeddings(
    model: Classifier, small_model_path: Path, sound: np.ndarray, kind: str, weights: str
) -> None:
    head, own = export_head(trained(64, kind), weights=weights), model.classify(sound, 16_000)
    both = load(small_model_path, heads=[head], backend="numpy")
    found = both.classify(sound, 16_000)
    np.testing.assert_array_equal(found.scores, load(head, backend="numpy").network.run(own.embeddings).scores)
    np.testing.assert_array_equal(found.embeddings, own.embeddings)
    assert np.abs(found.scores - trained(64, kind).scores(own.embeddings)).max() < (
        1e-5 if weights != "dynamic" else 0.1
    )
    assert [head.name for head in both.heads] == ["custom"]
    assert both.labels == LABELS
    assert "3 classes of 1 head, from" in repr(both)


@pytest.mark.runtime
@pytest.mark.skipif(not runtime_available(), reason="needs a TFLite runtime")
def test_scores_are_those_of_the_runtime(model: Classifier, small_model_path: Path, sound: np.ndarray) -> None:
    embeddings = model.classify(sound, 16_000).embeddings
    heads = [
        export_head(trained(64, kind), weights=w) for kind in ("softmax", "sigmoid") for w in ("float32", "dynamic")
    ]
    heads += [converted(ends=(Op.SOFTMAX, Op.LOGISTIC)), converted((1, 1, SIZE), (None,), apart=True)]
    for head in heads:
        found = load(small_model_path, heads=[head], backend="numpy").classify(sound, 16_000)
        interpreter = Runtime(head).interpreter
        (given,) = interpreter.get_input_details()
        for window, embedding in enumerate(embeddings):
            interpreter.set_tensor(given["index"], embedding.reshape(given["shape"]))
            interpreter.invoke()
            for output, own in zip(interpreter.get_output_details(), found.heads, strict=True):
                np.testing.assert_array_equal(interpreter.get_tensor(output["index"])[0], own.scores[window])


@pytest.mark.parametrize("shape", [(1, SIZE), (-1, SIZE), (32, SIZE), (1, 1, SIZE), (SIZE,)])
def test_any_number_of_rows_is_one(small_model_path: Path, sound: np.ndarray, shape: tuple[int, ...]) -> None:
    expected = load(small_model_path, heads=[converted()], backend="numpy").classify(sound, 16_000).scores
    found = load(small_model_path, heads=[converted(shape, apart=True)], backend="numpy").classify(sound, 16_000)
    np.testing.assert_array_equal(found.scores, expected)


def test_outputs_of_several_heads_stand_side_by_side(small_model_path: Path, sound: np.ndarray) -> None:
    several = converted(ends=(Op.SOFTMAX, Op.LOGISTIC, Op.SOFTMAX))
    both = load(small_model_path, heads=[several, export_head(trained())], backend="numpy")
    assert [len(head.labels) for head in both.heads] == [3, 4, 5, 3]
    assert [head.index for head in both.heads] == [0, 1, 2, 3]
    assert len({head.name for head in both.heads}) == 4
    every = both.classify(sound, 16_000)
    alone = load(small_model_path, heads=[export_head(trained())], backend="numpy").classify(sound, 16_000)
    np.testing.assert_array_equal(every.heads[3].scores, alone.scores)
    chosen = both.with_options(ClassifierOptions(head="custom")).classify(sound, 16_000)
    np.testing.assert_array_equal(chosen.scores, alone.scores)
    np.testing.assert_array_equal(every.heads[1].logits.shape, (len(every.scores), 4))


def test_streams_windows_threads_and_processes_agree(small_model_path: Path, sound: np.ndarray) -> None:
    both = load(small_model_path, heads=[export_head(trained(8))], backend="numpy", threads=2)
    expected = both.classify(sound, 16_000).scores
    with both.windows(sound, 16_000) as stream:
        np.testing.assert_array_equal(np.concatenate([windows.scores for windows in stream]), expected)
    stream = both.stream(16_000)
    parts = [*(stream.push(sound[i : i + 7000]).scores for i in range(0, len(sound), 7000)), stream.flush().scores]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    np.testing.assert_array_equal(both.score_window(sound[:15_600]).scores, expected[:1])
    other = pickle.loads(pickle.dumps(both))
    assert other.head_sources == both.head_sources
    np.testing.assert_array_equal(other.classify(sound, 16_000, reading=ReadOptions()).scores, expected)


def test_a_model_of_embeddings_alone_is_one_with_heads(model: Classifier, sound: np.ndarray) -> None:
    graph = model.graph
    mean = next(o for o in graph.operators if o.op == Op.MEAN).outputs[0]
    count = len(graph.tensors)
    output = Tensor(count, "embedding", graph.tensors[mean].shape, np.dtype(np.float32))
    last = Operator(len(graph.operators), Op.DEQUANTIZE, (mean,), (count,), version=2)
    tensors, operators = (*graph.tensors, output), (*graph.operators, last)
    changed = dataclasses.replace(
        graph, tensors=tensors, operators=operators, outputs=(count,), metadata=None, files={}
    )
    data = write_graph(pruned(changed))
    found = load(data, heads=[export_head(trained())], backend="numpy").classify(sound, 16_000)
    assert model.source.path is not None
    expected = load(model.source.path, heads=[export_head(trained())], backend="numpy").classify(sound, 16_000)
    np.testing.assert_array_equal(found.scores, expected.scores)
    with pytest.raises(ModelError, match="an output of scores is accepted, this one has embeddings: give heads"):
        load(data, backend="numpy")


def test_a_head_of_arrays_is_one_wherever_it_is(small_model_path: Path, tmp_path: Path, sound: np.ndarray) -> None:
    head, path = trained(8), tmp_path / "birds.npz"
    head.save(path)
    expected = load(small_model_path, heads=[export_head(head)], backend="numpy").classify(sound, 16_000).scores
    with path.open("rb") as file:
        for given in (path, str(path), path.read_bytes(), file, head):
            both = load(small_model_path, heads=[given], backend="numpy")
            np.testing.assert_array_equal(both.classify(sound, 16_000).scores, expected)
            assert both.labels == LABELS
            assert both.head_sources[0].data == path.read_bytes()
            other = pickle.loads(pickle.dumps(both))
            np.testing.assert_array_equal(other.classify(sound, 16_000).scores, expected)


# -- Names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["birds.txt", "birds_labels.txt", "labels.txt"])
def test_classes_are_named_by_a_file_beside(small_model_path: Path, tmp_path: Path, name: str) -> None:
    head = tmp_path / "birds.tflite"
    head.write_bytes(converted())
    (tmp_path / name).write_text("Amsel\nSinging\nFink\n", encoding="utf-8")
    (info,) = load(small_model_path, heads=[head], backend="numpy").heads
    assert (info.name, info.labels) == ("birds", ("Amsel", "Singing", "Fink"))
    assert info.audioset_ids[1].startswith("/m/")
    (tmp_path / name).write_text("Amsel\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"has 1 line; the head has 3 classes"):
        load(small_model_path, heads=[head], backend="numpy")
    (tmp_path / name).write_bytes(b"\xff\n")
    with pytest.raises(ModelError, match="not UTF-8"):
        load(small_model_path, heads=[head], backend="numpy")


def test_classes_without_names_are_numbered_and_that_is_said(
    small_model_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    head = tmp_path / "birds.tflite"
    head.write_bytes(converted())
    found = load(small_model_path, heads=[head], backend="numpy")
    assert found.labels == ("class 0", "class 1", "class 2")
    assert "names no classes, and no birds.txt is beside it: they are called class 0 to class 2" in caplog.text
    caplog.clear()
    card = ModelCard(head_name="birds", display_names={"de": ("A", "D", "F")})
    locale = ClassifierOptions(display_names_locale="de")
    (info,) = load(small_model_path, heads=[export_head(trained(), card)], options=locale, backend="numpy").heads
    assert (info.name, info.labels, info.display_names) == ("birds", LABELS, ("A", "D", "F"))
    assert not caplog.text


# -- Trouble ----------------------------------------------------------------------------------------------------


def test_a_head_of_another_size_is_told_with_both(small_model_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.tflite"
    path.write_bytes(export_head(trained(size=1024)))
    message = r"other.tflite': the head takes embeddings of 1024 values; those of the model have 256"
    with pytest.raises(ModelError, match=message):
        load(small_model_path, heads=[path])


def test_what_does_not_take_embeddings_is_refused(small_model_path: Path, tmp_path: Path) -> None:
    for given, error, message in (
        ("starter", ModelError, "a head takes embeddings, 256 values; this model takes sound"),
        (None, InputError, "a head is None"),
        (3, InputError, "int is not a model"),
        (tmp_path / "none.tflite", ModelNotFoundError, "cannot be read"),
    ):
        with pytest.raises(error, match=message):
            load(small_model_path, heads=[given], backend="numpy")
    with pytest.raises(InputError, match="a list of heads is accepted"):
        load(small_model_path, heads="birds.tflite")
    with pytest.raises(InputError, match="cannot be deployed"):
        deploy(load(small_model_path, heads=[converted()], backend="numpy"), tmp_path / "out")


def test_damaged_heads_of_arrays_are_named_and_refused(small_model_path: Path, tmp_path: Path) -> None:
    whole, path = trained().to_bytes(), tmp_path / "birds.npz"
    large = io.BytesIO()
    with zipfile.ZipFile(large, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights0.npy", b"\0" * (65 * 2**20))
    wrapped = io.BytesIO()
    with zipfile.ZipFile(wrapped, "w") as archive:
        archive.writestr("birds.tflite", export_head(trained()))
    for content, error, message in (
        (whole[:-40], InputError, "cannot be read as a head: the .* bytes after"),
        (whole.replace(b"'shape': (3, 256), }  ", b"'shape': (3, 25600), }"), InputError, "cannot be read as a head"),
        (whole.replace(b"format.npy", b"former.npy"), InputError, "lacks a valid 'format'"),
        (large.getvalue(), LimitError, "cannot be read as a head"),
        (wrapped.getvalue(), ModelError, "a zip archive that holds 'birds.tflite': unpack it"),
    ):
        assert content != whole
        path.write_bytes(content)
        with pytest.raises(error, match=message) as caught:
            load(small_model_path, heads=[path], backend="numpy")
        assert "birds.npz" in str(caught.value)


def test_a_head_by_itself_refuses_sound(sound: np.ndarray) -> None:
    head = load(export_head(trained()), backend="numpy")
    assert head.plan.takes_embeddings
    assert not head.plan.takes_samples
    with pytest.raises(ModelError, match="a head alone, from embeddings of 256 values: give it to the model"):
        head.classify(sound, 16_000)


def test_rows_that_are_pooled_stay() -> None:
    graph = read_graph(converted((32, SIZE)))
    assert graph.tensors[graph.inputs[0]].shape == (1, SIZE)
    builder = GraphBuilder()
    given, pool = builder.activation((32, SIZE)), builder.activation((1, SIZE))
    axis = builder.constant(np.array([0], np.int32))

    builder.operator(Op.MEAN, (given, axis), pool, ReducerOptions(keep_dims=True))
    graph = read_graph(write_graph(builder.build((given,), (pool,))))
    assert graph.tensors[graph.inputs[0]].shape == (32, SIZE)


# -- The command ------------------------------------------------------------------------------------------------


def test_commands_take_the_file_of_a_head(
    small_model_path: Path, tmp_path: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    recording = str(next(iter(examples)))
    tflite, npz, out = tmp_path / "birds.tflite", tmp_path / "birds.npz", tmp_path / "out"
    tflite.write_bytes(export_head(trained()))
    trained().save(npz)
    other = tmp_path / "other.tflite"
    other.write_bytes(export_head(trained(8)))
    how = ["--model", str(small_model_path), "--backend", "numpy"]
    printed = []
    for head in (tflite, npz):
        assert main(["classify", recording, *how, "--head", str(head), "--format", "json"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert all(name in printed[0] for name in LABELS)
    assert main(["events", recording, *how, "--head", str(tflite), "--on", "0.01"]) == 0
    assert "Amsel" in capsys.readouterr().out
    assert main(["labels", "--model", str(small_model_path), "--head", str(tflite)]) == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == [*LABELS]
    assert main(["info", str(tflite)]) == 0
    assert "embeddings of 256 values: a head alone, which --head gives to a model" in capsys.readouterr().out
    assert main(["classify", recording, *how, "--head", str(tflite), "-o", str(out), "--jobs", "2"]) == 0
    settings = json.loads((out / "yamjit-run.json").read_text(encoding="utf-8"))
    assert "heads" in json.dumps(settings)
    assert main(["classify", recording, *how, "--head", str(other), "-o", str(out), "--resume"]) == 1
    capsys.readouterr()
    assert main(["classify", recording, *how, "--head", str(tflite), "--head", "custom", "--quiet"]) == 0
    assert main(["classify", recording, *how, "--head", "a", "--head", "b"]) == 1
    assert "--head names one output: 'a' or 'b'" in capsys.readouterr().err
    assert main(["classify", recording, *how, "--head", str(tflite), "-o", str(tflite)]) == 1


def test_evaluate_takes_the_file_of_a_head(
    small_model_path: Path, tmp_path: Path, examples: dict[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, recording in zip(LABELS, examples, strict=False):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / recording.name).write_bytes(recording.read_bytes())
    (tmp_path / "birds.tflite").write_bytes(export_head(trained()))
    how = ["--model", str(small_model_path), "--backend", "numpy", "--head", str(tmp_path / "birds.tflite")]
    assert main(["evaluate", str(tmp_path / "data"), *how]) == 0
    assert "Drossel" in capsys.readouterr().out
