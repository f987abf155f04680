"""Metadata that are written into a model: what yamjit reads of it, and what is refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import yamjit
from tests.support.hostile import HOSTILE
from yamjit.errors import InputError, LimitError, ModelError, OutputError
from yamjit.metadata_writers import audio_classifier, metadata_info, writer_utils
from yamjit.metadata_writers import metadata_schema_py_generated as schema
from yamjit.tflite import read_graph, write_graph
from yamjit.tflite.metadata_json import metadata_json
from yamjit.tflite.metadata_tables import build_metadata, build_tables
from yamjit.tflite.patching import read_described

WRITER = audio_classifier.MetadataWriter
IDENTITY = schema.ScoreTransformationType.IDENTITY


@pytest.fixture(scope="module")
def model(small_model_path: Path) -> bytes:
    """A model without metadata."""
    graph = read_graph(small_model_path.read_bytes())
    return write_graph(type(graph)(graph.tensors, graph.operators, graph.inputs, graph.outputs))


@pytest.fixture(scope="module")
def classes(model: bytes) -> int:
    return read_described(model).outputs[0].classes


def lines(path: Path, count: int, pattern: str) -> str:
    path.write_text("\n".join(pattern.format(number) for number in range(count)), encoding="utf-8")
    return str(path)


def test_a_model_for_inference(model: bytes, classes: int, tmp_path: Path, examples: dict[Path, str]) -> None:
    labels = lines(tmp_path / "labels.txt", classes, "sound {}")
    halved = lines(tmp_path / "scores.csv", classes, "0.5,1,0")
    calibration = metadata_info.ScoreCalibrationMd(IDENTITY, 0.25, halved)
    writer = WRITER.create_for_inference(model, 16_000, 1, [labels], calibration)
    data = writer.populate()
    before, after = yamjit.load(model, backend="numpy"), yamjit.load(data, backend="numpy")
    assert after.labels == tuple(f"sound {index}" for index in range(classes))
    clip = next(iter(examples))
    plain = yamjit.load(data, backend="numpy", options=yamjit.ClassifierOptions(calibration=None))
    assert (plain.classify(clip).scores == before.classify(clip).scores).all()
    assert 0.25 <= after.classify(clip).scores.max() <= 0.5
    assert writer.populate() is data
    assert '"min_parser_version": "1.3.0"' in writer.get_populated_metadata_json()
    assert "min_parser_version" not in writer.get_metadata_json()


def test_several_heads_and_languages(two_heads_model: bytes, tmp_path: Path) -> None:
    described = read_described(two_heads_model)
    names = writer_utils.get_output_tensor_names(two_heads_model)
    told = []
    for place in (1, 0):
        count = described.outputs[place].classes
        files = [
            metadata_info.LabelFileMd(lines(tmp_path / f"{place}.txt", count, "sound {}")),
            metadata_info.LabelFileMd(lines(tmp_path / f"{place}_de.txt", count, "Ton {}"), "de"),
        ]
        told.append(metadata_info.ClassificationTensorMd(f"head {place}", None, files, tensor_name=names[place]))
    general = metadata_info.GeneralMd("Sounds", licenses="CC0-1.0")
    data = WRITER.create_from_metadata_info_for_multihead(two_heads_model, general, None, told).populate()
    model = yamjit.load(data, backend="numpy", options=yamjit.ClassifierOptions(display_names_locale="de"))
    assert [head.name for head in model.heads] == ["head 0", "head 1"]
    assert model.heads[1].labels[2] == "sound 2"
    assert model.heads[1].display_names[2] == "Ton 2"
    assert set(read_described(data).files) == {"0.txt", "0_de.txt", "1.txt", "1_de.txt"}
    metadata = read_described(data).metadata
    assert metadata is not None
    assert (metadata.name, metadata.license) == ("Sounds", "CC0-1.0")


def test_files_are_read_when_they_are_written(model: bytes, tmp_path: Path) -> None:
    writer = WRITER.create_for_inference(model, 16_000, 1, [str(tmp_path / "labels.txt")])
    assert "labels.txt" in writer.get_metadata_json()
    with pytest.raises(InputError, match=r"labels\.txt.*cannot be read"):
        writer.populate()


def test_lines_are_counted(model: bytes, classes: int, tmp_path: Path) -> None:
    short = lines(tmp_path / "labels.txt", classes - 1, "sound {}")
    with pytest.raises(InputError, match=rf"{classes - 1} lines for {classes} classes"):
        WRITER.create_for_inference(model, 16_000, 1, [short]).populate()
    calibration = metadata_info.ScoreCalibrationMd(IDENTITY, 0.25, lines(tmp_path / "scores.csv", 3, "1,1,0"))
    with pytest.raises(InputError, match=rf"3 lines for {classes} classes"):
        WRITER.create_for_inference(model, 16_000, 1, [], calibration).populate()


def test_two_files_of_one_name(model: bytes, classes: int, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    paths = [lines(tmp_path / name, classes, f"{name} {{}}") for name in ("labels.txt", "other/labels.txt")]
    with pytest.raises(InputError, match=r"two files are called 'labels\.txt'"):
        WRITER.create_for_inference(model, 16_000, 1, paths).populate()


def test_outputs_are_all_described(two_heads_model: bytes) -> None:
    with pytest.raises(InputError, match="1 output descriptions for the model's 2 output tensors"):
        WRITER.create_from_metadata_info(two_heads_model).populate()


def test_names_of_tensors_are_those_of_the_model(two_heads_model: bytes) -> None:
    told = [metadata_info.ClassificationTensorMd(tensor_name=name) for name in ("Identity", "Identity_1")]
    with pytest.raises(InputError, match="do not match the tensor names read from the model"):
        WRITER.create_from_metadata_info_for_multihead(two_heads_model, None, None, told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"general_md": "name"}, "GeneralMd or None is accepted"),
        ({"input_md": metadata_info.InputAudioTensorMd(sample_rate=-1)}, "sample_rate should be non-negative"),
        ({"input_md": metadata_info.TensorMd(content_type=2)}, "content_type is ImageProperties"),
        ({"input_md": metadata_info.TensorMd(content_type=7)}, "content_type is 7; accepted are NONE"),
        ({"general_md": metadata_info.GeneralMd(name=3)}, "name is 3"),  # type: ignore[arg-type]
        ({"output_md": metadata_info.TensorMd(min_values=["a"])}, "min_values is 'a'"),
        ({"output_md": metadata_info.TensorMd(associated_files=["a"])}, "a file is 'a'; AssociatedFileMd is"),
    ],
)
def test_what_is_refused(model: bytes, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WRITER.create_from_metadata_info(model, **arguments)  # type: ignore[arg-type]


def test_what_is_no_model() -> None:
    with pytest.raises(ModelError):
        WRITER.create_for_inference(b"PK", 16_000, 1, [])


@pytest.mark.parametrize("content", [b"1,one,0", b"\xff", b"1,2"])
def test_malformed_calibrations(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="score calibration file"):
        metadata_info.ScoreCalibrationMd(IDENTITY, 0.0, path)


def test_files_that_cannot_be_loaded_or_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        writer_utils.load_file(tmp_path / "none")
    (tmp_path / "text").write_bytes(b"\xff")
    with pytest.raises(InputError, match="is not UTF-8"):
        writer_utils.load_file(tmp_path / "text", "r")
    with pytest.raises(OutputError, match="none"):
        writer_utils.save_file(b"", tmp_path / "none" / "file")
    with pytest.raises(InputError, match="file_bytes is b''; a text of up to"):
        writer_utils.save_file(b"", tmp_path / "file", "wt")


def test_json_of_what_others_wrote(two_heads_model: bytes) -> None:
    """Also what only some models have: languages, thresholds, versions."""
    metadata = read_described(two_heads_model).metadata
    assert metadata is not None
    found = json.loads(metadata_json(build_metadata(metadata)))
    outputs = found["subgraph_metadata"][0]["output_tensor_metadata"]
    assert outputs[0]["process_units"][-1] == {
        "options_type": "ScoreThresholdingOptions",
        "options": {"global_score_threshold": 0.125},
    }
    assert [file.get("locale") for file in outputs[1]["associated_files"]][:3] == [None, "de", "pt-BR"]
    for end in range(0, 400, 7):
        with pytest.raises((ModelError, LimitError)):
            metadata_json(build_metadata(metadata)[:end])


def test_json_of_texts_that_are_not_ascii() -> None:
    """As TFLite's tools write them."""
    general = metadata_info.GeneralMd('Ä "\\u00c4" \U0001f426\t')
    found = metadata_json(build_tables(general.create_metadata()))
    assert found == '{\n  "name": "\\u00C4 \\"\\\\u00c4\\" \\uD83D\\uDC26\\t"\n}\n'
    assert json.loads(found) == {"name": general.name}


