"""Sums of products of bytes: one lowering for each instruction, all with the same result.

Each lane of a vector holds four bytes. An input is an int8 where `Target.multiplies_signed_bytes`, else a uint8; a
weight is an int8. No lowering saturates.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from llvmlite import ir

from yamjit.kernels.vectors.words import Emit, call, filled, identity, mask, part

__all__ = ["LOWERINGS", "Dot"]

_I8, _I16, _I32 = (ir.IntType(bits) for bits in (8, 16, 32))


class Dot(NamedTuple):
    """How an instruction set sums products of bytes."""

    #: ``(builder, sum, inputs, weights) -> sum``
    add: Emit
    #: ``(builder, int32 lanes) -> sum``
    start: Emit = identity
    #: ``(builder, sum) -> int32 lanes``
    total: Emit = identity
    #: Lanes of a sum that stand for one dot product.
    parts: int = 1


def _by_vpdpbusd(b: Any, acc: Any, u: Any, s: Any) -> Any:
    return call(b, f"llvm.x86.avx512.vpdpbusd.{32 * acc.type.count}", acc.type, acc, u, s)


def _by_pmaddwd(b: Any, acc: Any, u: Any, s: Any) -> Any:
    """Widen even and odd bytes to 16 bits and multiply-add pairs, which cannot saturate."""
    words = ir.VectorType(_I16, 2 * acc.type.count)
    eight = filled(words, 8)
    u, s = b.bitcast(u, words), b.bitcast(s, words)
    even_u, odd_u = b.and_(u, filled(words, 255)), b.lshr(u, eight)
    even_s, odd_s = b.ashr(b.shl(s, eight), eight), b.ashr(s, eight)
    name = "llvm.x86.avx2.pmadd.wd"
    even, odd = call(b, name, acc.type, even_u, even_s), call(b, name, acc.type, odd_u, odd_s)
    return b.add(acc, b.add(even, odd))


def _by_sdot(b: Any, acc: Any, x: Any, w: Any) -> Any:
    # LLVM takes a lane of the second factor, not of the first.
    octets = ir.VectorType(_I8, 16)
    name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
    return call(b, name, acc.type, acc, b.bitcast(w, octets), b.bitcast(x, octets))


def _by_smull(b: Any, sums: Any, x: Any, w: Any) -> Any:
    """Multiply bytes to 16 bits and add pairs to 32: a lane of `sums` is half of a dot product."""
    octets, words = ir.VectorType(_I8, 16), ir.VectorType(_I16, 8)
    x, w = b.bitcast(x, octets), b.bitcast(w, octets)
    halves = []
    for first in (0, 4):
        factors = (part(b, value, 2 * first, 8) for value in (x, w))
        product = call(b, "llvm.aarch64.neon.smull.v8i16", words, *factors)
        pairs = call(b, "llvm.aarch64.neon.saddlp.v4i32.v8i16", ir.VectorType(_I32, 4), product)
        halves.append(b.add(part(b, sums, first, 4), pairs))
    return b.shuffle_vector(*halves, mask(range(8)))


def _with_zeros(b: Any, value: Any) -> Any:
    """Put a zero after each of four lanes."""
    return b.shuffle_vector(value, ir.Constant(value.type, None), mask([0, 4, 1, 5, 2, 6, 3, 7]))


def _added_pairs(b: Any, sums: Any) -> Any:
    """Add the neighbours among eight lanes."""
    low, high = part(b, sums, 0, 4), part(b, sums, 4, 4)
    return call(b, "llvm.aarch64.neon.addp.v4i32", low.type, low, high)


def _by_dot_i16x8(b: Any, acc: Any, x: Any, w: Any) -> Any:
    """Widen even and odd bytes to 16 bits, both signed, and add the products of pairs."""
    words = ir.VectorType(_I16, 8)
    eight = filled(words, 8)
    x, w = b.bitcast(x, words), b.bitcast(w, words)
    even_x, odd_x, even_w, odd_w = (b.ashr(value, eight) for value in (b.shl(x, eight), x, b.shl(w, eight), w))
    even, odd = (call(b, "llvm.wasm.dot", acc.type, *pair) for pair in ((even_x, even_w), (odd_x, odd_w)))
    return b.add(acc, b.add(even, odd))


def _by_relaxed_dot(b: Any, acc: Any, x: Any, w: Any) -> Any:
    """Multiply bytes, those of `x` signed or not as the engine has it: it is asked beforehand."""
    octets = ir.VectorType(_I8, 16)
    name = "llvm.wasm.relaxed.dot.i8x16.i7x16.add.signed"
    return call(b, name, acc.type, b.bitcast(w, octets), b.bitcast(x, octets), acc)


def _by_bytes(b: Any, acc: Any, u: Any, s: Any) -> Any:
    """Multiply byte after byte in 32 bits: what any processor can do."""
    kind = acc.type
    for byte in range(4):
        unsigned = b.and_(b.lshr(u, filled(kind, 8 * byte)), filled(kind, 255))
        signed = b.ashr(b.shl(s, filled(kind, 24 - 8 * byte)), filled(kind, 24))
        acc = b.add(acc, b.mul(unsigned, signed))
    return acc


#: `Target.dot` -> lowering.
LOWERINGS: Mapping[str, Dot] = MappingProxyType(
    {
        "vpdpbusd": Dot(_by_vpdpbusd),
        "pmaddwd": Dot(_by_pmaddwd),
        "sdot": Dot(_by_sdot),
        "smull": Dot(_by_smull, _with_zeros, _added_pairs, parts=2),
        "dot_i16x8": Dot(_by_dot_i16x8),
        "relaxed_dot": Dot(_by_relaxed_dot),
        "none": Dot(_by_bytes),
    }
)
