"""The metadata tables of a model, read to and built from the records of `yamjit.tflite.metadata`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from yamjit.errors import LimitError, ModelError
from yamjit.spec import Limits
from yamjit.tflite.archive import read_archive
from yamjit.tflite.codec import TableBuilder, TableView
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    ContentProperties,
    FileType,
    Metadata,
    Normalization,
    ProcessUnit,
    ScoreCalibration,
    ScoreThresholding,
    ScoreTransformation,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.schema import String, Table, Union, table
from yamjit.tflite.verifier import verify

__all__ = [
    "MAX_METADATA_BYTES",
    "METADATA_IDENTIFIER",
    "MIN_PARSER_VERSION",
    "MODEL_METADATA",
    "SCORE_CALIBRATION_UNIT",
    "associated_files",
    "build_metadata",
    "build_tables",
    "read_files",
    "read_metadata",
]

METADATA_IDENTIFIER = b"M001"
#: Metadata are texts and a few numbers; the official model's have 840 bytes.
MAX_METADATA_BYTES = 2**20

#: First version of the schema that describes audio.
MIN_PARSER_VERSION = "1.3.0"

#: Number of score calibrations among the kinds of process units.
SCORE_CALIBRATION_UNIT = 2
_NORMALIZATION, _SCORE_CALIBRATION, _SCORE_THRESHOLDING = 1, SCORE_CALIBRATION_UNIT, 3
_PROCESS_UNIT_TYPES = {
    Normalization: _NORMALIZATION,
    ScoreCalibration: _SCORE_CALIBRATION,
    ScoreThresholding: _SCORE_THRESHOLDING,
}

_Kind = TypeVar("_Kind")

_table = partial(table, extensible=True)

_FILE = _table("AssociatedFile", "name:string; description:string; type:byte; locale:string; version:string")

_CONTENT = _table(
    "Content",
    "content_properties_type:ubyte; content_properties:ContentProperties; range:ValueRange",
    ContentProperties=Union(
        {
            ContentProperties.FeatureProperties: _table("FeatureProperties"),
            ContentProperties.AudioProperties: _table("AudioProperties", "sample_rate:uint; channels:uint"),
        }
    ),
)

_PROCESS_UNIT = _table(
    "ProcessUnit",
    "options_type:ubyte; options:ProcessUnitOptions",
    ProcessUnitOptions=Union(
        {
            _NORMALIZATION: _table("NormalizationOptions", "mean:[float]; std:[float]"),
            _SCORE_CALIBRATION: _table("ScoreCalibrationOptions", "score_transformation:byte; default_score:float"),
            _SCORE_THRESHOLDING: _table("ScoreThresholdingOptions", "global_score_threshold:float"),
        }
    ),
)

_STATS = _table("Stats", "max:[float]; min:[float]")

_TENSOR = _table(
    "TensorMetadata",
    "name:string; description:string; dimension_names:[string]; content:Content; process_units:[ProcessUnit];"
    "stats:Stats; associated_files:[AssociatedFile]",
    *(_CONTENT, _PROCESS_UNIT, _STATS, _FILE),
)

_SUBGRAPH = _table(
    "SubGraphMetadata",
    "name:string; description:string; input_tensor_metadata:[TensorMetadata];"
    "output_tensor_metadata:[TensorMetadata]; associated_files:[AssociatedFile]",
    *(_TENSOR, _FILE),
)

#: The tables that a model's metadata are; fields that newer schemas add are ignored.
MODEL_METADATA = _table(
    "ModelMetadata",
    "name:string; description:string; version:string; subgraph_metadata:[SubGraphMetadata]; author:string;"
    "license:string; associated_files:[AssociatedFile]; min_parser_version:string",
    *(_SUBGRAPH, _FILE),
)


def read_metadata(data: bytes) -> Metadata:
    """Read the metadata tables, the content of the buffer that a model calls ``TFLITE_METADATA``.

    Other bytes are refused with a `ModelError`, whose offsets are those in `data`; more than `MAX_METADATA_BYTES`, or
    too many tables, with a `LimitError`.
    """
    if len(data) > MAX_METADATA_BYTES:
        raise LimitError(f"the metadata have {len(data)} bytes; at most {MAX_METADATA_BYTES} are read")
    verify(data, MODEL_METADATA, METADATA_IDENTIFIER)
    root = TableView.of_root(data, MODEL_METADATA)
    return _record(Metadata, root, subgraphs=tuple(map(_read_subgraph, root.children("subgraph_metadata"))))


def read_files(data: bytes, end: int, metadata: Metadata | None, limits: Limits) -> dict[str, bytes]:
    """Read the files after a model that ends at `end`; those that the metadata mention have to be there."""
    files = read_archive(data, end, limits=limits)
    for file in associated_files(metadata) if metadata else ():
        if file.name not in files:
            problem = f"associated file {file.name[:80]!r} is not in the model file"
            cut = "" if files else "; all that follows the network is missing, which some programs do not copy"
            raise ModelError(problem + cut, offset=end)
    return files


def associated_files(metadata: Metadata) -> Iterator[AssociatedFile]:
    """Iterate over every associated file that the metadata mention, wherever they do."""
    yield from metadata.associated_files
    for subgraph in metadata.subgraphs:
        yield from subgraph.associated_files
        for tensor in (*subgraph.inputs, *subgraph.outputs):
            yield from tensor.associated_files


def _record(kind: type[_Kind], view: TableView, **others: Any) -> _Kind:
    """Return the record of a table: `others`, its texts and its files, which are called alike in both."""
    fields = view.table.fields.items()
    texts = {name: view.text(name) for name, field in fields if isinstance(field, String)}
    if "associated_files" in view.table.fields:
        others["associated_files"] = tuple(map(_read_file, view.children("associated_files")))
    return kind(**texts, **others)


def _read_file(view: TableView) -> AssociatedFile:
    kind = view.number("type")
    # Newer schemas may know more kinds of files; what they are for does not matter here.
    return _record(AssociatedFile, view, type=FileType(kind) if kind in list(FileType) else FileType.UNKNOWN)


def _read_subgraph(view: TableView) -> SubgraphMetadata:
    return _record(
        SubgraphMetadata,
        view,
        inputs=tuple(map(_read_tensor, view.children("input_tensor_metadata"))),
        outputs=tuple(map(_read_tensor, view.children("output_tensor_metadata"))),
    )


def _read_tensor(view: TableView) -> TensorMetadata:
    stats = view.child("stats")
    return _record(
        TensorMetadata,
        view,
        dimension_names=view.texts("dimension_names"),
        audio=_read_audio(view.child("content")),
        process_units=tuple(map(_read_process_unit, view.children("process_units"))),
        stats_min=_floats(stats, "min") if stats else (),
        stats_max=_floats(stats, "max") if stats else (),
    )


def _floats(view: TableView, name: str) -> tuple[float, ...]:
    return tuple(view.array(name).tolist())


def _read_audio(content: TableView | None) -> AudioProperties | None:
    kind, value = content.union("content_properties") if content else (0, None)
    if value is None or kind != ContentProperties.AudioProperties:
        return None
    return AudioProperties(value.number("sample_rate"), value.number("channels"))


def _read_process_unit(view: TableView) -> ProcessUnit:
    kind, value = view.union("options")
    if value is None:
        return None
    if kind == _NORMALIZATION:
        return Normalization(_floats(value, "mean"), _floats(value, "std"))
    if kind == _SCORE_THRESHOLDING:
        return ScoreThresholding(float(value.number("global_score_threshold")))
    transformation = value.number("score_transformation")
    if transformation not in list(ScoreTransformation):
        raise ModelError(f"score transformation {transformation} is not known")
    return ScoreCalibration(ScoreTransformation(transformation), float(value.number("default_score")))


def build_metadata(metadata: Metadata) -> bytes:
    """Build the tables that `read_metadata` reads: floats are rounded to float32, what is empty is left out."""
    subgraphs = [_subgraph_values(subgraph) for subgraph in metadata.subgraphs]
    return build_tables(_values(MODEL_METADATA, metadata, subgraph_metadata=subgraphs))


def build_tables(values: Mapping[str, Any]) -> bytes:
    """Build the metadata tables from the values of `MODEL_METADATA`, see `TableBuilder.table`."""
    builder = TableBuilder()
    return builder.finish(builder.table(MODEL_METADATA, values), METADATA_IDENTIFIER)


def _values(table: Table, record: Any, **others: Any) -> dict[str, Any]:
    """Return the values of a table's fields without those that say nothing: `others`, and the record's own."""
    if "associated_files" in table.fields:
        others["associated_files"] = [_values(_FILE, file) for file in record.associated_files]
    found = {name: others.get(name, getattr(record, name, None)) for name in table.fields}
    return {name: value for name, value in found.items() if value}


def _subgraph_values(subgraph: SubgraphMetadata) -> dict[str, Any]:
    return _values(
        _SUBGRAPH,
        subgraph,
        input_tensor_metadata=[_tensor_values(tensor) for tensor in subgraph.inputs],
        output_tensor_metadata=[_tensor_values(tensor) for tensor in subgraph.outputs],
    )


def _tensor_values(tensor: TensorMetadata) -> dict[str, Any]:
    return _values(
        _TENSOR,
        tensor,
        content=_audio_values(tensor.audio) if tensor.audio else None,
        process_units=[_process_unit_values(unit) for unit in tensor.process_units],
        stats=_values(_STATS, None, max=tensor.stats_max, min=tensor.stats_min),
    )


def _audio_values(audio: AudioProperties) -> dict[str, Any]:
    return _union_values("content_properties", ContentProperties.AudioProperties, audio)


def _process_unit_values(unit: ProcessUnit) -> dict[str, Any]:
    return {} if unit is None else _union_values("options", _PROCESS_UNIT_TYPES[type(unit)], unit)


def _union_values(name: str, kind: int, record: Any) -> dict[str, Any]:
    """Return the values of a table with a union: its type, and a record with the names of the member's fields."""
    values = {member: value for member, value in dataclasses.asdict(record).items() if value != ()}
    return {f"{name}_type": kind, name: values}
