"""From a waveform to log-mel frames, compiled: eight frames at once on AVX-512, four on AVX2, two elsewhere.

A lane holds a frame from the first sample to the last band, so every frame is computed by the same instructions
wherever it comes to lie: blocks of any size give the bits of the whole. Window products and mel sums are float32 and
round after every operation, as in `yamjit.kernels.log_mel.numpy`; the transform differs from NumPy's in the last places
of doubles, which rounding to float32 all but hides: none of 6,144,000 cells of 1,000 recorded windows differed.

The entry takes addresses and integers, allocates nothing, raises nothing and knows no Python object.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from yamjit.kernels.float32.plain_functions import log as logf
from yamjit.kernels.hybrid.quantizing import scale_between
from yamjit.kernels.log_mel.codelets import (
    Sums,
    emit_clear,
    emit_cut,
    emit_logarithm,
    emit_store_frames,
    load_float,
    load_integer,
    store_float,
    store_integer,
)
from yamjit.kernels.log_mel.fft_codelets import emit_combine, emit_first, emit_magnitude_pair
from yamjit.kernels.log_mel.tables import Field
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.vectors.lanes import Lanes, codelet, lane_count
from yamjit.kernels.vectors.reals import RealOps
from yamjit.kernels.vectors.target import Target

__all__ = ["make_cut", "make_log_mel", "make_magnitudes", "make_mel", "make_quantize", "make_store", "make_transform"]

#: How quantized magnitudes are rounded, see `yamjit.kernels.hybrid.numpy`: the last ones of a frame in another way.
_LANES, _BELOW_HALF = 8, np.float32(0.49999997)
_ZERO, _MOST = np.float32(0), np.float32(255)


@jit
def _field(tables: int, field: int) -> int:
    return load_integer(tables + 8 * np.int64(field))


# -- Stages -----------------------------------------------------------------------------------------------------


def make_cut(target: Target) -> Any:
    """Return ``cut(tables, scratch)``: frames times window, padded with zeros, turned to lanes."""
    cut_square, clear = codelet(target, 4, emit_cut), codelet(target, 1, emit_clear)
    count = lane_count(target)
    width = 8 * count  # bytes: of a point, and of a row of a square

    @jit
    def cut(tables: int, scratch: int) -> None:
        rows, out = scratch + _field(tables, Field.ROWS), scratch + _field(tables, Field.WINDOWED)
        size = 4 * _field(tables, Field.FRAME)
        end = out + _field(tables, Field.POINTS) * width
        window = tables + _field(tables, Field.WINDOW)
        done = 0
        while done + width <= size:
            cut_square(rows, done, window + done, out)
            out += count * width
            done += width
        if done < size:
            tail = scratch + _field(tables, Field.TAIL)
            take_tail(rows, tail, done, size)
            cut_square(rows, 0, window + done, out)
            out += count * width
        while out < end:
            clear(out)
            out += width

    @jit
    def take_tail(rows: int, tail: int, done: int, size: int) -> None:
        """Copy the end of the rows to where zeros follow, and let the rows begin there."""
        for lane in range(count):
            row = load_integer(rows + 8 * lane)
            for offset in range(0, width, 4):
                inside = done + offset < size
                store_float(tail + offset, load_float(row + done + offset) if inside else np.float32(0))
            store_integer(rows + 8 * lane, tail)
            tail += width

    return cut


def make_transform(target: Target) -> Any:
    """Return ``transform(tables, scratch)``: the Fourier transform of the windowed frames as complex points."""
    first = {radix: codelet(target, 3, partial(_with_radix, emit_first, radix)) for radix in (4, 8)}
    combine = {radix: codelet(target, 3, partial(_with_radix, emit_combine, radix)) for radix in (4, 8)}
    first_4, first_8, combine_4, combine_8 = first[4], first[8], combine[4], combine[8]
    point = 16 * lane_count(target)

    @jit
    def transform(tables: int, scratch: int) -> None:
        points = _field(tables, Field.POINTS)
        start = scratch + _field(tables, Field.SPECTRUM)
        end = start + points * point
        begin(tables, scratch + _field(tables, Field.WINDOWED), start, points)
        factors = tables + _field(tables, Field.FACTORS)
        span = _field(tables, Field.FIRST_RADIX) * point
        for _ in range(_field(tables, Field.EIGHTS)):
            for place in range(0, span, point):
                for block in range(start + place, end, 8 * span):
                    combine_8(block, span, factors)
                factors += 64
            span *= 8
        for _ in range(_field(tables, Field.FOURS)):
            for place in range(0, span, point):
                for block in range(start + place, end, 4 * span):
                    combine_4(block, span, factors)
                factors += 32
            span *= 4

    @jit
    def begin(tables: int, windowed: int, out: int, points: int) -> None:
        reversed_places = tables + _field(tables, Field.REVERSED)
        radix = _field(tables, Field.FIRST_RADIX)
        count = points // radix
        step = count * (point // 2)
        for index in range(count):
            place = out + load_integer(reversed_places + 8 * index) * point
            if radix == 8:
                first_8(windowed + index * (point // 2), step, place)
            else:
                first_4(windowed + index * (point // 2), step, place)

    return transform


def _with_radix(emit: Any, radix: int, lanes: Lanes, *addresses: Any) -> None:
    emit(lanes, radix, *addresses)


def make_magnitudes(target: Target) -> Any:
    """Return ``magnitudes(tables, scratch)``: the magnitudes of all bins that a band needs."""
    magnitude_pair = codelet(target, 5, emit_magnitude_pair)
    point = 16 * lane_count(target)

    @jit
    def magnitudes(tables: int, scratch: int) -> None:
        spectrum, out = scratch + _field(tables, Field.SPECTRUM), scratch + _field(tables, Field.MAGNITUDES)
        factors = tables + _field(tables, Field.PAIR_FACTORS)
        points = _field(tables, Field.POINTS)
        for low in range(_field(tables, Field.FIRST_PAIR), points // 2 + 1):
            high = points - low
            mirror = spectrum + high * point if low > 0 else spectrum
            magnitude_pair(
                spectrum + low * point, mirror, factors + 16 * low, out + low * (point // 4), out + high * (point // 4)
            )

    return magnitudes


def make_quantize(target: Target) -> Any:
    """Return ``quantize(tables, scratch)``: each lane's magnitudes as integers from 0 to 255, of its own range.

    It is what TFLite's hybrid FULLY_CONNECTED does to a row. What an integer stands for is left at `Field.TAIL`.
    """
    reals = RealOps(replace(target, lanes=lane_count(target)))
    load, store, same, times = reals.load_floats, reals.store_floats, reals.same_floats, reals.times
    greatest, rounded, to_floats = reals.greatest, reals.rounded, reals.to_floats
    count = lane_count(target)
    size = 4 * count

    @jit
    def quantize(tables: int, scratch: int) -> None:
        magnitudes, scales = scratch + _field(tables, Field.MAGNITUDES), scratch + _field(tables, Field.TAIL)
        bins, inverses = _field(tables, Field.POINTS) + 1, scales + size
        highs = same(_ZERO)
        for number in range(bins):
            highs = greatest(load(magnitudes + number * size), highs)
        store(scales, highs)
        for lane in range(0, size, 4):
            by = scale_between(_ZERO, load_float(scales + lane), False)
            store_float(scales + lane, by.scale)
            store_float(inverses + lane, by.inverse)
        inverse, most, whole = load(inverses), same(_MOST), bins - bins % _LANES
        for number in range(whole):
            at = magnitudes + number * size
            store(at, to_floats(rounded(times(load(at), inverse), same(_ZERO), most)))
        for at in range(magnitudes + whole * size, magnitudes + bins * size, size):
            for lane in range(0, size, 4):
                value = np.float32(np.float32(load_float(at + lane) * load_float(inverses + lane)) + _BELOW_HALF)
                store_float(at + lane, np.float32(np.int32(value if value < _MOST else _MOST)))

    return quantize


def make_mel(target: Target) -> Any:
    """Return ``mel(tables, scratch)``: logarithms of the sums of every band, bin after bin.

    All sums come first, then all logarithms: two short loops, each of which keeps its constants in registers.
    """
    sums, logarithm = Sums(target), codelet(target, 2, emit_logarithm)
    zeros, add_product, store = sums.zeros, sums.add_product, sums.store
    quantize, finish_floats = make_quantize(target), _make_finish_floats(target)
    size = 4 * lane_count(target)

    @jit
    def mel(tables: int, scratch: int) -> None:
        magnitudes, out = scratch + _field(tables, Field.MAGNITUDES), scratch + _field(tables, Field.LOGARITHMS)
        rows, weights = tables + _field(tables, Field.MEL_ROWS), tables + _field(tables, Field.WEIGHTS)
        offsets = tables + _field(tables, Field.OFFSETS)
        if _field(tables, Field.SCALES):
            quantize(tables, scratch)
        for band in range(_field(tables, Field.BANDS)):
            magnitude = magnitudes + load_integer(rows + 16 * band) * size
            total = zeros()
            for _ in range(load_integer(rows + 16 * band + 8)):
                total = add_product(total, magnitude, weights)
                magnitude += size
                weights += 4
            store(out + band * size, total)
        if _field(tables, Field.SCALES) or _field(tables, Field.FLOATS):
            finish_floats(tables, scratch)
        else:
            for band in range(_field(tables, Field.BANDS)):
                logarithm(out + band * size, offsets + 4 * band)

    return mel


def _make_finish_floats(target: Target) -> Any:
    """Make ``finish_floats(tables, scratch)``: sums of integers are scaled, and logarithms are the C library's."""
    count = lane_count(target)

    @jit
    def finish_floats(tables: int, scratch: int) -> None:
        sums, lanes = scratch + _field(tables, Field.LOGARITHMS), scratch + _field(tables, Field.TAIL)
        offsets, scales = tables + _field(tables, Field.OFFSETS), _field(tables, Field.SCALES)
        for band in range(_field(tables, Field.BANDS)):
            offset = load_float(offsets + 4 * band)
            for lane in range(count):
                at = sums + (band * count + lane) * 4
                total = load_float(at)
                if scales:
                    scale = np.float32(load_float(tables + scales + 4 * band) * load_float(lanes + 4 * lane))
                    total = np.float32(total * scale)
                store_float(at, logf(np.float32(total + offset)))

    return finish_floats


