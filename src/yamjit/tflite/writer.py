"""A `Graph` written as the bytes of a ``.tflite`` file that TFLite and this package can load.

Nothing is checked: what the graph says is what is written, so that tests can also write models that no
reader should accept. The same graph always gives the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.tflite.codec import Offset, TableBuilder
from yamjit.tflite.flexbuffer import write_flexbuffer
from yamjit.tflite.graph import ANY, Arithmetic, Graph, Op, Operator, Tensor
from yamjit.tflite.metadata_tables import build_metadata
from yamjit.tflite.model_tables import (
    ARITHMETIC_NAME,
    BUFFER,
    BUFFER_ALIGNMENT,
    METADATA_NAME,
    MODEL,
    MODEL_IDENTIFIER,
    OPERATOR,
    OPERATOR_CODE,
    SCHEMA_VERSION,
    SUBGRAPH,
    TENSOR,
    TensorType,
)
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.operators.record import field_values

__all__ = ["append_zip", "write_graph"]

#: ``deprecated_builtin_code`` is one byte; greater codes say this and stand in ``builtin_code`` alone.
_PLACEHOLDER_CODE = 127
#: The earliest time that a zip can hold: bytes must not depend on the clock.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP_UNIX = 3

_OPTION_CODES = {record.options: record.code for record in OPERATORS.values() if record.options is not None}
_CUSTOM_NAMES: dict[int, str] = {op: record.custom for op, record in OPERATORS.items() if record.custom}


def write_graph(graph: Graph) -> bytes:
    """Write a graph as a ``.tflite`` file, valid or not, followed by a zip of `graph.files` if there are any.

    An operator's options are written as the table of their record. A `ModelError` is raised if a tensor has a type that
    TFLite cannot hold.
    """
    model = _write_model(graph)
    return append_zip(model, graph.files) if graph.files else model


def _write_model(graph: Graph) -> bytes:
    """Return the FlatBuffer: all of the graph but its files."""
    builder = TableBuilder()
    constants = [position for position, tensor in enumerate(graph.tensors) if tensor.data is not None]
    blobs = [b"", *(_little_endian(graph.tensors[position].data) for position in constants)]
    described: dict[str, bytes] = {}
    if graph.metadata is not None:
        described[METADATA_NAME] = build_metadata(graph.metadata)
    if graph.arithmetic != Arithmetic.REFERENCE:
        described[ARITHMETIC_NAME] = graph.arithmetic.value.encode()
    entries = [{"name": name, "buffer": buffer} for buffer, name in enumerate(described, len(blobs))]
    blobs += described.values()
    buffers = builder.offsets([_write_buffer(builder, blob) for blob in blobs])
    codes = sorted({(int(operator.op), operator.version) for operator in graph.operators})
    operator_codes = builder.offsets([_write_operator_code(builder, *code) for code in codes])
    buffer_of = {position: buffer for buffer, position in enumerate(constants, 1)}
    tensors = [_write_tensor(builder, t, buffer_of.get(i, 0)) for i, t in enumerate(graph.tensors)]
    operators = [_write_operator(builder, o, codes.index((int(o.op), o.version))) for o in graph.operators]
    subgraph = builder.table(
        SUBGRAPH,
        {
            "tensors": builder.offsets(tensors),
            "inputs": graph.inputs,
            "outputs": graph.outputs,
            "operators": builder.offsets(operators),
            "name": "main",
        },
    )
    root = builder.table(
        MODEL,
        {
            "version": SCHEMA_VERSION,
            "operator_codes": operator_codes,
            "subgraphs": builder.offsets([subgraph]),
            "description": graph.description,
            "buffers": buffers,
            "metadata": entries or None,
        },
    )
    return builder.finish(root, MODEL_IDENTIFIER)


def _write_buffer(builder: TableBuilder, blob: bytes) -> Offset:
    return builder.table(BUFFER, {"data": builder.vector(blob, len(blob), BUFFER_ALIGNMENT) if blob else None})


def _write_operator_code(builder: TableBuilder, code: int, version: int) -> Offset:
    name = _CUSTOM_NAMES.get(code)
    code = code if name is None else Op.CUSTOM
    values = {"deprecated_builtin_code": min(code, _PLACEHOLDER_CODE), "builtin_code": code, "version": version}
    return builder.table(OPERATOR_CODE, values if name is None else values | {"custom_code": name})


def _write_tensor(builder: TableBuilder, tensor: Tensor, buffer: int) -> Offset:
    kind = TensorType.__members__.get(np.dtype(tensor.dtype).name.upper())
    if kind is None:
        raise ModelError(f"type {tensor.dtype} has no code in TFLite's schema", tensor=str(tensor))
    name, quantization = builder.string(tensor.name), tensor.quantization
    values: dict[str, Any] = {"shape": tensor.shape, "type": kind, "buffer": buffer, "name": name}
    if ANY in tensor.shape:
        values |= {"shape": [max(size, 1) for size in tensor.shape], "shape_signature": tensor.shape}
    if quantization is not None:
        values["quantization"] = {
            "scale": quantization.scale,
            "zero_point": quantization.zero_point,
            "quantized_dimension": quantization.dimension,
        }
    return builder.table(TENSOR, values)


def _write_operator(builder: TableBuilder, operator: Operator, opcode_index: int) -> Offset:
    options = operator.options
    values: dict[str, Any] = {"opcode_index": opcode_index, "inputs": operator.inputs, "outputs": operator.outputs}
    if options is not None and operator.op in _CUSTOM_NAMES:
        values["custom_options"] = np.frombuffer(write_flexbuffer(field_values(options)), np.uint8)
    elif options is not None:
        values |= {"builtin_options_type": _OPTION_CODES[type(options)], "builtin_options": field_values(options)}
    return builder.table(OPERATOR, values)


def _little_endian(data: npt.NDArray[np.generic] | None) -> bytes:
    """Return the values in C order, least significant byte first."""
    array = np.asarray(data)
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def append_zip(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return `model` followed by a zip of `files`, whose offsets count from the start of the model."""
    stream = io.BytesIO(model)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.create_system = _ZIP_UNIX
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return stream.getvalue()
