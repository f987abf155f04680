"""Steps of spectra in Numba, for one patch.

Every sum and product is rounded as it is written: none is fused, and none is taken in another order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import carray

from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.table import Memory, input_of, input_size, output_of, output_size
from yamjit.kernels.program import FFT_BYTES, Column, StepOp
from yamjit.kernels.spectral.fourier import real_transform
from yamjit.kernels.spectral.tables import LEAST_BAND, LN2_HEAD, LN2_TAIL, LOG_LEAST, LOG_SERIES

__all__ = ["run_spectral_step"]

_LOG_LEAST = np.int64(LOG_LEAST)


@jit
def run_spectral_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
    """Run a step over patches, the first of which is number `patch`."""
    op, weights = s[Column.OP], memory.constants + s[Column.WEIGHTS]
    x, out = input_of(s, memory, patch), output_of(s, memory, patch)
    for _ in range(patches):
        if op == StepOp.RFFT:
            rfft(s, weights, memory.image, x, out)
        elif op == StepOp.COMPLEX_ABS:
            complex_abs(s, x, out)
        elif op == StepOp.SPECTROGRAM:
            spectrogram(s, weights, memory.image, x, out)
        elif op == StepOp.LOG_BANDS:
            log_bands(s, weights, x, out)
        else:
            cosines(s, weights, x, out)
        x, out = x + input_size(s), out + output_size(s)


@jit
def _floats(address: int, count: int) -> Any:
    return carray(pointer(address), count, np.float32)


@jit
def _doubles(address: int, count: int) -> Any:
    return carray(pointer(address), count, np.float64)


@jit
def rfft(s: Any, tables_address: int, scratch: int, x_address: int, out_address: int) -> None:
    """Transform rows of ``n`` values; each becomes ``n / 2 + 1`` complex ones."""
    n = s[Column.INPUT_C]
    tables, values = _doubles(tables_address, FFT_BYTES * n // 8), _doubles(scratch, n)
    for row in range(s[Column.INPUT_W]):
        x, out = _floats(x_address + 4 * row * n, n), _floats(out_address + 4 * row * (n + 2), n + 2)
        for place in range(n):
            values[place] = np.float64(x[place])
        real_transform(values, n, tables)
        for place in range(2, n, 2):
            out[place], out[place + 1] = np.float32(values[place]), np.float32(-values[place + 1])
        out[0], out[1], out[n], out[n + 1] = np.float32(values[0]), -0.0, np.float32(values[1]), -0.0


@jit
def complex_abs(s: Any, x_address: int, out_address: int) -> None:
    """Return magnitudes of complex values, from squares that float64 holds exactly."""
    count = s[Column.OUTPUT_W] * s[Column.OUTPUT_C]
    x, out = _floats(x_address, 2 * count), _floats(out_address, count)
    for place in range(count):
        re, im = np.float64(x[2 * place]), np.float64(x[2 * place + 1])
        out[place] = np.float32(math.sqrt(re * re + im * im))


@jit
def spectrogram(s: Any, tables_address: int, scratch: int, x_address: int, out_address: int) -> None:
    """Cut frames, multiply them by a window, fill them up with zeros, and square the magnitudes of their spectra."""
    bins, length = s[Column.OUTPUT_C], s[Column.KERNEL_W]
    n = 2 * (bins - 1)
    tables, window = _doubles(tables_address, FFT_BYTES * n // 8), _doubles(tables_address + FFT_BYTES * n, length)
    values = _doubles(scratch, n)
    for frame in range(s[Column.OUTPUT_W]):
        x, out = (
            _floats(x_address + 4 * frame * s[Column.STRIDE_W], length),
            _floats(out_address + 4 * frame * bins, bins),
        )
        for place in range(length):
            values[place] = np.float64(x[place]) * window[place]
        for place in range(length, n):
            values[place] = 0.0
        real_transform(values, n, tables)
        for place in range(1, bins - 1):
            re, im = values[2 * place], values[2 * place + 1]
            out[place] = np.float32(re * re + im * im)
        out[0], out[bins - 1] = np.float32(values[0] * values[0]), np.float32(values[1] * values[1])


@jit
def log_bands(s: Any, weights: int, x_address: int, out_address: int) -> None:
    """Share magnitudes out to bands, of which each bin may belong to two, and take logarithms."""
    bins, bands = s[Column.INPUT_C], s[Column.OUTPUT_C] // 2
    shares, numbers = _doubles(weights, bins), carray(pointer(weights + 8 * bins), bins, np.int32)
    for row in range(s[Column.INPUT_W]):
        x, out = _floats(x_address + 4 * row * bins, bins), _doubles(out_address + 8 * row * bands, bands)
        for band in range(bands):
            out[band] = 0.0
        for place in range(bins):
            band = np.int64(numbers[place])
            size = _root(np.float64(x[place]))
            share = size * shares[place]
            if band >= 0:
                out[band] += share
            if -1 <= band < bands - 1:
                out[band + 1] += size - share
        for band in range(bands):
            out[band] = log(LEAST_BAND if out[band] < LEAST_BAND else out[band])


@jit
def _root(x: float) -> float:
    return np.nan if x < 0.0 else math.sqrt(x)


@jit
def cosines(s: Any, weights: int, x_address: int, out_address: int) -> None:
    """Multiply rows of float64 by the matrix of a cosine transform."""
    bands, coefficients = s[Column.INPUT_C] // 2, s[Column.OUTPUT_C]
    for row in range(s[Column.INPUT_W]):
        x, out = (
            _doubles(x_address + 8 * row * bands, bands),
            _floats(out_address + 4 * row * coefficients, coefficients),
        )
        for place in range(coefficients):
            factors, total = _doubles(weights + 8 * place * bands, bands), 0.0
            for band in range(bands):
                total += factors[band] * x[band]
            out[place] = np.float32(total)


@jit
def log(x: float) -> float:
    """Return the natural logarithm of a normal number > 0; infinity and NaN as they are."""
    if not x < np.inf:
        return x
    bits = np.float64(x).view(np.int64)
    exponent = (bits - _LOG_LEAST) >> 52
    f = np.int64(bits - (exponent << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    square = s * s
    series = 0.0
    for factor in LOG_SERIES:
        series = series * square + factor
    power = np.float64(exponent)
    tail = power * LN2_TAIL + s * (square * series)
    return power * LN2_HEAD + (2.0 * s + tail)
