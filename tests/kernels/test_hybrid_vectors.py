"""Every lowering of the hybrid vector kernels against their NumPy twin: equal bits, and nothing written beside them."""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")
pytestmark = [pytest.mark.slow, pytest.mark.numba]

from tests.support.hybrid import HARD_ROWS, hard_rows  # noqa: E402
from yamjit.kernels.hybrid.depthwise import Filter, make_depthwise  # noqa: E402
from yamjit.kernels.hybrid.matmul import HybridChannels, HybridRows, make_hybrid_matmul  # noqa: E402
from yamjit.kernels.hybrid.numpy import depthwise_f32_s8, quantize_rows  # noqa: E402
from yamjit.kernels.hybrid.vector_quantizing import make_quantizer  # noqa: E402
from yamjit.kernels.machine_code.jit import jit  # noqa: E402
from yamjit.kernels.memory import aligned_bytes, padded  # noqa: E402
from yamjit.kernels.prepared.packing import pack_pointwise  # noqa: E402
from yamjit.kernels.program import Dequantization, Scaling, Window  # noqa: E402
from yamjit.kernels.vectors.ops import VectorOps  # noqa: E402
from yamjit.kernels.vectors.processor import host_features  # noqa: E402
from yamjit.kernels.vectors.target import TARGETS, Target  # noqa: E402

Float32 = npt.NDArray[np.float32]

TESTED = [target for target in TARGETS.values() if target.runs_on(host_features(), platform.machine())]
GUARD = 64
UNTOUCHED = np.float32(7)


class Kernels(NamedTuple):
    """What is tested, as functions of addresses and numbers."""

    target: Target
    quantize: Any
    multiply: Any
    filter: Any


@pytest.fixture(scope="module", params=TESTED, ids=lambda target: target.name)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    ops = VectorOps(request.param)
    scale_of, quantize_part = make_quantizer(ops)
    matmul, depthwise = make_hybrid_matmul(ops), make_depthwise(ops)

    @jit
    def quantize(x: int, size: int, symmetric: bool, part: int, flip: int, out: int) -> tuple[Any, Any]:
        by = scale_of(x, size, symmetric)
        for first in range(0, size, part):
            count = min(part, size - first)
            quantize_part(x + 4 * first, first, count, size, by, flip, out + first)
        return by.scale, by.zero_point

    @jit
    def multiply(rows: HybridRows, channels: HybridChannels, outputs: int, out: int, spare: int) -> None:
        matmul(rows, channels, outputs, out, spare)

    @jit
    def filter_image(x: int, how: Filter, joint: bool, image: int, out: int) -> None:
        by = scale_of(x, how.input_h * how.input_w * how.channels, False)
        one = np.float32(1)
        first, second = (by.scale, one) if joint else (one, by.scale)
        depthwise(x, by, Filter(*how[:16], first, second, *how[18:]), image, out)

    return Kernels(request.param, quantize, multiply, filter_image)


def guarded(size: int) -> Float32:
    """Return room for results, with values behind it that have to stay."""
    return np.full(size + GUARD, UNTOUCHED, np.float32)


def assert_same_bits(found: Float32, expected: Float32) -> None:
    np.testing.assert_array_equal(found[: expected.size].view(np.int32), expected.reshape(-1).view(np.int32))
    assert (found[expected.size :] == UNTOUCHED).all(), "written behind the results"


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("size", [1, 7, 8, 15, 17, 31, 64, 100, 257])
def test_rows_are_quantized_as_in_numpy(kernels: Kernels, size: int, symmetric: bool) -> None:
    rows = hard_rows(np.random.default_rng(size), len(HARD_ROWS) + 2, size)
    rows[-2], rows[-1, ::2] = np.nan, np.inf
    expected = quantize_rows(rows, symmetric=symmetric)
    for number, row in enumerate(rows):
        for part in (size, 5, 16, 24):
            for flip in (0, 0x80808080):
                out = np.full(size + GUARD, 3, np.int8)
                scale, zero_point = kernels.quantize(row.ctypes.data, size, symmetric, part, flip, out.ctypes.data)
                found = (out[:size] ^ np.int8(-128 if flip else 0)).astype(np.int32) - zero_point
                assert found.tolist() == expected.values[number].tolist()
                assert np.float32(scale).view(np.int32) == expected.scale[number, 0].view(np.int32)
                assert (out[size:] == 3).all()


