"""Pieces of the way from samples to log-mel frames, besides the Fourier transform: a frame per lane."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types

from yamjit.kernels.vectors.lanes import Lanes, lane_count, transpose
from yamjit.kernels.vectors.target import Target
from yamjit.kernels.vectors.words import Vector, load, operation, store

__all__ = [
    "Sums",
    "emit_clear",
    "emit_cut",
    "emit_log",
    "emit_logarithm",
    "emit_store_frames",
    "load_float",
    "load_integer",
    "store_float",
    "store_integer",
]

_I64, _F32 = ir.IntType(64), ir.FloatType()


def emit_cut(lanes: Lanes, rows: Any, offset: Any, window: Any, out: Any) -> None:
    """Emit the product of a square of samples with the window, turned from frames to lanes.

    At `rows` are the addresses of frames, of which the samples `offset` bytes on are read; at `window`, as many factors
    as a row of the square has samples: twice as many as lanes. As many points as lanes go to `out`: floats, real parts
    and then imaginary ones.
    """
    kind = ir.VectorType(_F32, 2 * lanes.count)
    factors = lanes.load(window, kind)
    products = []
    for row in range(lanes.count):
        address = lanes.builder.add(lanes.load(lanes.at(rows, 8 * row), _I64), offset)
        products.append(lanes.builder.fmul(lanes.load(address, kind), factors))
    for column, point in enumerate(transpose(lanes, products, parts=2)):
        lanes.store(lanes.at(out, 8 * lanes.count * column), point)


def emit_clear(lanes: Lanes, out: Any) -> None:
    """Emit a point of zeros."""
    lanes.store(out, ir.Constant(ir.VectorType(_F32, 2 * lanes.count), None))


def emit_logarithm(lanes: Lanes, sums: Any, offset: Any) -> None:
    """Emit ``sums = log(sums + offset)``, float32 that is computed in double; both are addresses."""
    b = lanes.builder
    x = b.fpext(b.fadd(lanes.load(sums, lanes.floats), lanes.broadcast(offset, lanes.floats)), lanes.doubles)
    infinity, zero = lanes.constant(float("inf")), lanes.constant(0.0)
    edge = b.select(b.fcmp_ordered("==", x, zero), lanes.constant(float("-inf")), lanes.constant(float("nan")))
    edge = b.select(b.fcmp_ordered("==", x, infinity), infinity, edge)
    inside = b.and_(b.fcmp_ordered(">", x, zero), b.fcmp_ordered("<", x, infinity))
    lanes.store(sums, b.fptrunc(b.select(inside, emit_log(lanes, x), edge), lanes.floats))


def emit_log(lanes: Lanes, x: Any) -> Any:
    """Emit the natural logarithm of normal doubles > 0, good enough to be rounded to float32.

    ``x = 2**k m`` with m in [sqrt(1/2), sqrt(2)), and ``log m = 2 atanh(s)``, ``s = (m - 1) / (m + 1)``: the series
    in ``s**2 < 0.03`` up to ``s**19``. Returns the vector.
    """
    b = lanes.builder
    one, root = 0x3FF0_0000_0000_0000, 0x3FE6_A09E_667F_3BCD
    bits = b.add(b.bitcast(x, lanes.integers), lanes.integer(one - root))
    exponent = b.lshr(bits, lanes.integer(52))
    fraction = b.and_(bits, lanes.integer((1 << 52) - 1))
    m = b.bitcast(b.add(fraction, lanes.integer(root)), lanes.doubles)
    # An integer below 2**52 in the last bits of 2**52: no conversion, which AVX2 lacks.
    biased = b.bitcast(b.or_(exponent, lanes.integer(0x4330_0000_0000_0000)), lanes.doubles)
    k = b.fsub(biased, lanes.constant(2.0**52 + 1023))
    f = b.fsub(m, lanes.constant(1.0))
    s = b.fdiv(f, b.fadd(m, lanes.constant(1.0)))
    square = b.fmul(s, s)
    series = lanes.constant(2 / 19)
    for power in range(17, 1, -2):
        series = lanes.multiply_add(series, square, lanes.constant(2 / power))
    log_m = lanes.multiply_add(b.fmul(s, square), series, b.fadd(s, s))
    return lanes.multiply_add(k, lanes.constant(math.log(2)), log_m)


def emit_store_frames(lanes: Lanes, logarithms: Any, out: Any, stride: Any) -> None:
    """Emit a square of logarithms turned from lanes to rows, `stride` bytes from one to the next."""
    columns = [lanes.load(lanes.at(logarithms, 4 * lanes.count * band), lanes.floats) for band in range(lanes.count)]
    for row in transpose(lanes, columns, parts=1):
        lanes.store(out, row)
        out = lanes.builder.add(out, stride)


class Sums:
    """Operations on a vector of float32 sums, one per lane."""

    def __init__(self, target: Target) -> None:
        count = lane_count(target)
        kind = Vector(_F32, count)

        def add_product(builder: Any, total: Any, magnitudes: Any, weight: Any) -> Any:
            lanes = Lanes(builder, target)
            product = builder.fmul(lanes.load(magnitudes, lanes.floats), lanes.broadcast(weight, lanes.floats))
            return builder.fadd(total, product)

        #: ``zeros() -> sums``
        self.zeros = operation(kind, (), lambda builder: ir.Constant(ir.VectorType(_F32, count), None))
        #: ``add_product(sums, address of magnitudes, address of one weight) -> sums``, two roundings
        self.add_product = operation(kind, (kind, types.int64, types.int64), add_product)
        #: ``store(address, sums)``
        self.store = operation(types.void, (types.int64, kind), store)


def _load(kind: ir.Type, numba_type: types.Type) -> Any:
    return operation(numba_type, (types.int64,), lambda b, address: load(b, address, kind))


def _store(numba_type: types.Type) -> Any:
    return operation(types.void, (types.int64, numba_type), store)


load_integer, store_integer = _load(_I64, types.int64), _store(types.int64)
load_float, store_float = _load(_F32, types.float32), _store(types.float32)
