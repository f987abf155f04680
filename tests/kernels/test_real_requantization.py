"""Float32 in place of the 64-bit shift: where it is called proven, every accumulator gives the same int8."""

from __future__ import annotations

import numpy as np
import pytest

from yamjit.kernels.int8.real_requantization import IntegerFactors, find_real_factors


def factors(rng: np.random.Generator, channels: int, right: int) -> IntegerFactors:
    multiplier = rng.integers(2**30, 2**31, channels)
    shift = np.full(channels, right, np.int64)
    offset = np.int64(2**30) + (np.int64(1) << (shift - 1)) - (np.int64(128) << shift)
    return IntegerFactors(multiplier, offset, shift)


def exact(integers: IntegerFactors, acc: np.ndarray) -> np.ndarray:
    """Return the int8 of accumulators [shape=(n,)] for every channel [shape=(channels, n)]."""
    results = (acc * integers.multiplier[:, None] + integers.offset[:, None]) >> integers.shift[:, None]
    return np.clip(results, -128, 127)


@pytest.mark.slow
@pytest.mark.parametrize("right", [33, 36, 38, 40])
def test_proven_channels_agree_for_every_accumulator(right: int) -> None:
    integers, channels = factors(np.random.default_rng(right), 64, right), 64
    low, high = np.full(channels, -40_000), np.full(channels, 300_000)
    found = find_real_factors(integers, low, high)
    acc = np.arange(-40_000, 300_001)
    # A fused multiply-add rounds once: the sum is exact in longdouble, or it was not called proven.
    total = acc.astype(np.longdouble) * found.scale[:, None] + found.offset[:, None].astype(np.longdouble)
    same = (np.clip(np.rint(total.astype(np.float32)), -128, 127) == exact(integers, acc)).all(axis=1)
    assert found.proven.any()
    np.testing.assert_array_equal(found.proven & ~same, False)


def test_what_cannot_be_told_is_not_proven() -> None:
    integers = factors(np.random.default_rng(0), 6, 36)
    integers.multiplier[0] = 0
    low = np.array([0, -(2**24) - 1, 0, -(2**40), -100, 0])
    high = np.array([0, 0, 2**24 + 1, 2**40, 100, 0])
    np.testing.assert_array_equal(find_real_factors(integers, low, high).proven, [0, 0, 0, 0, 1, 1])


def test_a_channel_whose_step_lies_on_a_tie_is_decided_by_its_neighbours() -> None:
    """A scale of 2**-8 puts every step exactly between two floats' integers; ties go to even, shifts go up."""
    integers = IntegerFactors(np.array([2**30]), np.array([1 << 37]), np.array([38]))
    found = find_real_factors(integers, np.array([-(2**15)]), np.array([2**15]))
    acc = np.arange(-(2**15), 2**15 + 1)
    real = np.clip(np.rint((acc * found.scale.astype(np.float64) + found.offset).astype(np.float32)), -128, 127)
    assert found.proven.all()
    np.testing.assert_array_equal(real, exact(integers, acc)[0])


def test_most_channels_of_few_inputs_are_proven() -> None:
    rng = np.random.default_rng(1)
    integers = factors(rng, 512, 38)
    reach = rng.integers(50_000, 150_000, 512)
    assert find_real_factors(integers, -reach, reach).proven.mean() > 0.9
