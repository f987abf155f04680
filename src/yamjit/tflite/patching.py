"""Metadata of any ``.tflite``, read and replaced while the rest of the file stays as it is, byte for byte.

`yamjit.tflite.reader` refuses models whose operators are not known; what a model says about itself can be read and
written whatever it computes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yamjit.errors import ModelError, of_model_file
from yamjit.spec import Limits
from yamjit.tflite.archive import archive_start, read_archive
from yamjit.tflite.fronting import METADATA_NAME, with_metadata_buffer
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.metadata_tables import associated_files, build_metadata, read_metadata
from yamjit.tflite.names import operator_name, schema_name
from yamjit.tflite.schema import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.source import Source, read_source, source_name
from yamjit.tflite.verifier import verify
from yamjit.tflite.writer import append_zip

__all__ = ["DESCRIBED_LIMITS", "Described", "EndPoint", "read_described", "replace_metadata"]

#: What may be described: models are much larger than those that can be run.
DESCRIBED_LIMITS = Limits(file_bytes=2**30, tensors=20_000, operators=20_000)

_U32 = struct.Struct("<I")
#: What TFLite aligns the content of buffers to.
_ALIGNMENT = 16
#: Most inputs and outputs that are looked at.
_MOST_ENDS = 256
#: Most dimensions that are looked at.
_MOST_AXES = 16


@dataclass(frozen=True, slots=True)
class EndPoint:
    """An input or output tensor: its name, shape (-1 for what is not fixed) and type, such as "float32"."""

    name: str
    shape: tuple[int, ...]
    dtype: str = ""

    @property
    def classes(self) -> int:
        """How many values the last axis has, -1 if that is not fixed: the classes of an output of scores."""
        return self.shape[-1] if self.shape else 1


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What a model says about itself.

    Parameters
    ----------
    data : bytes
        The whole file.
    end : int
        Of the model, where the zip begins.
    inputs, outputs : tuple of EndPoint
    operators : tuple of str
        Their names, in order.
    metadata : Metadata or None
    files : mapping of str to bytes
    """

    data: bytes = field(repr=False)
    end: int
    inputs: tuple[EndPoint, ...]
    outputs: tuple[EndPoint, ...]
    operators: tuple[str, ...]
    metadata: Metadata | None
    files: Mapping[str, bytes]


def read_described(source: Source, *, limits: Limits = DESCRIBED_LIMITS) -> Described:
    """Read what a model says about itself, whatever it computes.

    Parameters
    ----------
    source : bytes-like, mmap, str, os.PathLike or binary file object
    limits : Limits

    Raises
    ------
    ModelError
        If it is no TFLite model, or its metadata are damaged.
    LimitError
        If it is larger than a limit allows.
    """
    data = read_source(source, limits)
    with of_model_file(source_name(source)):
        return _described(data, limits)


def _described(data: bytes, limits: Limits) -> Described:
    import tflite

    tables = 8 * (limits.tensors + limits.operators)
    end = verify(data, MODEL, MODEL_IDENTIFIER, max_depth=limits.depth, max_tables=tables)
    model = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() < 1:
        raise ModelError("there is no subgraph")
    place = _metadata_field(model)
    metadata = None if place is None else read_metadata(_vector(data, place))
    # Operators that are not known may have options behind all that is: the model ends where the archive begins.
    end = archive_start(data, end)
    files = read_archive(data, end, limits=limits)
    missing = next((f.name for f in (associated_files(metadata) if metadata else ()) if f.name not in files), None)
    if missing is not None:
        raise ModelError(f"associated file {missing[:80]!r} is not in the model file", offset=end)
    subgraph = model.Subgraphs(0)
    ends = _ends(subgraph, "Inputs"), _ends(subgraph, "Outputs")
    return Described(data, end, *ends, _operators(model, subgraph), metadata, files)


