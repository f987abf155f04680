"""The operations that kernels are written with, on vectors, lowered for one target.

A kernel written over them reads as Python and keeps its accumulators in registers. Nothing is taken from this machine
by accident, so a kernel can be compiled for any target, and every lowering gives the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.vectors import dot
from yamjit.kernels.vectors.rounding import ROUNDINGS
from yamjit.kernels.vectors.target import Target
from yamjit.kernels.vectors.words import (
    Emit,
    Vector,
    call,
    filled,
    lane,
    load,
    mask,
    operation,
    part,
    splat,
    store,
    to_int8,
    unpack_mask,
)

__all__ = ["VectorOps"]

_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_F32 = ir.FloatType()


class VectorOps:
    """The operations, lowered for one target.

    Addresses are int64; ``i32`` stands for a vector of `Target.lanes` 32-bit integers, ``u8`` for one of four times
    as many bytes.
    """

    #: Bytes of four inputs side by side.
    quad_bytes = 4
    #: Bytes from a vector of a filter's weights to the next.
    filter_bytes = 64
    #: ``widen_filter(source, target)`` makes of such a vector what `load_weights` takes, where that is something else.
    widen_filter: Any = None

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lanes = target.lanes
        self._i32 = Vector(_I32, target.lanes)
        self._f32 = Vector(_F32, target.lanes)
        self._i64 = Vector(_I64, target.lanes // 2)
        self._dot = dot.LOWERINGS[target.dot]
        self._sum = Vector(_I32, target.lanes * self._dot.parts)
        self._u8 = Vector(_I8, 4 * target.lanes)
        self._wide = ir.VectorType(_I64, target.lanes // 2)

    @cached_property
    def own_frame(self) -> Any:
        """``own_frame()``: the function that calls it is not inlined, and its stack is aligned to vectors.

        Registers that are spilled onto a stack that is not aligned cross cache lines, which halves their speed.
        """

        def emit(b: Any) -> None:
            b.function.attributes.add("noinline")
            b.function.attributes.alignstack = 4 * self.lanes

        return operation(types.void, (), emit)

    # Memory

    @cached_property
    def zeros(self) -> Any:
        """``zeros() -> i32``."""
        return operation(self._i32, (), lambda builder: ir.Constant(self._type(_I32), None))

    @cached_property
    def load(self) -> Any:
        """``load(address) -> i32``."""
        return operation(self._i32, (types.int64,), lambda b, address: load(b, address, self._type(_I32)))

    @cached_property
    def load_weights(self) -> Any:
        """``load_weights(address) -> i32``: four bytes a channel, as `dot` takes them."""
        return self.load

    @cached_property
    def load_bytes(self) -> Any:
        """``load_bytes(address, flip) -> u8``: with the bits of `flip` turned.

        Turning the highest bit of each byte makes an int8 the uint8 that is 128 more. `flip` is a value, and not a
        constant: given a constant, LLVM 22 never finishes the dot product that follows.
        """

        def emit(b: Any, address: Any, flip: Any) -> Any:
            octets = ir.VectorType(_I8, 4 * self.lanes)
            return b.bitcast(b.xor(load(b, address, flip.type), flip), octets)

        return operation(self._u8, (types.int64, self._i32), emit)

    @cached_property
    def store(self) -> Any:
        """``store(address, i32)``."""
        return operation(types.void, (types.int64, self._i32), store)

    @cached_property
    def prefetch(self) -> Any:
        """``prefetch(address)``: what lies there will be read from the second cache; the address need not be valid."""

        def emit(b: Any, address: Any) -> Any:
            if not self.target.prefetches:
                return None
            pointer = b.inttoptr(address, _I8.as_pointer())
            return call(b, "llvm.prefetch.p0", ir.VoidType(), pointer, _I32(0), _I32(2), _I32(1))

        return operation(types.void, (types.int64,), emit)

    @cached_property
    def broadcast(self) -> Any:
        """``broadcast(address) -> i32``: the four bytes at `address` in every lane."""
        return operation(self._i32, (types.int64,), lambda b, a: splat(b, load(b, a, _I32), self.lanes))

    @cached_property
    def splat(self) -> Any:
        """``splat(value) -> i32``: the lower half of an int64 in every lane."""
        lanes = self.lanes
        return operation(self._i32, (types.int64,), lambda b, value: splat(b, b.trunc(value, _I32), lanes))

    @cached_property
    def copy_bytes(self) -> Any:
        """``copy_bytes(source, target, flip)``: as many bytes as a vector has, with the bits of `flip` turned."""

        def emit(b: Any, source: Any, target: Any, flip: Any) -> Any:
            return store(b, target, b.xor(load(b, source, flip.type), flip))

        return operation(types.void, (types.int64, types.int64, self._i32), emit)

    # Arithmetic

    @cached_property
    def started(self) -> Any:
        """``started(i32) -> sum``: what `dot` adds to: one vector, or two whose neighbours are added in the end."""
        return operation(self._sum, (self._i32,), self._dot.start)

    @cached_property
    def dot(self) -> Any:
        """``dot(sum, x, w) -> sum``: in every lane, ``sum`` plus the products of four inputs with four weights."""
        return operation(self._sum, (self._sum, self._i32, self._i32), self._dot.add)

    @cached_property
    def total(self) -> Any:
        """``total(sum) -> i32``."""
        return operation(self._i32, (self._sum,), self._dot.total)

    @cached_property
    def lane_of_four(self) -> tuple[Any, Any, Any, Any]:
        """Four operations ``(i32) -> i32``: lane `j` in every lane, for vectors of four."""
        parts = tuple(operation(self._i32, (self._i32,), partial(lane, j)) for j in range(4))
        return parts[0], parts[1], parts[2], parts[3]

    @cached_property
    def load_wide(self) -> Any:
        """``load_wide(address) -> i64``: half as many 64-bit integers."""
        return operation(self._i64, (types.int64,), lambda b, address: load(b, address, self._wide))

    @cached_property
    def requantize(self) -> Any:
        """``requantize(acc, multiplier, even_offset, odd_offset, shift) -> i32``.

        ``(acc * multiplier + offset) >> (32 + shift)`` in 64 bits. Lanes of even and of odd number are multiplied
        apart, so that the high halves of the products are where the result wants them.
        """
        arguments = (self._i32, self._i32, self._i64, self._i64, self._i32)
        return operation(self._i32, arguments, self._emit_requantize)

    def _emit_requantize(self, b: Any, acc: Any, multiplier: Any, even_offset: Any, odd_offset: Any, shift: Any) -> Any:
        even, odd = (partial(self._emit_widened, b, parity) for parity in (0, 1))
        products = (
            b.add(b.mul(even(acc), even(multiplier)), even_offset),
            b.add(b.mul(odd(acc), odd(multiplier)), odd_offset),
        )
        split = [self.lanes * (i % 2) + i // 2 * 2 + 1 for i in range(self.lanes)]
        halves = (b.bitcast(product, self._type(_I32)) for product in products)
        high = b.shuffle_vector(*halves, mask(split))
        return b.ashr(high, shift) if self.target.shifts_by_lane else self._emit_shifted(b, high, shift)

    def _emit_shifted(self, b: Any, value: Any, shift: Any) -> Any:
        """Shift lanes, each by its own number up to 30: by a product with a power of two, and a shift by 30 of all."""
        whole = self._type(_I32)
        power = b.shl(filled(whole, 1), b.sub(filled(whole, 30), shift))
        thirty = filled(self._wide, 30)
        products = (
            b.ashr(b.mul(self._emit_widened(b, parity, value), self._emit_widened(b, parity, power)), thirty)
            for parity in (0, 1)
        )
        joined = [self.lanes * (i % 2) + i // 2 * 2 for i in range(self.lanes)]
        return b.shuffle_vector(*(b.bitcast(product, whole) for product in products), mask(joined))

    def _emit_widened(self, b: Any, parity: int, value: Any) -> Any:
        """Widen the lanes of even or of odd number to 64 bits."""
        if not self.target.multiplies_even_lanes:
            taken = b.shuffle_vector(value, value, mask(range(parity, self.lanes, 2)))
            return b.sext(taken, self._wide)
        half, pairs = ir.Constant(self._wide, [32] * (self.lanes // 2)), b.bitcast(value, self._wide)
        return b.ashr(pairs if parity else b.shl(pairs, half), half)

    @cached_property
    def load_reals(self) -> Any:
        """``load_reals(address) -> f32``: as many float32."""
        return operation(self._f32, (types.int64,), lambda b, address: load(b, address, self._type(_F32)))

    @cached_property
    def load_offset(self) -> Any:
        """``load_offset(address) -> f32``: offsets for `requantize_real`, half less where that takes the nearest."""
        half = filled(self._type(_F32), 0.5)

        def emit(b: Any, address: Any) -> Any:
            offset = load(b, address, half.type)
            return offset if self.target.rounds_down else b.fsub(offset, half)

        return operation(self._f32, (types.int64,), emit)

    @cached_property
    def requantize_real(self) -> Any:
        """``requantize_real(acc, scale, offset) -> i32``: ``acc * scale + offset`` in float32, made an integer.

        Sum and integer are both rounded downwards where the target can, else both to the nearest.
        """
        rounded = ROUNDINGS[self.target.rounding]

        def emit(b: Any, acc: Any, scale: Any, offset: Any) -> Any:
            return rounded(b, b.sitofp(acc, scale.type), scale, offset)

        return operation(self._i32, (self._i32, self._f32, self._f32), emit)

    @cached_property
    def store_saturated(self) -> Any:
        """``store_saturated(address, i32)``: every lane clamped to an int8."""

        def emit(b: Any, address: Any, value: Any) -> Any:
            return store(b, address, self._narrowed(b, value))

        return operation(types.void, (types.int64, self._i32), emit)

    def _narrowed(self, b: Any, value: Any) -> Any:
        """Clamp lanes to int8."""
        if self.target.narrowing != "narrow":
            return to_int8(b, value)
        octets = _narrow(b, value, value, value, value)
        return part(b, octets, 0, self.lanes)

    # Interleaving: what takes bytes of four taps to quads and back

    @cached_property
    def quads(self) -> tuple[Any, ...]:
        """Operations ``(u8, u8, u8, u8) -> i32``: bytes of four vectors side by side, a quarter each.

        Within each 16 bytes, operation `j` takes the bytes 4 j .. 4 j + 3 of every vector: an unpacking of bytes and
        one of pairs.
        """
        taps = (self._u8,) * 4
        return tuple(operation(self._i32, taps, self._emit_quad(j)) for j in range(4))

    def _emit_quad(self, j: int) -> Emit:
        def emit(b: Any, *taps: Any) -> Any:
            half, part = divmod(j, 2)
            ab = b.shuffle_vector(taps[0], taps[1], unpack_mask(4 * self.lanes, 16, half))
            cd = b.shuffle_vector(taps[2], taps[3], unpack_mask(4 * self.lanes, 16, half))
            pairs = ir.VectorType(_I16, 2 * self.lanes)
            mask = unpack_mask(2 * self.lanes, 8, part)
            return b.bitcast(b.shuffle_vector(b.bitcast(ab, pairs), b.bitcast(cd, pairs), mask), self._type(_I32))

        return emit

    @cached_property
    def store_quads(self) -> Any:
        """``store_quads(address, flip, i32, i32, i32, i32)``: results of the four `quads`, in the bytes' order.

        Each is clamped to an int8, and has the bits of `flip` turned.
        """
        return operation(types.void, (types.int64, *(self._i32,) * 5), self._emit_store_quads)

    def _emit_store_quads(self, b: Any, address: Any, flip: Any, *parts: Any) -> Any:
        packed = self._packed(b, parts)
        return store(b, address, b.xor(packed, b.bitcast(flip, packed.type)))

    def _packed(self, b: Any, parts: Sequence[Any]) -> Any:
        if self.target.narrowing == "narrow":
            return _narrow(b, *parts)
        if self.target.narrowing == "packss":
            return self._packed_by_saturation(b, parts)
        lanes = self.lanes
        narrow = [to_int8(b, part) for part in parts]
        low, high = (b.shuffle_vector(narrow[k], narrow[k + 1], mask(range(2 * lanes))) for k in (0, 2))
        order = [lanes * j + 4 * group + i for group in range(lanes // 4) for j in range(4) for i in range(4)]
        return b.shuffle_vector(low, high, mask(order))

    def _packed_by_saturation(self, b: Any, parts: Sequence[Any]) -> Any:
        """Pack by packssdw and packsswb, which undo the unpacking within 16 bytes and clamp on the way."""
        words, octets = ir.VectorType(_I16, 2 * self.lanes), ir.VectorType(_I8, 4 * self.lanes)
        names = {16: ("avx512.packssdw.512", "avx512.packsswb.512"), 8: ("avx2.packssdw", "avx2.packsswb")}
        to_words, to_bytes = names[self.lanes]
        first = call(b, f"llvm.x86.{to_words}", words, parts[0], parts[1])
        second = call(b, f"llvm.x86.{to_words}", words, parts[2], parts[3])
        return call(b, f"llvm.x86.{to_bytes}", octets, first, second)

    def _type(self, element: ir.Type) -> ir.VectorType:
        return ir.VectorType(element, self.lanes)


def _narrow(b: Any, *parts: Any) -> Any:
    """Clamp the lanes of four vectors of four to bytes, side by side."""
    words, octets = ir.VectorType(_I16, 8), ir.VectorType(_I8, 16)
    halves = (call(b, "llvm.wasm.narrow.signed.v8i16.v4i32", words, *parts[at : at + 2]) for at in (0, 2))
    return call(b, "llvm.wasm.narrow.signed.v16i8.v8i16", octets, *halves)
