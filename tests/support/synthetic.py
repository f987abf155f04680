"""A whole YAMNet with invented weights, for tests and benchmarks where the official model is not at hand.

It has the operators, shapes and quantization of the official file. The weights are random; the bias and scale
of each channel are then chosen from its accumulators over a few probe signals, so that no channel dies or
saturates. Graphs of one operator are in `tests.support.graphs` and can be had from here as well.

The bytes are the same on every machine: raw bits of a named bit generator, sums of integers held in float64
and elementary arithmetic decide them. Logarithms and sines, whose last digits are the machine's own, are
rounded far more coarsely before they count.

Run ``python -m tests.support.synthetic OUT.tflite`` to write one to a file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.graphs import (
    Dice,
    GraphBuilder,
    conv2d_s8,
    depthwise_s8,
    dequantize,
    fully_connected_s8,
    logistic_s8,
    mean_s8,
    quantization,
    quantize,
    reshape,
    split,
)
from yamjit.tflite.graph import Activation, Graph, Op, Options, Quantization
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.operators.binary import MulOptions
from yamjit.tflite.operators.movers import GatherOptions, SplitOptions, StridedSliceOptions
from yamjit.tflite.operators.products import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions
from yamjit.tflite.operators.reduce import ReducerOptions
from yamjit.tflite.writer import write_graph

__all__ = [
    "GERMAN_LABEL_FILE",
    "LABEL_FILE",
    "Dice",
    "GraphBuilder",
    "add_front_end",
    "conv2d_s8",
    "depthwise_s8",
    "dequantize",
    "fully_connected_s8",
    "logistic_s8",
    "mean_s8",
    "mel_matrix",
    "probe_signals",
    "quantization",
    "quantize",
    "reshape",
    "split",
    "synthetic_network",
    "synthetic_yamnet",
]

Floats = npt.NDArray[np.float64]

RATE_HZ = 16_000
SAMPLES = 15_600
FRAMES, BANDS, BINS = 96, 64, 257
WINDOW, FFT_LENGTH, HOP_PARTS, PART = 400, 512, 2, 80
LOG_OFFSET = 0.001

LABEL_FILE = "synthetic_label_list.txt"
GERMAN_LABEL_FILE = "synthetic_label_list_de.txt"

PATCH_SCALE, PATCH_ZERO_POINT = 0.048, 16
#: ReLU6 over the 255 steps of int8.
RELU6_SCALE = 6 / 255
#: One layer of the official file has a narrower range.
NARROW_LAYER, NARROW_SCALE = 23, 0.0209
EMBEDDING_SCALE = 0.0223
LOGIT_SCALE, LOGIT_ZERO_POINT = 0.347, 100

#: Channels after the first convolution, then channels and stride of the 13 separable ones.
FIRST_CHANNELS = 32
SEPARABLE = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)
#: Share of a channel's accumulators that ReLU6 clamps to 0, and share below which none is clamped to 6.
CLAMPED_LOW, UNCLAMPED_HIGH = 0.3, 0.98
#: Keeps the requantization multiplier below 1 even for a channel that hardly varies.
LEAST_SPAN = 512.0
#: In steps of the logits: how far one in ten of them strays from its class's usual place.
LOGIT_SPREAD = 9.0


def probe_signals(seed: int = 0) -> dict[str, npt.NDArray[np.float32]]:
    """Return one window each of different kinds of sound.

    Parameters
    ----------
    seed : int
        Of noise, pitches and places.

    Returns
    -------
    dict of str to np.ndarray [shape=(15600,), float32]
        In [-1, 1], 16 kHz.
    """
    dice = Dice(seed)
    time = np.arange(SAMPLES) / RATE_HZ
    noise = dice.uniform(-1.0, 1.0, SAMPLES)
    pitch, tone, start, end = dice.uniform(0.0, 1.0, 4)
    tone_hz, pitch_hz = 200 + 3000 * tone, 90 + 160 * pitch
    phase = 2 * np.pi * (pitch_hz * time + 3 * np.sin(2 * np.pi * 2 * time))
    voiced = sum(np.sin(k * phase) * np.exp(-(((k * pitch_hz - 700) / 900) ** 2)) for k in range(1, 25))
    syllables = np.maximum(np.sin(2 * np.pi * (3 * time + start)), 0.0)
    sweep = 100 + 400 * end + 3000 * time
    clicks = np.zeros(SAMPLES)
    clicks[np.asarray(dice.uniform(0, SAMPLES, 12), dtype=np.intp)] = 0.9
    signals = {
        "silence": np.zeros(SAMPLES),
        "noise": 0.5 * noise,
        "faint_noise": 0.003 * noise,
        "dull_noise": 0.3 * np.convolve(noise, np.hanning(33) / 8, mode="same"),
        "tone": 0.5 * np.sin(2 * np.pi * tone_hz * time),
        "chirp": 0.4 * np.sin(2 * np.pi * sweep * time),
        "speech_like": 0.1 * syllables * (voiced + 0.1 * noise),
        "clicks": clicks,
        "tone_in_noise": 0.2 * np.sin(2 * np.pi * 1.7 * tone_hz * time) + 0.05 * noise,
        "onset": np.where(time < 0.2 + 0.5 * start, 0.0, 0.3 * noise),
    }
    return {name: np.clip(signal, -1.0, 1.0).astype(np.float32) for name, signal in signals.items()}


def mel_matrix() -> npt.NDArray[np.float32]:
    """Return the weights of 64 triangular HTK mel bands, 125 to 7500 Hz, over the bins of the spectrum.

    Returns
    -------
    np.ndarray [shape=(64, 257), float32]
    """
    bins = _mel(np.arange(BINS) * RATE_HZ / FFT_LENGTH)
    edges = np.linspace(_mel(np.float64(125.0)), _mel(np.float64(7500.0)), BANDS + 2)[:, None]
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - lower) / (center - lower), (upper - bins) / (upper - center)
    weights = np.maximum(0.0, np.minimum(rising, falling))
    weights[:, 0] = 0.0
    return weights.astype(np.float32)


def _mel(hertz: npt.NDArray[np.float64] | np.float64) -> Floats:
    return np.asarray(1127.0 * np.log1p(hertz / 700.0))


def _hann() -> npt.NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


def _quantized_patches(signals: Sequence[npt.NDArray[np.float32]]) -> Floats:
    """Return the patches of the signals, less the zero point: integers, shape (n, 96, 64, 1)."""
    starts = HOP_PARTS * PART * np.arange(FRAMES)[:, None] + np.arange(WINDOW)
    frames = np.stack(signals).astype(np.float64)[:, starts] * _hann()
    mel = np.abs(np.fft.rfft(frames, FFT_LENGTH)) @ mel_matrix().T.astype(np.float64)
    quantized = np.rint(np.log(mel + LOG_OFFSET) / PATCH_SCALE)
    return np.asarray(np.clip(quantized, -128 - PATCH_ZERO_POINT, 127 - PATCH_ZERO_POINT)[..., None])


class _Network:
    """Adds the int8 layers to a graph and carries the probe signals through them.

    `values` are quantized values less their zero point, whole numbers in float64: sums of products stay
    below 2**53, so they are exact in any order.
    """

    def __init__(self, graph: GraphBuilder, tensor: int, values: Floats, dice: Dice) -> None:
        self.graph, self.tensor, self.values, self.dice = graph, tensor, values, dice
        self.scale = PATCH_SCALE
        self.layer = 0

    def convolution(self, channels: int, kernel: int, stride: int) -> None:
        """Add a ``CONV_2D`` with ReLU6."""
        weights = self.dice.int8(channels, kernel, kernel, self.values.shape[3])
        sums = sum(
            taps @ weights[:, ky, kx].T.astype(np.float64) for ky, kx, taps in _taps(self.values, kernel, stride)
        )
        options = Conv2DOptions(stride_h=stride, stride_w=stride, activation=Activation.RELU6)
        self._relu6(Op.CONV_2D, weights, 0, np.asarray(sums), options)

    def depthwise(self, stride: int) -> None:
        """Add a ``DEPTHWISE_CONV_2D`` 3x3 with ReLU6.

        The weights of a channel lean to one sign, so that filters smooth: without that the network would be
        chaotic, and one value rounded differently would change every score.
        """
        channels = self.values.shape[3]
        leaning = (3 * self.dice.int8(1, 3, 3, channels).astype(np.int16) + 2 * 127) // 5
        sign = np.where(self.dice.uniform(0.0, 1.0, channels) < 0.5, -1, 1)
        weights = (leaning * sign).astype(np.int8)
        sums = sum(taps * weights[0, ky, kx] for ky, kx, taps in _taps(self.values, 3, stride))
        options = DepthwiseConv2DOptions(stride_h=stride, stride_w=stride, activation=Activation.RELU6)
        self._relu6(Op.DEPTHWISE_CONV_2D, weights, 3, np.asarray(sums), options)

    def mean(self) -> None:
        """Add the ``MEAN`` over height and width: the embedding."""
        axes = self.graph.constant(np.array([1, 2], dtype=np.int32), name="embedding/axes")
        mean = self.values.mean(axis=(1, 2), keepdims=True)
        self.values = np.clip(np.floor(mean * (self.scale / EMBEDDING_SCALE) + 0.5), 0.0, 255.0)
        output = ("embedding", (1, 1, 1, mean.shape[3]), quantization(EMBEDDING_SCALE, -128))
        self._operator(Op.MEAN, (axes,), output, ReducerOptions(keep_dims=True))
        self.scale = EMBEDDING_SCALE

    def scores(self, classes: int, prefix: str = "") -> int:
        """Add ``FULLY_CONNECTED``, ``LOGISTIC``, ``DEQUANTIZE``: most scores are low, any may be high.

        Returns
        -------
        int
            The tensor of the scores; the next head starts where this one did.
        """
        embedding = self.tensor
        weights = self.dice.int8(classes, self.values.shape[3])
        sums = self.values[:, 0, 0] @ weights.T.astype(np.float64)
        (median,) = _quantiles(sums, 0.5)
        (spread,) = _quantiles(np.abs(sums - median).reshape(-1, 1), 0.9)
        step = np.maximum(np.floor(spread / LOGIT_SPREAD), 1.0)
        # Most classes usually lie 2 to 25 steps below even odds, a few below the range of int8.
        place = self.dice.uniform(0.0, 1.0, classes)
        rest = -np.floor(2 + 23 * place + 210 * place**16) * step
        scale = (LOGIT_SCALE / self.scale / step).astype(np.float32)
        constants = self._constants(f"{prefix}logits", weights, 0, rest - median, scale)
        logits = (f"{prefix}logits", (1, classes), quantization(LOGIT_SCALE, LOGIT_ZERO_POINT))
        self._operator(Op.FULLY_CONNECTED, constants, logits, FullyConnectedOptions())
        self._operator(Op.LOGISTIC, (), (f"{prefix}scores/int8", (1, classes), quantization(1 / 256, -128)))
        self._operator(Op.DEQUANTIZE, (), (f"{prefix}scores", (1, classes), None))
        scores, self.tensor = self.tensor, embedding
        return scores

    def _relu6(
        self,
        op: Op,
        weights: npt.NDArray[np.int8],
        axis: int,
        sums: Floats,
        options: Conv2DOptions | DepthwiseConv2DOptions,
    ) -> None:
        """Choose bias and scales so that a share of the sums falls outside 0 .. 6, and add the layer."""
        self.layer += 1
        low, high = _quantiles(sums, CLAMPED_LOW, UNCLAMPED_HIGH)
        span = np.maximum(high - low, LEAST_SPAN)
        scale = NARROW_SCALE if self.layer == NARROW_LAYER else RELU6_SCALE
        self.values = np.clip(np.floor((sums - low) * (255.0 / span) + 0.5), 0.0, 255.0)
        weight_scales = (255.0 * scale / self.scale / span).astype(np.float32)
        name = f"layer{self.layer}"
        constants = self._constants(name, weights, axis, -low, weight_scales)
        self._operator(op, constants, (name, (1, *sums.shape[1:]), quantization(scale, -128)), options)
        self.scale = scale

    def _constants(
        self,
        name: str,
        weights: npt.NDArray[np.int8],
        axis: int,
        bias: Floats,
        scales: npt.NDArray[np.float32],
    ) -> tuple[int, int]:
        bias_scales = scales * np.float32(self.scale)
        return (
            self.graph.constant(weights, quantization(scales, 0, axis), f"{name}/weights"),
            self.graph.constant(bias.astype(np.int32), quantization(bias_scales), f"{name}/bias"),
        )

    def _operator(
        self,
        op: Op,
        constants: tuple[int, ...],
        output: tuple[str, tuple[int, ...], Quantization | None],
        options: Options | None = None,
    ) -> None:
        name, shape, quantized = output
        dtype = np.float32 if quantized is None else np.int8
        result = self.graph.activation(shape, dtype, quantized, name)
        self.tensor = self.graph.operator(op, [self.tensor, *constants], result, options)


def _taps(values: Floats, kernel: int, stride: int) -> Iterator[tuple[int, int, Floats]]:
    """Yield each place of a square kernel and what lies under it, with SAME padding by the zero point."""
    height, width = (-(-size // stride) for size in values.shape[1:3])
    missing = [
        max((height - 1) * stride + kernel - values.shape[1], 0),
        max((width - 1) * stride + kernel - values.shape[2], 0),
    ]
    padded = np.pad(values, [(0, 0), *((total // 2, total - total // 2) for total in missing), (0, 0)])
    for ky in range(kernel):
        for kx in range(kernel):
            rows = slice(ky, ky + (height - 1) * stride + 1, stride)
            columns = slice(kx, kx + (width - 1) * stride + 1, stride)
            yield ky, kx, padded[:, rows, columns]


def _quantiles(values: Floats, *shares: float) -> list[Floats]:
    """Return for each share the value of each channel, the last axis, that this share lies below."""
    columns = np.ascontiguousarray(values.reshape(-1, values.shape[-1]).T)
    ranks = [int(share * (columns.shape[1] - 1)) for share in shares]
    columns.partition(ranks, axis=1)
    return [columns[:, rank] for rank in ranks]


#: Type of the result where it is not that of the first input.
_RESULT_TYPES = {Op.RFFT2D: np.dtype(np.complex64), Op.COMPLEX_ABS: np.dtype(np.float32)}


def add_front_end(
    graph: GraphBuilder, scale: float = PATCH_SCALE, zero_point: int = PATCH_ZERO_POINT
) -> tuple[int, int]:
    """Add YAMNet's operators from the waveform to its quantized patch; return the tensors of both."""

    def ints(*values: int) -> int:
        return graph.constant(np.array(values, dtype=np.int32))

    def add(op: Op, inputs: Sequence[int], shape: Sequence[int], options: Options | None = None) -> int:
        dtype = _RESULT_TYPES.get(op, graph.tensor(inputs[0]).dtype)
        return graph.operator(op, inputs, graph.activation(shape, dtype), options)

    parts, window_parts = SAMPLES // PART, WINDOW // PART
    places = HOP_PARTS * np.arange(FRAMES)[:, None] + np.arange(window_parts)
    waveform = graph.activation((SAMPLES,), name="waveform")
    x = add(Op.STRIDED_SLICE, [waveform, ints(0), ints(SAMPLES), ints(1)], (SAMPLES,), StridedSliceOptions())
    x = add(Op.RESHAPE, [x, ints(parts, PART)], (parts, PART))
    x = add(Op.GATHER, [x, graph.constant(places.astype(np.int32))], (FRAMES, window_parts, PART), GatherOptions())
    x = add(Op.RESHAPE, [x, ints(FRAMES, WINDOW)], (FRAMES, WINDOW))
    x = add(Op.MUL, [x, graph.constant(_hann(), name="hann")], (FRAMES, WINDOW), MulOptions())
    pads = graph.constant(np.array([[0, 0], [0, FFT_LENGTH - WINDOW]], dtype=np.int32))
    x = add(Op.PAD, [x, pads], (FRAMES, FFT_LENGTH))
    x = add(Op.RESHAPE, [x, ints(FRAMES, 1, FFT_LENGTH)], (FRAMES, 1, FFT_LENGTH))
    x = add(Op.RFFT2D, [x, ints(1, FFT_LENGTH)], (FRAMES, 1, BINS))
    x = add(Op.RESHAPE, [x, ints(FRAMES, BINS)], (FRAMES, BINS))
    x = add(Op.COMPLEX_ABS, [x], (FRAMES, BINS))
    mel = graph.constant(mel_matrix(), name="mel")
    offset = graph.constant(np.full(BANDS, LOG_OFFSET, dtype=np.float32), name="log_offset")
    x = add(Op.FULLY_CONNECTED, [x, mel, offset], (FRAMES, BANDS), FullyConnectedOptions())
    x = add(Op.LOG, [x], (FRAMES, BANDS))
    x = add(Op.RESHAPE, [x, ints(1, FRAMES, BANDS)], (1, FRAMES, BANDS))

    quantized = quantization(scale, zero_point)
    shape = (1, FRAMES, BANDS, 1)
    x = graph.operator(Op.QUANTIZE, [x], graph.activation(shape[:3], np.int8, quantized))
    x = graph.operator(Op.RESHAPE, [x, ints(*shape)], graph.activation(shape, np.int8, quantized))
    axis = graph.constant(np.int32(0))
    patch = graph.activation(shape, np.int8, quantized, "patch")
    return waveform, graph.operator(Op.SPLIT, [axis, x], patch, SplitOptions(1))


