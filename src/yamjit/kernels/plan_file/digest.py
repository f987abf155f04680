"""XXH64 of bytes in memory, compiled; `yamjit.kernels.plan_file.xxh64` is its twin in Python.

All numbers are uint64: Numba makes a float64 of an int64 and a uint64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.plan_file.xxh64 import PRIMES
from yamjit.kernels.vectors.target import Target

__all__ = ["make_digest", "xxh64_of"]

_P1, _P2, _P3, _P4, _P5 = (np.uint64(prime) for prime in PRIMES)


def make_digest(target: Target) -> Callable[..., None]:
    """Return ``digest(address, size, out)``: XXH64 as a uint64 at the address `out`; the same for all targets."""

    def digest(address: int, size: int, out: int) -> None:
        carray(pointer(out), 1, np.uint64)[0] = xxh64_of(address, size)

    return digest


@jit
def xxh64_of(address: int, size: int) -> Any:
    """Return XXH64, with seed 0, of `size` bytes from `address` on, which is a multiple of 8."""
    words = carray(pointer(address), size // 8, np.uint64)
    result = _stripes(words, size // 32) if size >= 32 else _P5
    result += np.uint64(size)
    for place in range(size // 32 * 4, size // 8):
        result = _rotated(result ^ _mixed(words[place]), 27) * _P1 + _P4
    done = size // 8 * 8
    if size - done >= 4:
        four = carray(pointer(address + done), 1, np.uint32)
        result = _rotated(result ^ np.uint64(four[0]) * _P1, 23) * _P2 + _P3
        done += 4
    rest = carray(pointer(address + done), size - done, np.uint8)
    for place in range(size - done):
        result = _rotated(result ^ np.uint64(rest[place]) * _P5, 11) * _P1
    result = (result ^ result >> np.uint64(33)) * _P2
    result = (result ^ result >> np.uint64(29)) * _P3
    return result ^ result >> np.uint64(32)


@jit
def _stripes(words: Any, count: int) -> Any:
    """Return what four accumulators make of `count` stripes of four words."""
    a, b, c, d = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
    for stripe in range(count):
        at = 4 * stripe
        a = _rotated(a + words[at] * _P2, 31) * _P1
        b = _rotated(b + words[at + 1] * _P2, 31) * _P1
        c = _rotated(c + words[at + 2] * _P2, 31) * _P1
        d = _rotated(d + words[at + 3] * _P2, 31) * _P1
    total = _rotated(a, 1) + _rotated(b, 7) + _rotated(c, 12) + _rotated(d, 18)
    for lane in (a, b, c, d):
        total = (total ^ _mixed(lane)) * _P1 + _P4
    return total


@jit
def _mixed(word: Any) -> Any:
    """Return what a word adds to the digest."""
    return _rotated(word * _P2, 31) * _P1


@jit
def _rotated(value: Any, bits: int) -> Any:
    left = np.uint64(bits)
    return value << left | value >> np.uint64(64) - left
