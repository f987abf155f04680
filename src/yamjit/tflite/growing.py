"""Graphs that grow: tensors and operators are added to one that is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from yamjit.tflite.graph import Graph, Op, Operator, Options, Quantization, Tensor

__all__ = ["Growing", "frozen"]

#: Versions of the operators whose inputs and outputs are int8; 1 where an operator is not listed.
_INT8_VERSIONS: Mapping[Op, int] = MappingProxyType(
    {Op.FULLY_CONNECTED: 4, Op.LOGISTIC: 2, Op.DEQUANTIZE: 2, Op.MEAN: 2, Op.MAX_POOL_2D: 2}
)


class Growing:
    """A graph with what is added to it.

    Parameters
    ----------
    graph : Graph
    name : str
        Prefix of the names of new tensors; it is numbered where the graph has names with it.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph = graph
        self.tensors = list(graph.tensors)
        self.operators = list(graph.operators)
        taken = {tensor.name.partition("/")[0] for tensor in graph.tensors}
        self.name = next(
            f"{name}{suffix}" for suffix in ("", *range(2, len(taken) + 3)) if f"{name}{suffix}" not in taken
        )

    def graph(self, outputs: tuple[int, ...]) -> Graph:
        """Return the graph with what was added, and these outputs."""
        operators = tuple(replace(operator, index=index) for index, operator in enumerate(self.operators))
        return replace(self._graph, tensors=tuple(self.tensors), operators=operators, outputs=outputs)

    def tensor(
        self,
        part: str,
        shape: tuple[int, ...],
        dtype: np.dtype[np.generic],
        quantization: Quantization | None = None,
        data: npt.NDArray[np.generic] | None = None,
    ) -> int:
        """Add a tensor and return its index; without a `part`, it has the name alone."""
        index, name = len(self.tensors), f"{self.name}/{part}" if part else self.name
        self.tensors.append(Tensor(index, name, shape, dtype, quantization, data))
        return index

    def operator(
        self,
        op: Op,
        inputs: tuple[int, ...],
        output: int,
        options: Options | None = None,
        *,
        place: int | None = None,
    ) -> int:
        """Add an operator with one output, and return that; by default after all others, else at a place among them."""
        whole = self.tensors[inputs[0]].dtype == np.int8
        version = _INT8_VERSIONS.get(op, 1) if whole else 1
        operator = Operator(len(self.operators), op, inputs, (output,), options, version)
        self.operators.insert(len(self.operators) if place is None else place, operator)
        return output


def frozen(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return an array that can no longer be written to."""
    array.flags.writeable = False
    return array
