"""An operator with its tensors, and the checks that the contracts of operators are made of."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from yamjit.errors import ModelError
from yamjit.tflite.graph import Arithmetic, Operator, Options, Quantization, Tensor

__all__ = ["COMPLEX64", "FLOAT16", "FLOAT32", "INT8", "INT32", "INT32_MAX", "INT64", "HasTensors", "Inferred", "Node"]

INT8, INT32, INT64 = np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64)
FLOAT16, FLOAT32, COMPLEX64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64)
INT32_MAX = 2**31 - 1

#: Requantization factors beyond these are 0 in TFLite, or shift an int32 out of its range.
_MIN_FACTOR, _MAX_FACTOR = 2.0**-31, 2.0**16

_Options = TypeVar("_Options")


class Inferred(NamedTuple):
    """What follows from an operator's inputs and options: the shape of its outputs, or of each if they differ."""

    shape: tuple[int, ...]
    multiply_adds: int = 0
    each: tuple[tuple[int, ...], ...] = ()

    def shapes(self, outputs: int) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each output."""
        return self.each or (self.shape,) * outputs


class HasTensors(Protocol):
    """What a `Graph` has, and a graph that is being made."""

    @property
    def tensors(self) -> Sequence[Tensor]:
        """All tensors, by their indices."""
        ...

    @property
    def arithmetic(self) -> Arithmetic:
        """Which of TFLite's kernel sets floats are computed like."""
        ...


class Node:
    """An operator with its tensors, whose indices have been checked."""

    def __init__(self, graph: HasTensors, operator: Operator) -> None:
        self.operator = operator
        self.arithmetic = graph.arithmetic
        #: The first number of tensors between the steps that it becomes.
        self.first_temporary = 0
        self.inputs = tuple(graph.tensors[index] if index >= 0 else None for index in operator.inputs)
        self.outputs = tuple(graph.tensors[index] for index in operator.outputs)

    def with_ends(self, source: Tensor, output: Tensor, first_temporary: int) -> Node:
        """Return the node with another first input, another output, and tensors between its steps from a number on."""
        other = copy.copy(self)
        other.first_temporary = first_temporary
        other.operator = dataclasses.replace(
            self.operator, inputs=(source.index, *self.operator.inputs[1:]), outputs=(output.index,)
        )
        other.inputs, other.outputs = (source, *self.inputs[1:]), (output,)
        return other

    def error(self, reason: str, tensor: Tensor | None = None) -> ModelError:
        """Return the error that names this operator, and perhaps a tensor."""
        return ModelError(reason, operator=str(self.operator), tensor=str(tensor) if tensor else None)

    def check_arity(self, *inputs: int, outputs: int = 1) -> None:
        """Check the number of operands; `inputs` are the numbers that are accepted."""
        if len(self.inputs) not in inputs:
            accepted = " or ".join(map(str, inputs))
            raise self.error(f"{len(self.inputs)} inputs; the operator has {accepted}")
        if len(self.outputs) != outputs:
            raise self.error(f"{len(self.outputs)} outputs; the operator has {outputs} here")

    def input(self, position: int, *dtypes: np.dtype[np.generic]) -> Tensor:
        """Return an input of one of these types."""
        tensor = self.any_input(position)
        self._check_type(tensor, dtypes)
        return tensor

    def any_input(self, position: int) -> Tensor:
        """Return an input of any type."""
        tensor = self.inputs[position]
        if tensor is None:
            raise self.error(f"input {position} is left out")
        return tensor

    def values(self, position: int) -> npt.NDArray[Any]:
        """Return the values of a constant of any type."""
        tensor = self.any_input(position)
        if tensor.data is None:
            raise self.error("has to be a constant", tensor)
        return tensor.data

    def output(self, *dtypes: np.dtype[np.generic]) -> Tensor:
        """Return the first output, of one of these types."""
        self._check_type(self.outputs[0], dtypes)
        return self.outputs[0]

    def constant(self, position: int, dtype: np.dtype[np.generic]) -> npt.NDArray[Any]:
        """Return the values of an input that has to be a constant."""
        self.input(position, dtype)
        return self.values(position)

    def integers(self, position: int, *, scalar: bool = False) -> list[int]:
        """Return the values of a constant int32 vector, or scalar where that will do."""
        values = self.constant(position, INT32)
        if values.ndim != 1 and not (scalar and values.ndim == 0):
            raise self.error(f"shape {values.shape} should be a vector", self.inputs[position])
        return [int(value) for value in np.atleast_1d(values)]

    def options(self, kind: type[_Options]) -> _Options:
        """Return the options, which have to be there."""
        options: Options | None = self.operator.options
        if not isinstance(options, kind):
            raise self.error(f"options are {type(options).__name__} instead of {kind.__name__}")
        return options

    def axis(self, axis: int, rank: int) -> int:
        """Return an axis counted from the front."""
        if not -rank <= axis < rank:
            raise self.error(f"axis {axis} is outside rank {rank}")
        return axis % rank

    def quantization(self, tensor: Tensor) -> Quantization:
        """Return the quantization of a tensor, with one scale or with many."""
        if tensor.quantization is None:
            raise self.error("has no quantization", tensor)
        return tensor.quantization

    def activation(self, tensor: Tensor) -> Quantization:
        """Return the quantization of an int8 tensor that has one scale."""
        quantization = tensor.quantization
        if quantization is None or quantization.per_channel:
            raise self.error("needs one scale and one zero point", tensor)
        return quantization

    def check_same_quantization(self, source: Tensor, output: Tensor) -> None:
        """Check that values can be copied as they are."""
        if source.dtype != output.dtype:
            raise self.error(f"type {output.dtype} should be {source.dtype}", output)
        if source.dtype == INT8:
            before, after = self.activation(source), self.activation(output)
            if before.scale[0] != after.scale[0] or before.zero_point[0] != after.zero_point[0]:
                raise self.error(f"quantization differs from that of {source}", output)

    def check_factor(self, factor: float | npt.NDArray[np.float64], what: str) -> None:
        """Check a requantization factor, or many."""
        if not np.all((np.asarray(factor) > _MIN_FACTOR) & (np.asarray(factor) < _MAX_FACTOR)):
            raise self.error(f"{what} is not between 2^-31 and 2^16")

    def _check_type(self, tensor: Tensor, dtypes: Sequence[np.dtype[np.generic]]) -> None:
        if tensor.dtype not in dtypes:
            accepted = " or ".join(map(str, dtypes))
            raise self.error(f"type {tensor.dtype} should be {accepted}", tensor)
