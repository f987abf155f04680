"""Instruments: plucked strings, pipes, church bells."""

from __future__ import annotations

import numpy as np

from starter.signals import (
    RATE_HZ,
    Floats,
    Rng,
    chance,
    coloured_noise,
    control,
    harmonics,
    log_uniform,
    modes,
    oscillator,
    place,
    ramp,
    resonant,
)

__all__ = ["church_bell", "organ", "plucked_string"]

#: Semitones above the lowest note.
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 7, 12), (0, 5, 9), (0, 4, 7, 12), (0, 12), (0, 7), (0,))
#: Partials of a church bell, relative to its prime: hum, prime, tierce, quint, nominal and those above.
_BELL_PARTIALS = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.0, 4.17, 5.43, 6.8])


def plucked_string(rng: Rng, n: int) -> Floats:
    """Return notes or a strum on a string instrument: stiff strings, plucked off their middle, in a body."""
    lowest, sound = log_uniform(rng, 80, 520), np.zeros(n)
    body = [log_uniform(rng, 90, 260), log_uniform(rng, 260, 900), log_uniform(rng, 900, 3500)]
    time, strummed = rng.uniform(0, 0.3), chance(rng, 0.4)
    spread = rng.uniform(0.01, 0.04) if strummed else rng.uniform(0.12, 0.5)
    notes = rng.permutation(np.r_[0, rng.integers(0, 20, 7)])
    for number, semitones in enumerate(notes):
        if time > n / RATE_HZ:
            break
        place(sound, _string(rng, lowest * 2 ** (semitones / 12)), int(time * RATE_HZ))
        time += spread * rng.uniform(0.8, 1.2)
        if strummed and number % 5 == 4:
            time += rng.uniform(0.25, 0.6)
    return resonant(sound, body, [*rng.uniform(1.5, 5, 3)], [*rng.uniform(0.3, 1, 3)]) + 0.5 * sound


def _string(rng: Rng, frequency: float) -> Floats:
    number = np.arange(1, min(20, int(7800 / frequency)) + 1)
    stiff = number * np.sqrt(1 + 10 ** rng.uniform(-4.5, -3.2) * number**2)
    amplitudes = np.abs(np.sin(np.pi * number * rng.uniform(0.08, 0.4))) / number ** rng.uniform(0.6, 1.6)
    t60 = rng.uniform(0.5, 3.0) / (1 + rng.uniform(0.05, 0.35) * (number - 1))
    length = int(1.1 * RATE_HZ)
    return modes(rng, length, frequency * stiff, t60, amplitudes) * ramp(length, 0.001, 0.05)


def organ(rng: Rng, n: int) -> Floats:
    """Return a pipe or drawbar organ: steady chords of stops in octaves and fifths."""
    stops = rng.uniform(0, 1, 9) * (np.array([1, 2, 3, 4, 5, 6, 8, 10, 12]) ** -rng.uniform(0, 1.0))
    amplitudes = np.zeros(12)
    amplitudes[np.array([1, 2, 3, 4, 5, 6, 8, 10, 12]) - 1] = stops
    amplitudes[0] += 0.5
    tremulant = 1 + rng.uniform(0, 0.15) * oscillator(rng.uniform(4, 7), n, rng.uniform(0, 1))
    sound = np.zeros(n)
    time = -rng.uniform(0, 0.8)
    while time < n / RATE_HZ:
        length = min(int(rng.uniform(0.35, 2.0) * RATE_HZ), int(n - time * RATE_HZ) + 1)
        edge = rng.uniform(0.01, 0.05)
        place(sound, _organ_chord(rng, length, amplitudes) * ramp(length, edge, edge), int(time * RATE_HZ))
        time += length / RATE_HZ
    wind = coloured_noise(rng, n, -4) * 10 ** rng.uniform(-3.2, -1.8)
    return sound * tremulant + wind


def _organ_chord(rng: Rng, n: int, amplitudes: Floats) -> Floats:
    lowest = log_uniform(rng, 65, 420)
    sound = np.zeros(n)
    for semitones in _CHORDS[rng.integers(len(_CHORDS))]:
        pitch = lowest * 2 ** (semitones / 12) * rng.uniform(0.998, 1.002)
        sound += harmonics(rng, pitch, n, amplitudes * rng.uniform(0.7, 1.3, amplitudes.size))
    return sound


def church_bell(rng: Rng, n: int) -> Floats:
    """Return one or two church bells: partials that beat and ring for seconds."""
    sound = np.zeros(n)
    for _ in range(rng.choice([1, 1, 2])):
        base = log_uniform(rng, 160, 800)
        partials = _BELL_PARTIALS * rng.uniform(0.985, 1.015, 12)
        t60 = rng.uniform(2, 9) / (0.5 + 0.7 * partials)
        gains = rng.uniform(0.15, 1, 12) / partials ** rng.uniform(0, 0.7)
        hertz = base * np.r_[partials, partials * (1 + rng.uniform(0.0005, 0.006, 12))]
        # Strokes from before the beginning are still to be heard.
        length, start = n + RATE_HZ, rng.uniform(-1.0, 0.7)
        stroke = modes(rng, length, hertz, np.r_[t60, t60], np.r_[gains, 0.6 * gains])
        clang = rng.standard_normal(length) * np.exp(-np.arange(length) / (0.01 * RATE_HZ)) * rng.uniform(0, 0.8)
        period = rng.uniform(0.7, 2.5)
        for k in range(3):
            place(sound, (stroke + clang) * ramp(length, 0.001, 0.1), int((start + k * period) * RATE_HZ))
    return sound * (1 + 0.1 * control(rng, n, 1.5))
