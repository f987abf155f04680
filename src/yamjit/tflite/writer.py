"""A `Graph` written as the bytes of a ``.tflite`` file that TFLite and this package can load.

Nothing is checked: what the graph says is what is written, so that tests can also write models that no
reader should accept. The same graph always gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import io
import zipfile
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

from yamjit.errors import ModelError
from yamjit.tflite.graph import Graph, Operator, Options, Quantization, Tensor

__all__ = ["append_zip", "write_graph"]

_FILE_IDENTIFIER = b"TFL3"
_SCHEMA_VERSION = 3
_METADATA_NAME = "TFLITE_METADATA"
#: TFLite maps constants in place, so their alignment in the file is that of its kernels' loads.
_BUFFER_ALIGNMENT = 16
#: ``deprecated_builtin_code`` is one byte; greater codes say this and stand in ``builtin_code`` alone.
_PLACEHOLDER_CODE = 127
#: The earliest time that a zip can hold: bytes must not depend on the clock.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_ZIP_UNIX = 3

#: Every tensor type that NumPy can hold, readable by this package or not.
_TYPE_CODES: Mapping[np.dtype[Any], int] = MappingProxyType(
    {
        np.dtype(name): code
        for name, code in (
            ("float32", 0),
            ("float16", 1),
            ("int32", 2),
            ("uint8", 3),
            ("int64", 4),
            ("bool", 6),
            ("int16", 7),
            ("complex64", 8),
            ("int8", 9),
            ("float64", 10),
            ("complex128", 11),
            ("uint64", 12),
            ("uint32", 15),
            ("uint16", 16),
        )
    }
)

#: How a field of an options record is called in the schema, where it is not the record's name in camel case.
_FIELD_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "activation": "FusedActivationFunction",
        "dilation_h": "DilationHFactor",
        "dilation_w": "DilationWFactor",
    }
)


def write_graph(graph: Graph) -> bytes:
    """Write a graph as a ``.tflite`` file.

    Parameters
    ----------
    graph : Graph
        Written as it stands, valid or not; an operator's options are written as the table of their record.

    Returns
    -------
    bytes
        The FlatBuffer, followed by a zip of `graph.files` if there are any.

    Raises
    ------
    ModelError
        If a tensor has a type that TFLite cannot hold.
    """
    model = _write_model(graph)
    return append_zip(model, graph.files) if graph.files else model


def _write_model(graph: Graph) -> bytes:
    """Return the FlatBuffer: all of the graph but its files."""
    builder = flatbuffers.Builder(1024)
    buffers, buffer_of, metadata_buffer = _write_buffers(builder, graph)
    codes = sorted({(int(operator.op), operator.version) for operator in graph.operators})
    operator_codes = _tables(builder, [_write_operator_code(builder, *code) for code in codes])
    tensors = [_write_tensor(builder, t, buffer_of.get(i, 0)) for i, t in enumerate(graph.tensors)]
    operators = [_write_operator(builder, o, codes.index((int(o.op), o.version))) for o in graph.operators]
    subgraph = _write_subgraph(builder, graph, _tables(builder, tensors), _tables(builder, operators))
    subgraphs = _tables(builder, [subgraph])
    description = builder.CreateString(graph.description)
    metadata = _tables(builder, [_write_metadata(builder, metadata_buffer)]) if metadata_buffer else None

    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, _SCHEMA_VERSION)
    tflite.ModelAddOperatorCodes(builder, operator_codes)
    tflite.ModelAddSubgraphs(builder, subgraphs)
    tflite.ModelAddDescription(builder, description)
    tflite.ModelAddBuffers(builder, buffers)
    if metadata is not None:
        tflite.ModelAddMetadata(builder, metadata)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=_FILE_IDENTIFIER)
    return bytes(builder.Output())


def _write_buffers(builder: Any, graph: Graph) -> tuple[int, dict[int, int], int]:
    """Write all buffers: the empty one, the constants in order of their tensors, the metadata.

    Returns
    -------
    buffers : int
        Where the vector of buffers is.
    buffer_of : dict of int to int
        Buffer of each constant, by position of its tensor.
    metadata_buffer : int
        Buffer of the metadata; 0 if there is none.
    """
    blobs = [b""]
    buffer_of = {}
    for position, tensor in enumerate(graph.tensors):
        if tensor.data is not None:
            buffer_of[position] = len(blobs)
            blobs.append(_little_endian(tensor.data))
    metadata_buffer = 0
    if graph.metadata is not None:
        from yamjit.tflite.metadata_tables import build_metadata

        metadata_buffer = len(blobs)
        blobs.append(build_metadata(graph.metadata))
    return _tables(builder, [_write_buffer(builder, blob) for blob in blobs]), buffer_of, metadata_buffer


def _write_buffer(builder: Any, blob: bytes) -> int:
    data = None
    if blob:
        builder.Prep(_BUFFER_ALIGNMENT, len(blob))
        data = builder.CreateByteVector(blob)
    tflite.BufferStart(builder)
    if data is not None:
        tflite.BufferAddData(builder, data)
    return int(tflite.BufferEnd(builder))


def _write_operator_code(builder: Any, code: int, version: int) -> int:
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, _PLACEHOLDER_CODE))
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, version)
    return int(tflite.OperatorCodeEnd(builder))


def _write_tensor(builder: Any, tensor: Tensor, buffer: int) -> int:
    code = _TYPE_CODES.get(np.dtype(tensor.dtype).newbyteorder("="))
    if code is None:
        raise ModelError(f"type {tensor.dtype} has no code in TFLite's schema", tensor=str(tensor))
    name = builder.CreateString(tensor.name)
    shape = _int32_vector(builder, tensor.shape)
    quantization = None
    if tensor.quantization is not None:
        quantization = _write_quantization(builder, tensor.quantization)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, code)
    tflite.TensorAddBuffer(builder, buffer)
    tflite.TensorAddName(builder, name)
    if quantization is not None:
        tflite.TensorAddQuantization(builder, quantization)
    return int(tflite.TensorEnd(builder))


def _write_quantization(builder: Any, quantization: Quantization) -> int:
    scale = builder.CreateNumpyVector(np.ascontiguousarray(quantization.scale, dtype="<f4"))
    zero_point = builder.CreateNumpyVector(np.ascontiguousarray(quantization.zero_point, dtype="<i8"))
    tflite.QuantizationParametersStart(builder)
    tflite.QuantizationParametersAddScale(builder, scale)
    tflite.QuantizationParametersAddZeroPoint(builder, zero_point)
    tflite.QuantizationParametersAddQuantizedDimension(builder, quantization.dimension)
    return int(tflite.QuantizationParametersEnd(builder))


def _write_operator(builder: Any, operator: Operator, opcode_index: int) -> int:
    inputs = _int32_vector(builder, operator.inputs)
    outputs = _int32_vector(builder, operator.outputs)
    options = None if operator.options is None else _write_options(builder, operator.options)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, opcode_index)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options is not None:
        union_type = getattr(tflite.BuiltinOptions, type(operator.options).__name__)
        tflite.OperatorAddBuiltinOptionsType(builder, union_type)
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _write_options(builder: Any, options: Options) -> int:
    """Write an options record; its class and its fields are called as the schema's table and fields."""
    table = type(options).__name__
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    for name, value in values.items():
        if isinstance(value, tuple):
            values[name] = _int32_vector(builder, value)
    getattr(tflite, f"{table}Start")(builder)
    for name, value in values.items():
        schema_name = _FIELD_NAMES.get(name) or "".join(part.capitalize() for part in name.split("_"))
        getattr(tflite, f"{table}Add{schema_name}")(builder, value)
    return int(getattr(tflite, f"{table}End")(builder))


def _write_subgraph(builder: Any, graph: Graph, tensors: int, operators: int) -> int:
    inputs = _int32_vector(builder, graph.inputs)
    outputs = _int32_vector(builder, graph.outputs)
    name = builder.CreateString("main")
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, tensors)
    tflite.SubGraphAddInputs(builder, inputs)
    tflite.SubGraphAddOutputs(builder, outputs)
    tflite.SubGraphAddOperators(builder, operators)
    tflite.SubGraphAddName(builder, name)
    return int(tflite.SubGraphEnd(builder))


def _write_metadata(builder: Any, buffer: int) -> int:
    name = builder.CreateString(_METADATA_NAME)
    tflite.MetadataStart(builder)
    tflite.MetadataAddName(builder, name)
    tflite.MetadataAddBuffer(builder, buffer)
    return int(tflite.MetadataEnd(builder))


def _tables(builder: Any, offsets: Sequence[int]) -> int:
    """Write a vector of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _int32_vector(builder: Any, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, dtype="<i4")))


def _little_endian(data: npt.NDArray[np.generic]) -> bytes:
    """Return the values in C order, least significant byte first."""
    return data.astype(data.dtype.newbyteorder("<"), copy=False).tobytes()


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
