"""A float32 model of samples: frames, a matrix for each part of a Fourier transform, a small network."""

from __future__ import annotations

import numpy as np

from tests.support.graphs import Dice, GraphBuilder
from yamjit.tflite.graph import Activation, Graph, Op, Options, Padding
from yamjit.tflite.operators.binary import AddOptions, MulOptions
from yamjit.tflite.operators.pointwise import SoftmaxOptions
from yamjit.tflite.operators.pooling import Pool2DOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions

__all__ = ["CLASSES", "SAMPLES", "sample_model"]

SAMPLES, CLASSES = 400, 5
_FRAMES, _LENGTH, _BINS, _BANDS = 10, 40, 21, 16
F = np.float32


def sample_model(
    last: Op = Op.LOGISTIC, batch: tuple[int, ...] = (), *, gives_log_mel: bool = False, fades: bool = False
) -> Graph:
    """Return the model: a window of 400 samples, shape (*batch, 400), scores of five classes by operator `last`.

    The log-mel spectrogram may be a second output. Where it `fades`, its frames are not all computed alike.
    """
    dice, graph = Dice(3), GraphBuilder()

    def draw(*shape: int, name: str = "") -> int:
        return graph.constant(dice.uniform(-0.3, 0.3, int(np.prod(shape))).astype(F).reshape(shape), name=name)

    def add(op: Op, inputs: list[int], shape: tuple[int, ...], options: Options | None = None, name: str = "") -> int:
        return graph.operator(op, inputs, graph.activation(shape, F, name=name), options)

    def multiplied(x: int, shape: tuple[int, int], units: int, activation: Activation = Activation.NONE) -> int:
        weights, bias = draw(units, shape[1]), draw(units)
        return add(Op.FULLY_CONNECTED, [x, weights, bias], (shape[0], units), FullyConnectedOptions(activation))

    spectrum = (_FRAMES, _BINS)
    samples = graph.activation((*batch, SAMPLES), F, name="samples")
    frames = add(Op.RESHAPE, [samples, graph.constant(np.array([_FRAMES, _LENGTH], np.int32))], (_FRAMES, _LENGTH))
    window = graph.constant(np.hanning(_LENGTH).astype(F)[np.newaxis])
    windowed = add(Op.MUL, [frames, window], (_FRAMES, _LENGTH), MulOptions())
    parts = [multiplied(windowed, (_FRAMES, _LENGTH), _BINS) for _ in range(2)]
    squares = [add(Op.MUL, [part, part], spectrum, MulOptions()) for part in parts]
    power = add(Op.ADD, squares, spectrum, AddOptions())
    magnitude = add(Op.SQRT, [power], spectrum)
    bands = add(
        Op.FULLY_CONNECTED,
        [magnitude, graph.constant(np.abs(dice.uniform(0, 1, _BANDS * _BINS)).astype(F).reshape(_BANDS, _BINS)),
         graph.constant(np.full(_BANDS, 0.001, F))],
        (_FRAMES, _BANDS),
        FullyConnectedOptions(),
    )  # fmt: skip
    if fades:
        fade = graph.constant(np.linspace(0.5, 1, _FRAMES, dtype=F)[:, np.newaxis])
        bands = add(Op.MUL, [bands, fade], (_FRAMES, _BANDS), MulOptions())
    log_mel = add(Op.LOG, [bands], (_FRAMES, _BANDS), name="log_mel")
    image = add(
        Op.RESHAPE,
        [log_mel, graph.constant(np.array([1, _FRAMES, _BANDS, 1], np.int32))],
        (1, _FRAMES, _BANDS, 1),
    )
    halved = Conv2DOptions(Padding.SAME, 2, 2, activation=Activation.RELU)
    conv = add(Op.CONV_2D, [image, draw(24, 3, 3, 1), draw(24)], (1, 5, 8, 24), halved)
    depthwise = add(Op.DEPTHWISE_CONV_2D, [conv, draw(1, 3, 3, 24), draw(24)], (1, 5, 8, 24), DepthwiseConv2DOptions())
    pooled = add(Op.MAX_POOL_2D, [depthwise], (1, 1, 1, 24), Pool2DOptions(Padding.VALID, 5, 8, 5, 8), name="pooled")
    logits = multiplied(pooled, (1, 24), CLASSES)
    options = SoftmaxOptions() if last == Op.SOFTMAX else None
    scores = add(last, [logits], (1, CLASSES), options, name="scores")
    return graph.build([samples], [scores, log_mel] if gives_log_mel else [scores])
