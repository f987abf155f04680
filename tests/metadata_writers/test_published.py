"""The test cases that the metadata writers of TFLite publish, for audio classifiers and with our models: 42 of 60.

What cannot apply is for images (seven cases: tensors of images and of boxes, categories of detectors) and for texts
(nine: inputs and tokenizers). Two of a displayer's are of identifiers, about which yamjit has words of its own.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yamjit.metadata_writers import audio_classifier, metadata, metadata_info, schema_py_generated, writer_utils
from yamjit.metadata_writers import metadata_schema_py_generated as schema
from yamjit.tflite import Graph, read_graph, write_graph
from yamjit.tflite.metadata_json import metadata_json
from yamjit.tflite.metadata_tables import build_tables

LOG = schema.ScoreTransformationType.LOG
PARAMETERS = "1.0,1.0,0.0\n\n1.0,2.0,0.0,0.3\n"


@pytest.fixture(scope="module")
def one_head(small_model_path: Path) -> bytes:
    return small_model_path.read_bytes()


@pytest.fixture
def calibration(tmp_path: Path) -> str:
    return calibration_file(tmp_path, PARAMETERS)


def calibration_file(folder: Path, content: str, name: str = "score_calibration.txt") -> str:
    path = folder / name
    path.write_text(content)
    return str(path)


def table(name: str, file_type: str, description: str, **more: str) -> dict[str, Any]:
    return {"name": name, "description": description, "type": file_type, **more}


LABELS = ("TENSOR_AXIS_LABELS", "Labels for categories that the model can recognize.")
SCORES = (
    "TENSOR_AXIS_SCORE_CALIBRATION",
    "Contains sigmoid-based score calibration parameters. The main purposes of score calibration is to make scores "
    "across classes comparable, so that a common threshold can be used for all output classes.",
)
FEATURES = {"content_properties_type": "FeatureProperties", "content_properties": {}}
UNIT = {"options_type": "ScoreCalibrationOptions", "options": {"score_transformation": "LOG", "default_score": 0.2}}
DESCRIPTION = "Identify the most prominent type in the audio clip from a known set of categories."


def audio(**properties: int) -> dict[str, Any]:
    return {"content_properties_type": "AudioProperties", "content_properties": properties}


def assert_printed(text: str, document: Any) -> None:
    assert json.loads(text) == document
    assert list(json.loads(text)) == list(document)
    lines = [line.strip() for line in text.splitlines()]
    told = json.dumps(document, indent=2).replace("{}", "{\n}").splitlines()
    assert lines == [line.strip() for line in told]


def of_tensor(told: metadata_info.TensorMd) -> str:
    return metadata_json(build_tables({"subgraph_metadata": [{"input_tensor_metadata": [told.create_metadata()]}]}))


def tensor_document(**fields: Any) -> dict[str, Any]:
    return {"subgraph_metadata": [{"input_tensor_metadata": [fields]}]}


# -- The writer of audio classifiers ------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["labelmap.txt", "yamnet_521_labels.txt"])
def test_for_inference(one_head: bytes, calibration: str, labels: str) -> None:
    writer = audio_classifier.MetadataWriter.create_for_inference(
        one_head, 2, 1, [f"somewhere/{labels}"], metadata_info.ScoreCalibrationMd(LOG, 0.2, calibration)
    )
    output = {
        "name": "probability",
        "description": "Scores of the labels respectively.",
        "content": FEATURES,
        "process_units": [UNIT],
        "stats": {"max": [1.0], "min": [0.0]},
        "associated_files": [
            table(labels, LABELS[0], LABELS[1]),
            table("score_calibration.txt", SCORES[0], SCORES[1]),
        ],
    }
    source = {
        "name": "audio_clip",
        "description": "Input audio clip to be classified.",
        "content": audio(sample_rate=2, channels=1),
        "stats": {},
    }
    assert_printed(writer.get_metadata_json(), document(source, [output], description=DESCRIPTION))


def document(source: Any, outputs: list[Any], **texts: str) -> dict[str, Any]:
    subgraph = {"input_tensor_metadata": [source], "output_tensor_metadata": outputs}
    return {"name": "AudioClassifier", **texts, "subgraph_metadata": [subgraph]}


DEFAULT_INPUT = {
    "name": "audio_clip",
    "description": "Input audio clip to be classified.",
    "content": audio(),
    "stats": {},
}


def test_from_metadata_info_by_default(one_head: bytes) -> None:
    writer = audio_classifier.MetadataWriter.create_from_metadata_info(one_head)
    output = {
        "name": "probability",
        "description": "Scores of the labels respectively.",
        "content": FEATURES,
        "stats": {},
    }
    assert_printed(writer.get_metadata_json(), document(DEFAULT_INPUT, [output], description=DESCRIPTION))


def test_from_metadata_info_by_default_with_several_heads(two_heads_model: bytes) -> None:
    writer = audio_classifier.MetadataWriter.create_from_metadata_info_for_multihead(two_heads_model)
    outputs = [{"name": name} for name in writer_utils.get_output_tensor_names(two_heads_model)]
    assert_printed(writer.get_metadata_json(), document(DEFAULT_INPUT, outputs, description=DESCRIPTION))


def test_from_metadata_info_with_several_heads_in_another_order(two_heads_model: bytes, tmp_path: Path) -> None:
    names = writer_utils.get_output_tensor_names(two_heads_model)
    told = [
        metadata_info.ClassificationTensorMd(
            name=f"head{number}",
            label_files=[
                metadata_info.LabelFileMd(f"labels_en_{number}.txt"),
                metadata_info.LabelFileMd(f"labels_cn_{number}.txt"),
            ],
            score_calibration_md=metadata_info.ScoreCalibrationMd(
                LOG, 0.2, calibration_file(tmp_path, PARAMETERS, f"score_cali_{number}.txt")
            ),
            tensor_name=name,
        )
        for number, name in ((1, names[1]), (2, names[0]))
    ]
    writer = audio_classifier.MetadataWriter.create_from_metadata_info_for_multihead(
        two_heads_model,
        metadata_info.GeneralMd(name="AudioClassifier"),
        metadata_info.InputAudioTensorMd(name="audio_clip", sample_rate=2, channels=1),
        told,
    )
    outputs = [
        {
            "name": f"head{number}",
            "content": FEATURES,
            "process_units": [UNIT],
            "stats": {},
            "associated_files": [
                table(f"labels_en_{number}.txt", *LABELS),
                table(f"labels_cn_{number}.txt", *LABELS),
                table(f"score_cali_{number}.txt", *SCORES),
            ],
        }
        for number in (2, 1)
    ]
    source = {"name": "audio_clip", "content": audio(sample_rate=2, channels=1), "stats": {}}
    assert_printed(writer.get_metadata_json(), document(source, outputs))


@pytest.mark.parametrize("wrong", [-1, 0])
def test_for_inference_with_a_wrong_sample_rate(one_head: bytes, wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"^sample_rate should be positive, but got {wrong}\.$"):
        audio_classifier.MetadataWriter.create_for_inference(one_head, wrong, 1, ["labelmap.txt"])


@pytest.mark.parametrize("wrong", [-1, 0])
def test_for_inference_with_a_wrong_number_of_channels(one_head: bytes, wrong: int) -> None:
    with pytest.raises(ValueError, match=rf"^channels should be positive, but got {wrong}\.$"):
        audio_classifier.MetadataWriter.create_for_inference(one_head, 2, wrong, ["labelmap.txt"])


# -- What metadata say --------------------------------------------------------------------------------------------


def test_general() -> None:
    told = metadata_info.GeneralMd("model", "v1", "A ML model.", "TensorFlow", "Apache")
    assert_printed(
        metadata_json(build_tables(told.create_metadata())),
        {
            "name": "model",
            "description": "A ML model.",
            "version": "v1",
            "author": "TensorFlow",
            "license": "Apache",
        },
    )


def test_associated_file() -> None:
    kind = schema.AssociatedFileType.TENSOR_AXIS_LABELS
    told = metadata_info.AssociatedFileMd("label.txt", "The label file.", kind, "en")
    found = metadata_json(build_tables({"associated_files": [told.create_metadata()]}))
    assert_printed(
        found, {"associated_files": [table("label.txt", "TENSOR_AXIS_LABELS", "The label file.", locale="en")]}
    )


def test_tensor_of_features() -> None:
    files = [
        metadata_info.AssociatedFileMd("labels.txt", locale="en"),
        metadata_info.AssociatedFileMd("labels_cn.txt", locale="cn"),
    ]
    kind = schema.ContentProperties.FeatureProperties
    told = metadata_info.TensorMd("input", "The input tensor.", [0], [1], kind, files)
    assert_printed(
        of_tensor(told),
        tensor_document(
            name="input",
            description="The input tensor.",
            content=FEATURES,
            stats={"max": [1.0], "min": [0.0]},
            associated_files=[
                {"name": "labels.txt", "locale": "en"},
                {"name": "labels_cn.txt", "locale": "cn"},
            ],
        ),
    )


def test_audio_input() -> None:
    told = metadata_info.InputAudioTensorMd("audio", "The input audio.", 2, 1)
    assert_printed(
        of_tensor(told),
        tensor_document(
            name="audio", description="The input audio.", content=audio(sample_rate=2, channels=1), stats={}
        ),
    )


def test_audio_input_by_default() -> None:
    assert_printed(of_tensor(metadata_info.InputAudioTensorMd()), tensor_document(content=audio(), stats={}))


@pytest.mark.parametrize("name", ["sample_rate", "channels"])
def test_audio_input_with_a_negative_number(name: str) -> None:
    told = metadata_info.InputAudioTensorMd(**{name: -1})
    with pytest.raises(ValueError, match=rf"^{name} should be non-negative, but got -1\.$"):
        told.create_metadata()


@pytest.mark.parametrize(
    ("tensor_type", "stats"),
    [
        ("FLOAT32", {"max": [1.0], "min": [0.0]}),
        ("UINT8", {"max": [255.0], "min": [0.0]}),
        ("INT16", {}),
    ],
)
def test_classification(calibration: str, tensor_type: str, stats: dict[str, list[float]]) -> None:
    told = metadata_info.ClassificationTensorMd(
        name="probability",
        description="The classification result tensor.",
        label_files=[
            metadata_info.LabelFileMd("labels.txt", locale="en"),
            metadata_info.LabelFileMd("labels_cn.txt", locale="cn"),
        ],
        tensor_type=schema_py_generated.TensorType[tensor_type],
        score_calibration_md=metadata_info.ScoreCalibrationMd(
            schema.ScoreTransformationType.IDENTITY, 0.2, calibration
        ),
    )
    assert_printed(
        of_tensor(told),
        tensor_document(
            name="probability",
            description="The classification result tensor.",
            content=FEATURES,
            process_units=[{"options_type": "ScoreCalibrationOptions", "options": {"default_score": 0.2}}],
            stats=stats,
            associated_files=[
                table("labels.txt", *LABELS, locale="en"),
                table("labels_cn.txt", *LABELS, locale="cn"),
                table("score_calibration.txt", *SCORES),
            ],
        ),
    )


def test_score_calibration(calibration: str) -> None:
    told = metadata_info.ScoreCalibrationMd(LOG, 0.2, calibration)
    unit = told.create_metadata()
    tables = build_tables({"subgraph_metadata": [{"input_tensor_metadata": [{"process_units": [unit]}]}]})
    assert_printed(metadata_json(tables), tensor_document(process_units=[UNIT]))


def test_score_calibration_file(calibration: str) -> None:
    file = metadata_info.ScoreCalibrationMd(LOG, 0.2, calibration).create_score_calibration_file_md()
    found = metadata_json(build_tables({"associated_files": [file.create_metadata()]}))
    assert_printed(found, {"associated_files": [table("score_calibration.txt", *SCORES)]})


def test_score_calibration_with_too_few_columns(tmp_path: Path) -> None:
    file = calibration_file(tmp_path, "1.0,0.2")
    message = "Expected empty lines or 3 or 4 parameters per line in score calibration file, but got 2."
    with pytest.raises(ValueError, match=message):
        metadata_info.ScoreCalibrationMd(LOG, 0.2, file)


def test_score_calibration_with_a_negative_scale(tmp_path: Path) -> None:
    file = calibration_file(tmp_path, "-1.0,0.2,0.1")
    with pytest.raises(ValueError, match=r"Expected scale to be a non-negative value, but got -1\.0\."):
        metadata_info.ScoreCalibrationMd(LOG, 0.2, file)


# -- What is asked of a model -------------------------------------------------------------------------------------


def test_flat_size() -> None:
    assert writer_utils.compute_flat_size([1, 2, 3]) == 6
    assert writer_utils.compute_flat_size(None) == 0


def test_names_types_and_shapes(two_heads_graph: Graph, two_heads_model: bytes) -> None:
    graph, float32 = two_heads_graph, schema_py_generated.TensorType["FLOAT32"]
    assert writer_utils.get_input_tensor_names(two_heads_model) == [graph.tensors[i].name for i in graph.inputs]
    assert writer_utils.get_output_tensor_names(two_heads_model) == [graph.tensors[i].name for i in graph.outputs]
    assert writer_utils.get_input_tensor_types(two_heads_model) == [float32]
    assert writer_utils.get_output_tensor_types(two_heads_model) == [float32] * 2
    assert writer_utils.get_input_tensor_shape(two_heads_model, 0) == graph.tensors[graph.inputs[0]].shape


def test_saved_files_are_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    writer_utils.save_file(b"This is a test file.", path)
    assert writer_utils.load_file(path) == b"This is a test file."
    writer_utils.save_file("Text", path, mode="wt")
    assert writer_utils.load_file(path, "r") == "Text"


# -- What a model holds -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def displayer(two_heads_model: bytes, tmp_path_factory: pytest.TempPathFactory) -> metadata.MetadataDisplayer:
    path = tmp_path_factory.mktemp("models") / "two_heads.tflite"
    path.write_bytes(two_heads_model)
    return metadata.MetadataDisplayer.with_model_file(str(path))


def test_displayers_of_what_is_not_there(one_head: bytes, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        metadata.MetadataDisplayer.with_model_file(tmp_path / "missing")
    graph = read_graph(one_head)
    plain = write_graph(Graph(graph.tensors, graph.operators, graph.inputs, graph.outputs))
    (tmp_path / "plain.tflite").write_bytes(plain)
    with pytest.raises(ValueError, match=r"^The model does not have metadata\.$"):
        metadata.MetadataDisplayer.with_model_file(tmp_path / "plain.tflite")
    with pytest.raises(ValueError, match=r"^The model does not have metadata\.$"):
        metadata.MetadataDisplayer.with_model_buffer(plain)
    with pytest.raises(ValueError, match=r"^model_buffer cannot be empty\.$"):
        metadata.MetadataDisplayer.with_model_buffer(b"")


def test_displayed_files(displayer: metadata.MetadataDisplayer, two_heads_graph: Graph) -> None:
    assert set(displayer.get_packed_associated_file_list()) == set(two_heads_graph.files)
    for name, content in two_heads_graph.files.items():
        assert displayer.get_associated_file_buffer(name) == content
    with pytest.raises(ValueError, match=r"The file, non_existent_file, does not exist in the model\."):
        displayer.get_associated_file_buffer("non_existent_file")


def test_displayed_metadata(
    displayer: metadata.MetadataDisplayer, two_heads_graph: Graph, two_heads_model: bytes
) -> None:
    text = displayer.get_metadata_json()
    assert metadata.convert_to_json(displayer.get_metadata_buffer()) == text
    assert metadata.MetadataDisplayer.with_model_buffer(two_heads_model).get_metadata_json() == text
    assert two_heads_graph.metadata is not None
    assert json.loads(text)["name"] == two_heads_graph.metadata.name
