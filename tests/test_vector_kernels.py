"""Every lowering of the vector kernels against plain integers: equal bits, and nothing touched beside the output."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytestmark = pytest.mark.numba

import llvmlite.binding as llvm  # noqa: E402

from yamjit.kernels.packing import (  # noqa: E402
    interleaved,
    pack_depthwise,
    pack_pairs,
    pack_pointwise,
    padded,
    unpack_depthwise,
    unpack_pairs,
    unpack_pointwise,
)
from yamjit.kernels.simd import TARGETS, VectorOps, detect_target  # noqa: E402
from yamjit.kernels.vector_kernels import VectorKernels  # noqa: E402

FLIP = 0x80808080
GUARD = 512


def runnable() -> list[str]:
    """Return the targets that this machine can run."""
    features = llvm.get_host_cpu_features()
    needs = {
        "avx512vnni": ("avx512vnni", "avx512bw", "avx512vl", "avx512dq"),
        "avxvnni": ("avxvnni",),
        "avx2": ("avx2",),
        "plain": (),
    }
    return [name for name in TARGETS if all(features.get(need, False) for need in needs[name])]


@pytest.fixture(scope="module", params=runnable())
def kernels(request: pytest.FixtureRequest) -> VectorKernels:
    return VectorKernels(VectorOps(TARGETS[request.param]))


class Guarded:
    """An array of bytes between guards, as an address that kernels write to."""

    def __init__(self, size: int, slack: int = 0) -> None:
        self._bytes = np.full(size + 2 * GUARD, 0x5A, np.uint8)
        self._size, self._slack = size, slack
        self.address = self._bytes.ctypes.data + GUARD

    def content(self, dtype: Any) -> np.ndarray:
        assert (self._bytes[:GUARD] == 0x5A).all()
        assert (self._bytes[GUARD + self._size + self._slack :] == 0x5A).all()
        return self._bytes[GUARD : GUARD + self._size].view(dtype)


def constants(rng: np.random.Generator, channels: int, reach: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return multiplier, offset and shift so that accumulators up to `reach` fill a byte and pass both its ends."""
    multiplier = rng.integers(2**30, 2**31, channels)
    right = np.maximum(np.log2(reach * multiplier / 2.0**9).astype(np.int64) + rng.integers(-1, 2, channels), 32)
    offset = rng.integers(-(2**20), 2**20, channels) * multiplier // 2**12 + 2**30 + (1 << (right - 1))
    # A bias may lift results far beyond a byte, and beyond 16 bits.
    offset[2::5] += (1 << right[2::5]) * rng.choice([-(2**17), -(2**15), 300, 2**15, 40_000, 2**17], offset[2::5].size)
    return multiplier, offset, (right - 32).astype(np.int32)


