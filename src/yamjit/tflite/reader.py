"""Any bytes to a `Graph` that is proven sound, or to one error that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.errors import LimitError, ModelError, of_model_file
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.archive import read_archive
from yamjit.tflite.graph import TENSOR_TYPES, Graph, Op, Operator, Quantization, Tensor
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.metadata_tables import associated_files, read_metadata
from yamjit.tflite.names import CUSTOM, builtin_code, custom_name, schema_name
from yamjit.tflite.options import read_options
from yamjit.tflite.schema import MODEL, MODEL_IDENTIFIER
from yamjit.tflite.source import Source, read_source, source_name
from yamjit.tflite.validate import check_size, validate_graph
from yamjit.tflite.verifier import verify

__all__ = ["read_graph"]

_SCHEMA_VERSION = 3
_METADATA_NAME = "TFLITE_METADATA"
#: No operator that is known has more inputs or outputs; SPLIT's outputs are the channels at most.
_MAX_OPERANDS = 2**10
#: Highest version of each operator whose int8, int32 and float32 arithmetic is that of version 1.
_VERSIONS: Mapping[Op, int] = MappingProxyType(
    {
        Op.CONV_2D: 8,
        Op.DEPTHWISE_CONV_2D: 7,
        Op.DEQUANTIZE: 6,
        Op.FULLY_CONNECTED: 13,
        Op.LOGISTIC: 3,
        Op.MUL: 7,
        Op.RESHAPE: 1,
        Op.PAD: 4,
        Op.GATHER: 7,
        Op.MEAN: 3,
        Op.STRIDED_SLICE: 8,
        Op.SPLIT: 4,
        Op.LOG: 2,
        Op.QUANTIZE: 3,
        Op.RFFT2D: 1,
        Op.COMPLEX_ABS: 1,
    }
)


def read_graph(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """Read a ``.tflite`` model.

    Parameters
    ----------
    source : bytes-like, mmap, str, os.PathLike or binary file object
        The model, or where it is. Memory that may change is copied.
    limits : Limits
        What the model may ask for.

    Returns
    -------
    Graph
        Checked by `yamjit.tflite.validate.validate_graph`. Constants are read-only and share memory with the
        file's bytes.

    Raises
    ------
    ModelError
        If the file cannot be read, is no TFLite model, or holds anything that could not be run exactly as
        TFLite would.
    LimitError
        If it asks for more than a limit allows; nothing was allocated.
    InputError
        If `source` is none of the above.
    """
    import tflite

    data = read_source(source, limits)
    tables = 8 * (limits.tensors + limits.operators)
    with of_model_file(source_name(source)):
        end = verify(data, MODEL, MODEL_IDENTIFIER, max_depth=limits.depth, max_tables=tables)
        graph = _Reader(tflite.Model.GetRootAs(data, 0), data, limits).read(end)
        validate_graph(graph, limits=limits)
    return graph


class _Reader:
    """A verified model, while it is read."""

    def __init__(self, model: Any, data: bytes, limits: Limits) -> None:
        self._model = model
        self._data = data
        self._limits = limits

    def read(self, end: int) -> Graph:
        """Read everything; the FlatBuffer ends at `end`."""
        model = self._model
        if model.Version() != _SCHEMA_VERSION:
            raise ModelError(f"schema version is {model.Version()}; only {_SCHEMA_VERSION} is supported")
        if model.SubgraphsLength() != 1:
            raise ModelError(f"there are {model.SubgraphsLength()} subgraphs; exactly one is supported")
        subgraph = model.Subgraphs(0)
        _check_count(subgraph.TensorsLength(), self._limits.tensors, "tensors")
        _check_count(subgraph.OperatorsLength(), self._limits.operators, "operators")
        operators = tuple(
            self._operator(index, subgraph.Operators(index)) for index in range(subgraph.OperatorsLength())
        )
        tensors = tuple(self._tensor(index, subgraph.Tensors(index)) for index in range(subgraph.TensorsLength()))
        metadata = self._metadata()
        return Graph(
            tensors=tensors,
            operators=operators,
            inputs=_integers(subgraph, "Inputs", "the subgraph's"),
            outputs=_integers(subgraph, "Outputs", "the subgraph's"),
            description=_text(model.Description(), "the model's description"),
            metadata=metadata,
            files=self._files(end, metadata),
        )

    def _operator(self, index: int, table: Any) -> Operator:
        op, version = self._code(index, table.OpcodeIndex())
        where = f"operator {index} {op.name}"
        for what, present in _unsupported_in_operator(table):
            if present:
                raise ModelError(f"{what} not supported", operator=where)
        return Operator(
            index=index,
            op=op,
            inputs=_integers(table, "Inputs", where),
            outputs=_integers(table, "Outputs", where),
            options=read_options(op, table, where),
            version=version,
        )

    def _code(self, operator: int, index: int) -> tuple[Op, int]:
        where = f"operator {operator}"
        if index >= self._model.OperatorCodesLength():
            raise ModelError(f"operator code {index} does not exist", operator=where)
        table = self._model.OperatorCodes(index)
        code = builtin_code(table)
        if code == CUSTOM:
            raise ModelError(_describe_custom(custom_name(table)), operator=where)
        if code not in list(Op):
            raise ModelError(f"{schema_name('BuiltinOperator', code)} is not supported", operator=where)
        op = Op(code)
        if not 1 <= table.Version() <= _VERSIONS[op]:
            reason = f"version {table.Version()} is not supported; 1 to {_VERSIONS[op]} are"
            raise ModelError(reason, operator=f"{where} {op.name}")
        return op, table.Version()

    def _tensor(self, index: int, table: Any) -> Tensor:
        name = _text(table.Name(), f"name of tensor {index}")
        where = str(Tensor(index, name, (), np.dtype(np.int8)))
        for what, present in _unsupported_in_tensor(table):
            if present:
                raise ModelError(f"{what} not supported", tensor=where)
        if table.Type() not in TENSOR_TYPES:
            accepted = ", ".join(str(dtype) for dtype in TENSOR_TYPES.values())
            reason = f"type {schema_name('TensorType', table.Type())} is not supported; {accepted} are"
            raise ModelError(reason, tensor=where)
        dtype = TENSOR_TYPES[table.Type()]
        shape = self._shape(table, where)
        return Tensor(
            index=index,
            name=name,
            shape=shape,
            dtype=dtype,
            quantization=_quantization(table.Quantization(), shape, where),
            data=self._constant(table.Buffer(), shape, dtype, where),
        )

    def _shape(self, table: Any, where: str) -> tuple[int, ...]:
        rank = table.ShapeLength()
        if rank > self._limits.rank:
            raise LimitError(f"{where}: rank {rank} is more than {self._limits.rank} (limit rank)")
        shape = tuple(table.Shape(axis) for axis in range(rank))
        signature = range(table.ShapeSignatureLength())
        if signature and shape != tuple(table.ShapeSignature(axis) for axis in signature[: rank + 1]):
            raise ModelError(f"shape {shape} is dynamic; only fixed shapes are supported", tensor=where)
        check_size(shape, self._limits, where)
        return shape

    def _buffer(self, index: int, where: str) -> npt.NDArray[np.uint8] | None:
        """Return the bytes of a buffer, as a view of the file; None if it is empty."""
        if index >= self._model.BuffersLength():
            raise ModelError(f"buffer {index} does not exist", tensor=where)
        table = self._model.Buffers(index)
        if table.Offset() or table.Size():
            raise ModelError(f"buffer {index} lies outside the FlatBuffer, not supported", tensor=where)
        content: npt.NDArray[np.uint8] = table.DataAsNumpy()
        return content if table.DataLength() else None

    def _constant(
        self, buffer: int, shape: tuple[int, ...], dtype: np.dtype[np.generic], where: str
    ) -> npt.NDArray[np.generic] | None:
        content = self._buffer(buffer, where)
        if content is None:
            return None
        wanted = check_size(shape, self._limits, where) * dtype.itemsize
        if content.size != wanted:
            reason = f"constant has {content.size} bytes; shape {shape} of {dtype} needs {wanted}"
            raise ModelError(reason, tensor=where)
        values: npt.NDArray[Any] = content.view(dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
        values = np.require(values, requirements=["ALIGNED"])
        values.flags.writeable = False
        return values

    def _metadata(self) -> Metadata | None:
        tables = [self._model.Metadata(index) for index in range(self._model.MetadataLength())]
        for table in tables:
            self._buffer(table.Buffer(), "metadata")
        named = [table.Buffer() for table in tables if table.Name() == _METADATA_NAME.encode()]
        if len(named) > 1:
            raise ModelError(f"there are {len(named)} metadata buffers called {_METADATA_NAME}")
        content = self._buffer(named[0], _METADATA_NAME) if named else None
        if content is None:
            return None
        try:
            return read_metadata(content.tobytes())
        except ModelError as error:
            raise ModelError(str(error), tensor=_METADATA_NAME) from error

    def _files(self, end: int, metadata: Metadata | None) -> dict[str, bytes]:
        files = read_archive(self._data, end, limits=self._limits)
        for file in associated_files(metadata) if metadata else ():
            if file.name not in files:
                raise ModelError(f"associated file {file.name[:80]!r} is not in the model file", offset=end)
        return files


def _check_count(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise LimitError(f"{count} {what} are more than {limit} (limit {what})")


def _unsupported_in_operator(table: Any) -> Iterator[tuple[str, bool]]:
    """Iterate over what an operator may have that is not read, and whether this one has it."""
    yield "custom options are", bool(table.CustomOptionsLength())
    yield "large custom options are", bool(table.LargeCustomOptionsOffset() or table.LargeCustomOptionsSize())
    yield "mutating variable inputs are", bool(np.any(table.MutatingVariableInputsAsNumpy()))
    yield "intermediates are", bool(table.IntermediatesLength())
    yield "builtin_options_2 are", bool(table.BuiltinOptions2Type())


def _unsupported_in_tensor(table: Any) -> Iterator[tuple[str, bool]]:
    """Iterate over what a tensor may have that is not read, and whether this one has it."""
    quantization = table.Quantization()
    yield "variable tensors are", bool(table.IsVariable())
    yield "sparsity is", table.Sparsity() is not None
    yield "variant tensors are", not table.VariantTensorsIsNone()
    yield "quantization details are", quantization is not None and bool(quantization.DetailsType())


def _quantization(table: Any, shape: tuple[int, ...], where: str) -> Quantization | None:
    scales, zero_points = (table.ScaleLength(), table.ZeroPointLength()) if table is not None else (0, 0)
    if not scales and not zero_points:
        return None
    if scales != zero_points or (scales > 1 and scales not in shape):
        raise ModelError(f"{scales} scales and {zero_points} zero points for shape {shape}", tensor=where)
    return Quantization(
        scale=_frozen(table.ScaleAsNumpy(), np.float32),
        zero_point=_frozen(table.ZeroPointAsNumpy(), np.int64),
        dimension=table.QuantizedDimension(),
    )


def _frozen(values: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Copy a vector, so that it is aligned and native whatever the file."""
    copy = np.array(values, dtype=dtype)
    copy.flags.writeable = False
    return copy


def _integers(table: Any, name: str, where: str) -> tuple[int, ...]:
    count = getattr(table, f"{name}Length")()
    if count > _MAX_OPERANDS:
        raise ModelError(f"{where} {name.lower()} are {count}; at most {_MAX_OPERANDS}")
    get: Callable[[int], int] = getattr(table, name)
    return tuple(get(index) for index in range(count))


def _text(text: bytes | None, what: str) -> str:
    try:
        return (text or b"").decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{what} is not UTF-8: {error.reason}") from error


def _describe_custom(name: str) -> str:
    """Return what an operator means that is not of the schema."""
    if name == "edgetpu-custom-op":
        return f"the model is compiled for an Edge TPU, which alone runs {name!r}; use the one that it was made from"
    if name.startswith("Flex"):
        return f"custom operator {name!r} is not supported: it is one of TensorFlow, as Select TF ops takes them in"
    return f"custom operator {name!r} is not supported"