@pytest.mark.parametrize("value", HOSTILE)
def test_arguments_of_any_kind(model: bytes, tmp_path: Path, value: Any) -> None:
    """Whatever is given: an error of yamjit's, or what was asked for."""
    parameters = tmp_path / "scores.csv"
    parameters.write_text("1,1,0")
    told = metadata_info.ClassificationTensorMd
    calls: list[Callable[[], object]] = [
        lambda: WRITER.create_for_inference(value, 16_000, 1, []),
        lambda: WRITER.create_for_inference(model, value, 1, []),
        lambda: WRITER.create_for_inference(model, 16_000, 1, value).populate(),
        lambda: WRITER.create_for_inference(model, 16_000, 1, [], value).populate(),
        lambda: WRITER.create_from_metadata_info_for_multihead(model, value, value, value).populate(),
        lambda: WRITER.create_from_metadata_info_for_multihead(model, None, None, value).populate(),
        lambda: told(label_files=[metadata_info.LabelFileMd(value)]).create_metadata(),
        lambda: metadata_info.LabelFileMd(value).read(),
        lambda: metadata_info.ScoreCalibrationMd(value, 0.0, parameters),
        lambda: metadata_info.ScoreCalibrationMd(IDENTITY, value, parameters),
        lambda: metadata_info.ScoreCalibrationMd(IDENTITY, 0.0, value),
        lambda: writer_utils.compute_flat_size(value),
        lambda: writer_utils.get_input_tensor_shape(model, value),
        lambda: writer_utils.load_file(value),
        lambda: writer_utils.load_file(parameters, value),
        lambda: writer_utils.save_file(value, tmp_path / "file"),
        lambda: writer_utils.save_file(b"", tmp_path / "file", value),
    ]
    names = ("name", "min_values", "content_type", "associated_files", "tensor_name")
    tensors = [metadata_info.TensorMd(**{name: value}) for name in names]
    calls += [lambda t=t: WRITER.create_from_metadata_info(model, output_md=t).populate() for t in tensors]
    options = ("label_files", "tensor_type", "score_calibration_md")
    calls += [lambda name=name: told(**{name: value}).create_metadata() for name in options]
    for call in calls:
        with contextlib.suppress(yamjit.YamjitError):
            call()