def _metadata() -> Metadata:
    labels = tuple(
        AssociatedFile(name, "Names of the classes.", FileType.TENSOR_AXIS_LABELS, locale)
        for name, locale in ((LABEL_FILE, ""), (GERMAN_LABEL_FILE, "de"))
    )
    waveform = TensorMetadata("audio_clip", "Input audio clip to be classified.", audio=AudioProperties(RATE_HZ, 1))
    scores = TensorMetadata(
        "scores", "Score of each class.", stats_min=(0.0,), stats_max=(1.0,), associated_files=labels
    )
    return Metadata(
        name="yamjit/synthetic",
        description="A network shaped like YAMNet whose weights are random: it recognises nothing.",
        version="v1",
        author="The yamjit developers",
        license="Apache License. Version 2.0 http://www.apache.org/licenses/LICENSE-2.0.",
        min_parser_version="1.3.0",
        subgraphs=(SubgraphMetadata(inputs=(waveform,), outputs=(scores,)),),
    )


def synthetic_yamnet(seed: int = 0, classes: int = 521, width: float = 1.0) -> Graph:
    """Build a YAMNet with invented weights, metadata, and labels in two languages.

    Parameters
    ----------
    seed : int
        Of the weights.
    classes : int
        How many scores there are.
    width : float
        Factor on the channels of all layers; none gets fewer than 8.

    Returns
    -------
    Graph
        47 operators: waveform (15600,) float32 to scores (1, `classes`) float32.
    """
    graph, waveform, (scores,) = synthetic_network(seed, {"": classes}, width)
    files = {
        LABEL_FILE: "".join(f"Class {index}\n" for index in range(classes)).encode(),
        GERMAN_LABEL_FILE: "".join(f"Geräusch {index}\n" for index in range(classes)).encode(),
    }
    return graph.build([waveform], [scores], description="Synthetic YAMNet", metadata=_metadata(), files=files)


