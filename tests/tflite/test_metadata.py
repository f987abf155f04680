"""Metadata tables there and back, and the zip archive behind a model."""

from __future__ import annotations

import io
import random
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.flat import build_tree, read_tree
from yamjit.errors import LimitError, ModelError
from yamjit.spec import Limits
from yamjit.tflite.archive import MAX_FILES, read_archive
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    Normalization,
    ScoreCalibration,
    ScoreThresholding,
    ScoreTransformation,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.metadata_tables import (
    MAX_METADATA_BYTES,
    METADATA_IDENTIFIER,
    MODEL_METADATA,
    associated_files,
    build_metadata,
    read_metadata,
)
from yamjit.tflite.reader import read_graph

START = 1000
MODEL = bytes(range(1, 251)) * 4

text = st.text(max_size=12)
real = st.floats(width=32, allow_nan=False)
reals = st.lists(real, max_size=3).map(tuple)
files = st.lists(
    st.builds(AssociatedFile, name=text, description=text, type=st.sampled_from(FileType), locale=text, version=text),
    max_size=3,
).map(tuple)
units = st.one_of(
    st.none(),
    st.builds(Normalization, mean=reals, std=reals),
    st.builds(ScoreCalibration, st.sampled_from(ScoreTransformation), real),
    st.builds(ScoreThresholding, real),
)
counts = st.integers(0, 2**32 - 1)
tensors = st.lists(
    st.builds(
        TensorMetadata,
        name=text,
        description=text,
        dimension_names=st.lists(text, max_size=3).map(tuple),
        audio=st.one_of(st.none(), st.builds(AudioProperties, counts, counts)),
        process_units=st.lists(units, max_size=3).map(tuple),
        stats_min=reals,
        stats_max=reals,
        associated_files=files,
    ),
    max_size=2,
).map(tuple)
subgraphs = st.lists(
    st.builds(SubgraphMetadata, name=text, description=text, inputs=tensors, outputs=tensors, associated_files=files),
    max_size=2,
).map(tuple)
metadata = st.builds(
    Metadata,
    name=text,
    description=text,
    version=text,
    author=text,
    license=text,
    min_parser_version=text,
    subgraphs=subgraphs,
    associated_files=files,
)

EXAMPLE = Metadata(
    name="sounds",
    subgraphs=(
        SubgraphMetadata(
            inputs=(TensorMetadata(name="clip", audio=AudioProperties(16_000, 1)),),
            outputs=(
                TensorMetadata(
                    name="scores",
                    process_units=(ScoreThresholding(0.5), None, ScoreCalibration(ScoreTransformation.LOG, 0.25)),
                    stats_min=(0.0,),
                    stats_max=(1.0,),
                    associated_files=(
                        AssociatedFile("en.txt", "labels", FileType.TENSOR_AXIS_LABELS, "en"),
                        AssociatedFile("de.txt", "labels", FileType.TENSOR_AXIS_LABELS, "de"),
                    ),
                ),
            ),
            associated_files=(AssociatedFile("graph.txt"),),
        ),
    ),
    associated_files=(AssociatedFile("model.txt"),),
)


@settings(max_examples=60, deadline=None)
@given(metadata)
def test_round_trip(records: Metadata) -> None:
    content = build_metadata(records)
    assert read_metadata(content) == records
    assert build_metadata(records) == content


def test_fields_stand_where_the_schema_has_them() -> None:
    tree = read_tree(build_metadata(EXAMPLE), MODEL_METADATA)
    output = tree["subgraph_metadata"][0]["output_tensor_metadata"][0]
    assert output["associated_files"][1] == {
        "name": b"de.txt",
        "description": b"labels",
        "type": 2,
        "locale": b"de",
    }
    assert output["stats"] == {"max": struct.pack("<f", 1.0), "min": struct.pack("<f", 0.0)}
    assert [unit.get("options_type", 0) for unit in output["process_units"]] == [3, 0, 2]
    assert output["process_units"][0]["options"] == {"global_score_threshold": 0x3F000000}
    content = tree["subgraph_metadata"][0]["input_tensor_metadata"][0]["content"]
    assert content == {"content_properties_type": 4, "content_properties": {"sample_rate": 16_000, "channels": 1}}


