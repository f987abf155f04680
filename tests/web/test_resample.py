"""The resampler of the browser: blocks do not change a bit, and it is as near to the exact result as float32 is."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.javascript import Node
from yamjit.audio.resample import Resampler, resampled_length

CONVERT = """
const samples = floats(given.path);
const parts = (sizes) => {
  const resampler = new yamjit.Resampler(given.source, given.target);
  const done = [];
  for (let at = 0, i = 0; at < samples.length; at += sizes[i++ % sizes.length]) {
    done.push(resampler.push(samples.subarray(at, at + sizes[i % sizes.length])));
  }
  return [...done, resampler.flush()];
};
write("whole", parts([samples.length || 1]));
given.blocks.forEach((sizes, i) => write(`blocks${i}`, parts(sizes)));
answer(null);
"""

RATES = [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (11_025, 16_000), (96_000, 16_000), (44_099, 16_000)]


def converted(node: Node, samples: np.ndarray, rates: tuple[int, int], blocks: list[list[int]]) -> np.ndarray:
    """Return samples at another rate, made at once, after having compared those made in blocks."""
    path = node.file("samples", samples.astype(np.float32))
    node(CONVERT, {"path": path, "source": rates[0], "target": rates[1], "blocks": blocks})
    whole = node.floats("whole")
    for index in range(len(blocks)):
        assert node.floats(f"blocks{index}").tobytes() == whole.tobytes()
    return whole


@pytest.mark.parametrize("rates", RATES)
def test_blocks_do_not_change_a_bit(node: Node, rates: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    samples = 0.3 * random.standard_normal(rates[0] // 2 + 17)
    blocks = [[1_024], [1, 2, 3, 700], random.integers(1, 5_000, 20).tolist()]
    assert len(converted(node, samples, rates, blocks)) == resampled_length(len(samples), *rates)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100, 1_001])
def test_lengths_are_those_of_python(node: Node, count: int) -> None:
    for rates in ((48_000, 16_000), (8_000, 16_000), (16_000, 16_000)):
        found = converted(node, np.ones(count), rates, [[1]])
        assert len(found) == resampled_length(count, *rates)
        assert node("answer(yamjit.resampledLength(...given))", [count, *rates]) == len(found)


@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_tone_stays_what_it_is(node: Node, rates: tuple[int, int], share: float) -> None:
    """Up to 91 % of half the lower rate, in the middle of the sound."""
    source, target = rates
    hertz = share * min(rates) / 2
    samples = 0.5 * np.sin(2 * np.pi * hertz * np.arange(source) / source)
    found = converted(node, samples, rates, [])
    exact = 0.5 * np.sin(2 * np.pi * hertz * np.arange(target) / target)
    middle = slice(target // 8, -target // 8)
    assert np.abs(found - exact)[middle].max() < 1.5e-7


@pytest.mark.parametrize("rates", [(48_000, 16_000), (44_100, 16_000)])
def test_what_the_lower_rate_cannot_have_is_gone(node: Node, rates: tuple[int, int]) -> None:
    samples = 0.5 * np.sin(2 * np.pi * 8_100 * np.arange(rates[0]) / rates[0])
    found = converted(node, samples, rates, [])
    assert np.abs(found[2_000:-2_000]).max() < 1e-6


@pytest.mark.parametrize(
    ("rates", "decibels"), [((48_000, 16_000), -130), ((8_000, 16_000), -130), ((44_100, 16_000), -70)]
)
def test_the_distance_from_python(node: Node, rates: tuple[int, int], decibels: float) -> None:
    """Of noise up to 90 % of half the lower rate; soxr itself is 73 dB from exact at 44.1 kHz."""
    source = rates[0]
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(2 * source))
    spectrum[np.fft.rfftfreq(2 * source, 1 / source) > 0.45 * min(rates)] = 0
    samples = (0.1 * np.fft.irfft(spectrum)).astype(np.float32)
    found = converted(node, samples, rates, [])
    resampler = Resampler(*rates)
    expected = np.concatenate((resampler.push(samples[np.newaxis]), resampler.flush()), axis=1)[0]
    middle = slice(2_000, -2_000)
    difference = (found - expected)[middle]
    assert 10 * np.log10(np.square(difference).mean() / np.square(expected[middle]).mean()) < decibels
