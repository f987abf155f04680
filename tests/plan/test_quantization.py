"""What the plan prepares from real scales, against the slow arithmetic of the reference."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import arithmetic, problems
from yamjit.plan.quantization import (
    Multipliers,
    activation_range,
    logistic_table,
    mean_multipliers,
    one_shift_offset,
    quantize_multiplier,
)
from yamjit.tflite.graph import Activation, Quantization

GOLDENS = Path(problems.__file__).parent / "goldens"

float32_scales = st.floats(2.0**-120, 2.0**40, width=32)
int8_values = st.integers(-128, 127)


def quantized(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64))


def pairs(multipliers: Multipliers) -> list[tuple[int, int]]:
    return list(zip(multipliers.multiplier.tolist(), multipliers.shift.tolist(), strict=True))


# -- Multipliers ------------------------------------------------------------------------------------------------


EDGE_SCALES = [
    *(2.0**exponent for exponent in range(-40, 17)),
    *(np.nextafter(2.0**exponent, 0.0) for exponent in (-33, -32, -31, -1, 0, 1, 15)),
    *(np.nextafter(2.0**exponent, 9.0) for exponent in (-33, -32, -31, -1, 0, 1)),
    1 - 2.0**-32,  # the mantissa is a tie and rounds up to 2**31
    1 - 2.0**-32 - 2.0**-53,
    1 - 2.0**-33,
    2.0**-31 * (1 - 2.0**-40),
    2.0**-32 * (1 - 2.0**-40),  # rounded up, it does not vanish any more
    0.5 + 2.0**-33,  # a tie
    0.5 + 2.0**-33 - 2.0**-53,
    5e-324,
]


def test_multipliers_at_the_edges() -> None:
    found = quantize_multiplier(EDGE_SCALES)
    assert pairs(found) == [arithmetic.quantize_multiplier(float(scale)) for scale in EDGE_SCALES]
    assert found.scale.tolist() == EDGE_SCALES
    assert (found.multiplier.dtype, found.shift.dtype, found.scale.dtype) == (np.int32, np.int32, np.float64)


def test_multipliers_of_many_scales() -> None:
    rng = np.random.default_rng(1)
    scales = 2.0 ** rng.uniform(-36, 16, 20_000)
    expected = [arithmetic.quantize_multiplier(scale) for scale in scales.tolist()]
    assert pairs(quantize_multiplier(scales)) == expected


@given(float32_scales, float32_scales, float32_scales)
def test_multipliers_of_products_of_scales(source: float, weights: float, output: float) -> None:
    scale = arithmetic.effective_scale(source, weights, output)
    if scale < 2.0**30:
        assert pairs(quantize_multiplier(scale)) == [arithmetic.quantize_multiplier(scale)]


@pytest.mark.parametrize("scale", [1.0, 1.0537, 0.5, 3.0, 2.0**10, 2.0**-29, 2.0**-31, 2.0**-32, 2.0**-40])
def test_mean_multipliers(scale: float) -> None:
    for positions in (*range(1, 70), 127, 128, 129, 2**15, 2**20 + 1):
        found = mean_multipliers(scale, positions)
        assert pairs(found) == [arithmetic.mean_multiplier(scale, 1.0, positions)]
        assert found.scale.tolist() == [scale / positions]


# -- One shift for two roundings --------------------------------------------------------------------------------


def once(accumulator: int, multipliers: Multipliers) -> int:
    product = accumulator * int(multipliers.multiplier[0]) + int(one_shift_offset(multipliers)[0])
    assert -(2**63) <= product < 2**63
    return product >> (31 - int(multipliers.shift[0]))


def made(multiplier: int, shift: int) -> Multipliers:
    scale = float(multiplier) * 2.0 ** (shift - 31)
    return Multipliers(np.array([scale]), np.array([multiplier], np.int32), np.array([shift], np.int32))


def accumulators(multiplier: int, shift: int) -> list[int]:
    """Return accumulators at and beside every threshold within int8, at both ends of int32, and some at random."""
    unit = Fraction(multiplier, 2**31) / 2**-shift
    near = [round(Fraction(2 * k + 1, 2) / unit) + off for k in range(-4, 256) for off in (-2, -1, 0, 1, 2)]
    ends = [0, 1, -1, 2**31 - 1, -(2**31) + 1]
    some = np.random.default_rng(multiplier - shift).integers(-(2**31), 2**31, 100).tolist()
    return [value for value in (*near, *ends, *some) if abs(value) < 2**31]


@pytest.mark.parametrize("shift", [0, -1, -2, -5, -9, -16, -30, -31])
@pytest.mark.parametrize("multiplier", [2**30, 2**30 + 1, 1518500250, 2**31 - 1])
def test_one_shift_equals_two_roundings_above_the_zero_point(multiplier: int, shift: int) -> None:
    multipliers = made(multiplier, shift)
    for accumulator in accumulators(multiplier, shift):
        twice = arithmetic.multiply_by_quantized_multiplier(accumulator, multiplier, shift)
        # What is at or below the zero point is clamped to it.
        assert max(once(accumulator, multipliers), 0) == max(twice, 0), accumulator


@pytest.mark.parametrize("multiplier", [0, 1, 2**30, 1518500250, 2**31 - 1])
def test_one_shift_equals_two_roundings_everywhere_without_a_shift(multiplier: int) -> None:
    for accumulator in accumulators(max(multiplier, 2**30), 0):
        twice = arithmetic.multiply_by_quantized_multiplier(accumulator, multiplier, 0)
        assert once(accumulator, made(multiplier, 0)) == twice, accumulator


def test_one_shift_is_not_two_roundings_below_the_zero_point() -> None:
    assert once(-2, made(2**30, -1)) == 0
    assert arithmetic.multiply_by_quantized_multiplier(-2, 2**30, -1) == -1


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(-31, 0))
def test_one_shift_at_random(accumulator: int, multiplier: int, shift: int) -> None:
    twice = arithmetic.multiply_by_quantized_multiplier(accumulator, multiplier, shift)
    assert max(once(accumulator, made(multiplier, shift)), 0) == max(twice, 0)


# -- Clamps and tables ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", list(Activation))
def test_activation_ranges(activation: Activation) -> None:
    for scale in (6 / 255, 0.0209, 0.1, 0.4, 0.5, 1.0, 2.0, 4.0, 12.0, 0.003, 1e-6, 1e6):
        for zero_point in (-128, -127, -5, 0, 1, 100, 127):
            expected = arithmetic.activation_range(activation.name, float(np.float32(scale)), zero_point)
            assert activation_range(activation, quantized(scale, zero_point)) == expected


@given(st.sampled_from(list(Activation)), st.floats(2.0**-20, 2.0**20, width=32), int8_values)
def test_activation_ranges_at_random(activation: Activation, scale: float, zero_point: int) -> None:
    expected = arithmetic.activation_range(activation.name, scale, zero_point)
    assert activation_range(activation, quantized(scale, zero_point)) == expected


def test_logistic_tables_are_what_the_runtime_answered() -> None:
    stored, _ = problems.load(GOLDENS / "logistic.npz")
    for problem, answer in stored:
        assert isinstance(problem, problems.LogisticProblem)
        table = logistic_table(
            quantized(float(problem.input_scale), problem.input_zero_point), problem.output_zero_point
        )
        np.testing.assert_array_equal(table[problem.input.astype(np.intp) + 128], answer, err_msg=problem.name)
    assert len(stored) > 10


def test_logistic_tables_of_many_scales() -> None:
    rng = np.random.default_rng(2)
    for scale in (*(2.0 ** rng.uniform(-14, 8, 60)).tolist(), 1e-30, 1e30):
        zero_point, output = (int(value) for value in rng.integers(-128, 128, 2))
        expected = arithmetic.logistic_table(float(np.float32(scale)), zero_point, output)
        assert logistic_table(quantized(scale, zero_point), output).tolist() == expected, (scale, zero_point)
    assert logistic_table(quantized(0.1, 0), -128).dtype == np.int8
