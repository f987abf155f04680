"""Where a model divides: a log-mel front end that a kernel computes, and the network after it.

The seam is found by structure, never by numbers or names of operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from yamjit.errors import ModelError
from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["Seam", "find_seam", "without_seam"]


@dataclass(frozen=True, slots=True)
class Seam:
    """The two halves of a model: operators of the front end, tensor `patch` that they write, operators after it.

    Where `front_end` is empty, the patch is what the model takes: a log-mel patch, or a window of samples.
    """

    front_end: tuple[Operator, ...]
    patch: int
    network: tuple[Operator, ...]


def find_seam(graph: Graph) -> Seam:
    """Divide a graph after the logarithm of a spectrum that is a Fourier transform; others have no front end.

    A `ModelError` is raised if there is a Fourier transform, and an operator belongs to neither half.
    """
    if not any(operator.op == Op.RFFT2D for operator in graph.operators):
        return without_seam(graph)
    patch = _log_mel(graph)
    chain = _chain(graph, patch, graph.operators)
    network = tuple(operator for operator in graph.operators if operator not in chain)
    stray = [operator for operator in network if operator.op in (Op.RFFT2D, Op.COMPLEX_ABS)]
    if stray:
        raise ModelError("is not on the way to the logarithm of the front end", operator=str(stray[0]))
    return Seam(chain, patch, network)


def without_seam(graph: Graph) -> Seam:
    """Take all of a graph for the network; a `ModelError` is raised if there is not exactly one input."""
    if len(graph.inputs) != 1:
        raise ModelError(f"a model with one input is accepted, this one has {len(graph.inputs)}")
    return Seam((), graph.inputs[0], graph.operators)


def _log_mel(graph: Graph) -> int:
    """Return what the front end writes: what QUANTIZE reads where there is one, else what comes from LOG."""
    quantizers = [operator for operator in graph.operators if operator.op == Op.QUANTIZE]
    if len(quantizers) == 1:
        return quantizers[0].inputs[0]
    logarithms = [operator for operator in graph.operators if operator.op == Op.LOG]
    if len(logarithms) != 1:
        raise ModelError(f"a front end has one LOG, this graph has {len(logarithms)}")
    return logarithms[0].outputs[0]


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
