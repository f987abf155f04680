"""Float32 in place of the 64-bit shift: where it is called proven, every accumulator gives the same int8."""

from __future__ import annotations

import numpy as np
import pytest

from yamjit.kernels.prepared.columns import Proof
from yamjit.kernels.prepared.real_requantization import IntegerFactors, RealFactors, find_real_factors

HALF = np.float32(0.5)


def factors(rng: np.random.Generator, channels: int, right: int) -> IntegerFactors:
    multiplier = rng.integers(2**30, 2**31, channels)
    shift = np.full(channels, right, np.int64)
    offset = np.int64(2**30) + (np.int64(1) << (shift - 1)) - (np.int64(128) << shift)
    return IntegerFactors(multiplier, offset, shift)


def exact(integers: IntegerFactors, acc: np.ndarray) -> np.ndarray:
    """Return the int8 of accumulators [shape=(n,)] for every channel [shape=(channels, n)]."""
    results = (acc * integers.multiplier[:, None] + integers.offset[:, None]) >> integers.shift[:, None]
    return np.clip(results, -128, 127)


def nearest(found: RealFactors, acc: np.ndarray) -> np.ndarray:
    """Return the int8 that float32 makes to the nearest; longdouble holds the exact sum, or nothing is proven."""
    total = acc.astype(np.longdouble) * found.scale[:, None] + (found.offset - HALF)[:, None].astype(np.longdouble)
    return np.clip(np.rint(total.astype(np.float32)), -128, 127)


def apart(found: RealFactors, acc: np.ndarray) -> np.ndarray:
    """Return the int8 that float32 makes to the nearest, product and sum apart, and leaves in its bits."""
    total = acc.astype(np.float32) * found.scale[:, None] + (found.offset - HALF)[:, None] + np.float32(1.5 * 2**23)
    return np.clip(total.view(np.int32) - np.float32(1.5 * 2**23).view(np.int32), -128, 127)


def down(found: RealFactors, acc: np.ndarray) -> np.ndarray:
    """Return the int8 that float32 makes, rounded downwards: twice, of which the first time makes no difference."""
    total = acc.astype(np.longdouble) * found.scale[:, None] + found.offset[:, None].astype(np.longdouble)
    return np.clip(np.floor(total), -128, 127)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [24, 31])
@pytest.mark.parametrize("right", [33, 36, 38, 40])
def test_proven_channels_agree_for_every_accumulator(right: int, bits: int) -> None:
    integers, channels = factors(np.random.default_rng(right), 64, right), 64
    integers.multiplier[...] &= -(1 << (31 - bits))
    low, high = np.full(channels, -20_000), np.full(channels, 150_000)
    found = find_real_factors(integers, low, high, Proof.NEAREST)
    acc = np.arange(-20_000, 150_001)
    for proof, rounded in ((Proof.DOWN, down), (Proof.NEAREST, nearest)):
        proven, same = found.proven >= proof, (rounded(found, acc) == exact(integers, acc)).all(axis=1)
        assert proven.any()
        np.testing.assert_array_equal(proven & ~same, False)


@pytest.mark.slow
@pytest.mark.parametrize("right", [33, 36, 38, 40])
def test_channels_proven_apart_agree_for_every_accumulator(right: int) -> None:
    integers, channels = factors(np.random.default_rng(right), 64, right), 64
    low, high = np.full(channels, -20_000), np.full(channels, 150_000)
    found = find_real_factors(integers, low, high, Proof.APART)
    acc = np.arange(-20_000, 150_001)
    proven, same = found.proven == Proof.APART, (apart(found, acc) == exact(integers, acc)).all(axis=1)
    assert set(found.proven) <= {Proof.NONE, Proof.APART}
    assert proven.any()
    np.testing.assert_array_equal(proven & ~same, False)


@pytest.mark.parametrize("wanted", [Proof.NONE, Proof.DOWN, Proof.NEAREST])
def test_multipliers_of_24_bits_round_down_exactly(wanted: Proof) -> None:
    """Their scales and offsets are floats: with offsets that a multiplier goes into, nothing has to be tried."""
    rng = np.random.default_rng(5)
    integers = factors(rng, 64, 38)
    integers.multiplier[...] &= -128
    integers.offset[...] %= integers.multiplier
    reach = np.full(64, 2**22)
    found = find_real_factors(integers, -reach, reach, wanted)
    assert (found.proven >= Proof.DOWN).all()
    acc = rng.integers(-(2**18), 2**18, 4096)
    np.testing.assert_array_equal(down(found, acc), exact(integers, acc))


@pytest.mark.parametrize("wanted", [Proof.NEAREST, Proof.APART])
def test_what_cannot_be_told_is_not_proven(wanted: Proof) -> None:
    integers = factors(np.random.default_rng(0), 6, 36)
    integers.multiplier[0] = 0
    low = np.array([0, -(2**24) - 1, 0, -(2**40), -100, 0])
    high = np.array([0, 0, 2**24 + 1, 2**40, 100, 0])
    np.testing.assert_array_equal(find_real_factors(integers, low, high, wanted).proven > 0, [0, 0, 0, 0, 1, 1])


def test_numbers_that_leave_the_low_bits_are_not_proven_apart() -> None:
    """Scales of a half make 2**22 of the largest accumulators, to which 1.5 * 2**23 cannot be added without loss."""
    integers = IntegerFactors(np.array([2**30, 2**30]), np.array([0, 0]), np.array([31, 31]))
    high = np.array([2**23 - 2**4, 2**23 + 2**4])
    found = find_real_factors(integers, np.zeros(2, np.int64), high, Proof.APART)
    np.testing.assert_array_equal(found.proven, [Proof.APART, Proof.NONE])


def test_a_channel_whose_step_lies_on_a_tie_is_decided_by_its_neighbours() -> None:
    """A scale of 2**-8 puts every step exactly between two floats' integers; ties go to even, shifts go up."""
    integers = IntegerFactors(np.array([2**30]), np.array([1 << 37]), np.array([38]))
    found = find_real_factors(integers, np.array([-(2**15)]), np.array([2**15]), Proof.NEAREST)
    acc = np.arange(-(2**15), 2**15 + 1)
    assert found.proven == Proof.NEAREST
    np.testing.assert_array_equal(nearest(found, acc), exact(integers, acc))
    np.testing.assert_array_equal(down(found, acc), exact(integers, acc))


def test_most_channels_of_few_inputs_are_proven() -> None:
    rng = np.random.default_rng(1)
    integers = factors(rng, 512, 38)
    reach = rng.integers(50_000, 150_000, 512)
    for wanted in (Proof.NEAREST, Proof.APART):
        assert (find_real_factors(integers, -reach, reach, wanted).proven == wanted).mean() > 0.9
