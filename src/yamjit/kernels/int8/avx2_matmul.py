"""Matrix products for AVX2, which sums products of 16 bits: `yamjit.kernels.int8.matmul` over words.

Rows are widened to words once, into spare memory, and serve all channels; weights are widened as they are loaded. What
is left in each step is multiplying pairs and adding. A vector of sums has two halves of each dot product side by side.
Where a row has few inputs, adding the halves costs more than that saves: its bytes are multiplied as they are.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.int8.matmul import Rows, make_matmul
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.words import Emit, Vector, call, load, mask, operation, part, splat, store

__all__ = ["make_widened", "make_words_matmul"]

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))

#: Bytes that become words at a time.
_PIECE = 16
#: Quads of a row from which on words are faster.
_QUADS = 16


def make_words_matmul(ops: VectorOps) -> Any:
    """Make what `make_matmul` makes, over words: a tile is 6 rows by 8 channels, in 12 registers."""
    of_bytes, of_words = make_matmul(ops), make_matmul(_WordOps(dataclasses.replace(ops.target, rows=6, columns=1)))
    widened = make_widened(_emit_widen)

    @jit
    def matmul(rows: Rows, channels: Channels, outputs: int, out: int, spare: int) -> None:
        if rows.groups * rows.quads < _QUADS:
            of_bytes(rows, channels, outputs, out, spare)
        else:
            of_words(widened(rows, spare + ALIGNMENT), channels, outputs, out, spare)

    return matmul


def make_widened(emit: Emit) -> Any:
    """Make ``widened(rows, words)``: the same rows of words, written to that address.

    ``emit(builder, source, target)`` makes 16 words of 16 bytes.
    """
    widen = operation(types.void, (types.int64, types.int64), emit)

    @jit
    def widened(rows: Rows, words: int) -> Rows:
        quads, group = rows.groups * rows.quads, rows.quads * 4
        stride = quads * 8
        if stride % 512 == 0:
            stride += ALIGNMENT  # or rows would collide in the cache
        for row in range(rows.n_rows):
            for number in range(rows.groups):
                source = rows.x + row * rows.stride + number * rows.group_stride
                target = words + row * stride + number * group * 2
                for at in range(0, group, _PIECE):
                    widen(source + at, target + at * 2)
        return Rows(words, rows.n_rows, stride, 1, 0, quads)

    return widened


def _emit_widen(b: Any, source: Any, target: Any) -> Any:
    """Make 16 words of 16 bytes."""
    octets = load(b, source, ir.VectorType(_I8, _PIECE))
    return store(b, target, b.zext(octets, ir.VectorType(_I16, _PIECE)))


class _WordOps(VectorOps):
    """The operations of a tile whose inputs are words: vectors that are twice as wide, for as many channels."""

    quad_bytes = 8

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._sum = Vector(_I32, 2 * self.lanes)
        self._quad = Vector(_I64, self.lanes // 2)
        self._weights = Vector(_I16, 4 * self.lanes)

    @cached_property
    def load_weights(self) -> Any:
        def emit(b: Any, address: Any) -> Any:
            octets = load(b, address, ir.VectorType(_I8, 4 * self.lanes))
            return b.sext(octets, ir.VectorType(_I16, 4 * self.lanes))

        return operation(self._weights, (types.int64,), emit)

    @cached_property
    def broadcast(self) -> Any:
        return operation(self._quad, (types.int64,), lambda b, a: splat(b, load(b, a, _I64), self.lanes // 2))

    @cached_property
    def started(self) -> Any:
        zeros = ir.Constant(ir.VectorType(_I32, self.lanes), None)
        order = [lanes for lane in range(self.lanes) for lanes in (lane, self.lanes)]
        return operation(self._sum, (self._i32,), lambda b, value: b.shuffle_vector(value, zeros, mask(order)))

    @cached_property
    def dot(self) -> Any:
        lanes, words = self.lanes, ir.VectorType(_I16, 2 * self.lanes)

        def emit(b: Any, sums: Any, inputs: Any, weights: Any) -> Any:
            x, halves = b.bitcast(inputs, words), []
            for half in range(2):
                pairs = part(b, weights, 2 * lanes * half, 2 * lanes)
                product = call(b, "llvm.x86.avx2.pmadd.wd", ir.VectorType(_I32, lanes), x, pairs)
                halves.append(b.add(part(b, sums, lanes * half, lanes), product))
            return b.shuffle_vector(*halves, mask(range(2 * lanes)))

        return operation(self._sum, (self._sum, self._quad, self._weights), emit)

    @cached_property
    def total(self) -> Any:
        def emit(b: Any, sums: Any) -> Any:
            even, odd = (b.shuffle_vector(sums, sums, mask(range(parity, sums.type.count, 2))) for parity in (0, 1))
            return b.add(even, odd)

        return operation(self._i32, (self._sum,), emit)
