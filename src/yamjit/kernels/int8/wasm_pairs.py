"""Kernels for WebAssembly without relaxed dot products, which sums products of pairs of 16-bit words.

A quad of bytes is kept as two pairs: the first and the third, the second and the fourth, which shifts make of the bytes
of weights. A vector has either pair of four channels, so that all of its products are added to one sum. Rows of a
matrix are widened once, into spare memory, and serve all channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.int8.avx2_matmul import make_widened
from yamjit.kernels.int8.depthwise import make_depthwise
from yamjit.kernels.int8.matmul import Rows, make_matmul, make_matmul_raw
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.memory import ALIGNMENT
from yamjit.kernels.prepared.table import Channels
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.words import Vector, call, filled, load, mask, operation, part, splat, store

__all__ = ["KERNELS"]

_I8, _I16, _I32 = (ir.IntType(bits) for bits in (8, 16, 32))
_OCTETS, _WORDS, _PAIRS = ir.VectorType(_I8, 16), ir.VectorType(_I16, 8), ir.VectorType(_I32, 4)
_BOTH = mask(range(16))


def _emit_pairs(b: Any, octets: Any) -> tuple[Any, Any]:
    """Widen the bytes of even number, and those of odd number."""
    words, eight = b.bitcast(octets, _WORDS), filled(_WORDS, 8)
    return b.ashr(b.shl(words, eight), eight), b.ashr(words, eight)


def _emit_widen(b: Any, source: Any, target: Any) -> None:
    """Make words of 16 bytes, the two pairs of each quad side by side."""
    even, odd = (b.bitcast(pairs, _PAIRS) for pairs in _emit_pairs(b, load(b, source, _OCTETS)))
    for number, order in enumerate(((0, 4, 1, 5), (2, 6, 3, 7))):
        store(b, b.add(target, ir.Constant(target.type, 16 * number)), b.shuffle_vector(even, odd, mask(order)))


def _emit_both(distance: int, read: Callable[[Any, Any], Any], b: Any, address: Any) -> Any:
    """Read the two pairs of a quad, which lie `distance` bytes apart, side by side."""
    second = b.add(address, ir.Constant(address.type, distance))
    return b.shuffle_vector(read(b, address), read(b, second), _BOTH)


class _PairOps(VectorOps):
    """The operations whose inputs and weights are two vectors of pairs, side by side."""

    quad_bytes = 8

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._pairs = Vector(_I16, 16)

    @cached_property
    def load_weights(self) -> Any:
        def emit(b: Any, address: Any) -> Any:
            return b.shuffle_vector(*_emit_pairs(b, load(b, address, _OCTETS)), _BOTH)

        return operation(self._pairs, (types.int64,), emit)

    @cached_property
    def broadcast(self) -> Any:
        def read(b: Any, address: Any) -> Any:
            return b.bitcast(splat(b, load(b, address, _I32), 4), _WORDS)

        return operation(self._pairs, (types.int64,), partial(_emit_both, 4, read))

    @cached_property
    def dot(self) -> Any:
        def emit(b: Any, total: Any, inputs: Any, weights: Any) -> Any:
            for first in (0, 8):
                product = call(b, "llvm.wasm.dot", _PAIRS, part(b, inputs, first, 8), part(b, weights, first, 8))
                total = b.add(total, product)
            return total

        return operation(self._sum, (self._sum, self._pairs, self._pairs), emit)


class _FilterOps(_PairOps):
    """The operations of a filter: weights were widened ahead, and columns are words of eight channels.

    Three columns of these are twelve vectors, most of which stay in registers; of sixteen channels they are too many.
    """

    filter_bytes = 32

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._words = Vector(_I16, 8)

    @cached_property
    def load_weights(self) -> Any:
        def read(b: Any, address: Any) -> Any:
            return load(b, address, _WORDS)

        return operation(self._pairs, (types.int64,), partial(_emit_both, 16, read))

    @cached_property
    def widen_filter(self) -> Any:
        def emit(b: Any, source: Any, target: Any) -> None:
            for number, pairs in enumerate(_emit_pairs(b, load(b, source, _OCTETS))):
                store(b, b.add(target, ir.Constant(target.type, 16 * number)), pairs)

        return operation(types.void, (types.int64, types.int64), emit)

    @cached_property
    def load_bytes(self) -> Any:
        """Bytes are signed, and none of their bits turned."""

        def emit(b: Any, address: Any, _flip: Any) -> Any:
            return b.sext(load(b, address, ir.VectorType(_I8, 8)), _WORDS)

        return operation(self._words, (types.int64, self._i32), emit)

    @cached_property
    def quads(self) -> tuple[Any, ...]:
        def emit(half: int, b: Any, *taps: Any) -> Any:
            order = mask(4 * half + place + word for place in range(4) for word in (0, 8))
            pairs = (b.shuffle_vector(taps[first], taps[first + 2], order) for first in (0, 1))
            return b.shuffle_vector(*pairs, _BOTH)

        return tuple(operation(self._pairs, (self._words,) * 4, partial(emit, half)) for half in (0, 1))

    @cached_property
    def store_quads(self) -> Any:
        """Results of the two `quads`, and none of their bits turned."""

        def emit(b: Any, address: Any, _flip: Any, *parts: Any) -> Any:
            return store(b, address, part(b, self._packed(b, (*parts, *parts)), 0, 8))

        return operation(types.void, (types.int64, *(self._i32,) * 3), emit)


def _make_matmul(make: Callable[[VectorOps], Any], ops: VectorOps) -> Any:
    of_pairs, widened = make(_PairOps(ops.target)), make_widened(_emit_widen)

    @jit
    def matmul(rows: Rows, channels: Channels, outputs: int, out: int, spare: int) -> None:
        of_pairs(widened(rows, spare + ALIGNMENT), channels, outputs, out, spare)

    return matmul


#: Kernels by attribute of `yamjit.kernels.int8.kernel_set.KernelSet`.
KERNELS: Mapping[str, Callable[[VectorOps], Any]] = MappingProxyType(
    {
        "matmul": partial(_make_matmul, make_matmul),
        "matmul_raw": partial(_make_matmul, make_matmul_raw),
        "depthwise": lambda ops: make_depthwise(_FilterOps(ops.target)),
    }
)