def test_floats_are_rounded_to_float32() -> None:
    read = read_metadata(
        build_metadata(Metadata(subgraphs=(SubgraphMetadata(inputs=(TensorMetadata(stats_min=(0.1,)),)),)))
    )
    assert read.subgraphs[0].inputs[0].stats_min == (float(np.float32(0.1)),)


def test_all_associated_files_are_found() -> None:
    assert [file.name for file in associated_files(EXAMPLE)] == ["model.txt", "graph.txt", "en.txt", "de.txt"]


def test_newer_schemas_can_be_read() -> None:
    tree = read_tree(build_metadata(EXAMPLE), MODEL_METADATA)
    output = tree["subgraph_metadata"][0]["output_tensor_metadata"][0]
    output["associated_files"][0]["type"] = 99
    output["process_units"].append({"options_type": 6, "options": {}})
    read = read_metadata(build_tree(tree, MODEL_METADATA, METADATA_IDENTIFIER))
    assert read.subgraphs[0].outputs[0].associated_files[0].type == FileType.UNKNOWN
    assert read.subgraphs[0].outputs[0].process_units[-1] is None


def test_refused() -> None:
    content = build_metadata(EXAMPLE)
    with pytest.raises(ModelError, match="identifier"):
        read_metadata(content.replace(b"M001", b"M002", 1))
    with pytest.raises(ModelError, match=r"ModelMetadata\.name is not UTF-8"):
        read_metadata(content.replace(b"sounds", b"s\xffunds"))
    with pytest.raises(LimitError, match="at most"):
        read_metadata(content + bytes(MAX_METADATA_BYTES))
    tree = read_tree(content, MODEL_METADATA)
    unit = tree["subgraph_metadata"][0]["output_tensor_metadata"][0]["process_units"][2]
    unit["options"]["score_transformation"] = 3
    with pytest.raises(ModelError, match="score transformation 3 is not known"):
        read_metadata(build_tree(tree, MODEL_METADATA, METADATA_IDENTIFIER))


def test_truncation_and_damage() -> None:
    content = build_metadata(EXAMPLE)
    for cut in range(len(content.rstrip(b"\0"))):
        with pytest.raises(ModelError):
            read_metadata(content[:cut])
    dice = random.Random(3)
    for _ in range(2000):
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            read_metadata(bytes(damaged))
        except (ModelError, LimitError):
            continue


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, before: bytes = MODEL) -> bytes:
    file = io.BytesIO(before)
    with zipfile.ZipFile(file, "a", method) as writer:
        for name, content in entries:
            writer.writestr(name, content)
    return file.getvalue()


def replaced(data: bytes, old: bytes, new: bytes, count: int = -1) -> bytes:
    assert old in data
    return data.replace(old, new, count)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archive(method: int) -> None:
    content = {"labels.txt": b"Speech\n" * 100, "empty": b"", "größe.txt": b"x"}
    assert read_archive(archive(*content.items(), method=method), START) == content
    plain = archive(*content.items(), method=method, before=b"")
    assert read_archive(MODEL + plain, START) == content
    assert read_archive(MODEL + bytes(9) + plain, START) == content


@pytest.mark.parametrize("rest", [b"", bytes(15)])
def test_no_archive(rest: bytes) -> None:
    assert read_archive(MODEL + rest, START) == {}


def test_truncated_archive() -> None:
    data = archive(("labels.txt", b"Speech\n" * 100), ("more.txt", bytes(range(256))))
    for cut in range(START + 1, len(data)):
        with pytest.raises(ModelError):
            read_archive(data[:cut], START)
    with pytest.raises(ModelError):
        read_archive(data + b"\0", START)


@pytest.mark.parametrize(
    "name",
    ["../labels.txt", "/labels.txt", "a/b.txt", "a\\b.txt", "..", ".", "c:labels", "a\nb", "folder/", "x" * 256],
)
def test_names_that_are_paths(name: str) -> None:
    with pytest.raises(ModelError, match="name that is a path"):
        read_archive(archive((name, b"")), START)


def test_name_with_a_zero_byte() -> None:
    with pytest.raises(ModelError):
        read_archive(replaced(archive(("labels.txt", b"")), b"labels.txt", b"lab\0ls.txt"), START)


