"""A plan file for WebAssembly made one whose inputs are seen as uint8, as relaxed dot products of some engines want it.

Inputs become 128 more by a turned bit, and sums start as much lower. All else is the same: what sums can reach is, and
so are the factors that round them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.plan_file.faults import integers
from yamjit.kernels.plan_file.layout import HEADER_BYTES, Field
from yamjit.kernels.prepared.columns import INT8_TO_UINT8, Prepared, VectorOp
from yamjit.kernels.prepared.packing import BLOCK, CHUNK, DEPTHWISE_CHUNK_BYTES
from yamjit.kernels.prepared.table import row_of
from yamjit.kernels.program import Column
from yamjit.kernels.vectors.target import Target

__all__ = ["make_turn"]

#: What an input becomes more by.
_MORE = 128


def make_turn(target: Target) -> Callable[..., None]:
    """Return ``turn(plan)``, which changes a plan that was proven, at that address; the same for all targets."""

    def turn(plan: int) -> None:
        header = integers(plan, HEADER_BYTES // 8)
        steps, constants = plan + header[Field.STEPS_AT], plan + header[Field.CONSTANTS_AT]
        for index in range(header[Field.STEPS]):
            row = row_of(steps, index)
            row[Prepared.FLIP] = INT8_TO_UINT8
            op, quads = row[Column.OP], row[Prepared.QUADS]
            bias, weights = constants + row[Prepared.BIAS], constants + row[Prepared.WEIGHTS]
            if op == VectorOp.DEPTHWISE:
                for chunk in range((row[Column.OUTPUT_C] + CHUNK - 1) // CHUNK):
                    # A chunk has each filter twice, with a row of zeros after it and before it.
                    _lower(bias + chunk * CHUNK * 4, weights + chunk * DEPTHWISE_CHUNK_BYTES, 3, CHUNK)
            elif op == VectorOp.POINTWISE or op == VectorOp.POINTWISE_RAW or op == VectorOp.CONV:
                quads *= max(row[Prepared.GROUPS], 1)
                for block in range((row[Column.OUTPUT_C] + BLOCK - 1) // BLOCK):
                    _lower(bias + block * BLOCK * 4, weights + block * quads * BLOCK * 4, quads, BLOCK)

    return turn


@jit
def _lower(bias: int, weights: int, quads: int, channels: int) -> None:
    """Lower what the sums of some channels start with by as much as their products become more."""
    starts: Any = carray(pointer(bias), channels, np.int32)
    factors: Any = carray(pointer(weights), quads * channels * 4, np.int8)
    for channel in range(channels):
        total = np.int64(0)
        for quad in range(quads):
            for place in range(4):
                total += factors[(quad * channels + channel) * 4 + place]
        starts[channel] -= np.int32(_MORE * total)
