"""The metadata tables of a model, read to and built from the records of `yamjit.tflite.metadata`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from yamjit.errors import LimitError, ModelError
from yamjit.tflite.codec import TableView
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
from yamjit.tflite.schema import (
    ASSOCIATED_FILE,
    CONTENT,
    METADATA_IDENTIFIER,
    MODEL_METADATA,
    PROCESS_UNIT,
    STATS,
    SUBGRAPH_METADATA,
    TENSOR_METADATA,
    Table,
    Union,
)
from yamjit.tflite.verifier import verify

if TYPE_CHECKING:
    import flatbuffers

__all__ = ["MAX_METADATA_BYTES", "associated_files", "build_metadata", "read_metadata"]

#: Metadata are texts and a few numbers; the official model's have 840 bytes.
MAX_METADATA_BYTES = 2**20

_AUDIO = 4
_NORMALIZATION, _SCORE_CALIBRATION, _SCORE_THRESHOLDING = 1, 2, 3


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
        name=root.string("name"),
        description=root.string("description"),
        version=root.string("version"),
        author=root.string("author"),
        license=root.string("license"),
        min_parser_version=root.string("min_parser_version"),
        subgraphs=tuple(_read_subgraph(view) for view in root.children("subgraph_metadata")),
        associated_files=_read_files(root),
    )


def associated_files(metadata: Metadata) -> Iterator[AssociatedFile]:
    """Iterate over every associated file that the metadata mention, wherever they do."""
    yield from metadata.associated_files
    for subgraph in metadata.subgraphs:
        yield from subgraph.associated_files
        for tensor in (*subgraph.inputs, *subgraph.outputs):
            yield from tensor.associated_files


def _read_files(view: TableView) -> tuple[AssociatedFile, ...]:
    return tuple(_read_file(child) for child in view.children("associated_files"))


def _read_file(view: TableView) -> AssociatedFile:
    kind = view.number("type", "Int8")
    return AssociatedFile(
        name=view.string("name"),
        description=view.string("description"),
        # Newer schemas may know more kinds of files; what they are for does not matter here.
        type=FileType(kind) if kind in list(FileType) else FileType.UNKNOWN,
        locale=view.string("locale"),
        version=view.string("version"),
    )


def _read_subgraph(view: TableView) -> SubgraphMetadata:
    return SubgraphMetadata(
        name=view.string("name"),
        description=view.string("description"),
        inputs=tuple(_read_tensor(child) for child in view.children("input_tensor_metadata")),
        outputs=tuple(_read_tensor(child) for child in view.children("output_tensor_metadata")),
        associated_files=_read_files(view),
    )


def _read_tensor(view: TableView) -> TensorMetadata:
    stats = view.child("stats")
    return TensorMetadata(
        name=view.string("name"),
        description=view.string("description"),
        dimension_names=view.strings("dimension_names"),
        audio=_read_audio(view.child("content")),
        process_units=tuple(_read_process_unit(child) for child in view.children("process_units")),
        stats_min=stats.floats("min") if stats else (),
        stats_max=stats.floats("max") if stats else (),
        associated_files=_read_files(view),
    )


def _read_audio(content: TableView | None) -> AudioProperties | None:
    kind, value = content.union("content_properties") if content else (0, None)
    if kind != _AUDIO or value is None:
        return None
    return AudioProperties(
        sample_rate=int(value.number("sample_rate", "Uint32")),
        channels=int(value.number("channels", "Uint32")),
    )


def _read_process_unit(view: TableView) -> ProcessUnit:
    kind, value = view.union("options")
    if value is None:
        return None
    if kind == _NORMALIZATION:
        return Normalization(mean=value.floats("mean"), std=value.floats("std"))
    if kind == _SCORE_THRESHOLDING:
        return ScoreThresholding(float(value.number("global_score_threshold", "Float32")))
    transformation = value.number("score_transformation", "Int8")
    if transformation not in list(ScoreTransformation):
        raise ModelError(f"score transformation {transformation} is not known")
    return ScoreCalibration(ScoreTransformation(transformation), float(value.number("default_score", "Float32")))


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
    import flatbuffers

    build = _Build(flatbuffers.Builder(1024))
    root = build.table(
        MODEL_METADATA,
        name=build.string(metadata.name),
        description=build.string(metadata.description),
        version=build.string(metadata.version),
        subgraph_metadata=build.offsets(_build_subgraph(build, item) for item in metadata.subgraphs),
        author=build.string(metadata.author),
        license=build.string(metadata.license),
        associated_files=_build_files(build, metadata.associated_files),
        min_parser_version=build.string(metadata.min_parser_version),
    )
    build.builder.Finish(root, file_identifier=METADATA_IDENTIFIER)
    return bytes(build.builder.Output())


class _Number(NamedTuple):
    """A number of a type that ``flatbuffers.Builder`` calls `kind`."""

    kind: str
    value: float


class _Build:
    """A builder that takes a table's fields by name; offset 0 stands for a field that is left out."""

    def __init__(self, builder: flatbuffers.Builder) -> None:
        self.builder = builder

    def string(self, text: str) -> int:
        return int(self.builder.CreateString(text)) if text else 0

    def floats(self, values: Sequence[float]) -> int:
        if not values:
            return 0
        self.builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            self.builder.PrependFloat32(value)
        return int(self.builder.EndVector())

    def offsets(self, items: Iterable[int]) -> int:
        offsets = list(items)
        if not offsets:
            return 0
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def table(self, schema: Table, **fields: int | _Number) -> int:
        slots = {name: slot for slot, name in enumerate(schema.fields)}
        self.builder.StartObject(len(slots))
        for name, value in fields.items():
            if isinstance(value, _Number):
                getattr(self.builder, f"Prepend{value.kind}Slot")(slots[name], value.value, 0)
            else:
                self.builder.PrependUOffsetTRelativeSlot(slots[name], value, 0)
        return int(self.builder.EndObject())

    def union(self, schema: Table, name: str, kind: int, **fields: int | _Number) -> int:
        """Build a table of `schema` whose union `name` holds a member of type `kind` with `fields`."""
        field = schema.fields[name]
        if not isinstance(field, Union) or kind not in field.members:
            return self.table(schema)
        value = self.table(field.members[kind], **fields)
        choice: dict[str, int | _Number] = {f"{name}_type": _Number("Uint8", kind), name: value}
        return self.table(schema, **choice)


