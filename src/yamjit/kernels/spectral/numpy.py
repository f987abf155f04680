"""Steps of spectra in NumPy, operation for operation those of `yamjit.kernels.spectral.plain`."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import FFT_BYTES, StepOp
from yamjit.kernels.spectral.tables import (
    LEAST_BAND,
    LN2_HEAD,
    LN2_TAIL,
    LOG_LEAST,
    LOG_SERIES,
    ROOT,
)
from yamjit.kernels.step_view import StepView

__all__ = ["STEPS", "log", "real_transform"]

Float64 = npt.NDArray[np.float64]


class _Complex(NamedTuple):
    """Complex numbers, each operation of which is rounded as written."""

    re: Float64
    im: Float64

    def plus(self, other: _Complex) -> _Complex:
        return _Complex(self.re + other.re, self.im + other.im)

    def minus(self, other: _Complex) -> _Complex:
        return _Complex(self.re - other.re, self.im - other.im)

    def times(self, factor: _Complex) -> _Complex:
        return _Complex(factor.re * self.re - factor.im * self.im, factor.re * self.im + factor.im * self.re)

    def turned(self) -> _Complex:
        """Return a quarter of a turn more."""
        return _Complex(-self.im, self.re)

    def turned_half(self, root: np.float64) -> _Complex:
        """Return an eighth of a turn more: a difference and a sum are multiplied."""
        return _Complex(root * (self.re - self.im), root * (self.im + self.re))


def real_transform(rows: Float64, tables: Float64) -> tuple[Float64, Float64]:
    """Return real and imaginary parts of the Fourier transform of rows [shape=(rows, n)], from 0 to ``n / 2``."""
    count, n = rows.shape
    size, start = n // 2, 0
    re, im = rows[:, 0::2].copy(), rows[:, 1::2].copy()
    while size > 4:
        factors = tables[start : start + 3 * size].reshape(12, size // 4)
        turned = np.array([is_turned(block) for block in range(n // 2 // size)])
        blocks_re, blocks_im = re.reshape(count, -1, 4, size // 4), im.reshape(count, -1, 4, size // 4)
        for kind, divide in ((False, _divide), (True, _divide_turned)):
            four = [_Complex(blocks_re[:, turned == kind, k], blocks_im[:, turned == kind, k]) for k in range(4)]
            for k, part in enumerate(divide(four, factors[4:] if kind else factors[:4])):
                blocks_re[:, turned == kind, k], blocks_im[:, turned == kind, k] = part
        start += 3 * size
        size //= 4
    re, im = _finish(re, im, size)
    order = _reversed_bits(n // 2)
    return _of_reals(re[:, order], im[:, order], tables[2 * n :])


def is_turned(block: int) -> bool:
    """Return whether a block is turned by half a step: by its number, in which those of fours are digits."""
    while block % 4 == 3:
        block //= 4
    return block % 4 == 1


def _divide(four: list[_Complex], factors: Float64) -> tuple[_Complex, ...]:
    a, b, c, d = four
    x0, x1, x2, x3 = a.plus(c), a.minus(c), b.plus(d), b.minus(d).turned()
    up, down, middle = x1.plus(x3), x1.minus(x3), factors.shape[1] // 2
    third, fourth = up.times(_Complex(*factors[:2])), down.times(_Complex(*factors[2:4]))
    root = factors[0, middle]
    half = _Complex(up.re[..., middle], up.im[..., middle]).turned_half(root)
    back = _Complex(down.re[..., middle], down.im[..., middle]).turned_half(root).turned()
    for part, straight, special in ((third, up, half), (fourth, down, back)):
        part.re[..., 0], part.im[..., 0] = straight.re[..., 0], straight.im[..., 0]
        part.re[..., middle], part.im[..., middle] = special
    return x0.plus(x2), x0.minus(x2), third, fourth


def _divide_turned(four: list[_Complex], factors: Float64) -> tuple[_Complex, ...]:
    a, b, c, d = four
    c, d = c.turned(), d.turned()
    x0, x1, x2, x3 = a.plus(c), a.minus(c), b.plus(d), b.minus(d)
    y0, y2 = x0.times(_Complex(*factors[:2])), x2.times(_Complex(*factors[2:4]))
    z0, z2 = x1.times(_Complex(*factors[4:6])), x3.times(_Complex(*factors[6:8]))
    root = factors[2, 0]
    firsts = [_Complex(x.re[..., 0], x.im[..., 0]) for x in (x0, x1, x2, x3)]
    specials = (firsts[0], firsts[1], firsts[2].turned_half(root), firsts[3].turned_half(root).turned())
    for part, special in zip((y0, z0, y2, z2), specials, strict=True):
        part.re[..., 0], part.im[..., 0] = special
    return y0.plus(y2), y0.minus(y2), z0.plus(z2), z0.minus(z2)


def _finish(re: Float64, im: Float64, size: int) -> tuple[Float64, Float64]:
    """Transform the blocks of four, of two or of one that are left."""
    count, whole = re.shape
    if size == 1:
        return re, im
    turned = np.array([is_turned(block) for block in range(whole // size)])[None, :]
    parts = [_Complex(re[:, k::size], im[:, k::size]) for k in range(size)]

    def chosen(straight: _Complex, otherwise: _Complex) -> _Complex:
        return _Complex(np.where(turned, otherwise.re, straight.re), np.where(turned, otherwise.im, straight.im))

    if size == 2:
        a, b = parts
        b = chosen(b, b.turned())
        results = [a.plus(b), a.minus(b)]
    else:
        a, b, c, d = parts
        c, d = chosen(c, c.turned()), chosen(d, d.turned())
        x0, x1, x2, x3 = a.plus(c), a.minus(c), b.plus(d), b.minus(d)
        root = np.float64(ROOT)
        x2, x3 = chosen(x2, x2.turned_half(root)), chosen(x3, x3.turned_half(root)).turned()
        results = [x0.plus(x2), x0.minus(x2), x1.plus(x3), x1.minus(x3)]
    joined_re, joined_im = (np.stack(half, axis=-1).reshape(count, whole) for half in zip(*results, strict=True))
    return joined_re, joined_im


def _reversed_bits(count: int) -> npt.NDArray[np.int64]:
    order = np.zeros(1, np.int64)
    while order.size < count:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _of_reals(re: Float64, im: Float64, tables: Float64) -> tuple[Float64, Float64]:
    """Return the spectrum of real values from that of half as many complex ones, which hold two each."""
    count, size = re.shape
    out_re, out_im = np.zeros((count, size + 1)), np.zeros((count, size + 1))
    out_re[:, :size], out_im[:, :size] = re, im
    half = tables.size // 2
    for factors in [_Complex(tables[1:half], tables[half + 1 :])] if half > 1 else []:
        low, high = slice(1, half), slice(size - 1, size - half, -1)
        y = _Complex(re[:, low] - re[:, high], im[:, low] + im[:, high]).times(factors)
        out_re[:, low], out_im[:, low] = re[:, low] - y.re, im[:, low] - y.im
        out_re[:, high], out_im[:, high] = re[:, high] + y.re, im[:, high] - y.im
    out_re[:, 0], out_re[:, size] = re[:, 0] + im[:, 0], re[:, 0] - im[:, 0]
    out_im[:, 0] = 0
    return out_re, out_im


# -- Steps ------------------------------------------------------------------------------------------------------


def _rfft(step: StepView) -> None:
    n = step["INPUT_C"]
    tables = step.constant("WEIGHTS", (FFT_BYTES * n // 8,), np.float64)
    x, out = step.image("INPUT", np.float32), step.image("OUTPUT", np.float32)
    re, im = real_transform(x.reshape(-1, n).astype(np.float64), tables)
    pairs = np.stack([re, -im], axis=-1).astype(np.float32)
    out[...] = pairs.reshape(out.shape)


def _complex_abs(step: StepView) -> None:
    pairs = step.image("INPUT", np.float32).astype(np.float64)
    re, im = pairs[..., 0::2], pairs[..., 1::2]
    step.image("OUTPUT", np.float32)[...] = np.sqrt(re * re + im * im)


def _spectrogram(step: StepView) -> None:
    _, frames, bins = step.sizes("OUTPUT")
    n, length = 2 * (bins - 1), step["KERNEL_W"]
    tables = step.constant("WEIGHTS", (FFT_BYTES * n // 8 + length,), np.float64)
    x = step.tensor("INPUT", (step["INPUT_W"],), np.float32).astype(np.float64)
    starts = step["STRIDE_W"] * np.arange(frames)
    rows = np.zeros((len(x) * frames, n))
    rows[:, :length] = (x[:, starts[:, None] + np.arange(length)] * tables[-length:]).reshape(-1, length)
    re, im = real_transform(rows, tables[:-length])
    out = step.image("OUTPUT", np.float32)
    out[...] = (re * re + im * im).reshape(out.shape)


def _log_bands(step: StepView) -> None:
    bins, bands = step["INPUT_C"], step["OUTPUT_C"] // 2
    shares = step.constant("WEIGHTS", (12 * bins,), np.uint8)
    weights, numbers = shares[: 8 * bins].view(np.float64), shares[8 * bins :].view(np.int32)
    size = np.sqrt(step.image("INPUT", np.float32).astype(np.float64))
    total = np.zeros((*size.shape[:-1], bands))
    for place, band in enumerate(numbers.tolist()):
        share = size[..., place] * weights[place]
        if band >= 0:
            total[..., band] += share
        if -1 <= band < bands - 1:
            total[..., band + 1] += size[..., place] - share
    step.image("OUTPUT", np.float32).view(np.float64)[...] = log(np.where(total < LEAST_BAND, LEAST_BAND, total))


def _cosines(step: StepView) -> None:
    bands, coefficients = step["INPUT_C"] // 2, step["OUTPUT_C"]
    matrix = step.constant("WEIGHTS", (coefficients, bands), np.float64)
    x = step.image("INPUT", np.float32).view(np.float64)
    total = np.zeros((*x.shape[:-1], coefficients))
    for band in range(bands):
        total += matrix[:, band] * x[..., band, None]
    step.image("OUTPUT", np.float32)[...] = total


def log(x: Float64) -> Float64:
    """Return natural logarithms of normal numbers > 0, within two units in the last place; infinity and NaN stay."""
    bits = x.view(np.int64)
    exponent = (bits - LOG_LEAST) >> 52
    mantissa = (bits - (exponent << 52)).view(np.float64)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    square = s * s
    series = np.zeros_like(s)
    for factor in LOG_SERIES:
        series = series * square + factor
    power = exponent.astype(np.float64)
    tail = power * LN2_TAIL + s * (square * series)
    return np.where(x < np.inf, power * LN2_HEAD + (2.0 * s + tail), x)


#: Kernels by the operation of the step that they run; infinities and NaN are results like others.
STEPS: dict[StepOp, Callable[[StepView], None]] = {
    op: np.errstate(all="ignore")(run)
    for op, run in {
        StepOp.RFFT: _rfft,
        StepOp.COMPLEX_ABS: _complex_abs,
        StepOp.SPECTROGRAM: _spectrogram,
        StepOp.LOG_BANDS: _log_bands,
        StepOp.COSINES: _cosines,
    }.items()
}
