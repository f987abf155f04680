"""What each output of a model is: scores, embeddings, the log-mel spectrogram; and what says so.

Metadata are asked first, then the operators that an output comes from, then the names of tensors.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from yamjit import checks
from yamjit.errors import InputError, ModelError
from yamjit.plan.positions import RESHAPERS
from yamjit.text import plural
from yamjit.tflite.graph import Graph, Op, Operator
from yamjit.tflite.metadata import FileType, TensorMetadata

__all__ = ["Output", "Role", "find_embedding", "find_outputs", "producer", "read_roles"]


class Role(enum.Enum):
    """What an output of a model is."""

    SCORES = "scores"
    EMBEDDINGS = "embeddings"
    LOG_MEL = "log-mel"
    OTHER = "other"


class Output(NamedTuple):
    """An output of a model.

    Parameters
    ----------
    tensor : int
        Index of the tensor in the graph.
    role : Role
    reason : str
        What says so, as a sentence goes on after "since".
    """

    tensor: int
    role: Role
    reason: str

    def __str__(self) -> str:
        return f"{self.role.value}, since {self.reason}"


#: Operators that leave the values as they are, but for their shape and type.
_SAME_VALUES = frozenset((Op.RESHAPE, Op.SQUEEZE, Op.EXPAND_DIMS, Op.DEQUANTIZE, Op.QUANTIZE))
_PROBABILITIES = frozenset((Op.LOGISTIC, Op.SOFTMAX, Op.LOG_SOFTMAX))
_PRODUCTS = frozenset((Op.FULLY_CONNECTED, Op.CONV_2D, Op.DEPTHWISE_CONV_2D))
_POOLS = frozenset((Op.MEAN, Op.AVERAGE_POOL_2D, Op.MAX_POOL_2D))
_AFTER_EMBEDDING = frozenset((Op.DEQUANTIZE, Op.LOGISTIC, Op.SOFTMAX, Op.FULLY_CONNECTED))
_ENDS_OF_EMBEDDINGS = _POOLS | {Op.L2_NORMALIZATION}

#: Parts of names, in metadata or of tensors, in lower case.
_NAMES = {
    "embedding": Role.EMBEDDINGS,
    "log_mel": Role.LOG_MEL,
    "log-mel": Role.LOG_MEL,
    "spectrogram": Role.LOG_MEL,
    "score": Role.SCORES,
    "probabilit": Role.SCORES,
    "classification": Role.SCORES,
    "prediction": Role.SCORES,
    "logits": Role.SCORES,
}


def averages_rows(graph: Graph, operator: Operator) -> bool:
    """Return whether an operator is the mean of rows, such as that of a head's scores of all windows."""
    if operator.op != Op.MEAN:
        return False
    source, output = (graph.tensors[index].shape for index in (operator.inputs[0], operator.outputs[0]))
    return len(source) == 2 and math.prod(output) == source[-1]


def read_roles(roles: Any) -> tuple[Role, ...] | None:
    """Return the roles that a caller names, one for each output; None for None. Other values are an `InputError`."""
    if roles is None:
        return None
    names = [role.value for role in Role]
    return tuple(
        Role(checks.choice(name, "roles", names)) for name in checks.elements(roles, "roles", "roles of outputs")
    )


def find_outputs(graph: Graph, roles: Sequence[Role] | None = None) -> tuple[Output, ...]:
    """Return what each output of a graph is, in their order: what `roles` say, or what is found.

    An output of scores has names of classes in the metadata, or is what LOGISTIC or SOFTMAX computes; where none is,
    what a FULLY_CONNECTED computes. Embeddings are a row of values that a layer reads on the way to the scores; the
    log-mel spectrogram is a logarithm on that way. What this leaves open, names decide. An `InputError` is raised if
    `roles` are not one for each output.
    """
    if roles is not None:
        if len(roles) != len(graph.outputs):
            names = ", ".join(repr(graph.tensors[index].name) for index in graph.outputs)
            raise InputError(
                f"roles has {plural(len(roles), 'role')}; the model has {plural(len(graph.outputs), 'output')}: {names}"
            )
        return tuple(Output(index, role, "it was said") for index, role in zip(graph.outputs, roles, strict=True))
    return _Search(graph).find()


def producer(graph: Graph, index: int) -> Operator:
    """Return the operator that computes a tensor, seen through changes of shape; it is a `ModelError` if none does."""
    operator = _producer_if_any(graph, index)
    if operator is None:
        raise ModelError("is not computed by any operator", tensor=str(graph.tensors[index]))
    return operator


def _producer_if_any(graph: Graph, index: int) -> Operator | None:
    operator = next((o for o in graph.operators if index in o.outputs), None)
    if operator is not None and operator.op in RESHAPERS:
        return _producer_if_any(graph, operator.inputs[0])
    return operator


