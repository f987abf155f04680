"""The kernels that take almost all of the time, over vectors, made for one target.

They take addresses and integers, and handle what `yamjit.kernels.preparation` has packed for them: products of unsigned
inputs (an int8 is seen as a uint8 that is 128 more) with signed weights, rounded by one shift and clamped to an int8, or
left as they are for `yamjit.kernels.numba_kernels` to finish.
"""

from __future__ import annotations

from typing import Any

from yamjit.kernels.simd import VectorOps
from yamjit.kernels.vector_depthwise import make_depthwise
from yamjit.kernels.vector_matmul import make_matmul, make_matmul_raw

__all__ = ["VectorKernels"]


class VectorKernels:
    """The jitted kernels for one target.

    Attributes
    ----------
    matmul, matmul_raw : callable
        See `yamjit.kernels.vector_matmul`.
    depthwise : callable
        See `yamjit.kernels.vector_depthwise`.
    """

    def __init__(self, ops: VectorOps) -> None:
        self.matmul = make_matmul(ops)
        self.matmul_raw = make_matmul_raw(ops)
        self.depthwise = make_depthwise(ops)
