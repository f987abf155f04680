"""The metadata tables of a model, read to and built from the records of `yamjit.tflite.metadata`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from yamjit.errors import LimitError, ModelError
from yamjit.tflite.codec import TableBuilder, TableView
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
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
from yamjit.tflite.schema import Union, table
from yamjit.tflite.verifier import verify

__all__ = [
    "MAX_METADATA_BYTES",
    "METADATA_IDENTIFIER",
    "MODEL_METADATA",
    "associated_files",
    "build_metadata",
    "read_metadata",
]

METADATA_IDENTIFIER = b"M001"
#: Metadata are texts and a few numbers; the official model's have 840 bytes.
MAX_METADATA_BYTES = 2**20

_AUDIO = 4
_NORMALIZATION, _SCORE_CALIBRATION, _SCORE_THRESHOLDING = 1, 2, 3

_table = partial(table, extensible=True)

_FILE = _table("AssociatedFile", "name:string; description:string; type:byte; locale:string; version:string")

_CONTENT = _table(
    "Content",
    "content_properties_type:ubyte; content_properties:ContentProperties; range:ValueRange",
    ContentProperties=Union({_AUDIO: _table("AudioProperties", "sample_rate:uint; channels:uint")}),
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

_TENSOR = _table(
    "TensorMetadata",
    "name:string; description:string; dimension_names:[string]; content:Content; process_units:[ProcessUnit];"
    "stats:Stats; associated_files:[AssociatedFile]",
    *(_CONTENT, _PROCESS_UNIT, _table("Stats", "max:[float]; min:[float]"), _FILE),
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
    """Read the metadata tables.

    Parameters
    ----------
    data : bytes
        The buffer that the model calls ``TFLITE_METADATA``.

    Raises
    ------
    ModelError
        If they are no metadata tables; offsets are those in `data`.
    LimitError
        If they are more than `MAX_METADATA_BYTES`, or too many.
    """
    if len(data) > MAX_METADATA_BYTES:
        raise LimitError(f"the metadata have {len(data)} bytes; at most {MAX_METADATA_BYTES} are read")
    verify(data, MODEL_METADATA, METADATA_IDENTIFIER)
    root = TableView.of_root(data, MODEL_METADATA)
    return Metadata(
        **_texts(root, "name", "description", "version", "author", "license", "min_parser_version"),
        subgraphs=tuple(map(_read_subgraph, root.children("subgraph_metadata"))),
        associated_files=_read_files(root),
    )


def associated_files(metadata: Metadata) -> Iterator[AssociatedFile]:
    """Iterate over every associated file that the metadata mention, wherever they do."""
    yield from metadata.associated_files
    for subgraph in metadata.subgraphs:
        yield from subgraph.associated_files
        for tensor in (*subgraph.inputs, *subgraph.outputs):
            yield from tensor.associated_files


def _texts(view: TableView, *names: str) -> dict[str, Any]:
    return {name: view.text(name) for name in names}


def _read_files(view: TableView) -> tuple[AssociatedFile, ...]:
    return tuple(map(_read_file, view.children("associated_files")))


def _read_file(view: TableView) -> AssociatedFile:
    kind = view.number("type")
    return AssociatedFile(
        **_texts(view, "name", "description", "locale", "version"),
        # Newer schemas may know more kinds of files; what they are for does not matter here.
        type=FileType(kind) if kind in list(FileType) else FileType.UNKNOWN,
    )


def _read_subgraph(view: TableView) -> SubgraphMetadata:
    return SubgraphMetadata(
        **_texts(view, "name", "description"),
        inputs=tuple(map(_read_tensor, view.children("input_tensor_metadata"))),
        outputs=tuple(map(_read_tensor, view.children("output_tensor_metadata"))),
        associated_files=_read_files(view),
    )


def _read_tensor(view: TableView) -> TensorMetadata:
    stats = view.child("stats")
    return TensorMetadata(
        **_texts(view, "name", "description"),
        dimension_names=view.texts("dimension_names"),
        audio=_read_audio(view.child("content")),
        process_units=tuple(map(_read_process_unit, view.children("process_units"))),
        stats_min=tuple(stats.array("min").tolist()) if stats else (),
        stats_max=tuple(stats.array("max").tolist()) if stats else (),
        associated_files=_read_files(view),
    )


def _read_audio(content: TableView | None) -> AudioProperties | None:
    _, value = content.union("content_properties") if content else (0, None)
    return AudioProperties(value.number("sample_rate"), value.number("channels")) if value else None


def _read_process_unit(view: TableView) -> ProcessUnit:
    kind, value = view.union("options")
    if value is None:
        return None
    if kind == _NORMALIZATION:
        return Normalization(mean=tuple(value.array("mean").tolist()), std=tuple(value.array("std").tolist()))
    if kind == _SCORE_THRESHOLDING:
        return ScoreThresholding(float(value.number("global_score_threshold")))
    transformation = value.number("score_transformation")
    if transformation not in list(ScoreTransformation):
        raise ModelError(f"score transformation {transformation} is not known")
    return ScoreCalibration(ScoreTransformation(transformation), float(value.number("default_score")))


def build_metadata(metadata: Metadata) -> bytes:
    """Build metadata tables: the inverse of `read_metadata`.

    Parameters
    ----------
    metadata : Metadata
        Floats are rounded to float32; empty strings and tuples are left out.

    Returns
    -------
    bytes
        The buffer that the model is to call ``TFLITE_METADATA``; the same for the same records.
    """
    builder = TableBuilder()
    root = builder.table(
        MODEL_METADATA,
        _said(
            name=metadata.name,
            description=metadata.description,
            version=metadata.version,
            subgraph_metadata=[_subgraph_values(item) for item in metadata.subgraphs],
            author=metadata.author,
            license=metadata.license,
            associated_files=_file_values(metadata.associated_files),
            min_parser_version=metadata.min_parser_version,
        ),
    )
    return builder.finish(root, METADATA_IDENTIFIER)


_Values = dict[str, Any]


def _said(**values: Any) -> _Values:
    """Return the values of a table's fields, in schema order, without those that say nothing."""
    return {name: value for name, value in values.items() if value}