def whole(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers of channels filled up to blocks."""
    result = np.zeros(padded(values.size, 16), values.dtype)
    result[: values.size] = values
    return result


@pytest.mark.parametrize("weights_first", [False, True])
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 32, 47, 64])
def test_products_are_scaled_as_in_numpy(kernels: Kernels, outputs: int, weights_first: bool) -> None:
    rng = np.random.default_rng(outputs)
    for count in (1, 2, 6, 12, 13, 25):
        for inputs in (1, 4, 7, 32, 65):
            x = rng.integers(-128, 128, (count, inputs)).astype(np.int8)
            zero_point = rng.integers(-128, 128, count).astype(np.int32)
            scale, one = np.asarray(rng.random(count) * 0.1, np.float32), np.ones(count, np.float32)
            weights = rng.integers(-127, 128, (inputs, outputs)).astype(np.int8)
            scales = np.asarray(rng.random(outputs) * 0.01, np.float32)
            bias = np.asarray(rng.standard_normal(outputs), np.float32)
            low, high = np.float32(rng.choice([-np.inf, 0])), np.float32(rng.choice([np.inf, 6]))
            acc = ((x.astype(np.int32) - zero_point[:, None]) @ weights.astype(np.int32)).astype(np.float32)
            scaled = (acc * scales) * scale[:, None] if weights_first else acc * (scale[:, None] * scales)
            expected = np.clip(scaled + bias, low, high)

            flip = not kernels.target.multiplies_signed_bytes
            panel = np.zeros(count * inputs + 256, np.int8)
            panel[: count * inputs] = x.reshape(-1)
            panel ^= np.int8(-128 if flip else 0)
            table = np.zeros((count, 3), np.float32)
            table[:, 0], table[:, 1] = (one, scale) if weights_first else (scale, one)
            table.view(np.int32)[:, 2] = zero_point + (128 if flip else 0)
            packed = (pack_pointwise(weights), *map(whole, (weights.sum(0, dtype=np.int32), scales, bias)))
            out, spare = guarded(expected.size), aligned_bytes(8192)
            kernels.multiply(
                HybridRows(panel.ctypes.data, count, inputs, 1, 0, padded(inputs, 4) // 4, table.ctypes.data, 12),
                HybridChannels(*(array.ctypes.data for array in packed), low, high),
                outputs,
                out.ctypes.data,
                spare.ctypes.data,
            )
            assert_same_bits(out, expected)


@pytest.mark.parametrize("scaling", [Scaling.JOINT, Scaling.WEIGHTS_FIRST_IN_FOURS])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 9)])
def test_images_are_filtered_as_in_numpy(kernels: Kernels, size: tuple[int, int], scaling: Scaling) -> None:
    rng = np.random.default_rng(size[0])
    height, width = size
    for number, (channels, kernel, stride) in enumerate(
        (channels, kernel, stride) for channels in (16, 48) for kernel in ((1, 1), (3, 3), (2, 5)) for stride in (1, 2)
    ):
        x = hard_rows(rng, number + 1, height * width * channels)[-1].reshape(1, height, width, channels)
        weights = rng.integers(-127, 128, (*kernel, channels)).astype(np.int8)
        scale = np.asarray(rng.random(channels) * 0.01, np.float32)
        bias = np.asarray(rng.standard_normal(channels), np.float32)
        low, high = np.float32(rng.choice([-np.inf, 0])), np.float32(rng.choice([np.inf, 6]))
        out_h, out_w = -(-height // stride), -(-width // stride)
        reach_h, reach_w = (out_h - 1) * stride + kernel[0], (out_w - 1) * stride + kernel[1]
        top, left = max(0, reach_h - height) // 2, max(0, reach_w - width) // 2
        expected = np.empty((1, out_h, out_w, channels), np.float32)
        how = Dequantization(scale, bias, low, high, scaling)
        depthwise_f32_s8(x, weights, Window(stride, stride, top, left, 0), how, expected)

        image_h, image_w = max(reach_h, top + height), max(reach_w, left + width)
        image, taps = aligned_bytes((image_h * image_w + 3 * stride) * 64), weights.astype(np.float32)
        sizes = (height, width, image_h, image_w, channels, *kernel, stride, stride, top, left, out_h, out_w)
        addresses = (taps.ctypes.data, scale.ctypes.data, bias.ctypes.data)
        how_here = Filter(*sizes, *addresses, np.float32(0), np.float32(0), low, high)
        out = guarded(expected.size)
        kernels.filter(x.ctypes.data, how_here, scaling == Scaling.JOINT, image.ctypes.data, out.ctypes.data)
        assert_same_bits(out, expected)
