"""Graphs of one operator of spectra each, and small models that compute a spectrum themselves."""

from __future__ import annotations

import numpy as np

from tests.support.float_graphs import constant, operation
from tests.support.graphs import GraphBuilder
from yamjit.tflite.graph import Activation, Graph, Op, Options, Padding
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import GatherOptions, ReshapeOptions
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.spectrum import AudioSpectrogramOptions, MfccOptions

__all__ = ["COMMANDS", "RATE", "SPECTRAL_GRAPHS", "commands_model", "stft_model"]

#: Samples a second, and commands that the models tell from each other.
RATE, COMMANDS = 16_000, 8

F, C = np.float32, np.complex64


def _transform(rows: int, n: int) -> Graph:
    return operation(Op.RFFT2D, [((rows, 1, n), F), np.array([1, n], np.int32)], ((rows, 1, n // 2 + 1), C))


def _spectrogram(samples: int, options: AudioSpectrogramOptions, frames: int, bins: int) -> Graph:
    return operation(Op.AUDIO_SPECTROGRAM, [((samples, 1), F)], ((1, frames, bins), F), options)


def _mfcc(frames: int, bins: int, options: MfccOptions) -> Graph:
    inputs = [((1, frames, bins), F), np.array(RATE, np.int32)]
    return operation(Op.MFCC, inputs, ((1, frames, options.dct_coefficient_count), F), options)


#: Graphs by what their operator does; complex values that one reads are made by a transform.
SPECTRAL_GRAPHS: dict[str, Graph] = {
    **{f"transform of {2**bits}": _transform(3, 2**bits) for bits in range(1, 13)},
    "squares": _spectrogram(1000, AudioSpectrogramOptions(480, 160, True), 4, 257),
    "roots": _spectrogram(700, AudioSpectrogramOptions(256, 100, False), 5, 129),
    "squares of two samples": _spectrogram(9, AudioSpectrogramOptions(2, 3, True), 3, 2),
    "coefficients": _mfcc(5, 257, MfccOptions(4000, 20, 40, 13)),
    "coefficients of narrow bands": _mfcc(3, 33, MfccOptions(8000, 300, 60, 60)),
    "coefficients of one band": _mfcc(2, 129, MfccOptions(7000, 0, 1, 1)),
}


class _Maker:
    """A graph while it grows, one operator after the other."""

    def __init__(self) -> None:
        self.graph = GraphBuilder()

    def add(self, op: Op, inputs: list[int], shape: tuple[int, ...], options: Options | None = None, dtype=F) -> int:
        return self.graph.operator(op, inputs, self.graph.activation(shape, dtype), options)

    def constant(self, values: object, dtype: type = np.int32) -> int:
        return self.graph.constant(np.array(values, dtype))

    def scores(self, x: int, height: int, width: int) -> int:
        """Add a convolution, a pool, a layer, and SOFTMAX, to an image of one channel."""
        channels, rows, columns = 6, -(-height // 4), -(-width // 4)
        filters, bias = (self.graph.constant(constant(*shape, seed=3)) for shape in ((channels, 4, 4, 1), (channels,)))
        options = Conv2DOptions(Padding.SAME, 2, 2, activation=Activation.RELU)
        x = self.add(Op.CONV_2D, [x, filters, bias], (1, -(-height // 2), -(-width // 2), channels), options)
        pool = Pool2DOptions(Padding.SAME, 2, 2, 2, 2)
        x = self.add(Op.MAX_POOL_2D, [x], (1, rows, columns, channels), pool)
        count = rows * columns * channels
        x = self.add(Op.RESHAPE, [x, self.constant([1, count])], (1, count), ReshapeOptions((1, count)))
        weights = [self.graph.constant(0.01 * constant(*shape, seed=4)) for shape in ((COMMANDS, count), (COMMANDS,))]
        x = self.add(Op.FULLY_CONNECTED, [x, *weights], (1, COMMANDS), FullyConnectedOptions())
        return self.add(Op.SOFTMAX, [x], (1, COMMANDS), SoftmaxOptions())


def stft_model(frames: int = 30, part: Op = Op.COMPLEX_ABS) -> Graph:
    """Return a network of samples that takes magnitudes of a Fourier transform, or real or imaginary parts of it.

    Frames of 255 samples, one every 128, are filled up to 256; no logarithm is taken.
    """
    maker, samples = _Maker(), 255 + 128 * (frames - 1)
    x = source = maker.graph.activation((1, samples), F, name="waveform")
    places = maker.constant(128 * np.arange(frames)[:, np.newaxis] + np.arange(255))
    x = maker.add(Op.GATHER, [x, places], (1, frames, 255), GatherOptions(axis=1))
    x = maker.add(Op.MUL, [x, maker.constant(np.hanning(256)[:-1], F)], (1, frames, 255), MulOptions())
    x = maker.add(Op.PAD, [x, maker.constant([[0, 0], [0, 0], [0, 1]])], (1, frames, 256))
    x = maker.add(Op.RESHAPE, [x, maker.constant([frames, 1, 256])], (frames, 1, 256), ReshapeOptions((frames, 1, 256)))
    x = maker.add(Op.RFFT2D, [x, maker.constant([1, 256])], (frames, 1, 129), dtype=C)
    x = maker.add(part, [x], (frames, 1, 129))
    shape = (1, frames, 129, 1)
    x = maker.add(Op.RESHAPE, [x, maker.constant(shape)], shape, ReshapeOptions(shape))
    return maker.graph.build([source], [maker.scores(x, frames, 129)])


def commands_model(samples: int = 4000, *, asks_for_rate: bool = False) -> Graph:
    """Return a network of samples as those of spoken commands are, which may be given the sample rate beside them."""
    maker, spectrogram = _Maker(), AudioSpectrogramOptions(480, 160, True)
    frames = 1 + (samples - spectrogram.window_size) // spectrogram.stride
    source = maker.graph.activation((samples, 1), F, name="decoded_sample_data")
    rate = maker.graph.activation((1,), np.int32, name="rate") if asks_for_rate else maker.constant(RATE)
    x = maker.add(Op.AUDIO_SPECTROGRAM, [source], (1, frames, 257), spectrogram)
    x = maker.add(Op.MFCC, [x, rate], (1, frames, 40), MfccOptions(4000, 20, 40, 40))
    x = maker.add(Op.RESHAPE, [x, maker.constant([1, frames, 40, 1])], (1, frames, 40, 1))
    return maker.graph.build([source, rate] if asks_for_rate else [source], [maker.scores(x, frames, 40)])