def _build_files(build: _Build, files: Iterable[AssociatedFile]) -> int:
    return build.offsets(
        build.table(
            ASSOCIATED_FILE,
            name=build.string(file.name),
            description=build.string(file.description),
            type=_Number("Int8", file.type),
            locale=build.string(file.locale),
            version=build.string(file.version),
        )
        for file in files
    )


def _build_subgraph(build: _Build, subgraph: SubgraphMetadata) -> int:
    return build.table(
        SUBGRAPH_METADATA,
        name=build.string(subgraph.name),
        description=build.string(subgraph.description),
        input_tensor_metadata=build.offsets(_build_tensor(build, item) for item in subgraph.inputs),
        output_tensor_metadata=build.offsets(_build_tensor(build, item) for item in subgraph.outputs),
        associated_files=_build_files(build, subgraph.associated_files),
    )


def _build_tensor(build: _Build, tensor: TensorMetadata) -> int:
    return build.table(
        TENSOR_METADATA,
        name=build.string(tensor.name),
        description=build.string(tensor.description),
        dimension_names=build.offsets(build.builder.CreateString(name) for name in tensor.dimension_names),
        content=_build_audio(build, tensor.audio) if tensor.audio else 0,
        process_units=build.offsets(_build_process_unit(build, unit) for unit in tensor.process_units),
        stats=_build_stats(build, tensor),
        associated_files=_build_files(build, tensor.associated_files),
    )


def _build_audio(build: _Build, audio: AudioProperties) -> int:
    return build.union(
        CONTENT,
        "content_properties",
        _AUDIO,
        sample_rate=_Number("Uint32", audio.sample_rate),
        channels=_Number("Uint32", audio.channels),
    )


def _build_stats(build: _Build, tensor: TensorMetadata) -> int:
    if not tensor.stats_min and not tensor.stats_max:
        return 0
    return build.table(STATS, max=build.floats(tensor.stats_max), min=build.floats(tensor.stats_min))


def _build_process_unit(build: _Build, unit: ProcessUnit) -> int:
    if isinstance(unit, Normalization):
        kind, mean, std = _NORMALIZATION, build.floats(unit.mean), build.floats(unit.std)
        return build.union(PROCESS_UNIT, "options", kind, mean=mean, std=std)
    if isinstance(unit, ScoreCalibration):
        fields: dict[str, int | _Number] = {
            "score_transformation": _Number("Int8", unit.score_transformation),
            "default_score": _Number("Float32", unit.default_score),
        }
        return build.union(PROCESS_UNIT, "options", _SCORE_CALIBRATION, **fields)
    if isinstance(unit, ScoreThresholding):
        threshold = _Number("Float32", unit.global_score_threshold)
        return build.union(PROCESS_UNIT, "options", _SCORE_THRESHOLDING, global_score_threshold=threshold)
    return build.table(PROCESS_UNIT)
