"""Operations on vectors of float32: each rounds as IEEE says, nothing is fused that rounds, and no number is undefined.

Comparisons with NaN are false, so that `least` and `greatest` return their second operand then.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.vectors.target import Target
from yamjit.kernels.vectors.words import Vector, call, filled, load, operation, splat, store, to_int8

__all__ = ["RealOps"]

_I8, _I32 = ir.IntType(8), ir.IntType(32)
_F32 = ir.FloatType()


class RealOps:
    """The operations, lowered for one target: ``f32`` stands for a vector of `Target.lanes` float32.

    ``i32`` is that of `yamjit.kernels.vectors.ops`.
    """

    def __init__(self, target: Target) -> None:
        self.lanes = target.lanes
        self._fused = target.has_fma
        self._f32, self._i32 = Vector(_F32, target.lanes), Vector(_I32, target.lanes)
        self._floats, self._integers = ir.VectorType(_F32, target.lanes), ir.VectorType(_I32, target.lanes)

    # Memory

    @cached_property
    def load_floats(self) -> Any:
        """``load_floats(address) -> f32``."""
        return operation(self._f32, (types.int64,), lambda b, address: load(b, address, self._floats))

    @cached_property
    def store_floats(self) -> Any:
        """``store_floats(address, f32)``."""
        return operation(types.void, (types.int64, self._f32), store)

    @cached_property
    def same_floats(self) -> Any:
        """``same_floats(float32) -> f32``: the number in every lane."""
        return operation(self._f32, (types.float32,), lambda b, value: splat(b, value, self.lanes))

    @cached_property
    def broadcast_float(self) -> Any:
        """``broadcast_float(address) -> f32``: the number at `address` in every lane."""
        return operation(self._f32, (types.int64,), lambda b, a: splat(b, load(b, a, _F32), self.lanes))

    @cached_property
    def store_octets(self) -> Any:
        """``store_octets(address, i32, flip)``: every lane clamped to an int8, with the bits of `flip` turned."""

        def emit(b: Any, address: Any, value: Any, flip: Any) -> Any:
            return store(b, address, b.xor(to_int8(b, value), b.trunc(flip, ir.VectorType(_I8, self.lanes))))

        return operation(types.void, (types.int64, self._i32, self._i32), emit)

    # Arithmetic

    @cached_property
    def times(self) -> Any:
        """``times(f32, f32) -> f32``: products."""
        return operation(self._f32, (self._f32, self._f32), lambda b, x, y: b.fmul(x, y))

    @cached_property
    def plus(self) -> Any:
        """``plus(f32, f32) -> f32``: sums."""
        return operation(self._f32, (self._f32, self._f32), lambda b, x, y: b.fadd(x, y))

    @cached_property
    def plus_whole_product(self) -> Any:
        """``plus_whole_product(z, x, y) -> f32``: ``z + x * y``, integers that float32 holds exactly."""

        def emit(b: Any, z: Any, x: Any, y: Any) -> Any:
            if self._fused:
                return call(b, f"llvm.fma.v{self.lanes}f32", self._floats, x, y, z)
            return b.fadd(z, b.fmul(x, y))

        return operation(self._f32, (self._f32,) * 3, emit)

    @cached_property
    def least(self) -> Any:
        """``least(x, y) -> f32``: ``x if x < y else y``."""
        return operation(self._f32, (self._f32, self._f32), lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))

    @cached_property
    def greatest(self) -> Any:
        """``greatest(x, y) -> f32``: ``x if x > y else y``."""
        return operation(self._f32, (self._f32, self._f32), lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))

    @cached_property
    def within(self) -> Any:
        """``within(f32, low, high) -> f32``: clamped; NaN stays NaN."""

        def emit(b: Any, value: Any, low: Any, high: Any) -> Any:
            above = b.select(b.fcmp_ordered("<", value, low), low, value)
            return b.select(b.fcmp_ordered(">", above, high), high, above)

        return operation(self._f32, (self._f32,) * 3, emit)

    @cached_property
    def least_lane(self) -> Any:
        """``least_lane(f32) -> float32``: the least number of all lanes; none is NaN."""
        return operation(types.float32, (self._f32,), lambda b, value: self._emit_extreme(b, "<", value))

    @cached_property
    def greatest_lane(self) -> Any:
        """``greatest_lane(f32) -> float32``: the greatest number of all lanes; none is NaN."""
        return operation(types.float32, (self._f32,), lambda b, value: self._emit_extreme(b, ">", value))

    def _emit_extreme(self, b: Any, relation: str, value: Any) -> Any:
        found = b.extract_element(value, _I32(0))
        for index in range(1, self.lanes):
            other = b.extract_element(value, _I32(index))
            found = b.select(b.fcmp_ordered(relation, other, found), other, found)
        return found

    # Integers

    @cached_property
    def to_floats(self) -> Any:
        """``to_floats(i32) -> f32``: to the nearest."""
        return operation(self._f32, (self._i32,), lambda b, value: b.sitofp(value, self._floats))

    @cached_property
    def rounded(self) -> Any:
        """``rounded(f32, low, high) -> i32``: a half is added to magnitudes, in float32, and the fraction dropped.

        Results are within the bounds, which are integers; NaN becomes the lower one.
        """

        def emit(b: Any, value: Any, low: Any, high: Any) -> Any:
            sign = ir.Constant(self._integers, [-(2**31)] * self.lanes)
            half = b.bitcast(filled(self._floats, 0.5), self._integers)
            signed = b.or_(b.and_(b.bitcast(value, self._integers), sign), half)
            total = b.fadd(value, b.bitcast(signed, self._floats))
            total = b.select(b.fcmp_ordered(">", total, low), total, low)
            total = b.select(b.fcmp_ordered("<", total, high), total, high)
            return b.fptosi(total, self._integers)

        return operation(self._i32, (self._f32,) * 3, emit)

    @cached_property
    def add(self) -> Any:
        """``add(i32, i32) -> i32``: sums."""
        return operation(self._i32, (self._i32, self._i32), lambda b, x, y: b.add(x, y))

    @cached_property
    def less_product(self) -> Any:
        """``less_product(z, x, y) -> i32``: ``z - x * y``."""
        return operation(self._i32, (self._i32,) * 3, lambda b, z, x, y: b.sub(z, b.mul(x, y)))
