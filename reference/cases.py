"""Problems for everything that implements an operator: a kernel, a plan, a runtime.

for problem in itertools.chain(edge_problems(), random_problems(seed=1, count=100)):
    np.testing.assert_array_equal(mine(problem), problem.answer(), err_msg=problem.name)
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from reference.problems import (
    ConvProblem,
    FullyConnectedProblem,
    LogisticProblem,
    MaxPoolProblem,
    MeanProblem,
    Problem,
    QuantizeProblem,
)

__all__ = ["edge_problems", "random_problems"]

Int8 = npt.NDArray[np.int8]

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")


def random_problems(seed: int, count: int) -> Iterator[Problem]:
    """Yield `count` problems of all kinds in turn, the same ones for the same `seed`."""
    rng = np.random.default_rng(seed)
    makers = (_random_conv, _random_depthwise, _random_fully_connected, _random_mean)
    others = (_random_logistic, _random_quantize)
    for at in range(count):
        maker = (makers + others)[at % 6]
        yield maker(rng, f"random {seed}/{at}")


def _int8(rng: np.random.Generator, *shape: int) -> Int8:
    return rng.integers(-128, 128, shape).astype(np.int8)


def _weights(rng: np.random.Generator, *shape: int) -> Int8:
    return rng.integers(-127, 128, shape).astype(np.int8)


def _zero_point(rng: np.random.Generator) -> int:
    return int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))


def _scale(rng: np.random.Generator, low: float, high: float) -> np.float32:
    """Return a scale; every other one is a power of two, so that ties occur."""
    exponent = rng.uniform(low, high)
    return np.float32(2.0 ** float(round(exponent) if rng.integers(2) else exponent))


def _random_conv(rng: np.random.Generator, name: str) -> ConvProblem:
    in_channels, out_channels = (int(n) for n in rng.integers(1, 18, 2))
    size = int(rng.choice([1, 1, 3]))
    return _convolution(rng, name, False, in_channels, (out_channels, size, size, in_channels), out_channels)


def _random_depthwise(rng: np.random.Generator, name: str) -> ConvProblem:
    in_channels, multiplier = int(rng.integers(1, 18)), int(rng.choice([1, 1, 1, 2]))
    out_channels = in_channels * multiplier
    return _convolution(rng, name, True, in_channels, (1, 3, 3, out_channels), out_channels)


def _convolution(
    rng: np.random.Generator,
    name: str,
    depthwise: bool,
    in_channels: int,
    filter_shape: tuple[int, int, int, int],
    out_channels: int,
) -> ConvProblem:
    least = filter_shape[1]  # so that VALID leaves something
    height, width = (int(n) for n in rng.integers(least, 8, 2))
    stride = int(rng.choice([1, 2]))
    taps = filter_shape[1] * filter_shape[2] * (1 if depthwise else in_channels)
    output_scale = _scale(rng, -7, -2)
    input_scale = _scale(rng, -7, -2)
    # Accumulators reach about 2**12 * sqrt(taps): let them cover, on most channels, a part of the int8 range.
    spread = rng.uniform(-9, -3, out_channels) - np.log2(taps) / 2
    if rng.integers(2):
        spread = np.round(spread)
    filter_scale = (2.0**spread * float(output_scale) / float(input_scale)).astype(np.float32)
    return ConvProblem(
        name=f"{name} {'DEPTHWISE_CONV_2D' if depthwise else 'CONV_2D'}",
        depthwise=depthwise,
        input=_int8(rng, 1, height, width, in_channels),
        filter=_weights(rng, *filter_shape),
        bias=rng.integers(-4000, 4000, out_channels).astype(np.int32),
        input_scale=input_scale,
        input_zero_point=_zero_point(rng),
        filter_scale=filter_scale if rng.integers(4) else filter_scale[:1],
        output_scale=output_scale,
        output_zero_point=_zero_point(rng),
        activation=str(rng.choice(ACTIVATIONS)),
        padding="SAME" if rng.integers(4) else "VALID",
        stride=(stride, stride),
    )


def _random_fully_connected(rng: np.random.Generator, name: str) -> FullyConnectedProblem:
    batch, depth, units = (int(n) for n in rng.integers(1, 18, 3))
    per_unit = units > 1 and bool(rng.integers(2))
    output_scale, input_scale = _scale(rng, -5, 0), _scale(rng, -7, -2)
    spread = rng.uniform(-9, -3, units if per_unit else 1) - np.log2(depth) / 2
    if rng.integers(2):
        spread = np.round(spread)
    return FullyConnectedProblem(
        name=f"{name} FULLY_CONNECTED",
        input=_int8(rng, batch, depth),
        filter=_weights(rng, units, depth),
        bias=rng.integers(-4000, 4000, units).astype(np.int32) if rng.integers(4) else None,
        input_scale=input_scale,
        input_zero_point=_zero_point(rng),
        filter_scale=(2.0**spread * float(output_scale) / float(input_scale)).astype(np.float32),
        filter_zero_point=0 if per_unit else int(rng.choice([0, 0, -3, 5])),
        output_scale=output_scale,
        output_zero_point=_zero_point(rng),
        activation=str(rng.choice(ACTIVATIONS)),
    )


def _random_mean(rng: np.random.Generator, name: str) -> MeanProblem:
    height, width, channels = int(rng.integers(1, 8)), int(rng.integers(1, 8)), int(rng.integers(1, 18))
    input_scale = _scale(rng, -7, -2)
    return MeanProblem(
        name=f"{name} MEAN",
        input=_int8(rng, 1, height, width, channels),
        input_scale=input_scale,
        input_zero_point=_zero_point(rng),
        output_scale=input_scale if rng.integers(2) else _scale(rng, -7, -2),
        output_zero_point=_zero_point(rng),
    )


def _random_logistic(rng: np.random.Generator, name: str) -> LogisticProblem:
    return LogisticProblem(
        name=f"{name} LOGISTIC",
        input=np.arange(-128, 128).astype(np.int8)[None],
        input_scale=_scale(rng, -12, 3),
        input_zero_point=_zero_point(rng),
        output_zero_point=-128 if rng.integers(4) else _zero_point(rng),
    )


def _random_quantize(rng: np.random.Generator, name: str) -> QuantizeProblem:
    """Return values at, just below and just above the ties."""
    scale, zero_point = _scale(rng, -8, 4), _zero_point(rng)
    ties = ((rng.integers(-260, 260, 40) + 0.5) * scale).astype(np.float32)
    below, above = np.nextafter(ties, np.float32(-np.inf)), np.nextafter(ties, np.float32(np.inf))
    return QuantizeProblem(f"{name} QUANTIZE", np.stack([below, ties, above]), scale, zero_point)


def edge_problems() -> Iterator[Problem]:
    """Yield small problems at every edge: of images, zero points, weights, ties, clamps and shifts."""
    yield from _edge_images()
    yield from _edge_values()
    yield from _edge_shifts()
    yield from _edge_ties()
    yield from _edge_means()
    yield from _edge_tables()
    yield from _edge_pools()


def _edge_images() -> Iterator[Problem]:
    """1x1 images, odd sizes at stride 2, dilation, VALID, channels 1 to 17."""
    rng = np.random.default_rng(2)
    sizes = [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (5, 3), (4, 7)]
    for at, ((height, width), depthwise) in enumerate(itertools.product(sizes, (False, True))):
        for stride in ((1, 1), (2, 2), (2, 1)):
            yield dataclasses.replace(
                _plain_conv(rng, depthwise, channels=1 + at % 3, size=3),
                name=f"image {height}x{width} stride {stride} {depthwise=}",
                input=_int8(rng, 1, height, width, 1 + at % 3),
                stride=stride,
            )
    for padding, dilation in (("SAME", (2, 2)), ("VALID", (1, 1)), ("VALID", (2, 1))):
        for depthwise in (False, True):
            yield dataclasses.replace(
                _plain_conv(rng, depthwise, channels=2, size=3),
                name=f"{padding} dilation {dilation} {depthwise=}",
                input=_int8(rng, 2, 6, 5, 2),
                padding=padding,
                dilation=dilation,
            )
    for channels in range(1, 18):
        yield dataclasses.replace(
            _plain_conv(rng, bool(channels % 2), channels, size=3),
            name=f"{channels} channels",
            input=_int8(rng, 1, 2, 2, channels),
        )


def _edge_values() -> Iterator[Problem]:
    """Extreme values against extreme zero points, each activation at both ends of the zero point."""
    rng = np.random.default_rng(3)
    for zero_point in (-128, 0, 127):
        for value in (-128, 127):
            for weight in (-127, 127):
                plain = _plain_conv(rng, depthwise=weight > 0, channels=3, size=3)
                yield dataclasses.replace(
                    plain,
                    name=f"zero point {zero_point}, input {value}, weight {weight}",
                    input=np.full((1, 3, 3, 3), value, np.int8),
                    filter=np.full_like(plain.filter, weight),
                    input_zero_point=zero_point,
                )
    for activation in ACTIVATIONS:
        for zero_point in (-128, -5, 127):
            for scale in (np.float32(6 / 255), np.float32(0.5), np.float32(0.003)):
                yield dataclasses.replace(
                    _plain_conv(rng, depthwise=False, channels=2, size=1),
                    name=f"{activation} zero point {zero_point} scale {scale}",
                    activation=activation,
                    output_zero_point=zero_point,
                    output_scale=scale,
                )


def _edge_shifts() -> Iterator[Problem]:
    """Effective scales from those that vanish to those that shift left; biases stand for the accumulators."""
    bias = np.array([0, 1, -1, 2, -2, 3, -3, 100, -100, 12345, -12345, 2**23, -(2**23)], np.int32)
    for exponent in (-40, -34, -32, -31, -30, -24, -17, -9, -2, -1, 0, 1, 4, 6):
        for mantissa in (1.0, 1.5, 2 - 2.0**-23):
            yield _accumulators(f"shift {exponent} of {mantissa}", bias, mantissa * 2.0**exponent)
    wide = np.array([2**31 - 1, -(2**31) + 1, 2**30, -(2**30)], np.int32)
    for exponent in (-31, -24, -1):
        yield _accumulators(f"wide accumulators, shift {exponent}", wide, 1.25 * 2.0**exponent)


def _edge_ties() -> Iterator[Problem]:
    """Accumulators that fall on and next to halves, of both signs, through both roundings and through one."""
    for exponent in (1, 2, 3, 8):
        half = 2 ** (exponent - 1)
        near = [sign * (whole * 2**exponent + half + off) for whole in (0, 1, 6) for off in (-1, 0, 1)
                for sign in (1, -1)]  # fmt: skip
        bias = np.array(near, np.int32)
        yield _accumulators(f"ties of 2**-{exponent}", bias, 2.0**-exponent)
        yield FullyConnectedProblem(
            f"ties of 2**-{exponent} FULLY_CONNECTED",
            np.zeros((1, 1), np.int8),
            np.zeros((bias.size, 1), np.int8),
            bias,
            np.float32(0.5),
            0,
            np.array([2.0 ** (1 - exponent)], np.float32),
            0,
            np.float32(1),
            -3,
        )
    # The scale of the accumulator as a product in double, and as one in float32, round these differently.
    wide = [49284796, 75570020, 101855244, 128140468, 154425692, 180710916, 206996140, 233281364, 259566588]
    yield FullyConnectedProblem(
        "double scale FULLY_CONNECTED",
        np.zeros((1, 1), np.int8),
        np.zeros((len(wide), 1), np.int8),
        np.array(wide, np.int32),
        np.float32(0.0673),
        0,
        np.array([0.0343], np.float32),
        0,
        np.float32(5056.379),
        0,
    )
    # Double rounding shows here: 0.4999... is 0 in one rounding, and 0.5, then 1, in two.
    bias = np.arange(-40, 41).astype(np.int32)
    for scale in (0.4999999, 0.16666667, 0.0714285, 0.0384615):
        yield _accumulators(f"near ties of {scale}", bias, scale)


def _edge_means() -> Iterator[Problem]:
    """Few and many elements, equal scales, ties of both signs, factors that vanish or shift left."""
    rng = np.random.default_rng(5)
    for height, width in ((1, 1), (1, 2), (3, 2), (7, 9), (32, 33)):
        for ratio in (1.0, 1.0537, 2.0**-6, 3.0, 2.0**10, 2.0**-31, 2.0**-36):
            zero_point, output_zero_point = (int(z) for z in rng.choice([-128, 0, 7, 127], 2))
            values = _int8(rng, 1, height, width, 4 if height < 32 else 1)
            values[..., 0] = rng.choice([-128, 127])
            yield MeanProblem(
                f"mean of {height}x{width}, ratio {ratio}",
                values,
                np.float32(0.0235 * ratio),
                zero_point,
                np.float32(0.0235),
                output_zero_point,
            )
    # The sum where it shows that the multiplier is divided by the count with truncation.
    values = np.full(31 * 33, 105, np.int8)
    values[:603] = 106
    yield MeanProblem(
        "truncated multiplier MEAN",
        values.reshape(1, 31, 33, 1),
        np.float32(0.0235),
        -128,
        np.float32(0.03399),
        -128,
    )


def _edge_tables() -> Iterator[Problem]:
    everything = np.arange(-128, 128).astype(np.int8)[None]
    for scale in (1e-6, 1 / 256, 0.0625, 0.34717748, 1.0, 100.0):
        for zero_point in (-128, 100, 127):
            yield LogisticProblem(f"logistic {scale} {zero_point}", everything, np.float32(scale), zero_point)
    halves = np.array([0, -0.0, 0.5, -0.5, 1.5, -1.5, 2.5, 0.49999997, -0.49999997, 126.5, -128.5], np.float32)
    for zero_point in (-128, 0, 16, 127):
        values = np.array([*halves, 1e6, -1e6, 2e9, -2e9, 1e-40], np.float32)
        yield QuantizeProblem(f"quantize at {zero_point}", values, np.float32(1), zero_point)


def _edge_pools() -> Iterator[Problem]:
    """Windows of one pixel, larger than the image, with gaps between them; clamps at both ends."""
    rng = np.random.default_rng(6)
    for (height, width), filter_size, stride in itertools.product(
        [(1, 1), (2, 5), (7, 4)], [(1, 1), (2, 2), (3, 2), (5, 9)], [(1, 1), (2, 1), (3, 4)]
    ):
        fits = height >= filter_size[0] and width >= filter_size[1]
        for padding in ("SAME", "VALID") if fits else ("SAME",):
            yield MaxPoolProblem(
                f"{padding} max pool {filter_size} of {height}x{width}, stride {stride}",
                _int8(rng, 1, height, width, int(rng.integers(1, 18))),
                filter_size,
                _scale(rng, -7, -2),
                _zero_point(rng),
                str(rng.choice(ACTIVATIONS)),
                padding,
                stride,
            )
    for activation, zero_point in itertools.product(ACTIVATIONS, (-128, 0, 127)):
        values = np.array([[-128, -128, -127], [-128, -128, 127]], np.int8).reshape(1, 2, 3, 1)
        name = f"max pool {activation} at {zero_point}"
        yield MaxPoolProblem(name, values, (2, 2), np.float32(0.5), zero_point, activation)


def _plain_conv(rng: np.random.Generator, depthwise: bool, channels: int, size: int) -> ConvProblem:
    shape = (1, size, size, channels) if depthwise else (channels + 1, size, size, channels)
    outputs = channels if depthwise else channels + 1
    return ConvProblem(
        name="",
        depthwise=depthwise,
        input=_int8(rng, 1, 3, 3, channels),
        filter=_weights(rng, *shape),
        bias=rng.integers(-3000, 3000, outputs).astype(np.int32),
        input_scale=np.float32(6 / 255),
        input_zero_point=-128,
        filter_scale=rng.uniform(0.0005, 0.02, outputs).astype(np.float32),
        output_scale=np.float32(6 / 255),
        output_zero_point=-128,
        activation="RELU6",
    )


def _accumulators(name: str, bias: npt.NDArray[np.int32], scale: float) -> ConvProblem:
    """Return a 1x1 convolution whose accumulators are the biases and whose effective scale is `scale`."""
    return ConvProblem(
        name=name,
        depthwise=False,
        input=np.zeros((1, 1, 1, 1), np.int8),
        filter=np.zeros((bias.size, 1, 1, 1), np.int8),
        bias=bias,
        input_scale=np.float32(1),
        input_zero_point=0,
        filter_scale=np.full(bias.size, scale, np.float32),
        output_scale=np.float32(1),
        output_zero_point=-3,
    )
