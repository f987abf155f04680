"""Every lowering of the float32 vector kernels against sums term by term: equal bits, nothing written beside them."""

from __future__ import annotations

import dataclasses
import platform
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")
pytestmark = [pytest.mark.slow, pytest.mark.numba]

from tests.support.float_graphs import constant, operation  # noqa: E402
from tests.support.programs import OneOperator  # noqa: E402
from yamjit.kernels import load_backend  # noqa: E402
from yamjit.kernels.float32.depthwise import make_float_depthwise  # noqa: E402
from yamjit.kernels.float32.matmul import FloatChannels, FloatRows, make_float_matmul  # noqa: E402
from yamjit.kernels.machine_code.jit import jit  # noqa: E402
from yamjit.kernels.memory import aligned_bytes, padded  # noqa: E402
from yamjit.kernels.prepared.columns import VectorOp  # noqa: E402
from yamjit.kernels.prepared.packing import pack_floats  # noqa: E402
from yamjit.kernels.program import SPARE, Column, StepOp  # noqa: E402
from yamjit.kernels.vectors.ops import VectorOps  # noqa: E402
from yamjit.kernels.vectors.processor import host_features  # noqa: E402
from yamjit.kernels.vectors.target import TARGETS  # noqa: E402
from yamjit.tflite.graph import Arithmetic, Op, Padding  # noqa: E402
from yamjit.tflite.operators.products import DepthwiseConv2DOptions  # noqa: E402

Float32 = npt.NDArray[np.float32]
F = np.float32

TESTED = [target for target in TARGETS.values() if target.runs_on(host_features(), platform.machine())]
UNTOUCHED = F(7)
VECTOR_OPS = {
    StepOp.DEPTHWISE_F32: VectorOp.DEPTHWISE_F32,
    StepOp.DEPTHWISE_FROM_BIAS: VectorOp.DEPTHWISE_FROM_BIAS,
}


class Kernels(NamedTuple):
    """What is tested, as functions of addresses and numbers."""

    multiply: Any
    filter: Any


@pytest.fixture(scope="module", params=TESTED, ids=lambda target: target.name)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    ops = VectorOps(request.param)
    matmul, depthwise = make_float_matmul(ops), make_float_depthwise(ops)

    @jit
    def multiply(rows: FloatRows, channels: FloatChannels, outputs: int, out: int, spare: int) -> None:
        matmul(rows, channels, outputs, out, spare)

    @jit
    def filter_image(s: Any, channels: FloatChannels, x: int, image: int, out: int) -> None:
        depthwise(s, channels, x, image, out)

    return Kernels(multiply, filter_image)


def guarded(size: int) -> Float32:
    """Return room for results, with values behind it that have to stay."""
    return np.full(size + 64, UNTOUCHED, F)


def assert_same_bits(found: Float32, expected: Float32) -> None:
    np.testing.assert_array_equal(found[: expected.size].view(np.int32), expected.reshape(-1).view(np.int32))
    assert (found[expected.size :] == UNTOUCHED).all(), "written behind the results"


@pytest.mark.parametrize("outputs", [1, 4, 15, 16, 17, 47, 64, 130])
def test_products_are_summed_term_by_term(kernels: Kernels, outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    for count in (1, 2, 3, 4, 5, 8, 9, 13, 25):
        for groups, inputs in ((1, 1), (1, 33), (3, 6)):
            x = np.asarray(rng.standard_normal((count, groups, inputs + 2)), F)
            weights = np.asarray(rng.standard_normal((groups * inputs, outputs)), F)
            bias, low, high = np.asarray(rng.standard_normal(outputs), F), F(rng.choice([-1e30, 0])), F(6)
            expected = np.zeros((count, outputs), F)
            for column, factors in zip(x[..., :inputs].reshape(count, -1).T, weights, strict=True):
                expected += column[:, None] * factors
            whole = np.zeros(padded(outputs, 16), F)
            whole[:outputs] = bias
            packed, out, spare = pack_floats(weights), guarded(expected.size), aligned_bytes(SPARE)
            kernels.multiply(
                FloatRows(x.ctypes.data, count, x.strides[0], groups, x.strides[1], inputs),
                FloatChannels(packed.ctypes.data, whole.ctypes.data, low, high),
                outputs,
                out.ctypes.data,
                spare.ctypes.data,
            )
            assert_same_bits(out, np.clip(expected + bias, low, high))


@pytest.mark.parametrize("arithmetic", Arithmetic)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 9)])
def test_images_are_filtered_as_in_numpy(kernels: Kernels, size: tuple[int, int], arithmetic: Arithmetic) -> None:
    for inputs, outputs in ((16, 16), (17, 17), (40, 40), (1, 16), (3, 48)):
        for stride, padding in ((1, Padding.SAME), (2, Padding.SAME), (1, Padding.VALID)):
            if padding == Padding.VALID and min(size) < 3:
                continue
            sides = [-(-side // stride) if padding == Padding.SAME else side - 2 for side in size]
            graph = operation(
                Op.DEPTHWISE_CONV_2D,
                [((1, *size, inputs), F), constant(1, 3, 3, outputs), constant(outputs, seed=1)],
                ((1, *sides, outputs), F),
                DepthwiseConv2DOptions(padding, stride, stride, depth_multiplier=outputs // inputs),
            )
            operator = OneOperator(dataclasses.replace(graph, arithmetic=arithmetic))
            x = constant(1, *size, inputs, seed=2)
            expected = operator.run(load_backend("numpy"), x)
            s, constants = operator.program.steps[0].copy(), operator.program.constants.ctypes.data
            s[Column.OP] = VECTOR_OPS[StepOp(s[Column.OP])]
            image, out = aligned_bytes((size[0] + 2) * (size[1] + 2) * 64), guarded(expected.size)
            channels = FloatChannels(constants + s[Column.WEIGHTS], constants + s[Column.BIAS], F(-1e30), F(1e30))
            kernels.filter(s, channels, x.ctypes.data, image.ctypes.data, out.ctypes.data)
            assert_same_bits(out, expected)
