"""The synthetic model of two heads: written, read back, run by a TFLite runtime."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

import yamjit
from tests.support.backends import BACKENDS
from tests.support.flat import read_tree
from tests.support.synthetic import probe_signals, synthetic_yamnet
from tests.support.two_heads import OWN_LABELS
from tests.support.two_heads import main as write_two_heads
from yamjit.options import ClassifierOptions
from yamjit.plan import compile_plan
from yamjit.tflite import Graph, read_graph, write_graph
from yamjit.tflite.metadata_tables import MODEL_METADATA, build_metadata


def test_everything_that_is_written_is_read_back(two_heads_graph: Graph, two_heads_model: bytes) -> None:
    found = read_graph(two_heads_model)
    assert found.metadata == two_heads_graph.metadata
    assert dict(found.files) == dict(two_heads_graph.files)
    assert (found.inputs, found.outputs) == (two_heads_graph.inputs, two_heads_graph.outputs)
    assert found.operators == two_heads_graph.operators
    assert write_graph(found) == two_heads_model


def test_calibration_and_thresholds_stand_where_the_schema_has_them(two_heads_graph: Graph) -> None:
    """Read by a walk over the tables that knows nothing of the records."""
    tree = read_tree(build_metadata(two_heads_graph.metadata), MODEL_METADATA)
    first, second = tree["subgraph_metadata"][0]["output_tensor_metadata"]
    threshold = {"options_type": 3, "options": {"global_score_threshold": bits(0.125)}}
    assert first["process_units"] == [threshold]
    calibration, threshold = second["process_units"]
    assert calibration == {
        "options_type": 2,
        "options": {"score_transformation": 2, "default_score": bits(0.0625)},
    }
    assert threshold == {"options_type": 3, "options": {"global_score_threshold": bits(0.25)}}
    listed = [(file["type"], file.get("locale", b"")) for file in second["associated_files"]]
    assert listed == [(2, b""), (2, b"de"), (2, b"pt-BR"), (4, b"")]


def bits(value: float) -> int:
    return int(np.float32(value).view(np.uint32))


def test_any_zip_reader_finds_the_files(two_heads_graph: Graph, two_heads_model: bytes, tmp_path: Path) -> None:
    path = tmp_path / "two_heads.tflite"
    path.write_bytes(two_heads_model)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == dict(two_heads_graph.files)


def test_the_first_head_is_that_of_the_model_with_one(two_heads_graph: Graph) -> None:
    alone = synthetic_yamnet(width=0.125)
    for name in ("layer27/weights", "logits/weights", "logits/bias"):
        np.testing.assert_array_equal(two_heads_graph.tensor(name).data, alone.tensor(name).data, strict=True)


def test_the_plan_has_both_heads(two_heads_graph: Graph) -> None:
    plan = compile_plan(two_heads_graph)
    assert [head.name for head in plan.heads] == ["scores", "own/scores"]
    assert [head.scores.shape for head in plan.heads] == [(521,), (len(OWN_LABELS[""]),)]


@pytest.mark.runtime
def test_a_runtime_runs_both_heads(two_heads_graph: Graph, two_heads_model: bytes) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    interpreter = litert.Interpreter(model_content=two_heads_model)
    interpreter.allocate_tensors()
    assert [output["index"] for output in interpreter.get_output_details()] == list(two_heads_graph.outputs)
    own = []
    for signal in probe_signals(seed=7).values():
        interpreter.set_tensor(two_heads_graph.inputs[0], signal)
        interpreter.invoke()
        own.append(interpreter.get_tensor(two_heads_graph.outputs[1])[0])
        assert interpreter.get_tensor(two_heads_graph.outputs[0]).shape == (1, 521)
    scores = np.array(own)
    assert scores.shape[1] == len(OWN_LABELS[""])
    assert np.count_nonzero(scores.max(axis=0) > scores.min(axis=0)) >= 4


@pytest.mark.runtime
@pytest.mark.parametrize("backend", BACKENDS)
def test_both_heads_score_as_the_reference_kernels(
    two_heads_graph: Graph, two_heads_model: bytes, backend: str
) -> None:
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")
    interpreter = litert.Interpreter(
        model_content=two_heads_model, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    model = yamjit.load(two_heads_model, backend=backend, options=ClassifierOptions(calibration=None))
    for signal in probe_signals(seed=8).values():
        interpreter.set_tensor(two_heads_graph.inputs[0], signal)
        interpreter.invoke()
        found = model.score_window(signal)
        for head, output in zip(found.heads, two_heads_graph.outputs, strict=True):
            np.testing.assert_array_equal(head.scores, interpreter.get_tensor(output), strict=True)


def test_the_command_writes_the_file(
    two_heads_model: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.tflite"
    write_two_heads([str(out)])
    assert out.read_bytes() == two_heads_model
    assert f"{len(two_heads_model):,} bytes" in capsys.readouterr().out
