"""Operators of spectra: RFFT2D, COMPLEX_ABS, REAL, IMAG, and the custom ones ``AudioSpectrogram`` and ``Mfcc``."""

from __future__ import annotations

import math
from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options
from yamjit.tflite.node import COMPLEX64, FLOAT32, INT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.schema import table

__all__ = [
    "AUDIO_SPECTROGRAM",
    "COMPLEX_ABS",
    "IMAG",
    "MFCC",
    "REAL",
    "RFFT2D",
    "AudioSpectrogramOptions",
    "MfccOptions",
    "sample_rate_of",
]

#: Samples of a window, bands, and Hz: far above any use.
_MOST_SAMPLES, _MOST_BANDS, _MOST_HZ = 2**16, 2**12, 2**20


@dataclass(frozen=True, slots=True)
class AudioSpectrogramOptions(Options):
    """Options of ``AudioSpectrogram``: samples of a window and from one to the next; squares, or their roots."""

    window_size: int = 0
    stride: int = 0
    magnitude_squared: bool = False


@dataclass(frozen=True, slots=True)
class MfccOptions(Options):
    """Options of ``Mfcc``: the range of its bands in Hz, and the numbers of bands and coefficients."""

    upper_frequency_limit: int = 0
    lower_frequency_limit: int = 0
    filterbank_channel_count: int = 0
    dct_coefficient_count: int = 0


def _rfft2d(node: Node) -> Inferred:
    node.check_arity(2)
    node.output(COMPLEX64)
    source = node.input(0, FLOAT32)
    lengths = node.integers(1)
    if len(lengths) != 2 or any(length < 1 or length & (length - 1) for length in lengths) or lengths[1] < 2:
        raise node.error(f"fft_length {lengths} should be two powers of two", node.inputs[1])
    if list(source.shape[-2:]) != lengths:
        raise node.error(f"input of shape {source.shape} should end with {lengths}", source)
    shape = (*source.shape[:-1], lengths[1] // 2 + 1)
    return Inferred(shape, math.prod(source.shape) * math.prod(lengths).bit_length())


def _of_complex(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    return Inferred(node.input(0, COMPLEX64).shape)


def _audio_spectrogram(node: Node) -> Inferred:
    node.check_arity(1)
    node.output(FLOAT32)
    source, options = node.input(0, FLOAT32), node.options(AudioSpectrogramOptions)
    if len(source.shape) != 2 or source.shape[1] != 1:
        raise node.error(f"samples of one channel, of shape (samples, 1), are accepted, found {source.shape}", source)
    if not 2 <= options.window_size <= min(source.shape[0], _MOST_SAMPLES):
        raise node.error(f"window_size is {options.window_size}; the input has {source.shape[0]} samples")
    if not 1 <= options.stride <= source.shape[0]:
        raise node.error(f"stride is {options.stride}; the input has {source.shape[0]} samples")
    frames, bits = 1 + (source.shape[0] - options.window_size) // options.stride, (options.window_size - 1).bit_length()
    return Inferred((1, frames, 2**bits // 2 + 1), frames * 2**bits * bits)


def _mfcc(node: Node) -> Inferred:
    node.check_arity(2)
    node.output(FLOAT32)
    source, rate, options = node.input(0, FLOAT32), node.input(1, INT32), node.options(MfccOptions)
    if len(source.shape) != 3 or source.shape[-1] < 2:
        raise node.error(f"a spectrogram (channels, frames, bins) is accepted, found {source.shape}", source)
    if math.prod(rate.shape) != 1:
        raise node.error(f"one sample rate is accepted, found {rate.shape}", rate)
    bands, coefficients = options.filterbank_channel_count, options.dct_coefficient_count
    if not 1 <= coefficients <= bands <= _MOST_BANDS:
        raise node.error(f"{coefficients} coefficients of {bands} bands; 1 to {_MOST_BANDS} bands have as many at most")
    low, high = options.lower_frequency_limit, options.upper_frequency_limit
    if not 0 <= low < high <= _MOST_HZ:
        raise node.error(f"bands from {low} to {high} Hz; a range within 0 to {_MOST_HZ} Hz is accepted")
    if rate.data is not None and not 2 * high <= sample_rate_of(node) <= _MOST_HZ:
        raise node.error(f"bands up to {high} Hz do not fit a sample rate of {sample_rate_of(node)} Hz", rate)
    rows = math.prod(source.shape[:2])
    return Inferred((*source.shape[:2], coefficients), rows * (source.shape[2] + bands * coefficients))


def sample_rate_of(node: Node) -> int:
    """Return the sample rate that an ``Mfcc`` is given, a constant."""
    return int(node.constant(1, INT32).reshape(()))


RFFT2D = Record(Op.RFFT2D, versions=1, contract=_rfft2d, code=105, table=table("Rfft2dOptions"))

COMPLEX_ABS, REAL, IMAG = (Record(op, versions=1, contract=_of_complex) for op in (Op.COMPLEX_ABS, Op.REAL, Op.IMAG))

AUDIO_SPECTROGRAM = Record(
    Op.AUDIO_SPECTROGRAM,
    versions=1,
    contract=_audio_spectrogram,
    options=AudioSpectrogramOptions,
    custom="AudioSpectrogram",
)

MFCC = Record(Op.MFCC, versions=1, contract=_mfcc, options=MfccOptions, custom="Mfcc")
