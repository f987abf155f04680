"""Bytes to a `Graph` that is proven sound, or to one error that says what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError, of_model_file
from yamjit.keywords import explained
from yamjit.spec import DEFAULT_LIMITS, Limits
from yamjit.tflite.codec import TableView
from yamjit.tflite.folding import fold_graph
from yamjit.tflite.graph import ANY, Arithmetic, Graph, Op, Operator, Quantization, Tensor
from yamjit.tflite.metadata import Metadata
from yamjit.tflite.metadata_tables import read_files, read_metadata
from yamjit.tflite.model_tables import (
    ARITHMETIC_NAME,
    METADATA_NAME,
    SCHEMA_VERSION,
    known_operator,
    open_model,
    type_name,
)
from yamjit.tflite.operators import OPERATORS
from yamjit.tflite.operators.record import Record, read_options
from yamjit.tflite.sample_rate import with_sample_rate
from yamjit.tflite.source import Source, read_source, source_name
from yamjit.tflite.unsupported import TYPES, check_supported, check_types, unsupported_type
from yamjit.tflite.validate import check_shape, validate_graph

__all__ = ["read_graph"]

#: No operator that is known has more inputs or outputs; SPLIT's outputs are the channels at most.
_MAX_OPERANDS = 2**10

#: Operators that TFLite's reference kernels (``BUILTIN_REF``) do not have.
_NOT_IN_REFERENCE = frozenset((Op.CEIL, Op.ELU, Op.ROUND))


@explained
def read_graph(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Graph:
    """Read a ``.tflite`` model.

    Parameters
    ----------
    source : bytes-like, mmap, str, os.PathLike or binary file object
        The model, its path, or a file object. Memory that may change is copied.
    limits : Limits

    Returns
    -------
    Graph
        Checked by `yamjit.tflite.validate.validate_graph`. Constants are read-only and share memory with the
        file's bytes. A graph that takes any length is that for one window, see `yamjit.tflite.folding`; one that is
        given its sample rate has it, see `yamjit.tflite.sample_rate`.

    Raises
    ------
    ModelError
        If the file cannot be read, is not a TFLite model, or holds anything that could not be run exactly as TFLite
        would.
    LimitError
        If it asks for more than a limit allows; nothing was allocated.
    InputError
        If `source` is none of the above.
    """
    data = read_source(source, limits)
    with of_model_file(source_name(source)):
        graph = _Reader(*open_model(data, limits), limits).read()
        graph = fold_graph(with_sample_rate(graph), limits=limits)
        validate_graph(graph, limits=limits)
    return graph


class _Reader:
    """A verified model, while it is read."""

    def __init__(self, model: TableView, end: int, limits: Limits) -> None:
        self._model = model
        self._end = end
        self._limits = limits
        self._codes = self._model.children("operator_codes")
        self._buffers = self._model.children("buffers")
        self._written: set[int] = set()

    def read(self) -> Graph:
        """Read everything."""
        if (version := self._model.number("version")) != SCHEMA_VERSION:
            raise ModelError(f"schema version is {version}; only {SCHEMA_VERSION} is supported")
        subgraphs = self._model.children("subgraphs")
        if len(subgraphs) != 1:
            reason = f"there are {len(subgraphs)} subgraphs; exactly one is supported"
            raise ModelError(f"{reason}: a network by itself, without branches, loops and other signatures")
        (subgraph,) = subgraphs
        check_supported(self._codes, [table.number("opcode_index") for table in subgraph.children("operators")])
        check_types(subgraph.children("operators"), self._codes, subgraph.children("tensors"))
        operators = tuple(self._operator(*item) for item in enumerate(subgraph.children("operators")))
        self._written = {index for operator in operators for index in operator.outputs}
        self._written.update(subgraph.array("inputs").tolist())
        tensors = tuple(self._tensor(*item) for item in enumerate(subgraph.children("tensors")))
        metadata = self._metadata()
        return Graph(
            tensors=tensors,
            operators=operators,
            inputs=_operands(subgraph, "inputs", "the subgraph's"),
            outputs=_operands(subgraph, "outputs", "the subgraph's"),
            description=_text(self._model, "description", "the model's description"),
            metadata=metadata,
            files=read_files(bytes(self._model.data), self._end, metadata, self._limits),
            arithmetic=self._arithmetic(operators),
        )

    def _operator(self, index: int, table: TableView) -> Operator:
        record, version = self._record(f"operator {index}", table.number("opcode_index"))
        where = f"operator {index} {record.op.name}"
        for what, present in _unsupported_in_operator(table, record):
            if present:
                raise ModelError(f"{what} not supported", operator=where)
        return Operator(
            index=index,
            op=record.op,
            inputs=_operands(table, "inputs", where),
            outputs=_operands(table, "outputs", where),
            options=read_options(record, table, where),
            version=version,
        )

    def _record(self, where: str, index: int) -> tuple[Record, int]:
        """Return the record of an operator, and its version."""
        if index >= len(self._codes):
            raise ModelError(f"operator code {index} does not exist", operator=where)
        table = self._codes[index]
        record, version = OPERATORS[cast(Op, known_operator(table))], int(table.number("version"))
        if not 1 <= version <= record.versions:
            known = f"1 to {record.versions} are" if record.versions > 1 else "1 is"
            reason = f"version {version} is not supported; {known}"
            raise ModelError(reason, operator=f"{where} {record.op.name}")
        return record, version

    def _tensor(self, index: int, table: TableView) -> Tensor:
        name = _text(table, "name", f"name of tensor {index}")
        where = str(Tensor(index, name, (), np.dtype(np.int8)))
        quantization = table.child("quantization")
        for what, hint, present in _unsupported_in_tensor(table, quantization):
            if present:
                raise ModelError(f"{what} not supported{hint}", tensor=where)
        kind = type_name(table.number("type"))
        dtype = TYPES.get(kind)
        if dtype is None:
            raise ModelError(unsupported_type(kind), tensor=where)
        shape = self._shape(table, where)
        data = self._constant(table.number("buffer"), shape, dtype, where)
        if data is None and index not in self._written and 0 in shape:
            data = _frozen(np.empty(shape), dtype)
        return Tensor(
            index=index,
            name=name,
            shape=shape,
            dtype=dtype,
            quantization=_quantization(quantization) if quantization is not None else None,
            data=data,
        )

    def _shape(self, table: TableView, where: str) -> tuple[int, ...]:
        """Return a shape within the limits, with `ANY` for sizes that are not fixed, unless the file names one."""
        shape, signature = tuple(table.array("shape").tolist()), tuple(table.array("shape_signature").tolist())
        check_shape(shape, self._limits, where, least=ANY)
        if signature and (
            len(signature) != len(shape) or any(b not in (a, ANY) for a, b in zip(shape, signature, strict=True))
        ):
            raise ModelError(f"shape {shape} does not go with the signature {signature}", tensor=where)
        free = signature or shape
        return tuple(ANY if b == ANY and a < 2 else a for a, b in zip(shape, free, strict=True))

    def _buffer(self, index: int, where: str) -> npt.NDArray[np.uint8] | None:
        """Return the bytes of a buffer, as a view of the file; None if it is empty."""
        if index >= len(self._buffers):
            raise ModelError(f"buffer {index} does not exist", tensor=where)
        table = self._buffers[index]
        if table.number("offset") or table.number("size"):
            raise ModelError(f"buffer {index} lies outside the FlatBuffer, not supported", tensor=where)
        content = table.array("data")
        return content if content.size else None

    def _constant(
        self, buffer: int, shape: tuple[int, ...], dtype: np.dtype[np.generic], where: str
    ) -> npt.NDArray[np.generic] | None:
        content = self._buffer(buffer, where)
        if content is None:
            return None
        if ANY in shape:
            raise ModelError(f"constant has a shape that is not fixed, {shape}", tensor=where)
        wanted = math.prod(shape) * dtype.itemsize
        if content.size != wanted:
            reason = f"constant has {content.size} bytes; shape {shape} of {dtype} needs {wanted}"
            raise ModelError(reason, tensor=where)
        values: npt.NDArray[Any] = content.view(dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
        values = np.require(values, requirements=["ALIGNED"])
        values.flags.writeable = False
        return values

    def _metadata(self) -> Metadata | None:
        for table in self._model.children("metadata"):
            self._buffer(table.number("buffer"), "metadata")
        content = self._named_buffer(METADATA_NAME)
        if content is None:
            return None
        try:
            return read_metadata(content)
        except ModelError as error:
            raise ModelError(str(error), tensor=METADATA_NAME) from error

    def _named_buffer(self, name: str) -> bytes | None:
        """Return the metadata buffer of a name, if there is one."""
        named = [table for table in self._model.children("metadata") if table.string("name") == name.encode()]
        if len(named) > 1:
            raise ModelError(f"there are {len(named)} metadata buffers called {name}")
        content = self._buffer(named[0].number("buffer"), name) if named else None
        return None if content is None else content.tobytes()

    def _arithmetic(self, operators: Iterable[Operator]) -> Arithmetic:
        """Return which of TFLite's kernel sets a model is computed like: the reference, where that has all operators.

        A model that yamjit wrote may say that it is the other one all the same.
        """
        said = self._named_buffer(ARITHMETIC_NAME)
        if any(operator.op in _NOT_IN_REFERENCE for operator in operators):
            return Arithmetic.OPTIMISED
        try:
            return Arithmetic.REFERENCE if said is None else Arithmetic(said.decode("ascii", "replace"))
        except ValueError as error:
            accepted = " or ".join(repr(one.value) for one in Arithmetic)
            raise ModelError(f"{accepted} is accepted, found {said!r:.40}", tensor=ARITHMETIC_NAME) from error


def _unsupported_in_operator(table: TableView, record: Record) -> Iterator[tuple[str, bool]]:
    """Iterate over what an operator may have that is not read, and whether this one has it."""
    yield "custom options are", table.array("custom_options").size > 0 and not record.custom
    large = table.number("large_custom_options_offset") or table.number("large_custom_options_size")
    yield "large custom options are", bool(large)
    yield "mutating variable inputs are", bool(table.array("mutating_variable_inputs").any())
    yield "intermediates are", table.array("intermediates").size > 0
    yield "builtin_options_2 are", bool(table.number("builtin_options_2_type"))


def _unsupported_in_tensor(table: TableView, quantization: TableView | None) -> Iterator[tuple[str, str, bool]]:
    """Iterate over what a tensor may have that is not read, what is done about it, and whether this one has it."""
    yield "variable tensors are", "; a model that keeps nothing between its calls is", table.number("is_variable")
    sparse = "; convert the original without EXPERIMENTAL_SPARSITY"
    yield "sparsity is", sparse, table.place("sparsity") is not None
    yield "variant tensors are", "", table.place("variant_tensors") is not None
    yield "quantization details are", "", quantization is not None and bool(quantization.number("details_type"))


def _quantization(table: TableView) -> Quantization | None:
    scale, zero_point = table.array("scale"), table.array("zero_point")
    if not scale.size and not zero_point.size:
        return None
    return Quantization(
        scale=_frozen(scale, np.float32),
        zero_point=_frozen(zero_point, np.int64),
        dimension=int(table.number("quantized_dimension")),
    )


def _frozen(values: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Copy a vector, so that it is aligned and native whatever the file."""
    copy = np.array(values, dtype=dtype)
    copy.flags.writeable = False
    return copy


def _operands(table: TableView, name: str, where: str) -> tuple[int, ...]:
    indices = table.array(name)
    if indices.size > _MAX_OPERANDS:
        raise ModelError(f"{where} {name} are {indices.size}; at most {_MAX_OPERANDS}")
    return tuple(indices.tolist())


def _text(table: TableView, name: str, what: str) -> str:
    try:
        return table.string(name).decode()
    except UnicodeDecodeError as error:
        raise ModelError(f"{what} is not UTF-8: {error.reason}") from error