def test_duplicate_names() -> None:
    data = archive(("first.txt", b"1"), ("other.txt", b"2"))
    with pytest.raises(ModelError, match=r"'first\.txt' occurs twice"):
        read_archive(replaced(data, b"other.txt", b"first.txt"), START)


def test_encrypted() -> None:
    data = bytearray(archive(("labels.txt", b"Speech")))
    data[data.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(ModelError, match="encrypted"):
        read_archive(bytes(data), START)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression(method: int) -> None:
    with pytest.raises(ModelError, match="compression method"):
        read_archive(archive(("labels.txt", b"Speech"), method=method), START)


def test_bad_checksum() -> None:
    data = archive(("labels.txt", b"Speech"), method=zipfile.ZIP_STORED)
    with pytest.raises(ModelError, match="CRC"):
        read_archive(replaced(data, b"Speech", b"speech"), START)


def test_size_that_lies() -> None:
    data = bytearray(archive(("labels.txt", b"Speech" * 100)))
    directory = data.index(b"PK\1\2")
    for size in (0, 1, 599, 601, 2**31, 2**32 - 2):
        struct.pack_into("<I", data, directory + 24, size)
        with pytest.raises((ModelError, LimitError)):
            read_archive(bytes(data), START)


def test_bomb() -> None:
    data = bytearray(archive(("bomb", bytes(200 * 2**20))))
    limits = Limits(archive_bytes=2**20)
    for stated in (200 * 2**20, 10):
        struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, stated)
        tracemalloc.start()
        with pytest.raises((LimitError, ModelError)):
            read_archive(bytes(data), START, limits=limits)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20e6


def test_archive_limit_is_for_all_files_together() -> None:
    data = archive(("one", bytes(600)), ("two", bytes(600)))
    assert len(read_archive(data, START, limits=Limits(archive_bytes=1200))) == 2
    with pytest.raises(LimitError, match="archive_bytes"):
        read_archive(data, START, limits=Limits(archive_bytes=1199))


def test_too_many_files() -> None:
    data = archive(*((f"{index}", b"") for index in range(MAX_FILES + 1)))
    with pytest.raises(LimitError, match="at most 256 files"):
        read_archive(data, START)


def test_huge_directory() -> None:
    data = bytearray(archive(("labels.txt", b""), before=bytes(10**6)))
    struct.pack_into("<I", data, len(data) - 10, 900_000)
    started = time.perf_counter()
    with pytest.raises(LimitError):
        read_archive(bytes(data), 10**6)
    assert time.perf_counter() - started < 1


def test_comment() -> None:
    file = io.BytesIO(MODEL)
    with zipfile.ZipFile(file, "a") as writer:
        writer.writestr("labels.txt", b"")
        writer.comment = b"a comment"
    with pytest.raises(ModelError, match="comment"):
        read_archive(file.getvalue(), START)


def test_file_inside_the_model() -> None:
    data = archive(("labels.txt", b"Speech"))
    with pytest.raises(ModelError):
        read_archive(data, START + 20)


def test_garbage_before_the_archive() -> None:
    with pytest.raises(ModelError, match="bytes lie between"):
        read_archive(archive(("labels.txt", b""), before=MODEL + b"garbage"), START)


def test_damaged_archives() -> None:
    data = archive(("labels.txt", b"Speech\n" * 100), ("more.txt", bytes(range(256))))
    dice = random.Random(11)
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 5)):
            damaged[dice.randrange(START, len(data))] = dice.randrange(256)
        try:
            read_archive(bytes(damaged), START)
        except (ModelError, LimitError):
            continue


@pytest.mark.model
def test_official_model(official_model_path: Path) -> None:
    graph = read_graph(official_model_path)
    records = graph.metadata
    assert records is not None
    assert records.name == "yamnet/classification"
    assert records.subgraphs[0].inputs[0].audio == AudioProperties(sample_rate=16_000, channels=1)
    assert records.subgraphs[0].outputs[0].associated_files == (
        AssociatedFile(
            "yamnet_label_list.txt",
            "Labels for categories that the model can recognize.",
            FileType.TENSOR_AXIS_LABELS,
        ),
    )
    assert read_metadata(build_metadata(records)) == records
    assert len(graph.files["yamnet_label_list.txt"].splitlines()) == 521
