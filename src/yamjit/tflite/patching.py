"""Metadata of any ``.tflite``, read and replaced while the rest of the file stays as it is, byte for byte.

`yamjit.tflite.reader` refuses models whose operators are not known; what a model says about itself can be read and
written whatever it computes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from yamjit.errors import ModelError
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.archive import read_archive
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.metadata_tables import associated_files, build_metadata, read_metadata
from yamjit.tflite.schema import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.source import Source, read_source
from yamjit.tflite.verifier import verify
from yamjit.tflite.writer import append_zip

__all__ = ["Described", "EndPoint", "read_described", "replace_metadata"]

_NAME = b"TFLITE_METADATA"
_U32 = struct.Struct("<I")
#: What TFLite aligns the content of buffers to.
_ALIGNMENT = 16
#: Most inputs and outputs that are looked at.
_MOST_ENDS = 256


@dataclass(frozen=True, slots=True)
class EndPoint:
    """An input or output tensor: its name and shape."""

    name: str
    shape: tuple[int, ...]

    @property
    def classes(self) -> int:
        """How many values the last axis has: the classes of an output of scores."""
        return self.shape[-1] if self.shape else 1


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What a model says about itself.

    Parameters
    ----------
    data : bytes
        The whole file.
    end : int
        Of the FlatBuffer, where the zip begins.
    inputs, outputs : tuple of EndPoint
    metadata : Metadata or None
    files : mapping of str to bytes
    """

    data: bytes = field(repr=False)
    end: int
    inputs: tuple[EndPoint, ...]
    outputs: tuple[EndPoint, ...]
    metadata: Metadata | None
    files: Mapping[str, bytes]


def read_described(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Described:
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
    import tflite

    data = read_source(source, limits)
    tables = 8 * (limits.tensors + limits.operators)
    end = verify(data, MODEL, MODEL_IDENTIFIER, max_depth=limits.depth, max_tables=tables)
    model = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() < 1:
        raise ModelError("there is no subgraph")
    place = _metadata_field(model)
    metadata = None if place is None else read_metadata(_vector(data, place))
    files = read_archive(data, end, limits=limits)
    missing = next((f.name for f in (associated_files(metadata) if metadata else ()) if f.name not in files), None)
    if missing is not None:
        raise ModelError(f"associated file {missing[:80]!r} is not in the model file", offset=end)
    subgraph = model.Subgraphs(0)
    return Described(data, end, _ends(subgraph, "Inputs"), _ends(subgraph, "Outputs"), metadata, files)


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
        The FlatBuffer as it was, with the new tables behind it; a model that had none is written anew.

    Raises
    ------
    ModelError
        If the metadata list a file that is not given, or the model has none and holds what cannot be written anew.
    """
    listed = [file.name for file in associated_files(metadata)]
    absent = next((name for name in listed if name not in files), None)
    if absent is not None:
        raise ModelError(f"the metadata list a file {absent!r} that is not given")
    place = _place(described.data)
    if place is None:
        return _written_anew(described, metadata, files)
    model = bytearray(described.data[: described.end])
    # A vector is its length and its bytes, and those are aligned.
    model += bytes(-(len(model) + 4) % _ALIGNMENT)
    _U32.pack_into(model, place, len(model) - place)
    tables = build_metadata(metadata)
    model += _U32.pack(len(tables)) + tables
    patched = append_zip(bytes(model), files) if files else bytes(model)
    found = read_described(patched)
    if found.metadata is None or set(found.files) != set(files):
        raise ModelError("the metadata could not be replaced")
    return patched


def _written_anew(described: Described, metadata: Metadata, files: Mapping[str, bytes]) -> bytes:
    from yamjit.tflite.reader import read_graph
    from yamjit.tflite.writer import write_graph

    return write_graph(replace(read_graph(described.data), metadata=metadata, files=dict(files)))


def _place(data: bytes) -> int | None:
    import tflite

    return _metadata_field(tflite.Model.GetRootAs(data, 0))


def _metadata_field(model: Any) -> int | None:
    """Return where the offset to the metadata's bytes stands in a verified model; None if there are none."""
    for index in range(model.MetadataLength()):
        entry = model.Metadata(index)
        if entry.Name() == _NAME and entry.Buffer() < model.BuffersLength():
            table = model.Buffers(entry.Buffer())._tab
            offset = table.Offset(4)
            return int(table.Pos + offset) if offset else None
    return None


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
        EndPoint((t.Name() or b"").decode("utf-8", "replace"), tuple(int(t.Shape(k)) for k in range(t.ShapeLength())))
        for t in tensors
    )
