"""The integer network as steps in the order that they run, and the memory that each tensor is."""

from __future__ import annotations

from yamjit.errors import ModelError
from yamjit.kernels.program import StepOp
from yamjit.plan.lowering import Alias, Step, lower
from yamjit.plan.seam import Seam
from yamjit.tflite.graph import Graph, Op, Operator

__all__ = ["Steps"]


class Steps:
    """The lowered network, as `steps`, of which the first quantizes tensor `patch`.

    `results` are the tensors that are read after the last step: scores, logits and embeddings. `aliases` leads from a
    tensor without memory of its own to the tensor whose memory it is.
    """

    def __init__(self, graph: Graph, seam: Seam) -> None:
        self.graph = graph
        self.steps: list[Step] = []
        self.aliases: dict[int, int] = {}
        self.patch = seam.quantize.inputs[0]
        self._written = {self.patch}
        for operator in (seam.quantize, *seam.network):
            if operator.op != Op.DEQUANTIZE:
                self._add(operator)
        self.results = {self.storage(o.inputs[0]) for o in graph.operators if o.op == Op.DEQUANTIZE}
        self.results |= {step.output for step in self.steps if step.op == StepOp.MEAN}
        self.results |= {self.storage(step.input) for step in self.steps if step.op == StepOp.LOOKUP}

    def _add(self, operator: Operator) -> None:
        lowered = lower(self.graph, operator)
        if self.storage(lowered.input) not in self._written:
            source = self.graph.tensors[lowered.input]
            raise ModelError("is not computed from the patch", operator=str(operator), tensor=str(source))
        if isinstance(lowered, Alias):
            self.aliases[lowered.output] = self.storage(lowered.input)
        else:
            self.steps.append(lowered)
            self._written.add(lowered.output)

    def storage(self, tensor: int) -> int:
        """Return the tensor whose memory `tensor` is."""
        return self.aliases.get(tensor, tensor)

    def writer(self, tensor: int) -> int:
        """Return the number of the step that writes a tensor."""
        storage = self.storage(tensor)
        return next(index for index, step in enumerate(self.steps) if step.output == storage)
