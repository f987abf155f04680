"""Floating-point vectors in LLVM: what codelets are emitted with, one lane per frame.

A codelet is a piece of straight-line code that Python writes instruction by instruction: loops here are unrolled there.
`Lanes` holds the instructions; `codelet` makes an emitting function callable from compiled code. Memory is addressed
by integers; loads and stores need no alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from yamjit.kernels.vectors.target import Target
from yamjit.kernels.vectors.words import call, load, mask, operation, splat, store

__all__ = ["Complex", "Lanes", "codelet", "lane_count", "transpose"]

_I64 = ir.IntType(64)
_F32, _F64 = ir.FloatType(), ir.DoubleType()

#: Real and imaginary part: two vectors of doubles.
Complex = tuple[Any, Any]


class Lanes:
    """Instructions on vectors of doubles and floats, half as many lanes as `target` has of 32-bit integers.

    Nothing is contracted or reordered unless the code says so. `multiply_add` is fused where the target can.
    """

    def __init__(self, builder: ir.IRBuilder, target: Target) -> None:
        self.builder = builder
        self.count = lane_count(target)
        self.doubles = ir.VectorType(_F64, self.count)
        self.floats = ir.VectorType(_F32, self.count)
        self.integers = ir.VectorType(_I64, self.count)
        self._fused = target.has_fma

    # Memory

    def at(self, address: Any, offset: int) -> Any:
        """Return an address `offset` bytes on."""
        return self.builder.add(address, _I64(offset)) if offset else address

    def load(self, address: Any, kind: ir.Type) -> Any:
        """Return the value of type `kind` at an address."""
        return load(self.builder, address, kind)

    def store(self, address: Any, value: Any) -> None:
        """Write a value to an address."""
        store(self.builder, address, value)

    def load_widened(self, address: Any) -> Any:
        """Return floats as doubles."""
        return self.builder.fpext(self.load(address, self.floats), self.doubles)

    def load_complex(self, address: Any) -> Complex:
        """Return a vector of real parts and, after it, one of imaginary parts."""
        return self.load(address, self.doubles), self.load(self.at(address, 8 * self.count), self.doubles)

    def store_complex(self, address: Any, value: Complex) -> None:
        """Write a vector of real parts and, after it, one of imaginary parts."""
        self.store(address, value[0])
        self.store(self.at(address, 8 * self.count), value[1])

    def broadcast(self, address: Any, kind: ir.VectorType) -> Any:
        """Return the scalar at an address in every lane."""
        return splat(self.builder, self.load(address, kind.element), kind.count)

    # Arithmetic

    def constant(self, value: float) -> Any:
        """Return a double in every lane."""
        return ir.Constant(self.doubles, [value] * self.count)

    def integer(self, value: int) -> Any:
        """Return a 64-bit integer in every lane."""
        return ir.Constant(self.integers, [value] * self.count)

    def multiply_add(self, a: Any, b: Any, c: Any) -> Any:
        """Return ``a * b + c``."""
        if self._fused:
            return self._call("fma", a, b, c)
        return self.builder.fadd(self.builder.fmul(a, b), c)

    def subtract_product(self, c: Any, a: Any, b: Any) -> Any:
        """Return ``c - a * b``."""
        if self._fused:
            return self._call("fma", self.builder.fneg(a), b, c)
        return self.builder.fsub(c, self.builder.fmul(a, b))

    def square_root(self, value: Any) -> Any:
        """Return the square root, correctly rounded."""
        return self._call("sqrt", value)

    def rounded(self, value: Any) -> Any:
        """Return doubles rounded to float32, as doubles."""
        return self.builder.fpext(self.builder.fptrunc(value, self.floats), self.doubles)

    def _call(self, name: str, *arguments: Any) -> Any:
        kind = arguments[0].type
        return call(self.builder, f"llvm.{name}.v{kind.count}f64", kind, *arguments)

    # Order

    def pick(self, first: Any, second: Any, places: Sequence[int]) -> Any:
        """Return elements by their places in two vectors laid end to end."""
        return self.builder.shuffle_vector(first, second, mask(places))


def lane_count(target: Target) -> int:
    """Return how many doubles a vector of `target` holds: that many frames are computed at once."""
    return target.lanes // 2


def codelet(target: Target, addresses: int, emit: Callable[..., None]) -> Any:
    """Make ``emit(lanes, *addresses)`` callable from compiled code, with a number of int64 addresses."""
    signature = (types.int64,) * addresses
    return operation(types.void, signature, lambda builder, *args: emit(Lanes(builder, target), *args))


# -- Rows to columns --------------------------------------------------------------------------------------------

#: Column, part of it (0; or 0 and 1, real and imaginary) and row of an element.
_Label = tuple[int, int, int]


class _Labelled(NamedTuple):
    """A vector, and what each of its elements is."""

    value: Any
    labels: list[_Label]


def transpose(lanes: Lanes, rows: Sequence[Any], parts: int) -> list[Any]:
    """Return the columns of a square of elements, each made of `parts` (1 or 2) neighbouring floats.

    Each of `rows`, as many as lanes, is a vector of `parts` times as many floats. A column holds part 0 of all rows,
    then part 1.
    """
    size = range(lanes.count)
    labelled = [
        _Labelled(value, [(column, part, row) for column in size for part in range(parts)])
        for row, value in enumerate(rows)
    ]
    merged = sorted(_merge_rows(lanes, labelled, parts), key=lambda vector: vector.labels[0][0])
    return [vector.value for vector in merged]


def _merge_rows(lanes: Lanes, rows: list[_Labelled], parts: int) -> list[_Labelled]:
    """Return vectors that hold all of `rows`, and the fewer columns each."""
    if len(rows) == 1:
        return rows
    half = len(rows) // 2
    pairs = zip(_merge_rows(lanes, rows[:half], parts), _merge_rows(lanes, rows[half:], parts), strict=True)
    return [merged for first, second in pairs for merged in _merge_two(lanes, first, second, parts)]


def _merge_two(lanes: Lanes, first: _Labelled, second: _Labelled, parts: int) -> list[_Labelled]:
    """Return two vectors, each with half the columns of `first` and `second`.

    The first merger of complex elements interleaves them whole, which processors do fastest; later ones, or the only
    one, part real from imaginary.
    """
    labels = first.labels + second.labels
    places = {label: place for place, label in enumerate(labels)}
    columns = sorted({column for column, _, _ in labels})
    rows = sorted({row for _, _, row in labels})
    whole = parts == 2 and len(rows) == 2 < lanes.count
    halves = (
        (columns[::2], columns[1::2]) if parts == 2 else (columns[: len(columns) // 2], columns[len(columns) // 2 :])
    )
    merged = []
    for half in halves:
        if whole:
            wanted = [(column, part, row) for column in half for row in rows for part in range(parts)]
        else:
            wanted = [(column, part, row) for column in half for part in range(parts) for row in rows]
        merged.append(_Labelled(lanes.pick(first.value, second.value, [places[label] for label in wanted]), wanted))
    return merged