def replace_metadata(described: Described, metadata: Metadata, files: Mapping[str, bytes]) -> bytes:
    """Return a model with other metadata and files.

    Parameters
    ----------
    described : Described
    metadata : Metadata
    files : mapping of str to bytes
        All of them: those of `described` are left out where they are not named again.

    Returns
    -------
    bytes
        The model as it was, with the new tables behind it; before it, if it had none, a new root that says so.

    Raises
    ------
    ModelError
        If the metadata list a file that is not given; or the model has none, and refers to places in its file, or to
        buffers that it does not have.
    """
    listed = [file.name for file in associated_files(metadata)]
    absent = next((name for name in listed if name not in files), None)
    if absent is not None:
        raise ModelError(f"the metadata list a file {absent!r} that is not given")
    model = bytearray(described.data[: described.end])
    if _place(model) is None:
        model = with_metadata_buffer(model)
    place = _place(model)
    if place is None:
        raise ModelError("a tensor has a buffer that does not exist: no metadata can be added")
    # A vector is its length and its bytes, and those are aligned.
    model += bytes(-(len(model) + 4) % _ALIGNMENT)
    _U32.pack_into(model, place, len(model) - place)
    tables = build_metadata(metadata)
    model += _U32.pack(len(tables)) + tables
    patched = append_zip(bytes(model), files) if files else bytes(model)
    found = _described(patched, DESCRIBED_LIMITS)
    if found.metadata is None or set(found.files) != set(files):
        raise ModelError("the metadata could not be replaced")
    return patched


def _place(data: bytes | bytearray) -> int | None:
    """Return where other metadata can be put in; None if there are none, or a constant is in the same place."""
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    place = _metadata_field(model)
    graphs = [model.Subgraphs(k) for k in range(model.SubgraphsLength())]
    constants = {graph.Tensors(k).Buffer() for graph in graphs for k in range(graph.TensorsLength())}
    fields = (_data_field(model, index) for index in constants if index < model.BuffersLength())
    return None if place in fields else place


def _metadata_field(model: Any) -> int | None:
    """Return where the offset to the metadata's bytes stands in a verified model; None if there are none."""
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == METADATA_NAME and entry.Buffer() < model.BuffersLength():
            return _data_field(model, entry.Buffer())
    return None


def _data_field(model: Any, buffer: int) -> int | None:
    table = model.Buffers(buffer)._tab
    offset = table.Offset(4)
    return int(table.Pos + offset) if offset else None


def _vector(data: bytes, place: int) -> bytes:
    start = place + int(_U32.unpack_from(data, place)[0])
    return data[start + 4 : start + 4 + int(_U32.unpack_from(data, start)[0])]


def _ends(subgraph: Any, kind: str) -> tuple[EndPoint, ...]:
    count = getattr(subgraph, f"{kind}Length")()
    indices = [int(getattr(subgraph, kind)(k)) for k in range(min(count, _MOST_ENDS))]
    if any(not 0 <= index < subgraph.TensorsLength() for index in indices):
        raise ModelError(f"the subgraph's {kind.lower()} name a tensor that does not exist")
    tensors = [subgraph.Tensors(index) for index in indices]
    return tuple(
        EndPoint((t.Name() or b"").decode("utf-8", "replace"), _shape(t), schema_name("TensorType", t.Type()).lower())
        for t in tensors
    )


def _shape(tensor: Any) -> tuple[int, ...]:
    """Return a tensor's shape, with -1 where it is not fixed."""
    kind = "ShapeSignature" if tensor.ShapeSignatureLength() == tensor.ShapeLength() else "Shape"
    axes = range(min(tensor.ShapeLength(), _MOST_AXES))
    return tuple(int(getattr(tensor, kind)(axis)) for axis in axes)


def _operators(model: Any, subgraph: Any) -> tuple[str, ...]:
    names = [operator_name(model.OperatorCodes(k)) for k in range(model.OperatorCodesLength())]
    used = [subgraph.Operators(k).OpcodeIndex() for k in range(subgraph.OperatorsLength())]
    return tuple(names[index] if index < len(names) else f"operator code {index}" for index in used)