def find_embedding(graph: Graph, outputs: Sequence[Output]) -> int | None:
    """Return the output of embeddings, else what the last layer of the first head reads of all positions, or None."""
    tensor = next((output.tensor for output in outputs if output.role == Role.EMBEDDINGS), None)
    if tensor is not None:
        operator = producer(graph, tensor)
        return operator.inputs[0] if operator.op == Op.DEQUANTIZE else tensor
    found = next((output.tensor for output in outputs if output.role == Role.SCORES), None)
    if found is None:
        return None
    while (pool := _producer_if_any(graph, found)) is not None and (
        pool.op in _AFTER_EMBEDDING or (averages_rows(graph, pool) and _is_layer(graph, pool.inputs[0]))
    ):
        found = pool.inputs[0]
    if pool is None:  # a head alone
        return None
    pooled = graph.tensors[pool.outputs[0]]
    is_one = pool.op in _POOLS and math.prod(pooled.shape) == pooled.shape[-1]
    return pooled.index if pool.op == Op.MEAN or is_one else None


def _is_layer(graph: Graph, index: int) -> bool:
    """Return whether a layer, or what makes scores of one, computes a tensor."""
    operator = _producer_if_any(graph, index)
    return operator is not None and operator.op in _AFTER_EMBEDDING


class _Search:
    """The outputs of a graph, and the operators that they come from; what is asked gives a role and why, or None."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._producers = {index: operator for operator in graph.operators for index in operator.outputs}
        subgraphs = graph.metadata.subgraphs if graph.metadata else ()
        self._described = dict(zip(graph.outputs, subgraphs[0].outputs if subgraphs else (), strict=False))
        self._found: dict[int, Output] = {}
        #: Operators on the way to the scores.
        self._way: list[Operator] = []

    def find(self) -> tuple[Output, ...]:
        """Ask until each output has a role."""
        self._ask(self._by_metadata, self._by_probabilities)
        self._walk()
        self._ask(self._by_way, self._by_name, self._by_operator)
        self._walk()
        self._ask(self._by_way)
        nothing = Output(-1, Role.OTHER, "nothing says what it is")
        return tuple(self._found.get(index, nothing._replace(tensor=index)) for index in self._graph.outputs)

    def _ask(self, *questions: Callable[[int], tuple[Role, str] | None]) -> None:
        for question in questions:
            for index in self._graph.outputs:
                if index not in self._found and (answer := question(index)):
                    self._found[index] = Output(index, *answer)

    def _has_scores(self) -> bool:
        return any(output.role == Role.SCORES for output in self._found.values())

    def _walk(self) -> None:
        """Find the operators on the way to the scores that are known."""
        wanted = {index for index, output in self._found.items() if output.role == Role.SCORES}
        self._way = []
        for operator in reversed(self._graph.operators):
            if wanted.intersection(operator.outputs):
                wanted.update(operator.inputs)
                self._way.append(operator)

    def _source(self, index: int) -> int:
        """Return the tensor that has the values of another, before changes of shape and type, and means of rows."""
        while (operator := self._producers.get(index)) is not None and (
            operator.op in _SAME_VALUES or averages_rows(self._graph, operator)
        ):
            index = operator.inputs[0]
        return index

    def _op(self, index: int) -> Op | None:
        operator = self._producers.get(self._source(index))
        return None if operator is None else operator.op

    def _by_metadata(self, index: int) -> tuple[Role, str] | None:
        described = self._described.get(index, TensorMetadata())
        if any(file.type == FileType.TENSOR_AXIS_LABELS for file in described.associated_files):
            return Role.SCORES, "the metadata name its classes"
        role = _named(described.name)
        return role and (role, f"the metadata call it {described.name!r}")

    def _by_probabilities(self, index: int) -> tuple[Role, str] | None:
        op = self._op(index)
        return (Role.SCORES, f"{op.name} computes it") if op in _PROBABILITIES and op is not None else None

    def _by_way(self, index: int) -> tuple[Role, str] | None:
        """Look for what is read on the way to the scores."""
        source = self._source(index)
        shape, producer = self._graph.tensors[source].shape, self._producers.get(source)
        if producer in self._way and producer is not None and producer.op == Op.LOG:
            return Role.LOG_MEL, "LOG computes it, and the scores come from it"
        readers = [o for o in self._way if o.op in _PRODUCTS and self._source(o.inputs[0]) == source]
        if readers and shape and math.prod(shape) == shape[-1]:
            return Role.EMBEDDINGS, f"{readers[-1].op.name} reads it on the way to the scores"
        return None

    def _by_name(self, index: int) -> tuple[Role, str] | None:
        name = self._graph.tensors[index].name
        role = _named(name)
        return role and (role, f"it is called {name!r}")

    def _by_operator(self, index: int) -> tuple[Role, str] | None:
        op = self._op(index)
        if op == Op.FULLY_CONNECTED and not self._has_scores():
            return Role.SCORES, "a FULLY_CONNECTED ends there"
        if op in _ENDS_OF_EMBEDDINGS and op is not None and not self._has_scores():
            return Role.EMBEDDINGS, f"{op.name} computes it"
        return None


def _named(name: str) -> Role | None:
    return next((role for part, role in _NAMES.items() if part in name.lower()), None)