def make_store(target: Target) -> Any:
    """Return ``store(tables, scratch, out, live)``: logarithms of the first `live` lanes as rows of the result."""
    store_square = codelet(target, 3, emit_store_frames)
    count = lane_count(target)

    @jit
    def store(tables: int, scratch: int, out: int, live: int) -> None:
        logarithms = scratch + _field(tables, Field.LOGARITHMS)
        bands = _field(tables, Field.BANDS)
        band = 0
        while live == count and band + count <= bands:
            store_square(logarithms + band * 4 * count, out + 4 * band, 4 * bands)
            band += count
        for rest in range(band, bands):
            for lane in range(live):
                value = load_float(logarithms + (rest * count + lane) * 4)
                store_float(out + (lane * bands + rest) * 4, value)

    return store


# -- The entry --------------------------------------------------------------------------------------------------


def make_log_mel(target: Target) -> Any:
    """Return ``log_mel(tables, samples, frames, scratch, out)`` for a target, ready to be compiled.

    All arguments are int64: addresses of what `make_tables` returns, of a waveform (float32), of scratch memory and of
    the result (float32) [shape=(frames, n_mels)], and the number of frames.
    """
    cut, transform, magnitudes = make_cut(target), make_transform(target), make_magnitudes(target)
    mel, store = make_mel(target), make_store(target)
    count = lane_count(target)

    def log_mel(tables: int, samples: int, frames: int, scratch: int, out: int) -> None:
        hop, width = _field(tables, Field.HOP), 4 * _field(tables, Field.BANDS)
        rows = scratch + _field(tables, Field.ROWS)
        for first in range(0, frames, count):
            live = min(count, frames - first)
            for lane in range(count):
                # Lanes without a frame repeat the last one.
                store_integer(rows + 8 * lane, samples + (first + min(lane, live - 1)) * hop)
            cut(tables, scratch)
            transform(tables, scratch)
            magnitudes(tables, scratch)
            mel(tables, scratch)
            store(tables, scratch, out + first * width, live)

    return log_mel
