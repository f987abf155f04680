"""Operators of spectra."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.spectral.tables import cosines, fft_tables, hann_window, mel_bands
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, flat, make_step, sizes, temporary
from yamjit.tflite.graph import Op
from yamjit.tflite.node import COMPLEX64, FLOAT32, Node
from yamjit.tflite.operators.spectrum import AudioSpectrogramOptions, MfccOptions, sample_rate_of

__all__ = ["audio_spectrogram", "complex_abs", "mfcc", "part", "rfft2d"]


def rfft2d(node: Node) -> Step:
    """Lower an RFFT2D of rows."""
    source = node.input(0, FLOAT32)
    height, n = source.shape[-2:]
    if height != 1:
        raise node.error(f"a transform of {height} rows at once is not supported; of each row by itself is", source)
    rows = math.prod(source.shape) // n
    columns = sizes((1, rows, n), (1, rows, n + 2))
    return make_step(StepOp.RFFT, node, columns, {Column.WEIGHTS: fft_tables(n)})


def complex_abs(node: Node) -> Step:
    """Lower a COMPLEX_ABS."""
    count = math.prod(node.input(0, COMPLEX64).shape)
    return make_step(StepOp.COMPLEX_ABS, node, sizes((1, 1, 2 * count), (1, 1, count)))


def part(node: Node) -> Step | Alias:
    """Lower a REAL or an IMAG: every other of the numbers that complex values are."""
    source, output = node.input(0, COMPLEX64), node.output(FLOAT32)
    count = math.prod(source.shape)
    numbers = 2 * np.arange(count) + (node.operator.op == Op.IMAG)
    return move(node, numbers, source.index, output.index, (2 * count,), FLOAT32)


def audio_spectrogram(node: Node) -> Step | tuple[Step, ...]:
    """Lower an ``AudioSpectrogram``: squares of magnitudes, and their roots where these are wanted."""
    options, (_, frames, bins) = node.options(AudioSpectrogramOptions), node.output(FLOAT32).shape
    samples = node.input(0, FLOAT32).shape[0]
    columns = sizes((1, samples, 1), (1, frames, bins))
    columns |= {Column.KERNEL_W: options.window_size, Column.STRIDE_W: options.stride}
    tables = np.concatenate([fft_tables(2 * (bins - 1)), hann_window(options.window_size)])
    squares = make_step(StepOp.SPECTROGRAM, node, columns, {Column.WEIGHTS: tables})
    if options.magnitude_squared:
        return squares
    between = temporary(node, 0)
    roots = Step(StepOp.SQRT, node.operator, between, squares.output, flat(frames * bins, frames * bins))
    return Step(squares.op, squares.operator, squares.input, between, columns, squares.constants), roots


def mfcc(node: Node) -> tuple[Step, ...]:
    """Lower an ``Mfcc``: logarithms of bands, and cosines of these."""
    options, source, output = node.options(MfccOptions), node.input(0, FLOAT32), node.output(FLOAT32)
    rows, bins = math.prod(source.shape[:2]), source.shape[2]
    bands, coefficients = options.filterbank_channel_count, options.dct_coefficient_count
    shares, numbers = mel_bands(
        bins, sample_rate_of(node), bands, options.lower_frequency_limit, options.upper_frequency_limit
    )
    packed = np.concatenate([shares.view(np.uint8), numbers.view(np.uint8)])
    between, matrix = temporary(node, 0), cosines(bands, coefficients)
    logarithms, rest = (
        sizes((1, rows, bins), (1, rows, 2 * bands)),
        sizes((1, rows, 2 * bands), (1, rows, coefficients)),
    )
    return (
        Step(StepOp.LOG_BANDS, node.operator, source.index, between, logarithms, {Column.WEIGHTS: packed}),
        Step(StepOp.COSINES, node.operator, between, output.index, rest, {Column.WEIGHTS: matrix}),
    )
