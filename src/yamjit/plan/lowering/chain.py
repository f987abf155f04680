"""Operators of float32 that are several steps, one after the other, over tensors that no graph knows of."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import NO_MAX, NO_MIN, SECOND_IS_CONSTANT, Column, StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, flat, sizes, temporary
from yamjit.tflite.node import FLOAT32, Node

__all__ = ["Chain"]

Float32 = npt.NDArray[np.float32]


#: Number of the tensor that a step writes which is taken from another lowering.
_UNNAMED = 1000


class Chain:
    """The steps of one operator; what adds a step returns the tensor that it writes."""

    def __init__(self, node: Node, before: tuple[Step | Alias, ...] = ()) -> None:
        self._node = node
        self._steps = list(before)

    def unnamed(self) -> int:
        """Return the tensor that the last step writes, which is not to be the operator's output."""
        output = temporary(self._node, _UNNAMED)
        self._steps[-1] = dataclasses.replace(self._steps[-1], output=output)
        return output

    def move(self, source: int, numbers: npt.NDArray[np.int64], shape: tuple[int, ...]) -> int:
        """Give the values of a tensor of some shape another order, or repeat them."""
        output = temporary(self._node, len(self._steps))
        self._steps.append(move(self._node, numbers, source, output, shape, FLOAT32))
        return output

    def of_one(self, op: StepOp, source: int, count: int) -> int:
        """Compute a function of each of `count` values."""
        return self._add(op, source, flat(count, count))

    def of_two(
        self, op: StepOp, first: int, second: int | Float32, count: int, bounds: tuple[int, int] = (NO_MIN, NO_MAX)
    ) -> int:
        """Compute a function of `count` values and a tensor of as many, or a constant that is repeated."""
        period = count if isinstance(second, int) else second.size
        image = (count // period, 1, period)
        columns = sizes(image, image) | dict(zip((Column.ACTIVATION_MIN, Column.ACTIVATION_MAX), bounds, strict=True))
        if isinstance(second, int):
            return self._add(op, first, columns, other=second)
        columns[Column.OTHER] = SECOND_IS_CONSTANT
        return self._add(op, first, columns, {Column.WEIGHTS: second.astype(np.float32, copy=False)})

    def sum(self, source: int, rows: int, count: int) -> int:
        """Add up the `count` values of each row, one after the other: products with ones."""
        columns = sizes((1, rows, count), (1, rows, 1)) | {Column.ACTIVATION_MIN: NO_MIN, Column.ACTIVATION_MAX: NO_MAX}
        ones, zero = np.ones((count, 1), np.float32), np.zeros(1, np.float32)
        return self._add(StepOp.POINTWISE_F32, source, columns, {Column.WEIGHTS: ones, Column.BIAS: zero})

    def greatest(self, source: int, outer: int, count: int, inner: int, op: StepOp = StepOp.MAX_POOL_F32) -> int:
        """Take the greatest along the middle one of three axes."""
        columns = sizes((outer, count, inner), (outer, 1, inner)) | {
            Column.KERNEL_H: 1,
            Column.KERNEL_W: count,
            Column.STRIDE_H: 1,
            Column.STRIDE_W: 1,
            Column.ACTIVATION_MIN: NO_MIN,
            Column.ACTIVATION_MAX: NO_MAX,
        }
        return self._add(op, source, columns)

    def repeat(self, source: int, rows: int, count: int) -> int:
        """Repeat each of some values `count` times."""
        return self.move(source, np.repeat(np.arange(rows), count), (rows,))

    def finish(self) -> tuple[Step | Alias, ...]:
        """Return the steps; the last one writes the operator's output."""
        *steps, last = self._steps
        return (*steps, dataclasses.replace(last, output=self._node.operator.outputs[0]))

    def _add(
        self,
        op: StepOp,
        source: int,
        columns: dict[Column, int],
        constants: dict[Column, npt.NDArray[np.generic]] | None = None,
        other: int | None = None,
    ) -> int:
        output = temporary(self._node, len(self._steps))
        self._steps.append(Step(op, self._node.operator, source, output, columns, constants or {}, other))
        return output