def rounded(acc: np.ndarray, multiplier: np.ndarray, offset: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return (np.clip((acc * multiplier + offset) >> (32 + shift.astype(np.int64)), 0, 255) - 128).astype(np.int8)


def filled(values: np.ndarray) -> np.ndarray:
    whole = np.zeros(padded(values.size, 16), np.int32)
    whole[: values.size] = values
    return whole


SHAPES = [
    (1, 1, 1), (1, 4, 16), (2, 3, 17), (5, 8, 32), (6, 12, 33), (7, 32, 48), (11, 64, 31), (12, 16, 64),
    (13, 36, 40), (24, 128, 96), (25, 5, 63), (37, 257, 65), (6, 1024, 521),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pointwise(kernels: VectorKernels, shape: tuple[int, int, int]) -> None:
    rows, inputs, outputs = shape
    rng = np.random.default_rng(sum(shape))
    x = np.zeros(rows * inputs + 64, np.int8)
    x[: rows * inputs] = rng.integers(-128, 128, rows * inputs)
    x[: min(8, rows * inputs)] = [-128, 127, 0, -1, 1, 126, -127, 5][: min(8, rows * inputs)]
    weights = rng.integers(-128, 128, (inputs, outputs)).astype(np.int8)
    acc = (x[: rows * inputs].reshape(rows, inputs).astype(np.int64) + 128) @ weights
    multiplier, offset, shift = constants(rng, outputs, int(np.abs(acc).max()) + 1)
    packed, pairs, offsets = pack_pointwise(weights), pack_pairs(multiplier), pack_pairs(offset)
    shifts, spare, out = filled(shift), np.zeros(64, np.uint8), Guarded(rows * outputs)
    kernels.pointwise(
        x.ctypes.data, rows, inputs, FLIP, packed.shape[1], packed.ctypes.data, outputs, pairs.ctypes.data,
        offsets.ctypes.data, shifts.ctypes.data, out.address, spare.ctypes.data,
    )  # fmt: skip
    wanted = rounded(acc, multiplier, offset, shift)
    np.testing.assert_array_equal(out.content(np.int8).reshape(rows, outputs), wanted)
    if outputs > 16 and rows > 4:
        assert len(np.unique(wanted)) > 40
        assert (wanted == -128).any()
        assert (wanted == 127).any()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pointwise_raw(kernels: VectorKernels, shape: tuple[int, int, int]) -> None:
    rows, inputs, outputs = shape
    rng = np.random.default_rng(sum(shape))
    x = np.zeros(rows * inputs + 64, np.int8)
    x[: rows * inputs] = rng.integers(-128, 128, rows * inputs)
    weights = rng.integers(-128, 128, (inputs, outputs)).astype(np.int8)
    bias = rng.integers(-(2**20), 2**20, outputs)
    acc = (x[: rows * inputs].reshape(rows, inputs).astype(np.int64) + 128) @ weights + bias
    packed, start = pack_pointwise(weights), filled(bias)
    out = Guarded(rows * padded(outputs, 16) * 4)
    kernels.pointwise_raw(
        x.ctypes.data, rows, inputs, FLIP, packed.shape[1], packed.ctypes.data, outputs, start.ctypes.data, out.address
    )
    found = out.content(np.int32).reshape(rows, -1)[:, :outputs]
    np.testing.assert_array_equal(found, acc)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [8, 16, 32, 64, 128, 192])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (4, 7), (6, 4)], ids=str)
def test_depthwise(kernels: VectorKernels, size: tuple[int, int], channels: int, stride: int) -> None:
    if channels < 64 and stride == 2:
        pytest.skip("such steps keep their plain kernel")
    (height, width), rng = size, np.random.default_rng(channels + stride)
    image_h, image_w = (height - 1) * stride + 3, (width - 1) * stride + 3
    image = np.zeros(image_h * image_w * channels + 256, np.uint8)
    body = image[: image_h * image_w * channels].reshape(image_h, image_w, channels)
    body[...] = rng.integers(0, 256, body.shape)
    weights = rng.integers(-128, 128, (3, 3, channels)).astype(np.int8)
    acc = np.zeros((height, width, channels), np.int64)
    for ky in range(3):
        for kx in range(3):
            seen = body[ky : ky + (height - 1) * stride + 1 : stride, kx : kx + (width - 1) * stride + 1 : stride]
            acc += seen.astype(np.int64) * weights[ky, kx]
    multiplier, offset, shift = constants(rng, channels, int(np.abs(acc).max()) + 1)
    order = interleaved(channels)
    packed, pairs, offsets = pack_depthwise(weights), pack_pairs(multiplier[order]), pack_pairs(offset[order])
    shifts, spare, out = filled(shift[order]), np.zeros(64, np.uint8), Guarded(height * width * channels)
    kernels.depthwise(
        image.ctypes.data, image_w * channels, height, width, channels, stride, packed.ctypes.data, pairs.ctypes.data,
        offsets.ctypes.data, shifts.ctypes.data, out.address, spare.ctypes.data,
    )  # fmt: skip
    wanted = rounded(acc, multiplier, offset, shift)
    np.testing.assert_array_equal(out.content(np.int8).reshape(wanted.shape), wanted)


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
        ("x86_64", "avx2 avxvnni avx512vnni avx512bw avx512vl avx512dq", "avx512vnni"),
        ("AMD64", "avx2 avxvnni avx512vnni", "avxvnni"),
        ("x86_64", "avx2", "avx2"),
        ("x86_64", "sse2", "plain"),
        ("aarch64", "i8mm neon", "plain"),
        ("riscv64", "avx2", "plain"),
    ],
)
def test_targets_are_told_by_features(machine: str, features: str, name: str) -> None:
    assert detect_target(dict.fromkeys(features.split(), True), machine).name == name
    assert platform.machine()
