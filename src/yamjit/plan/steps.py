"""A network as steps in the order that they run, and the memory that each tensor is."""

from __future__ import annotations

from yamjit.errors import ModelError
from yamjit.kernels.program import StepOp
from yamjit.plan.fill import without_fill
from yamjit.plan.lowering import Alias, Step, is_temporary, lower
from yamjit.plan.seam import Seam
from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["Steps"]


class Steps:
    """The lowered network, as `steps`, of which the first reads tensor `patch`.

    `results` are the tensors that are read after the last step: outputs, logits and embeddings. `aliases` leads from a
    tensor without memory of its own to the tensor whose memory it is.
    """

    def __init__(self, graph: Graph, seam: Seam) -> None:
        self.graph = graph
        self.steps: list[Step] = []
        self.aliases: dict[int, int] = {}
        self.patch = seam.patch
        self._written = {self.patch}
        read = {index for operator in graph.operators for index in operator.inputs}
        #: Operators that the caller does the work of: what makes floats of outputs.
        self.dequantizers = [o for o in seam.network if o.op == Op.DEQUANTIZE and o.outputs[0] not in read]
        for operator in seam.network:
            if operator not in self.dequantizers:
                self._add(operator)
        if not self.steps:
            raise ModelError("there is nothing to compute")
        for step in self.steps[1:] if self.steps[0].op == StepOp.QUANTIZE else ():
            if self.patch in (self.storage(step.input), step.other if step.other is None else self.storage(step.other)):
                reason = "reads the patch, which the first step quantizes where it lies"
                raise ModelError(reason, operator=str(step.operator))
        ends = [o.inputs[0] for o in seam.network if o.op == Op.DEQUANTIZE and o.outputs[0] in graph.outputs]
        ends += [o.inputs[0] for o in self.dequantizers]
        ends += [index for index in graph.outputs if self.storage(index) in self._written]
        self.results = {self.storage(index) for index in ends}
        self.results |= {step.output for step in self.steps if step.op in _KEPT}
        self.results |= {self.storage(step.input) for step in self.steps if step.op in _OF_LOGITS}

    def _add(self, operator: Operator) -> None:
        for lowered in lower(self.graph, operator):
            other = lowered.other if isinstance(lowered, Step) else None
            for source in (lowered.input, lowered.input if other is None else other):
                if self.storage(source) not in self._written:
                    tensor = str(self.graph.tensors[source])
                    raise ModelError("is not computed from the patch", operator=str(operator), tensor=tensor)
            if isinstance(lowered, Alias):
                self.aliases[lowered.output] = self.storage(lowered.input)
            else:
                before = self._step_writing(lowered.input)
                self.steps.append(without_fill(lowered, before) if before else lowered)
                self._written.add(lowered.output)

    def _step_writing(self, tensor: int) -> Step | None:
        storage = self.storage(tensor)
        return next((step for step in self.steps if step.output == storage), None)

    def storage(self, tensor: int) -> int:
        """Return the tensor whose memory `tensor` is."""
        return self.aliases.get(tensor, tensor)

    def named(self) -> list[int]:
        """Return the tensors of the graph that a step writes, or that are the memory of one that it does."""
        written = {step.output for step in self.steps}
        renamed = {alias for alias, storage in self.aliases.items() if storage != self.patch}
        return sorted(tensor for tensor in written | renamed if not is_temporary(tensor))

    def writer(self, tensor: int) -> int:
        """Return the number of the step that writes a tensor; it is a `ModelError` if none does."""
        step = self._step_writing(tensor)
        if step is not None:
            return self.steps.index(step)
        raise ModelError("is scores, logits or embeddings, and not computed", tensor=str(self.graph.tensors[tensor]))


#: Steps whose output may be an embedding, and steps whose input is logits.
_KEPT = frozenset(
    {StepOp.MEAN, StepOp.MEAN_F32, StepOp.AVERAGE_POOL, StepOp.AVERAGE_POOL_F32, StepOp.MAX_POOL, StepOp.MAX_POOL_F32}
)
_OF_LOGITS = frozenset({StepOp.LOOKUP, StepOp.LOGISTIC, StepOp.LOGISTIC_OPTIMISED, StepOp.SOFTMAX, StepOp.SOFTMAX_F32})
