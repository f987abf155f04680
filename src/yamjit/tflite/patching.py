"""Metadata of any ``.tflite``, read and replaced; the rest of the file stays as it is, byte for byte.

`yamjit.tflite.reader` refuses models with unknown operators; the metadata of these can be read and replaced as well.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from yamjit.errors import ModelError, of_model_file
from yamjit.spec import Limits
from yamjit.tflite.archive import archive_start
from yamjit.tflite.codec import TableView
from yamjit.tflite.fronting import with_metadata_buffer
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.metadata_tables import associated_files, build_metadata, read_files, read_metadata
from yamjit.tflite.model_tables import (
    BUFFER_ALIGNMENT,
    METADATA_NAME,
    MODEL,
    open_model,
    operator_name,
    type_name,
)
from yamjit.tflite.source import Source, read_source, source_name
from yamjit.tflite.writer import append_zip

__all__ = ["DESCRIBED_LIMITS", "Described", "EndPoint", "read_described", "replace_metadata", "replace_tables"]

#: Limits for models that are described, which may be much larger than those that can be run.
DESCRIBED_LIMITS = Limits(file_bytes=2**30, tensors=20_000, operators=20_000)

_U32 = struct.Struct("<I")
#: Most inputs and outputs, and most dimensions, that are looked at.
_MOST_ENDS, _MOST_AXES = 256, 16


@dataclass(frozen=True, slots=True)
class EndPoint:
    """An input or output tensor: its name, shape (-1 for a size that is not fixed) and type, such as "float32"."""

    name: str
    shape: tuple[int, ...]
    dtype: str = ""

    @property
    def classes(self) -> int:
        """Size of the last axis, -1 if it is not fixed: the number of classes of an output of scores."""
        return self.shape[-1] if self.shape else 1

    @property
    def any_length(self) -> bool:
        """Whether it is one row of any number of values, such as the samples of a recording."""
        return -1 in self.shape and all(size in (-1, 1) for size in self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What a model says about itself; `data` is the whole file, `end` the end of the model and start of the zip.

    `operators` are names in the order of execution; `tables` are the bytes of the metadata, if there are any.
    """

    data: bytes = field(repr=False)
    end: int
    inputs: tuple[EndPoint, ...]
    outputs: tuple[EndPoint, ...]
    operators: tuple[str, ...]
    metadata: Metadata | None
    files: Mapping[str, bytes]
    tables: bytes = field(default=b"", repr=False)


def read_described(source: Source, *, limits: Limits = DESCRIBED_LIMITS) -> Described:
    """Read what a model says about itself, whatever it computes.

    Damaged metadata, and what is not a TFLite model, are refused with a `ModelError`; what is too large with a
    `LimitError`.
    """
    data = read_source(source, limits)
    with of_model_file(source_name(source)):
        return _described(data, limits)


def _described(data: bytes, limits: Limits) -> Described:
    model, end = open_model(data, limits)
    subgraphs = model.children("subgraphs")
    if not subgraphs:
        raise ModelError("there is no subgraph")
    buffer = _metadata_buffer(model)
    tables = b"" if buffer is None else buffer.array("data").tobytes()
    metadata = None if buffer is None else read_metadata(tables)
    # Operators that are not known may have options after everything else: the model ends where the archive begins.
    end = archive_start(data, end)
    files = read_files(data, end, metadata, limits)
    tensors = subgraphs[0].children("tensors")
    inputs, outputs = (_ends(subgraphs[0].array(name).tolist(), tensors, name) for name in ("inputs", "outputs"))
    return Described(data, end, inputs, outputs, _operators(model, subgraphs[0]), metadata, files, tables)


def replace_metadata(described: Described, metadata: Metadata, files: Mapping[str, bytes]) -> bytes:
    """Return a model with other metadata, and with `files` and no others.

    It is the model as it was, followed by the new tables; if it had none, preceded by a new root that refers to them. A
    `ModelError` is raised if the metadata list a file that is not given; or if the model has no metadata, and refers to
    places in its file or to buffers that do not exist.
    """
    listed = [file.name for file in associated_files(metadata)]
    absent = next((name for name in listed if name not in files), None)
    if absent is not None:
        raise ModelError(f"the metadata list a file {absent!r} that is not given")
    return replace_tables(described, build_metadata(metadata), files)


def replace_tables(described: Described, tables: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a model with other metadata tables, and with `files` and no others, see `replace_metadata`."""
    model = bytearray(described.data[: described.end])
    if _place(model) is None:
        model = with_metadata_buffer(model)
    place = _place(model)
    if place is None:
        raise ModelError("a tensor has a buffer that does not exist: no metadata can be added")
    # A vector is its length and its bytes, and those are aligned.
    model += bytes(-(len(model) + 4) % BUFFER_ALIGNMENT)
    _U32.pack_into(model, place, len(model) - place)
    model += _U32.pack(len(tables)) + tables
    patched = append_zip(bytes(model), files) if files else bytes(model)
    found = _described(patched, DESCRIBED_LIMITS)
    if found.metadata is None or set(found.files) != set(files):
        raise ModelError("the metadata could not be replaced")
    return patched


def _place(data: bytes | bytearray) -> int | None:
    """Return the place of the offset to the metadata; None if there are none, or a constant is in the same place."""
    model = TableView.of_root(data, MODEL)
    buffer, buffers = _metadata_buffer(model), model.children("buffers")
    tensors = [tensor for graph in model.children("subgraphs") for tensor in graph.children("tensors")]
    constants = {tensor.number("buffer") for tensor in tensors}
    place = None if buffer is None else buffer.place("data")
    return None if place in (buffers[index].place("data") for index in constants if index < len(buffers)) else place


def _metadata_buffer(model: TableView) -> TableView | None:
    """Return the buffer of a verified model that holds the metadata; None if there are none."""
    buffers = model.children("buffers")
    for entry in model.children("metadata"):
        if entry.string("name") == METADATA_NAME.encode() and (index := entry.number("buffer")) < len(buffers):
            return buffers[index] if buffers[index].place("data") is not None else None
    return None


def _ends(indices: list[int], tensors: list[TableView], kind: str) -> tuple[EndPoint, ...]:
    indices = indices[:_MOST_ENDS]
    if any(not 0 <= index < len(tensors) for index in indices):
        raise ModelError(f"the subgraph's {kind} name a tensor that does not exist")
    return tuple(
        EndPoint(t.string("name").decode("utf-8", "replace"), _shape(t), type_name(t.number("type")).lower())
        for t in (tensors[index] for index in indices)
    )


def _shape(tensor: TableView) -> tuple[int, ...]:
    """Return a tensor's shape, with -1 where it is not fixed."""
    shape, signature = tensor.array("shape"), tensor.array("shape_signature")
    return tuple((signature if signature.size == shape.size else shape)[:_MOST_AXES].tolist())


def _operators(model: TableView, subgraph: TableView) -> tuple[str, ...]:
    names = [operator_name(code) for code in model.children("operator_codes")]
    used = [operator.number("opcode_index") for operator in subgraph.children("operators")]
    return tuple(names[index] if index < len(names) else f"operator code {index}" for index in used)
