"""Where a model divides: a float front end before its QUANTIZE operator, the integer network after it.

The seam is found by structure, never by numbers or names of operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from yamjit.errors import ModelError
from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["Seam", "find_seam"]


@dataclass(frozen=True, slots=True)
class Seam:
    """The two halves of a model, before and after QUANTIZE; `front_end` is empty where the model takes patches."""

    front_end: tuple[Operator, ...]
    quantize: Operator
    network: tuple[Operator, ...]


def find_seam(graph: Graph) -> Seam:
    """Divide a graph at its QUANTIZE operator.

    A `ModelError` is raised if there is not exactly one input and one QUANTIZE, or an operator belongs to neither half.
    """
    if len(graph.inputs) != 1:
        raise ModelError(f"a model with one input is accepted, this one has {len(graph.inputs)}")
    quantizers = [operator for operator in graph.operators if operator.op == Op.QUANTIZE]
    if len(quantizers) != 1:
        raise ModelError(f"a model with one QUANTIZE is accepted, this one has {len(quantizers)}")
    quantize = quantizers[0]
    before = [o for o in graph.operators if o is not quantize and _is_float(graph, o)]
    after = [o for o in graph.operators if o is not quantize and not _is_float(graph, o)]
    chain = _chain(graph, quantize.inputs[0], before)
    if len(chain) != len(before):
        stray = next(operator for operator in before if operator not in chain)
        raise ModelError("is neither on the way to QUANTIZE nor part of the network after it", operator=str(stray))
    return Seam(chain, quantize, tuple(after))


def _is_float(graph: Graph, operator: Operator) -> bool:
    """Whether an operator computes with real or complex numbers from end to end."""
    return operator.op != Op.DEQUANTIZE and graph.tensors[operator.outputs[0]].dtype != np.int8


def _chain(graph: Graph, target: int, operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Return the operators that lead from the graph's input to tensor `target`, one after the other."""
    producers = {operator.outputs[0]: operator for operator in operators}
    chain: list[Operator] = []
    while target != graph.inputs[0]:
        operator = producers.get(target)
        if operator is None:
            raise ModelError("does not come from the model's input", tensor=str(graph.tensors[target]))
        chain.append(operator)
        target = _data_input(graph, operator)
    return tuple(reversed(chain))


def _data_input(graph: Graph, operator: Operator) -> int:
    """Return the one input of an operator that is not a constant."""
    flowing = [i for i in operator.inputs if i >= 0 and graph.tensors[i].data is None]
    if len(flowing) != 1:
        raise ModelError(f"has {len(flowing)} inputs that are not constants, one is accepted", operator=str(operator))
    return flowing[0]
