"""The Fourier transform of real values in Numba, with the tables of `yamjit.kernels.spectral.tables`."""

from __future__ import annotations

from typing import Any

import numpy as np

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.spectral.tables import ROOT

__all__ = ["real_transform"]


@jit
def real_transform(values: Any, n: int, tables: Any) -> None:
    """Transform `n` real values, a power of two.

    What is left in their place is the spectrum up to ``n / 2``: real and imaginary parts side by side, but for the last
    real part, which takes the place of the first imaginary one: both are 0.
    """
    size, start = n >> 1, np.int64(0)
    while size > 4:
        for block in range((n >> 1) // size):
            if is_turned(block):
                divide_turned(values, 2 * block * size, size >> 2, tables, start + size)
            else:
                divide(values, 2 * block * size, size >> 2, tables, start)
        start += 3 * size
        size >>= 2
    for block in range((n >> 1) // size):
        if size == 4:
            finish_four(values, 8 * block, is_turned(block))
        elif size == 2:
            finish_two(values, 4 * block, is_turned(block))
    reverse_bits(values, n >> 1)
    make_real(values, n, tables)


@jit
def is_turned(block: int) -> bool:
    """Return whether a block is turned by half a step: by its number, in which those of fours are digits."""
    while block & 3 == 3:
        block >>= 2
    return block & 3 == 1


@jit
def store(values: Any, at: int, re: float, im: float) -> None:
    """Store a complex number."""
    values[at], values[at + 1] = re, im


@jit
def divide(a: Any, start: int, quarter: int, tables: Any, factors: int) -> None:
    """Divide a block that is not turned into four."""
    width = 2 * quarter
    for place in range(quarter):
        k0, at = start + 2 * place, factors + place
        k1, k2, k3 = k0 + width, k0 + 2 * width, k0 + 3 * width
        x0_re, x0_im, x1_re, x1_im = a[k0] + a[k2], a[k0 + 1] + a[k2 + 1], a[k0] - a[k2], a[k0 + 1] - a[k2 + 1]
        x2_re, x2_im, x3_re, x3_im = a[k1] + a[k3], a[k1 + 1] + a[k3 + 1], a[k1] - a[k3], a[k1 + 1] - a[k3 + 1]
        store(a, k0, x0_re + x2_re, x0_im + x2_im)
        store(a, k1, x0_re - x2_re, x0_im - x2_im)
        up_re, up_im, down_re, down_im = x1_re - x3_im, x1_im + x3_re, x1_re + x3_im, x1_im - x3_re
        if place == 0:
            store(a, k2, up_re, up_im)
            store(a, k3, down_re, down_im)
        elif 2 * place == quarter:
            store(a, k2, ROOT * (up_re - up_im), ROOT * (up_im + up_re))
            store(a, k3, -(ROOT * (down_im + down_re)), ROOT * (down_re - down_im))
        else:
            re, im = tables[at], tables[at + quarter]
            store(a, k2, re * up_re - im * up_im, re * up_im + im * up_re)
            re, im = tables[at + 2 * quarter], tables[at + 3 * quarter]
            store(a, k3, re * down_re - im * down_im, re * down_im + im * down_re)


@jit
def divide_turned(a: Any, start: int, quarter: int, tables: Any, factors: int) -> None:
    """Divide a block that is turned into four."""
    width = 2 * quarter
    for place in range(quarter):
        k0, at = start + 2 * place, factors + place
        k1, k2, k3 = k0 + width, k0 + 2 * width, k0 + 3 * width
        x0_re, x0_im, x1_re, x1_im = a[k0] - a[k2 + 1], a[k0 + 1] + a[k2], a[k0] + a[k2 + 1], a[k0 + 1] - a[k2]
        x2_re, x2_im, x3_re, x3_im = a[k1] - a[k3 + 1], a[k1 + 1] + a[k3], a[k1] + a[k3 + 1], a[k1 + 1] - a[k3]
        if place == 0:
            y2_re, y2_im = ROOT * (x2_re - x2_im), ROOT * (x2_im + x2_re)
            z2_re, z2_im = -(ROOT * (x3_im + x3_re)), ROOT * (x3_re - x3_im)
        else:
            re, im = tables[at], tables[at + quarter]
            x0_re, x0_im = re * x0_re - im * x0_im, re * x0_im + im * x0_re
            re, im = tables[at + 2 * quarter], tables[at + 3 * quarter]
            y2_re, y2_im = re * x2_re - im * x2_im, re * x2_im + im * x2_re
            re, im = tables[at + 4 * quarter], tables[at + 5 * quarter]
            x1_re, x1_im = re * x1_re - im * x1_im, re * x1_im + im * x1_re
            re, im = tables[at + 6 * quarter], tables[at + 7 * quarter]
            z2_re, z2_im = re * x3_re - im * x3_im, re * x3_im + im * x3_re
        store(a, k0, x0_re + y2_re, x0_im + y2_im)
        store(a, k1, x0_re - y2_re, x0_im - y2_im)
        store(a, k2, x1_re + z2_re, x1_im + z2_im)
        store(a, k3, x1_re - z2_re, x1_im - z2_im)


@jit
def finish_four(a: Any, k: int, turned: bool) -> None:
    """Transform a block of four."""
    c_re, c_im, d_re, d_im = a[k + 4], a[k + 5], a[k + 6], a[k + 7]
    if turned:
        c_re, c_im, d_re, d_im = -c_im, c_re, -d_im, d_re
    x0_re, x0_im, x1_re, x1_im = a[k] + c_re, a[k + 1] + c_im, a[k] - c_re, a[k + 1] - c_im
    x2_re, x2_im, x3_re, x3_im = a[k + 2] + d_re, a[k + 3] + d_im, a[k + 2] - d_re, a[k + 3] - d_im
    if turned:
        x2_re, x2_im = ROOT * (x2_re - x2_im), ROOT * (x2_im + x2_re)
        x3_re, x3_im = ROOT * (x3_re - x3_im), ROOT * (x3_im + x3_re)
    store(a, k, x0_re + x2_re, x0_im + x2_im)
    store(a, k + 2, x0_re - x2_re, x0_im - x2_im)
    store(a, k + 4, x1_re - x3_im, x1_im + x3_re)
    store(a, k + 6, x1_re + x3_im, x1_im - x3_re)


@jit
def finish_two(a: Any, k: int, turned: bool) -> None:
    """Transform a block of two."""
    a_re, a_im, b_re, b_im = a[k], a[k + 1], a[k + 2], a[k + 3]
    if turned:
        b_re, b_im = -b_im, b_re
    store(a, k, a_re + b_re, a_im + b_im)
    store(a, k + 2, a_re - b_re, a_im - b_im)


@jit
def reverse_bits(a: Any, count: int) -> None:
    """Bring complex values into their order: each goes where the bits of its number, read backwards, say."""
    other = np.int64(0)
    for place in range(count):
        if place < other:
            re, im = a[2 * place], a[2 * place + 1]
            store(a, 2 * place, a[2 * other], a[2 * other + 1])
            store(a, 2 * other, re, im)
        bit = count >> 1
        while other & bit:
            other ^= bit
            bit >>= 1
        other |= bit


@jit
def make_real(a: Any, n: int, tables: Any) -> None:
    """Make the spectrum of `n` real values of that of half as many complex ones, which hold two each."""
    for k in range(1, n >> 2):
        low, high = 2 * k, n - 2 * k
        factor_re, factor_im = tables[2 * n + k], tables[2 * n + (n >> 2) + k]
        x_re, x_im = a[low] - a[high], a[low + 1] + a[high + 1]
        y_re, y_im = factor_re * x_re - factor_im * x_im, factor_re * x_im + factor_im * x_re
        store(a, low, a[low] - y_re, a[low + 1] - y_im)
        store(a, high, a[high] + y_re, a[high + 1] - y_im)
    store(a, 0, a[0] + a[1], a[0] - a[1])
