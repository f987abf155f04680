"""Metadata of models that cannot be run, and of models that have none: shown, written, and nothing else touched."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.support.flat import Tree, build_tree
from tools.checks.fuzz_models import Mutator, describe_model, try_here
from yamjit.calibration import Calibration
from yamjit.cli import main
from yamjit.errors import ModelError
from yamjit.learn.describing import set_audio, set_calibration, set_labels, set_texts
from yamjit.tflite import Metadata, read_graph
from yamjit.tflite.metadata_tables import build_metadata
from yamjit.tflite.model_tables import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.patching import read_described, replace_metadata

ADD_N, MUL, CUSTOM = 106, 18, 32
CLASSES = 4


def integers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def tensor(name: str, *shape: int, **more: object) -> Tree:
    return {"name": name.encode(), "shape": integers(*shape), "type": 0, "buffer": 0, **more}


def operator_code(code: int, **more: object) -> Tree:
    return {"deprecated_builtin_code": min(code, 127), "builtin_code": code, "version": 1, **more}


def model(*, code: Tree | None = None, **more: object) -> bytes:
    """Return a float model of one operator, ``x + x``, which this package does not run."""
    graph = {
        "tensors": [tensor("x", 1, CLASSES), tensor("y", 1, CLASSES)],
        "inputs": integers(0),
        "outputs": integers(1),
        "operators": [{"opcode_index": 0, "inputs": integers(0, 0), "outputs": integers(1)}],
        "name": b"main",
    }
    tree = {
        "version": 3,
        "operator_codes": [code or operator_code(ADD_N)],
        "subgraphs": [graph],
        "description": b"adds",
        "buffers": [{}, {"data": bytes(range(16))}],
        **more,
    }
    return build_tree(tree, MODEL, MODEL_IDENTIFIER)


MODELS = {
    "adds": model(),
    "custom": model(code=operator_code(CUSTOM, custom_code=b"MySpectrogram")),
    "edge tpu": model(code=operator_code(CUSTOM, custom_code=b"edgetpu-custom-op")),
    "unheard of": model(code=operator_code(255)),
    "other metadata": model(metadata=[{"name": b"min_runtime_version", "buffer": 1}], metadata_buffer=integers(1)),
    "empty metadata": model(metadata=[{"name": b"TFLITE_METADATA", "buffer": 0}]),
    "signature": model(
        signature_defs=[
            {"inputs": [{"name": b"a"}], "outputs": [{"name": b"b", "tensor_index": 1}], "signature_key": b"f"}
        ]
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_any_model_takes_all_kinds_of_metadata(name: str) -> None:
    data = MODELS[name]
    with pytest.raises(ModelError):
        read_graph(data)
    labels = [f"class {k}" for k in range(CLASSES)]
    changed = set_texts(read_described(data), name="Adder", author="Ä")
    changed = set_audio(read_described(changed), 16_000)
    changed = set_labels(read_described(changed), labels, display_names={"de": [f"Klasse {k}" for k in range(CLASSES)]})
    calibration = Calibration(np.tile([1, 2, 0, 0], (CLASSES, 1)))
    changed = set_calibration(read_described(changed), calibration, score_threshold=0.25)

    before, after = read_described(data), read_described(changed)
    assert (after.inputs, after.outputs, after.operators) == (before.inputs, before.outputs, before.operators)
    assert after.metadata is not None
    assert (after.metadata.name, after.metadata.author) == ("Adder", "Ä")
    (output,) = after.metadata.subgraphs[0].outputs
    assert after.files[output.associated_files[0].name].decode().split("\n")[:-1] == labels
    assert len(after.files) == 3
    audio = after.metadata.subgraphs[0].inputs[0].audio
    assert audio is not None
    assert audio.sample_rate == 16_000


@pytest.mark.parametrize("name", MODELS)
def test_the_model_stays_byte_for_byte(name: str) -> None:
    data = MODELS[name]
    changed = set_texts(read_described(data), name="N")
    place = changed.find(data)
    assert place > 0
    assert place % 16 == 0  # what TFLite has aligned stays aligned
    again = set_texts(read_described(changed), name="M")
    assert again[: len(changed)].count(data) == 1  # there is a place now: nothing is put before it again
    assert again.find(data) == place


def test_what_else_a_model_says_stays() -> None:
    import tflite

    changed = tflite.Model.GetRootAs(set_texts(read_described(MODELS["other metadata"]), name="N"), 0)
    entries = {changed.Metadata(k).Name(): changed.Metadata(k).Buffer() for k in range(changed.MetadataLength())}
    assert entries == {b"min_runtime_version": 1, b"TFLITE_METADATA": 2}
    assert changed.MetadataBuffer(0) == 1
    assert changed.Buffers(1).DataAsNumpy().tobytes() == bytes(range(16))
    assert changed.Description() == b"adds"
    signed = tflite.Model.GetRootAs(set_texts(read_described(MODELS["signature"]), name="N"), 0)
    assert signed.SignatureDefs(0).SignatureKey() == b"f"
    emptied = tflite.Model.GetRootAs(set_texts(read_described(MODELS["empty metadata"]), name="N"), 0)
    assert emptied.MetadataLength() == 1  # not two of the same name


@pytest.mark.parametrize("name", ["adds", "other metadata", "empty metadata", "signature"])
def test_a_runtime_computes_the_same(name: str) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    described = read_described(MODELS[name])
    changed = set_labels(described, [f"class {k}" for k in range(CLASSES)])
    results = []
    for data in (MODELS[name], changed):
        interpreter = litert.Interpreter(model_content=data)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32([[1, 2, 3, 0.1]]))
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    np.testing.assert_array_equal(*results)
    np.testing.assert_array_equal(results[0], 2 * np.float32([[1, 2, 3, 0.1]]))


def test_what_lies_outside_the_flatbuffer_is_not_moved() -> None:
    data = model(buffers=[{}, {"offset": 2000, "size": 16}])
    with pytest.raises(ModelError, match="constants outside its FlatBuffer"):
        replace_metadata(read_described(data), Metadata(name="N"), {})


def test_a_constant_that_is_the_metadata_as_well_stays() -> None:
    import tflite

    sound = read_described(set_texts(read_described(MODELS["adds"]), name="N"))
    assert sound.metadata is not None
    tables = build_metadata(sound.metadata)
    graph = {
        "tensors": [tensor("x", 1, CLASSES), tensor("constant", len(tables), type=9, buffer=1)],
        "inputs": integers(0),
        "outputs": integers(0),
        "operators": [],
    }
    data = model(
        subgraphs=[graph], buffers=[{}, {"data": tables}], metadata=[{"name": b"TFLITE_METADATA", "buffer": 1}]
    )
    changed = set_texts(read_described(data), name="M")
    after = read_described(changed)
    assert after.metadata is not None
    assert after.metadata.name == "M"
    root = tflite.Model.GetRootAs(changed, 0)
    assert root.Buffers(root.Subgraphs(0).Tensors(1).Buffer()).DataAsNumpy().tobytes() == tables


def test_an_output_whose_size_is_not_fixed_takes_any_labels() -> None:
    graph = {
        "tensors": [tensor("x", 1, 1), tensor("y", 1, 1, shape_signature=integers(1, -1))],
        "inputs": integers(0),
        "outputs": integers(1),
        "operators": [{"opcode_index": 0, "inputs": integers(0, 0), "outputs": integers(1)}],
    }
    described = read_described(model(subgraphs=[graph]))
    assert described.outputs[0].shape == (1, -1)
    changed = read_described(set_labels(described, ["a", "b", "c"]))
    assert list(changed.files.values()) == [b"a\nb\nc\n"]


# -- The verbs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "adds.tflite"
    path.write_bytes(MODELS["adds"])
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_the_verbs_work_on_a_model_that_cannot_be_run(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = path.with_name("labels.txt")
    names.write_text("Bark\nMeow\nSpeech\nüben\n", encoding="utf-8")
    table = path.with_name("calibration.csv")
    table.write_text("1,2,0\n" * 3 + "1,2,0", encoding="utf-8")
    assert run("metadata", "write", path, "--name", "Adder", "--sample-rate", 32_000, "-o", path) == 0
    assert run("metadata", "set-labels", path, names, "-o", path) == 0
    assert run("metadata", "set-calibration", path, table, "-o", path) == 0
    assert run("metadata", "extract", path, "-o", path.with_name("files")) == 0
    capsys.readouterr()

    assert run("metadata", "show", path) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "Adder"
    assert run("info", path, "--full") == 0
    out = capsys.readouterr().out
    for part in ("Adder", "adds.tflite': operator 0: ADD_N is not supported", "float32 (1, 4)", "1  ADD_N", "üben"):
        assert part in out
    assert run("info", "--json", path) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["runs"] is False
    assert "ADD_N is not supported" in document["problem"]
    assert document["heads"][0]["labels"] == ["Bark", "Meow", "Speech", "üben"]
    assert run("labels", "--model", path, "ME") == 0
    out, err = capsys.readouterr()
    assert out.split()[-1] == "Meow" or "Meow" in out
    assert "cannot be run" in err
    assert run("labels", "--model", path, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == CLASSES


def test_what_has_no_names_says_so(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("labels", "--model", path) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "ADD_N is not supported" in err
    assert "no names of classes" in err
    assert run("info", path) == 0
    assert "labels (0)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("edge tpu", "compiled for an Edge TPU, the only device that runs 'edgetpu-custom-op'"),
        ("custom", "custom operator 'MySpectrogram' is not supported"),
    ],
)
def test_why_a_model_cannot_be_run(name: str, says: str, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_bytes(MODELS[name])
    assert run("classify", path, "--model", path) == 1
    err = capsys.readouterr().err
    assert says in err
    assert "adds.tflite'" in err
    assert err.count("\n") == 1


def test_damaged_models_raise_only_errors_of_this_package() -> None:
    results = set()
    for name in ("adds", "other metadata"):
        sound = MODELS[name]
        for data in (sound, set_labels(read_described(sound), list("abcd"))):
            mutator = Mutator(data)
            for index in range(100):
                kind = ("one byte", "few bytes", "word", "length", "offset", "truncation", "archive")[index % 7]
                mutant = mutator.mutant(7, index, kind)
                result, detail = try_here(describe_model, mutant.data)
                assert result in ("accepted", "ModelError", "LimitError", "InputError"), (name, mutant.what, detail)
                results.add(result)
    assert {"accepted", "ModelError"} <= results
