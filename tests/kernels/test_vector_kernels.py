"""Every lowering of the vector kernels against plain integers: equal bits, and nothing touched beside the output."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytestmark = [pytest.mark.slow, pytest.mark.numba]

from tests.support.packing import unpack_depthwise, unpack_pairs, unpack_pointwise  # noqa: E402
from yamjit.kernels.int8.depthwise import Destination, Image  # noqa: E402
from yamjit.kernels.int8.kernel_set import KernelSet  # noqa: E402
from yamjit.kernels.int8.matmul import Rows  # noqa: E402
from yamjit.kernels.memory import aligned_bytes, padded  # noqa: E402
from yamjit.kernels.prepared.columns import Proof  # noqa: E402
from yamjit.kernels.prepared.packing import (  # noqa: E402
    interleaved,
    pack_depthwise,
    pack_pairs,
    pack_pointwise,
)
from yamjit.kernels.prepared.preparation_proof import REACH  # noqa: E402
from yamjit.kernels.prepared.real_requantization import IntegerFactors, RealFactors, find_real_factors  # noqa: E402
from yamjit.kernels.prepared.table import Channels  # noqa: E402
from yamjit.kernels.program import SPARE  # noqa: E402
from yamjit.kernels.vectors.processor import host_features  # noqa: E402
from yamjit.kernels.vectors.target import TARGETS, detect_target  # noqa: E402

FLIP = 0x80808080
GUARD = 512


#: What only other machines' targets have, with what any x86 processor can do: dot products by lane; and tiles that are
#: narrower than a block of channels, rounded in float32 (their multiply-add is a call of the C library's).
BY_LANE = dataclasses.replace(TARGETS["plain"], name="by lane", columns=4, multiplies_by_lane=True)
NARROW = dataclasses.replace(TARGETS["plain"], name="narrow", columns=2, has_fma=True, rounding="cvtps2dq")

TESTED = [
    target for target in (*TARGETS.values(), BY_LANE, NARROW) if target.runs_on(host_features(), platform.machine())
]


@pytest.fixture(scope="module", params=TESTED, ids=lambda target: target.name)
def kernels(request: pytest.FixtureRequest) -> KernelSet:
    return KernelSet(request.param)


class Guarded:
    """An array of bytes between guards, as an address that kernels write to."""

    def __init__(self, size: int, slack: int = 0) -> None:
        self._bytes = aligned_bytes(size + 2 * GUARD)
        self._bytes[...] = 0x5A
        self._size, self._slack = size, slack
        self.address = self._bytes.ctypes.data + GUARD

    def content(self, dtype: Any) -> np.ndarray:
        assert (self._bytes[:GUARD] == 0x5A).all()
        assert (self._bytes[GUARD + self._size + self._slack :] == 0x5A).all()
        return self._bytes[GUARD : GUARD + self._size].view(dtype)


def spare_for(rows: int, inputs: int) -> Guarded:
    """Return the scratch memory that a product of rows may use as it likes."""
    return Guarded(max(SPARE, (rows + 1) * (2 * padded(inputs) + 64)), slack=REACH)


class Numbers:
    """Random numbers of channels: accumulators up to `reach` fill an int8 and pass both its ends."""

    def __init__(self, rng: np.random.Generator, channels: int, reach: int, most: int = 2**30) -> None:
        self.multiplier = rng.integers(2**30, 2**31, channels)
        right = np.maximum(
            np.log2(reach * self.multiplier / 2.0**9).astype(np.int64) + rng.integers(-1, 2, channels), 32
        )
        self.right = right
        self.offset = 2**30 + (1 << (right - 1)) - (np.int64(128) << right)
        self.bias = rng.integers(-reach // 2, reach // 2 + 1, channels)
        # Some results are lifted far beyond an int8, and beyond 16 bits.
        lift = rng.choice([-(2**17), -(2**15), 300, 2**15, 40_000, 2**17], channels) * 2.0**right / self.multiplier
        self.bias[2::5] += np.clip(lift, -most, most).astype(np.int64)[2::5]

    def rounded(self, acc: np.ndarray) -> np.ndarray:
        """Return the int8 of accumulators without their bias [shape=(..., channels)]."""
        return np.clip(((acc + self.bias) * self.multiplier + self.offset) >> self.right, -128, 127).astype(np.int8)

    def reals(self, weights: np.ndarray) -> RealFactors:
        """Return the factors for float32; `weights` are [shape=(inputs, channels)]."""
        low = self.bias + 255 * np.minimum(weights, 0).sum(axis=0, dtype=np.int64)
        high = self.bias + 255 * np.maximum(weights, 0).sum(axis=0, dtype=np.int64)
        return find_real_factors(IntegerFactors(self.multiplier, self.offset, self.right), low, high, Proof.NEAREST)


class Packed:
    """The same as kernels read it; keeps the memory that `channels` points to."""

    def __init__(self, numbers: Numbers, packed: np.ndarray, reals: RealFactors | None, order: Any, unit: int) -> None:
        proven = np.zeros(padded(len(order), unit), np.int8)
        if reals is not None:
            proven[: len(order)] = reals.proven[order]
        else:
            reals = RealFactors(*(np.zeros(numbers.bias.size, np.float32) for _ in range(2)), proven)
        self.proven = proven.reshape(-1, unit).min(axis=1).repeat(unit // 16)
        self._arrays = (
            packed,
            filled(numbers.bias[order].astype(np.int32)),
            filled(numbers.multiplier[order].astype(np.int32)),
            pack_pairs(numbers.offset[order]),
            filled((numbers.right[order] - 32).astype(np.int32)),
            filled(reals.scale[order]),
            filled(reals.offset[order]),
            self.proven,
        )
        self.channels = Channels(*(array.ctypes.data for array in self._arrays))


def filled(values: np.ndarray) -> np.ndarray:
    whole = np.zeros(padded(values.size, 16), values.dtype)
    whole[: values.size] = values
    return whole


SHAPES = [
    (1, 1, 1), (1, 4, 16), (2, 3, 17), (5, 8, 32), (6, 12, 33), (7, 32, 48), (11, 64, 31), (12, 16, 64),
    (13, 36, 40), (24, 128, 96), (25, 5, 63), (37, 257, 65), (6, 1024, 521),
]  # fmt: skip


def matrix(rng: np.random.Generator, rows: int, inputs: int) -> np.ndarray:
    """Return random uint8 with some of both ends, and a vector of memory behind them."""
    x = np.zeros(rows * inputs + 64, np.uint8)
    x[: rows * inputs] = rng.integers(0, 256, rows * inputs)
    x[: min(8, rows * inputs)] = [0, 255, 128, 127, 129, 254, 1, 133][: min(8, rows * inputs)]
    return x


class Product:
    """Random rows and weights of a shape, (rows, inputs, outputs); what a kernel is given of them, and has to give."""

    def __init__(self, shape: tuple[int, int, int], real: bool) -> None:
        rows, inputs, self.outputs = self._shape = shape
        rng = np.random.default_rng(sum(shape))
        self._x, weights = matrix(rng, rows, inputs), rng.integers(-128, 128, (inputs, self.outputs)).astype(np.int8)
        acc = self._x[: rows * inputs].reshape(rows, inputs).astype(np.int64) @ weights
        numbers = Numbers(rng, self.outputs, int(np.abs(acc).max()) + 1, 2**22 if real else 2**30)
        reals = numbers.reals(weights) if real else None
        self.packed = Packed(numbers, pack_pointwise(weights), reals, np.arange(self.outputs), 16)
        self.rows = Rows(self._x.ctypes.data, rows, inputs, 1, 0, padded(inputs, 4) // 4)
        self.spare, self.out = spare_for(rows, inputs), Guarded(rows * self.outputs)
        self.wanted = numbers.rounded(acc)

    def check(self) -> None:
        """Compare what was written, and look at the guards."""
        self.spare.content(np.uint8)
        found = self.out.content(np.int8).reshape(self.wanted.shape)
        np.testing.assert_array_equal(found, self.wanted, str(self._shape))


@pytest.mark.parametrize("real", [False, True], ids=["shift", "real"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matmul(kernels: KernelSet, shape: tuple[int, int, int], real: bool) -> None:
    product, (rows, inputs, outputs) = Product(shape, real), shape
    kernels.matmul(product.rows, product.packed.channels, outputs, product.out.address, product.spare.address)
    product.check()
    if outputs > 16 and rows > 4:
        assert len(np.unique(product.wanted)) > 40
        assert (product.wanted == -128).any()
        assert (product.wanted == 127).any()
        assert not real or inputs > 36 or product.packed.proven.any()


@pytest.mark.parametrize("quads", [1, 5, 8])
def test_rows_in_groups(kernels: KernelSet, quads: int) -> None:
    """Rows that overlap and whose groups lie apart, as those of a convolution."""
    rng, outputs, count, inputs = np.random.default_rng(5), 32, 21, 12 * quads
    image, weights = (
        rng.integers(0, 256, 400).astype(np.uint8),
        rng.integers(-128, 128, (3, 4 * quads, outputs)).astype(np.int8),
    )
    seen = np.stack([[image[2 * row + 60 * group :][: 4 * quads] for group in range(3)] for row in range(count)])
    numbers = Numbers(rng, outputs, 2**16)
    packed = Packed(numbers, pack_pointwise(weights.reshape(inputs, outputs)), None, np.arange(outputs), 16)
    spare, out = spare_for(count, inputs), Guarded(count * outputs)
    kernels.matmul(
        Rows(image.ctypes.data, count, 2, 3, 60, quads), packed.channels, outputs, out.address, spare.address
    )
    spare.content(np.uint8)
    wanted = numbers.rounded(seen.reshape(count, inputs).astype(np.int64) @ weights.reshape(inputs, outputs))
    np.testing.assert_array_equal(out.content(np.int8).reshape(count, outputs), wanted)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matmul_raw(kernels: KernelSet, shape: tuple[int, int, int]) -> None:
    rows, inputs, outputs = shape
    rng = np.random.default_rng(sum(shape))
    x, weights = matrix(rng, rows, inputs), rng.integers(-128, 128, (inputs, outputs)).astype(np.int8)
    acc = x[: rows * inputs].reshape(rows, inputs).astype(np.int64) @ weights
    numbers = Numbers(rng, outputs, 2**20)
    packed = Packed(numbers, pack_pointwise(weights), None, np.arange(outputs), 16)
    spare, out = spare_for(rows, inputs), Guarded(rows * padded(outputs, 16) * 4)
    left = Rows(x.ctypes.data, rows, inputs, 1, 0, padded(inputs, 4) // 4)
    kernels.matmul_raw(left, packed.channels, outputs, out.address, spare.address)
    spare.content(np.uint8)
    found = out.content(np.int32).reshape(rows, -1)[:, :outputs]
    np.testing.assert_array_equal(found, acc + numbers.bias)


@pytest.mark.parametrize("real", [False, True], ids=["shift", "real"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [8, 16, 32, 64, 128, 192])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (4, 7), (6, 4)], ids=str)
def test_depthwise(kernels: KernelSet, size: tuple[int, int], channels: int, stride: int, real: bool) -> None:
    if channels < 64 and stride == 2:
        pytest.skip("such steps keep their plain kernel")
    (height, width), rng = size, np.random.default_rng(channels + stride)
    body_h, body_w = (height - 1) * stride + 3, (width - 1) * stride + 3
    # Where columns are whole chunks the kernel sees the border itself: one row above, one column on either side.
    top, left, right = (1, 1, 1) if channels >= 64 else (0, 0, 0)
    border = rng.integers(0, 256)
    body = np.full((body_h, body_w, channels), border, np.uint8)
    inside = body[top:, left : body_w - right]
    inside[...] = rng.integers(0, 256, inside.shape)
    image = np.zeros(inside.size + 256, np.int8)
    flip = FLIP if channels >= 64 else 0
    image[: inside.size] = (inside ^ (flip & 255)).reshape(-1).view(np.int8)
    edge = np.full(body_w * channels, border ^ (flip & 255), np.uint8)
    weights = rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
    acc = np.zeros((height, width, channels), np.int64)
    for ky in range(3):
        for kx in range(3):
            seen = body[ky : ky + (height - 1) * stride + 1 : stride, kx : kx + (width - 1) * stride + 1 : stride]
            acc += seen.astype(np.int64) * weights[ky, kx]
    numbers = Numbers(rng, channels, int(np.abs(acc).max()) + 1, 2**22 if real else 2**30)
    reals = numbers.reals(weights.reshape(9, channels)) if real else None
    packed = Packed(numbers, pack_depthwise(weights), reals, interleaved(channels), 64)
    spare, out = np.zeros(128, np.uint8), Guarded(height * width * channels)
    kernels.depthwise(
        Image(image.ctypes.data, *inside.shape, stride, top, left, edge.ctypes.data, flip),
        packed.channels, 0, height, width, Destination(out.address, channels, 0), spare.ctypes.data,
    )  # fmt: skip
    np.testing.assert_array_equal(out.content(np.int8).reshape(acc.shape), numbers.rounded(acc))


def test_depthwise_rows_of_wide_pixels(kernels: KernelSet) -> None:
    """Some rows of an image, their results apart and with bits turned, as a matrix product wants them."""
    rng, channels, pixel = np.random.default_rng(3), 64, 192
    image, edge = rng.integers(-128, 128, (7, 5, channels)).astype(np.int8), np.full(5 * channels, -128, np.int8)
    weights = rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
    numbers = Numbers(rng, channels, 2**16, 2**22)
    reals = numbers.reals(weights.reshape(9, channels))
    packed = Packed(numbers, pack_depthwise(weights), reals, interleaved(channels), 64)
    whole, some, spare = Guarded(7 * 5 * channels), Guarded(3 * 5 * pixel), np.zeros(128, np.uint8)
    x = Image(image.ctypes.data, 7, 5, channels, 1, 1, 1, edge.ctypes.data, FLIP)
    kernels.depthwise(x, packed.channels, 0, 7, 5, Destination(whole.address, channels, 0), spare.ctypes.data)
    kernels.depthwise(x, packed.channels, 2, 5, 5, Destination(some.address, pixel, FLIP), spare.ctypes.data)
    found = some.content(np.uint8).reshape(3, 5, pixel)
    wanted = whole.content(np.uint8).reshape(7, 5, channels)[2:5] ^ 0x80
    np.testing.assert_array_equal(found[..., :channels], wanted)
    np.testing.assert_array_equal(found[..., channels:], 0x5A)


@pytest.mark.parametrize("shape", [(1, 1), (4, 16), (5, 17), (33, 521)], ids=str)
def test_packed_matrices_come_back(shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    packed = pack_pointwise(weights)
    assert packed.shape == (padded(shape[1], 16) // 16, padded(shape[0], 4) // 4, 16, 4)
    np.testing.assert_array_equal(unpack_pointwise(packed, *shape), weights)


@pytest.mark.parametrize("channels", [1, 8, 32, 64, 256])
def test_packed_filters_and_numbers_come_back(channels: int) -> None:
    rng = np.random.default_rng(channels)
    weights = rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
    np.testing.assert_array_equal(unpack_depthwise(pack_depthwise(weights), channels), weights)
    numbers = rng.integers(-(2**40), 2**40, channels)
    np.testing.assert_array_equal(unpack_pairs(pack_pairs(numbers), channels), numbers)


@pytest.mark.parametrize(
    ("machine", "features", "name"),
    [
        ("x86_64", "avx2 fma avxvnni avx512vnni avx512bw avx512vl avx512dq", "avx512vnni"),
        ("AMD64", "avx2 fma avxvnni avx512vnni", "avxvnni"),
        ("x86_64", "avx2 fma", "avx2"),
        ("x86_64", "avx2", "plain"),
        ("x86_64", "sse2", "plain"),
        ("aarch64", "dotprod neon", "neon-dot"),
        ("arm64", "neon", "neon"),
        ("riscv64", "avx2", "plain"),
    ],
)
def test_targets_are_told_by_features(machine: str, features: str, name: str) -> None:
    assert detect_target(dict.fromkeys(features.split(), True), machine).name == name
    assert platform.machine()