def synthetic_network(seed: int, heads: Mapping[str, int], width: float) -> tuple[GraphBuilder, int, list[int]]:
    """Build the network of `synthetic_yamnet` with any number of heads.

    Parameters
    ----------
    seed, width
        As there.
    heads : mapping of str to int
        What the names of a head's tensors begin with, and its number of classes.

    Returns
    -------
    graph : GraphBuilder
    waveform : int
        The input tensor.
    scores : list of int
        The output tensor of each head.
    """
    graph = GraphBuilder()
    waveform, patch = add_front_end(graph)
    network = _Network(graph, patch, _quantized_patches(list(probe_signals().values())), Dice(seed))

    def scaled(channels: int) -> int:
        return max(8, round(channels * width))

    network.convolution(scaled(FIRST_CHANNELS), kernel=3, stride=2)
    for channels, stride in SEPARABLE:
        network.depthwise(stride)
        network.convolution(scaled(channels), kernel=1, stride=1)
    network.mean()
    return graph, waveform, [network.scores(classes, prefix) for prefix, classes in heads.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a synthetic model to the file that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.synthetic", description="Write a synthetic YAMNet.")
    parser.add_argument("out", type=Path, help="the .tflite file to write")
    parser.add_argument("--seed", type=int, default=0, help="of the weights (default: %(default)s)")
    parser.add_argument("--classes", type=int, default=521, help="how many (default: %(default)s)")
    parser.add_argument("--width", type=float, default=1.0, help="factor on the channels (default: %(default)s)")
    options = parser.parse_args(arguments)
    model = write_graph(synthetic_yamnet(options.seed, options.classes, options.width))
    options.out.write_bytes(model)
    print(f"{options.out}: {len(model):,} bytes")


if __name__ == "__main__":
    main()
