"""Noises, pure tones and what telephones send down the line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from starter.signals import (
    RATE_HZ,
    Floats,
    Rng,
    band_pass,
    chance,
    coloured_noise,
    gate,
    harmonics,
    log_uniform,
    oscillator,
)

__all__ = ["beep", "busy_signal", "chirp_tone", "dial_tone", "dtmf", "pink_noise", "sine_wave", "white_noise"]

_DTMF_LOW, _DTMF_HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
#: Pairs of frequencies of the dial tones of several countries; single ones would be sine waves.
_DIAL_TONES = ((350, 440), (350, 450), (330, 440), (400, 425), (350, 425))
#: Frequencies, seconds on, seconds off.
_BUSY_SIGNALS = (
    ((480, 620), 0.5, 0.5),
    ((480, 620), 0.25, 0.25),
    ((480, 620), 0.3, 0.2),
    ((425,), 0.5, 0.5),
    ((425,), 0.25, 0.25),
    ((400,), 0.375, 0.375),
    ((440,), 0.5, 0.5),
)


def white_noise(rng: Rng, n: int) -> Floats:
    """Return noise with equal power per hertz, of several distributions."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.standard_normal(n)
    return rng.uniform(-1, 1, n) if kind == 1 else np.asarray(rng.integers(0, 2, n) * 2.0 - 1.0)


def pink_noise(rng: Rng, n: int) -> Floats:
    """Return noise with equal power per octave."""
    return coloured_noise(rng, n, rng.uniform(-3.3, -2.7))


def sine_wave(rng: Rng, n: int) -> Floats:
    """Return one steady tone."""
    return oscillator(log_uniform(rng, 90, 6500), n, rng.uniform(0, 1))


def chirp_tone(rng: Rng, n: int) -> Floats:
    """Return a pure tone that sweeps over two octaves or more, once or again and again."""
    low = log_uniform(rng, 100, 900)
    high = min(7500.0, low * 2 ** rng.uniform(2, 4.5))
    position = np.arange(n) / RATE_HZ / rng.uniform(0.35, 1.6) + rng.uniform(0, 1)
    position = position % 1.0 if chance(rng, 0.6) else np.abs(position % 2.0 - 1.0)
    if chance(rng, 0.4):
        position = 1.0 - position
    sweep = low * (high / low) ** position if chance(rng, 0.5) else low + (high - low) * position
    return oscillator(np.asarray(sweep), n)


def beep(rng: Rng, n: int) -> Floats:
    """Return one to three short tones of an appliance."""
    length, spans, start = rng.uniform(0.06, 0.45), [], rng.uniform(0.1, 0.5)
    gap = rng.uniform(0.15, 0.4)
    for _ in range(rng.integers(1, 4)):
        spans.append((start, start + length))
        start += length + gap
    frequency = log_uniform(rng, 650, 2900)
    overtones = [1.0] if chance(rng, 0.5) else [1.0, *(rng.uniform(0, 0.5, 4) / np.arange(1, 5))]
    return harmonics(rng, frequency, n, overtones) * gate(n, spans, rng.uniform(0.002, 0.02))


def dial_tone(rng: Rng, n: int) -> Floats:
    """Return the two steady tones of a free line."""
    pair = _DIAL_TONES[rng.integers(len(_DIAL_TONES))]
    return _line(rng, _tones(rng, n, pair))


def busy_signal(rng: Rng, n: int) -> Floats:
    """Return the broken tone of an engaged line."""
    frequencies, on, off = _BUSY_SIGNALS[rng.integers(len(_BUSY_SIGNALS))]
    first = -rng.uniform(0, on + off)
    count = int(n / RATE_HZ / (on + off)) + 2
    spans = [(first + k * (on + off), first + k * (on + off) + on) for k in range(count)]
    return _line(rng, _tones(rng, n, frequencies) * gate(n, spans))


def dtmf(rng: Rng, n: int) -> Floats:
    """Return digits dialled by tones, by a machine or a finger."""
    on, off, time = rng.uniform(0.06, 0.22), rng.uniform(0.05, 0.2), rng.uniform(-0.2, 0.2)
    sound = np.zeros(n)
    while time < n / RATE_HZ:
        pair = (_DTMF_LOW[rng.integers(4)], _DTMF_HIGH[rng.integers(rng.integers(3, 5))])
        sound += _tones(rng, n, pair) * gate(n, [(time, time + on)])
        time += (on + off) * rng.uniform(0.9, 1.25)
    return _line(rng, sound)


def _tones(rng: Rng, n: int, frequencies: Sequence[float]) -> Floats:
    """Return tones of about the same level."""
    sound = np.zeros(n)
    for frequency in frequencies:
        sound += rng.uniform(0.7, 1.3) * oscillator(frequency * rng.uniform(0.985, 1.015), n, rng.uniform(0, 1))
    return sound


def _line(rng: Rng, sound: Floats) -> Floats:
    """Send a sound down a telephone line, or leave it clean."""
    if chance(rng, 0.5):
        return sound
    noise = 10 ** rng.uniform(-3, -1.7) * rng.standard_normal(sound.size)
    return band_pass(sound + noise, rng.uniform(150, 300), rng.uniform(3200, 4000), 4)
