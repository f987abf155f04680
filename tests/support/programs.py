"""Programs of one step, or of one operator."""

from __future__ import annotations

import numpy as np

from yamjit.kernels import Backend
from yamjit.kernels.memory import Packer, aligned_bytes, padded
from yamjit.kernels.program import COLUMNS, Column, Program, StepOp
from yamjit.kernels.program_proof import prove_program
from yamjit.kernels.step_kernels import KERNELS
from yamjit.kernels.workspace import ResultLayout
from yamjit.plan.lowering import Alias, Step, lower
from yamjit.tflite.graph import Graph

__all__ = ["OneOperator", "pooling_program", "program_of"]


def program_of(step: Step, read: int, written: int) -> Program:
    """Return a program of one step: the input at 0, the output after it, `read` and `written` bytes of them."""
    row = np.zeros((1, COLUMNS), np.int64)
    row[0, Column.OP] = step.op
    row[0, Column.OUTPUT] = padded(read)
    for column, value in step.columns.items():
        row[0, column] = value
    constants = Packer()
    for column, array in step.constants.items():
        row[0, column] = constants.add(array)
    block = constants.block()
    block.setflags(write=False)
    program = Program(row, block, padded(read) + padded(written))
    prove_program(program)
    return program


def pooling_program() -> Program:
    """Return a program of one MAX_POOL of 2 by 2, with images (4, 6, 8)."""
    row = np.zeros((1, COLUMNS), np.int64)
    row[0, Column.OP], row[0, Column.OUTPUT] = StepOp.MAX_POOL, 192
    row[0, Column.INPUT_H : Column.OUTPUT_C + 1] = 4, 6, 8, 2, 3, 8
    row[0, Column.KERNEL_H : Column.STRIDE_W + 1] = 2
    row[0, [Column.ACTIVATION_MIN, Column.ACTIVATION_MAX]] = -128, 127
    program = Program(row, aligned_bytes(0), 256)
    prove_program(program)
    return program


class OneOperator:
    """A graph of one operator as a program, in which every tensor has a place of its own."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._places: dict[int, int] = {}
        self._end = 0
        self._aliases: dict[int, int] = {}
        for index in graph.inputs:
            self._place(index, graph.tensors[index].nbytes)
        rows, constants = [], Packer()
        for step in lower(graph, graph.operators[0]):
            if isinstance(step, Alias):
                self._aliases[step.output] = step.input
                continue
            rows.append(self._row(step, constants))
        block = constants.block()
        block.setflags(write=False)
        self.program = Program(np.array(rows, np.int64).reshape(-1, COLUMNS), block, self._end)
        prove_program(self.program)

    def _place(self, tensor: int, size: int) -> None:
        self._places[tensor] = self._end
        self._end += padded(size)

    def _of(self, tensor: int) -> int:
        return self._places[self._aliases.get(tensor, tensor)]

    def _row(self, step: Step, constants: Packer) -> np.ndarray:
        row = np.zeros(COLUMNS, np.int64)
        for column, value in step.columns.items():
            row[column] = value
        written = int(row[Column.OUTPUT_H : Column.OUTPUT_C + 1].prod()) * KERNELS[step.op].output_bytes
        self._place(step.output, written)
        row[Column.OP], row[Column.INPUT], row[Column.OUTPUT] = step.op, self._of(step.input), self._of(step.output)
        if step.other is not None:
            row[Column.OTHER] = self._of(step.other)
        for column, array in step.constants.items():
            row[column] = constants.add(array)
        return row

    def run(self, backend: Backend, *inputs: np.ndarray) -> np.ndarray:
        """Run it on inputs [shape=(n, *shape)]; returns outputs of the same kind."""
        output = self._graph.tensors[self._graph.outputs[0]]
        if not len(self.program.steps):
            return inputs[0].reshape(-1, *output.shape)
        count = len(inputs[0])
        workspace = self.program.workspace(count)
        for index, values in zip(self._graph.inputs, inputs, strict=True):
            workspace.tensor(self._places[index], count, values.shape[1:], values.dtype)[...] = values
            if self._places[index] == self.program.steps[0, Column.INPUT]:
                patches = values
        place, last = self._of(output.index), len(self.program.steps) - 1
        layout = ResultLayout([(last, place, output.nbytes)])
        results = np.zeros((count, layout.width), np.int8)
        backend.run(self.program, workspace, np.ascontiguousarray(patches.reshape(count, -1)), layout, results, 0)
        return results.view(output.dtype).reshape(-1, *output.shape)
