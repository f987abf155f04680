"""Kernels of every backend against the reference loops: exact, within their memory, their operands untouched.

``YAMJIT_TEST_SEED`` and ``YAMJIT_TEST_PROBLEMS`` say which random problems there are, and how many; the name of a
random problem tells its seed. Two tests run this file again with the Numba kernels as Python functions, and with
their bounds checked.
"""

from __future__ import annotations

import abc
import functools
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reference import arithmetic, ops
from yamjit.kernels.program import Requantization, Rounding, Window

Int8 = npt.NDArray[np.int8]

SEED = int(os.environ.get("YAMJIT_TEST_SEED", "1"))
RANDOM_PROBLEMS = int(os.environ.get("YAMJIT_TEST_PROBLEMS", "120"))

GUARD = 64
GUARD_VALUE = 0x55


# -- Memory that notices ----------------------------------------------------------------------------------------


class Guarded:
    """An array inside a larger buffer: what is written beside it is seen."""

    def __init__(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        self._buffer = np.full(size + 2 * GUARD, GUARD_VALUE, np.uint8)
        self.array: npt.NDArray[Any] = self._buffer[GUARD : GUARD + size].view(dtype).reshape(shape)

    def check(self) -> None:
        assert (self._buffer[:GUARD] == GUARD_VALUE).all(), "written before the array"
        assert (self._buffer[-GUARD:] == GUARD_VALUE).all(), "written behind the array"


def read_only(array: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    copy = np.array(array, dtype, order="C")
    copy.setflags(write=False)
    return copy


# -- Kernels under one signature --------------------------------------------------------------------------------


class NumpyKernels:
    """The NumPy kernels: a batch at once."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def quantize_f32(self, x: Any, scale: np.float32, zero_point: int, out: Int8) -> None:
        self.module.quantize_f32(x, scale, zero_point, out)

    def lookup_s8(self, x: Int8, table: Int8, out: Int8) -> None:
        self.module.lookup_s8(x, table, out)

    def accumulate(self, name: str, x: Int8, operands: tuple[Any, ...], out: Int8) -> None:
        """Run a kernel that sums: the last operand is a Requantization."""
        getattr(self.module, name)(x, *operands, out)


class NumbaKernels(NumpyKernels):
    """The Numba kernels: one image at a time, and a scratch for accumulators."""

    def quantize_f32(self, x: Any, scale: np.float32, zero_point: int, out: Int8) -> None:
        self.module.quantize_f32(x.reshape(-1), scale, zero_point, out.reshape(-1))

    def lookup_s8(self, x: Int8, table: Int8, out: Int8) -> None:
        self.module.lookup_s8(x.reshape(-1), table, out.reshape(-1))

    def accumulate(self, name: str, x: Int8, operands: tuple[Any, ...], out: Int8) -> None:
        scratch = Guarded((out.shape[-1] + 3,), np.int32)  # that of the widest step
        kernel = getattr(self.module, name)
        if name == "pointwise_s8":
            kernel(x, *operands, scratch.array, out)
        else:
            for image, result in zip(x, out, strict=True):
                kernel(image, *operands, scratch.array, result)
        scratch.check()


@pytest.fixture(params=["numpy", pytest.param("numba", marks=pytest.mark.numba)])
def kernels(request: pytest.FixtureRequest) -> NumpyKernels:
    if request.param == "numba":
        pytest.importorskip("numba")
        from yamjit.kernels.int8 import plain as numba_kernels

        return NumbaKernels(numba_kernels)
    from yamjit.kernels.int8 import numpy as numpy_backend

    return NumpyKernels(numpy_backend)


# -- Problems ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rescaling:
    """How accumulators become outputs, one value per channel."""

    bias: Sequence[int]
    multiplier: Sequence[int]
    shift: Sequence[int]
    zero_point: int = -128
    low: int = -128
    high: int = 127
    rounding: Rounding = Rounding.TWICE
    scale: Sequence[float] | None = None

    def requantization(self, folded: Any = 0) -> Requantization:
        """What kernels take; `folded` goes into the bias."""
        channels = len(self.bias)
        # Equation (12) of reference/README.md, its bias being the accumulator's start.
        offset = [2**30 + (2 ** (30 - s) if s < 0 else 0) for s in self.shift]
        return Requantization(
            bias=read_only(np.asarray(self.bias, np.int64) + folded, np.int32),
            multiplier=read_only(self.multiplier, np.int32),
            shift=read_only(self.shift, np.int32),
            offset=read_only(offset if self.rounding == Rounding.ONE_SHIFT else [0] * channels, np.int64),
            scale=read_only(self.scale if self.scale is not None else [0.0] * channels, np.float64),
            zero_point=self.zero_point,
            activation_min=self.low,
            activation_max=self.high,
            rounding=int(self.rounding),
        )

    def arguments(self) -> dict[str, Any]:
        """What the reference loops take."""
        return {
            "output_offset": self.zero_point,
            "output_multiplier": self.multiplier,
            "output_shift": self.shift,
            "quantized_activation_min": self.low,
            "quantized_activation_max": self.high,
        }


@dataclass(frozen=True, eq=False)
class Problem(abc.ABC):
    """Operands of a kernel; `expected` asks the reference, `solve` a backend."""

    name: str

    @abc.abstractmethod
    def expected(self) -> Int8: ...

    @abc.abstractmethod
    def solve(self, kernels: NumpyKernels, out: Int8) -> None: ...


@dataclass(frozen=True, eq=False)
class QuantizeProblem(Problem):
    x: npt.NDArray[np.float32]
    scale: np.float32
    zero_point: int

    def expected(self) -> Int8:
        return ops.quantize_s8(self.x, float(self.scale), self.zero_point)

    def solve(self, kernels: NumpyKernels, out: Int8) -> None:
        kernels.quantize_f32(read_only(self.x, np.float32), np.float32(self.scale), self.zero_point, out)


@dataclass(frozen=True, eq=False)
class LookupProblem(Problem):
    x: Int8
    table: Int8

    def expected(self) -> Int8:
        return ops.logistic_s8(self.x, self.table.tolist())

    def solve(self, kernels: NumpyKernels, out: Int8) -> None:
        kernels.lookup_s8(read_only(self.x, np.int8), read_only(self.table, np.int8), out)


@dataclass(frozen=True, eq=False)
class MeanProblem(Problem):
    x: Int8  # (n, height, width, channels)
    zero_point: int
    rescaling: Rescaling  # its multiplier and shift hold the number of positions

    def expected(self) -> Int8:
        r = self.rescaling
        answer = ops.mean_s8(
            self.x,
            input_zero_point=self.zero_point,
            output_offset=r.zero_point,
            output_multiplier=r.multiplier[0],
            output_shift=r.shift[0],
        )
        return answer[:, 0, 0]

    def solve(self, kernels: NumpyKernels, out: Int8) -> None:
        n, height, width, channels = self.x.shape
        requantization = self.rescaling.requantization(folded=-self.zero_point * height * width)
        x = read_only(self.x.reshape(n, height * width, channels), np.int8)
        kernels.accumulate("mean_s8", x, (requantization,), out)


@dataclass(frozen=True, eq=False)
class PointwiseProblem(Problem):
    x: Int8  # (rows, input_c)
    filter: Int8  # (output_c, input_c)
    zero_point: int
    rescaling: Rescaling

    def expected(self) -> Int8:
        r = self.rescaling
        if r.rounding == Rounding.REAL:
            return ops.fully_connected_s8(
                self.x,
                self.filter,
                r.bias,
                input_offset=-self.zero_point,
                filter_offset=0,
                output_offset=r.zero_point,
                effective_output_scale=r.scale,
                quantized_activation_min=r.low,
                quantized_activation_max=r.high,
            )
        image = self.x[None, None]
        filters = self.filter[:, None, None]
        return ops.conv_2d_s8(image, filters, r.bias, input_offset=-self.zero_point, **r.arguments())[0, 0]

    def solve(self, kernels: NumpyKernels, out: Int8) -> None:
        folded = -self.zero_point * self.filter.sum(axis=1, dtype=np.int64)
        operands = (read_only(self.filter.T, np.int8), self.rescaling.requantization(folded))
        kernels.accumulate("pointwise_s8", read_only(self.x, np.int8), operands, out)


@dataclass(frozen=True, eq=False)
class ConvProblem(Problem):
    """A convolution; `depthwise` says which, and with it the layout of `filter` (see `reference.ops`)."""

    depthwise: bool
    x: Int8  # (n, height, width, channels)
    filter: Int8
    zero_point: int
    rescaling: Rescaling
    padding: str = "SAME"
    stride: tuple[int, int] = (1, 1)

    def expected(self) -> Int8:
        loops = ops.depthwise_conv_2d_s8 if self.depthwise else ops.conv_2d_s8
        return loops(
            self.x,
            self.filter,
            self.rescaling.bias,
            input_offset=-self.zero_point,
            padding=self.padding,
            stride=self.stride,
            **self.rescaling.arguments(),
        )

    def window(self) -> Window:
        pads = [
            arithmetic.padding_before(self.padding, self.x.shape[axis], self.filter.shape[axis], stride, 1)
            for axis, stride in zip((1, 2), self.stride, strict=True)
        ]
        return Window(*self.stride, *pads, self.zero_point)

    def solve(self, kernels: NumpyKernels, out: Int8) -> None:
        weights = self.filter[0] if self.depthwise else np.moveaxis(self.filter, 0, -1)
        operands = (read_only(weights, np.int8), self.window(), self.rescaling.requantization())
        name = "depthwise_s8" if self.depthwise else "conv_s8"
        kernels.accumulate(name, read_only(self.x, np.int8), operands, out)


# -- At the edges -----------------------------------------------------------------------------------------------


def int8(rng: np.random.Generator, *shape: int) -> Int8:
    return rng.integers(-128, 128, shape).astype(np.int8)


def rescaling(rng: np.random.Generator, channels: int, products: int, rounding: Rounding) -> Rescaling:
    """Return one that spreads sums of so many random products over int8 and a little beyond."""
    spread = rng.uniform(-2.0, 1.0, channels) - np.log2(6000.0 * products**0.5 / 100.0)
    scale = 2.0**spread
    pairs = [arithmetic.quantize_multiplier(float(s)) for s in scale]
    zero_point = int(rng.choice([-128, 127, 0, int(rng.integers(-128, 128))]))
    low = zero_point if rounding == Rounding.ONE_SHIFT else int(rng.choice([-128, -128, zero_point]))
    high = int(rng.choice([127, max(low, int(rng.integers(-128, 128)))]))
    reach = int(4000 * products**0.5)
    return Rescaling(
        bias=rng.integers(-reach, reach, channels).tolist(),
        multiplier=[m for m, _ in pairs],
        shift=[s for _, s in pairs],
        zero_point=zero_point,
        low=low,
        high=high,
        rounding=rounding,
        scale=scale.tolist(),
    )


def convolution(
    rng: np.random.Generator,
    name: str,
    depthwise: bool,
    image: tuple[int, int],
    channels: tuple[int, int],
    kernel: tuple[int, int] = (3, 3),
    *,
    batch: int = 1,
    zero_point: int | None = None,
    rounding: Rounding = Rounding.TWICE,
    **geometry: Any,
) -> ConvProblem:
    inputs, outputs = (channels[0], channels[0]) if depthwise else channels
    products = kernel[0] * kernel[1] * (1 if depthwise else inputs)
    return ConvProblem(
        name,
        depthwise,
        int8(rng, batch, *image, inputs),
        int8(rng, *((1, *kernel, outputs) if depthwise else (outputs, *kernel, inputs))),
        int(rng.integers(-128, 128)) if zero_point is None else zero_point,
        rescaling(rng, outputs, products, rounding),
        **geometry,
    )


def edge_images() -> Iterator[Problem]:
    """Images from 1x1 up, odd and even, at every stride, under kernels that are larger and smaller."""
    rng = np.random.default_rng(10)
    sizes = [(1, 1), (1, 5), (4, 1), (2, 2), (3, 5), (5, 4), (7, 7)]
    kernels = [(1, 1), (3, 3), (2, 3)]
    strides = [(1, 1), (2, 2), (2, 1), (3, 2)]
    for image, kernel, stride in itertools.product(sizes, kernels, strides):
        for depthwise in (False, True):
            for padding in ("SAME", "VALID"):
                if padding == "VALID" and not (image[0] >= kernel[0] and image[1] >= kernel[1]):
                    continue
                name = f"{'depthwise' if depthwise else 'conv'} {image} by {kernel} every {stride} {padding}"
                yield convolution(rng, name, depthwise, image, (3, 2), kernel, padding=padding, stride=stride)


def edge_channels() -> Iterator[Problem]:
    """Channels on and off every vector width."""
    rng = np.random.default_rng(11)
    for channels in (*range(1, 18), 31, 33, 64, 65):
        other = 1 + (channels * 7) % 19
        for depthwise in (False, True):
            name = f"{'depthwise' if depthwise else 'conv'} of {channels} channels"
            yield convolution(rng, name, depthwise, (3, 2), (channels, other), batch=2)
        for inputs, outputs in ((channels, other), (other, channels)):
            name = f"pointwise from {inputs} to {outputs} channels"
            rounding = Rounding(channels % 3)
            x, filters = int8(rng, 3, inputs), int8(rng, outputs, inputs)
            yield PointwiseProblem(name, x, filters, -128, rescaling(rng, outputs, inputs, rounding))
        yield mean(rng, f"mean of {channels} channels", (2, 3, 2, channels), 1.07)


def edge_values() -> Iterator[Problem]:
    """The largest products of either sign, zero points at either end."""
    rng = np.random.default_rng(12)
    for zero_point, value, weight in itertools.product((-128, 0, 127), (-128, 127), (-128, -127, 127)):
        name = f"zero point {zero_point}, input {value}, weight {weight}"
        for depthwise in (False, True):
            base = convolution(rng, f"{name} {depthwise=}", depthwise, (3, 3), (5, 4), zero_point=zero_point)
            yield ConvProblem(
                base.name,
                depthwise,
                np.full_like(base.x, value),
                np.full_like(base.filter, weight),
                zero_point,
                base.rescaling,
            )
        x, filters = np.full((2, 9), value, np.int8), np.full((3, 9), weight, np.int8)
        yield PointwiseProblem(f"{name} pointwise", x, filters, zero_point, rescaling(rng, 3, 9, Rounding.TWICE))
    yield from long_sums()


def long_sums() -> Iterator[Problem]:
    """Sums past 2**24 that are odd, so that no float32 holds them; the bias brings them back to int8."""
    for inputs in (513, 519, 1041, 1101):
        x, filters = np.full((1, inputs), 127, np.int8), np.full((2, inputs), -127, np.int8)
        for zero_point in (0, -128):
            total = (127 - zero_point) * 127 * inputs
            exact = Rescaling([total + 5, total - 6], [2**30] * 2, [1] * 2, zero_point=0)
            name = f"sums of {inputs} products around {zero_point}"
            yield PointwiseProblem(name, x, filters, zero_point, exact)
            yield ConvProblem(f"{name} conv", False, x[None, None], filters[:, None, None], zero_point, exact)


def edge_blocks() -> Iterator[Problem]:
    """Matrices beyond what is multiplied at once: in rows, in columns, in the length of the sums."""
    rng = np.random.default_rng(15)
    for rows, inputs, outputs in ((9, 513, 65), (17, 600, 5), (3, 20, 130), (700, 9, 2)):
        name = f"{rows} rows, {inputs} inputs, {outputs} outputs"
        for rounding in (Rounding.TWICE, Rounding.ONE_SHIFT):
            how = rescaling(rng, outputs, inputs, rounding)
            yield PointwiseProblem(name, int8(rng, rows, inputs), int8(rng, outputs, inputs), 5, how)
    yield convolution(rng, "a large image", False, (40, 31), (7, 3), (3, 3), stride=(2, 1))


def accumulators(name: str, bias: Sequence[int], **how: Any) -> Iterator[Problem]:
    """Yield problems whose accumulators are the biases, for each kernel that can round so."""
    channels = len(bias)
    how = {key: [value] * channels if key in ("multiplier", "shift", "scale") else value for key, value in how.items()}
    spread = Rescaling(bias, **{"multiplier": [0] * channels, "shift": [0] * channels, **how})
    zeros = np.zeros((channels, 1), np.int8)
    yield PointwiseProblem(f"{name} pointwise", np.zeros((1, 1), np.int8), zeros, 0, spread)
    if spread.rounding != Rounding.REAL:
        image = np.zeros((1, 1, 1, channels), np.int8)
        yield ConvProblem(f"{name} conv", False, image[..., :1], zeros[:, None, None], 0, spread)
        yield ConvProblem(f"{name} depthwise", True, image, image, 0, spread)


def edge_shifts() -> Iterator[Problem]:
    """Shifts and multipliers at both ends, for accumulators as large as they allow."""
    for shift in (16, 8, 1, 0, -1, -2, -15, -30, -31):
        limit = 2 ** (31 - max(shift, 0)) - 1
        bias = [sign * value for value in (0, 1, 2, 3, 100, limit // 2, limit - 1, limit) for sign in (1, -1)]
        for multiplier in (0, 1, 2**30, 2**30 + 1, 1518500250, 2**31 - 1):
            name = f"shift {shift}, multiplier {multiplier}"
            yield from accumulators(f"{name} twice", bias, multiplier=multiplier, shift=shift, zero_point=-3)
            if shift <= 0:
                how = {"multiplier": multiplier, "shift": shift, "rounding": Rounding.ONE_SHIFT}
                for low in (-128, -7, 127):
                    yield from accumulators(f"{name} once from {low}", bias, zero_point=low, low=low, **how)
                yield from accumulators(f"{name} once below", bias, zero_point=-20, low=-10, high=90, **how)


def edge_ties() -> Iterator[Problem]:
    """Accumulators on and beside halves of either sign, in every rounding."""
    for bits in (1, 2, 3, 8):
        half = 2 ** (bits - 1)
        near = [whole * 2**bits + half + off for whole in (0, 1, 2, 63, 126) for off in (-1, 0, 1)]
        bias = [sign * value for value in near for sign in (1, -1)]
        exact = {"multiplier": 2**30, "shift": 1 - bits}  # 2**-bits
        for zero_point in (-128, 0, 1, 127):
            yield from accumulators(f"ties of 1/{2**bits} at {zero_point}", bias, zero_point=zero_point, **exact)
            once = {"low": zero_point, "rounding": Rounding.ONE_SHIFT, **exact}
            yield from accumulators(f"ties of 1/{2**bits} once", bias, zero_point=zero_point, **once)
            real = {"scale": 2.0**-bits, "rounding": Rounding.REAL}
            yield from accumulators(f"ties of 1/{2**bits} real", bias, zero_point=zero_point, **real)
    for scale in (0.4999999, 0.16666667, 0.0714285, 0.0384615):
        # 0.4999 is 0 in one rounding; in two it can become 0.5, and then 1.
        multiplier, shift = arithmetic.quantize_multiplier(scale)
        bias = list(range(-40, 41))
        yield from accumulators(f"near ties of {scale}", bias, multiplier=multiplier, shift=shift, zero_point=0)
        yield from accumulators(f"near ties of {scale} real", bias, scale=scale, rounding=Rounding.REAL, zero_point=0)
    for scale in (np.nextafter(0.5, 0.0), np.nextafter(0.5, 1.0), 0.5, 1.0, 3.0, 16777217.0, 1e-300):
        # floor(x + 0.5) in double turns the number below one half into 1.
        bias = [0, 1, -1, 2, -2, 3, -3, 127, -127]
        name = f"real scale {scale!r}"
        yield from accumulators(name, bias, scale=float(scale), rounding=Rounding.REAL, zero_point=0)


def edge_clamps() -> Iterator[Problem]:
    """Clamp ranges from all of int8 to a single value, at both sides of the zero point."""
    bias = [-(2**20), -300, -129, -128, -127, -1, 0, 1, 5, 126, 127, 128, 300, 2**20]
    unit = {"multiplier": 2**30, "shift": 1, "scale": 1.0}
    for zero_point, (low, high) in itertools.product((-128, 3, 127), ((-128, 127), (-128, -128), (127, 127), (-5, 60))):
        for rounding in (Rounding.TWICE, Rounding.REAL):
            name = f"clamp {low}..{high} around {zero_point} {rounding.name}"
            yield from accumulators(name, bias, zero_point=zero_point, low=low, high=high, rounding=rounding, **unit)


def mean(rng: np.random.Generator, name: str, shape: tuple[int, int, int, int], ratio: float) -> MeanProblem:
    multiplier, shift = arithmetic.mean_multiplier(ratio, 1.0, shape[1] * shape[2])
    zero_point, output_zero_point = (int(z) for z in rng.choice([-128, 0, 7, 127], 2))
    channels = shape[3]
    how = Rescaling([0] * channels, [multiplier] * channels, [shift] * channels, output_zero_point)
    return MeanProblem(name, int8(rng, *shape), zero_point, how)


def edge_means() -> Iterator[Problem]:
    """One position to many, factors that vanish and factors that shift to the left."""
    rng = np.random.default_rng(13)
    for height, width in ((1, 1), (1, 2), (3, 2), (5, 5), (32, 33)):
        for ratio in (1.0, 1.0537, 2.0**-6, 3.0, 2.0**10, 2.0**-31, 2.0**-36):
            yield mean(rng, f"mean of {height}x{width}, ratio {ratio}", (2, height, width, 3), ratio)
    for value in (-128, 127):
        base = mean(rng, f"mean of nothing but {value}", (1, 7, 9, 2), 1.0)
        yield MeanProblem(base.name, np.full_like(base.x, value), -128, base.rescaling)


def edge_tables() -> Iterator[Problem]:
    rng = np.random.default_rng(14)
    everything = np.arange(-128, 128).astype(np.int8)
    yield LookupProblem("lookup of everything", everything[None], int8(rng, 256))
    yield LookupProblem("lookup into itself", np.stack([everything, everything[::-1]]), everything)
    yield LookupProblem("lookup of one value", np.array([[-128]], np.int8), everything[::-1])


def edge_quantizations() -> Iterator[Problem]:
    """Zeros, halves and their neighbours, values far outside of int8."""
    halves = (np.arange(-260, 261) + 0.5).astype(np.float32)
    beside = [np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf)]
    wide = np.array([0.0, -0.0, 1e-40, -1e-40, 0.49999997, -0.49999997, 1e6, -1e6, 2e9, -2e9], np.float32)
    for scale, zero_point in itertools.product((1.0, 0.048, 2.0**-8, 7.0), (-128, 0, 16, 127)):
        values = np.concatenate([*((part * np.float32(scale)) for part in (halves, *beside)), wide * np.float32(scale)])
        yield QuantizeProblem(f"quantize by {scale} at {zero_point}", values[None], np.float32(scale), zero_point)


# -- At random --------------------------------------------------------------------------------------------------


def random_problem(seed: int, index: int) -> Problem:
    rng = np.random.default_rng([seed, index])
    name = f"seed {seed} number {index}"
    kind = index % 6
    if kind in (0, 1):
        return random_convolution(rng, name, depthwise=kind == 1)
    if kind == 2:
        rows, inputs, outputs = (int(n) for n in rng.integers(1, 24, 3))
        how = rescaling(rng, outputs, inputs, Rounding(int(rng.integers(3))))
        zero_point = int(rng.integers(-128, 128))
        return PointwiseProblem(
            f"{name} pointwise", int8(rng, rows, inputs), int8(rng, outputs, inputs), zero_point, how
        )
    if kind == 3:
        shape = tuple(int(n) for n in rng.integers(1, 8, 4))
        return mean(rng, f"{name} mean", shape, float(2.0 ** rng.uniform(-3, 3)))  # type: ignore[arg-type]
    if kind == 4:
        shape = tuple(int(n) for n in rng.integers(1, 20, 2))
        return LookupProblem(f"{name} lookup", int8(rng, *shape), int8(rng, 256))
    scale = np.float32(2.0 ** rng.uniform(-8, 4))
    values = (rng.normal(0, 80, (2, 50)) * scale).astype(np.float32)
    return QuantizeProblem(f"{name} quantize", values, scale, int(rng.integers(-128, 128)))


def random_convolution(rng: np.random.Generator, name: str, depthwise: bool) -> ConvProblem:
    kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    padding = "SAME" if rng.integers(3) else "VALID"
    least = kernel if padding == "VALID" else (1, 1)
    image = (int(rng.integers(least[0], 8)), int(rng.integers(least[1], 8)))
    channels = (int(rng.integers(1, 20)), int(rng.integers(1, 20)))
    return convolution(
        rng,
        f"{name} {'depthwise' if depthwise else 'conv'}",
        depthwise,
        image,
        channels,
        kernel,
        batch=int(rng.integers(1, 4)),
        rounding=Rounding(int(rng.integers(2))),
        padding=padding,
        stride=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
    )


# -- Tests ------------------------------------------------------------------------------------------------------

EDGES = (
    edge_images,
    edge_channels,
    edge_values,
    edge_blocks,
    edge_shifts,
    edge_ties,
    edge_clamps,
    edge_means,
    edge_tables,
    edge_quantizations,
)


@functools.cache
def edge_problems(group: int) -> tuple[tuple[Problem, Int8], ...]:
    return tuple((problem, problem.expected()) for problem in EDGES[group]())


def check(kernels: NumpyKernels, problem: Problem, expected: Int8) -> None:
    out = Guarded(expected.shape, np.int8)
    out.array[...] = ~expected  # no cell is right before it is written
    problem.solve(kernels, out.array)
    np.testing.assert_array_equal(out.array, expected, err_msg=problem.name)
    out.check()


@pytest.mark.slow
@pytest.mark.parametrize("group", range(len(EDGES)), ids=[edges.__name__ for edges in EDGES])
def test_edges(kernels: NumpyKernels, group: int) -> None:
    problems = edge_problems(group)
    for problem, expected in problems:
        check(kernels, problem, expected)
    assert len({problem.name for problem, _ in problems}) > 1


@pytest.mark.slow
@pytest.mark.parametrize("index", range(RANDOM_PROBLEMS), ids=lambda index: f"seed{SEED}-{index}")
def test_random(kernels: NumpyKernels, index: int) -> None:
    problem = random_problem(SEED, index)
    check(kernels, problem, problem.expected())


@pytest.mark.parametrize("rounding", list(Rounding))
def test_roundings_differ_where_they_should(kernels: NumpyKernels, rounding: Rounding) -> None:
    """-1 by 0.499999999 is nearly a tie: two roundings make it one, a real product does not."""
    scale = 0.5 - 2.0**-33
    multiplier, shift = 2**31 - 1, -1
    how = {"multiplier": multiplier, "shift": shift, "scale": scale, "rounding": rounding, "zero_point": 0}
    (problem, *_) = accumulators("near tie", [-1, 1, 3, -3], **how)
    out = np.zeros((1, 4), np.int8)
    problem.solve(kernels, out)
    expected = {Rounding.TWICE: [-1, 1, 2, -2], Rounding.ONE_SHIFT: [0, 1, 2, -1], Rounding.REAL: [0, 0, 1, -1]}
    assert out[0].tolist() == expected[rounding]


def test_backends_offer_the_same_kernels() -> None:
    pytest.importorskip("numba")
    from yamjit.kernels.int8 import numpy as numpy_backend
    from yamjit.kernels.int8 import plain as numba_kernels

    shared = {"STEPS", "multiply_by_quantized_multiplier", "round_half_away"}  # a table, and what tables are made by
    assert set(numba_kernels.__all__) - {"finish"} == set(numpy_backend.__all__) - shared
    assert all(callable(getattr(numba_kernels, name)) for name in numba_kernels.__all__)


@pytest.mark.slow
@pytest.mark.numba
@pytest.mark.parametrize(
    ("variable", "problems"),
    [("NUMBA_DISABLE_JIT", 24), ("NUMBA_BOUNDSCHECK", 48)],
    ids=["python", "boundscheck"],
)
def test_numba_kernels_in_another_mode(pytestconfig: pytest.Config, variable: str, problems: int) -> None:
    """Run this file again, Numba kernels only, where one environment variable changes how they run."""
    pytest.importorskip("numba")
    if variable in os.environ:
        pytest.skip(f"{variable} is set already")
    environment = {**os.environ, variable: "1", "YAMJIT_TEST_PROBLEMS": str(problems)}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "numba and not another_mode"]
    again = subprocess.run(
        [*command, str(Path(__file__).resolve())],
        cwd=pytestconfig.rootpath,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert " passed" in again.stdout
    assert "skipped" not in again.stdout