def _file_values(files: Iterable[AssociatedFile]) -> list[_Values]:
    return [
        _said(name=file.name, description=file.description, type=file.type, locale=file.locale, version=file.version)
        for file in files
    ]


def _subgraph_values(subgraph: SubgraphMetadata) -> _Values:
    return _said(
        name=subgraph.name,
        description=subgraph.description,
        input_tensor_metadata=[_tensor_values(item) for item in subgraph.inputs],
        output_tensor_metadata=[_tensor_values(item) for item in subgraph.outputs],
        associated_files=_file_values(subgraph.associated_files),
    )


def _tensor_values(tensor: TensorMetadata) -> _Values:
    return _said(
        name=tensor.name,
        description=tensor.description,
        dimension_names=tensor.dimension_names,
        content=_audio_values(tensor.audio) if tensor.audio else None,
        process_units=[_process_unit_values(unit) for unit in tensor.process_units],
        stats=_said(max=tensor.stats_max, min=tensor.stats_min),
        associated_files=_file_values(tensor.associated_files),
    )


def _audio_values(audio: AudioProperties) -> _Values:
    values = {"sample_rate": audio.sample_rate, "channels": audio.channels}
    return {"content_properties_type": _AUDIO, "content_properties": values}


def _process_unit_values(unit: ProcessUnit) -> _Values:
    if isinstance(unit, Normalization):
        return {"options_type": _NORMALIZATION, "options": _said(mean=unit.mean, std=unit.std)}
    if isinstance(unit, ScoreCalibration):
        values = {"score_transformation": unit.score_transformation, "default_score": unit.default_score}
        return {"options_type": _SCORE_CALIBRATION, "options": values}
    if isinstance(unit, ScoreThresholding):
        threshold = {"global_score_threshold": unit.global_score_threshold}
        return {"options_type": _SCORE_THRESHOLDING, "options": threshold}
    return {}
