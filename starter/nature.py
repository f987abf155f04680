"""Weather, water and birds."""

from __future__ import annotations

import numpy as np

from starter.signals import (
    RATE_HZ,
    Floats,
    Rng,
    band_pass,
    chance,
    coloured_noise,
    control,
    convolved,
    decay,
    harmonics,
    leveled,
    log_uniform,
    oscillator,
    place,
    ramp,
    resonant,
)

__all__ = ["bird", "rain", "waves", "wind"]


def rain(rng: Rng, n: int) -> Floats:
    """Return rain: a hiss of far drops, thousands of near ones, and some that fall into water."""
    hiss = leveled(band_pass(coloured_noise(rng, n, rng.uniform(-4, 0.5)), log_uniform(rng, 150, 1200), 7800, 1))
    drops = np.zeros(n)
    rate = log_uniform(rng, 100, 3000)
    for _ in range(3):
        struck = np.where(rng.random(n) < rate / 3 / RATE_HZ, rng.lognormal(0, 0.8, n), 0.0)
        length = 400
        patter = rng.standard_normal(length) * decay(length, rng.uniform(0.004, 0.02))
        centre = log_uniform(rng, 900, 5000)
        drops += convolved(struck, resonant(patter, [centre], [rng.uniform(0.8, 3)], [1.0]))
    plops = np.zeros(n)
    for start in rng.integers(0, n, rng.poisson(rng.uniform(0, 14) * n / RATE_HZ)):
        place(plops, _plop(rng), int(start))
    return hiss + rng.uniform(0.5, 2.5) * leveled(drops) + rng.uniform(0, 1.0) * leveled(plops)


def _plop(rng: Rng) -> Floats:
    """Return a bubble that rings, its pitch rising."""
    length = 900
    pitch = log_uniform(rng, 600, 3500) * (1 + rng.uniform(0, 0.6) * np.arange(length) / length)
    return rng.lognormal(0, 0.7) * oscillator(pitch, length) * decay(length, rng.uniform(0.01, 0.06))


def wind(rng: Rng, n: int) -> Floats:
    """Return gusts: deep rumbling noise that swells, and a howl that moves with it."""
    gust = np.exp(rng.uniform(0.45, 1.0) * control(rng, n, rng.uniform(1.0, 3.5)))
    rumble = coloured_noise(rng, n, rng.uniform(-9, -5.5)) * gust
    low = log_uniform(rng, 180, 700)
    howl = _moving_band(rng, n, low, gust, rng.uniform(1.5, 8))
    hiss = coloured_noise(rng, n, -5) * gust
    return leveled(rumble) + rng.uniform(0.1, 1.2) * leveled(howl) + rng.uniform(0.02, 0.25) * leveled(hiss)


def _moving_band(rng: Rng, n: int, low: float, gust: Floats, q: float) -> Floats:
    """Return noise in a band that goes up with the gust: four fixed bands, faded into each other."""
    noise = rng.standard_normal(n)
    place_of = np.clip(np.log2(gust) + 1.5, 0, 3)
    bands = [resonant(noise, [low * 2 ** (k / 3)], [q], [1.0]) for k in range(4)]
    return np.asarray(sum(np.clip(1 - np.abs(place_of - k), 0, 1) * bands[k] for k in range(4)) * gust)


def waves(rng: Rng, n: int) -> Floats:
    """Return surf: noise that swells and turns bright as a wave breaks, and hisses as it runs out."""
    rumble = leveled(band_pass(coloured_noise(rng, n, -6), 50, 400))
    roar = leveled(band_pass(coloured_noise(rng, n, rng.uniform(-5, -3)), 200, log_uniform(rng, 1200, 4000), 1))
    foam = leveled(band_pass(coloured_noise(rng, n, rng.uniform(-3, 0)), log_uniform(rng, 500, 1500), 7000, 1))
    sound = rng.uniform(0.05, 0.4) * rumble + rng.uniform(0.03, 0.15) * (roar + foam)
    for _ in range(2):
        period = rng.uniform(3.0, 8.0)
        position = np.arange(n) / RATE_HZ / period + rng.uniform(0, 1)
        share, lag = rng.uniform(0.15, 0.4), rng.uniform(0.05, 0.2)
        sound += roar * _swell(position % 1.0, share) ** rng.uniform(1.5, 4)
        sound += rng.uniform(0.3, 1.3) * foam * _swell((position - lag) % 1.0, share) ** rng.uniform(1.5, 4)
    return sound * (1 + 0.08 * control(rng, n, 25))


def _swell(position: Floats, share: float) -> Floats:
    """Return 0 .. 1 .. 0, rounded, `share` of the time rising."""
    line = np.where(position < share, position / share, (1 - position) / (1 - share))
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * line))


def bird(rng: Rng, n: int) -> Floats:
    """Return one or two birds: phrases of whistled syllables that glide, trill or warble."""
    sound = np.zeros(n)
    for _ in range(1 if chance(rng, 0.6) else 2):
        level, time = rng.uniform(0.4, 1), rng.uniform(-0.1, 0.4)
        syllable, gap = _syllable(rng), rng.uniform(0.02, 0.25)
        while time < n / RATE_HZ:
            if chance(rng, 0.3):
                syllable, gap = _syllable(rng), rng.uniform(0.02, 0.3)
            place(sound, level * rng.uniform(0.7, 1) * syllable, int(time * RATE_HZ))
            time += syllable.size / RATE_HZ + gap * rng.uniform(0.9, 1.1)
    return sound


def _syllable(rng: Rng) -> Floats:
    length = int(log_uniform(rng, 0.03, 0.28) * RATE_HZ)
    position = np.linspace(0, 1, length)
    start, middle, end = rng.uniform(0.7, 1.35, 3)
    base = log_uniform(rng, 1900, 5600)
    glide = base * np.interp(position, [0, rng.uniform(0.2, 0.8), 1], [start, middle, end])
    warble = rng.uniform(0, 0.12) if chance(rng, 0.4) else 0.0
    pitch = glide * (1 + warble * oscillator(rng.uniform(15, 60), length, rng.uniform(0, 1)))
    tone = harmonics(rng, np.minimum(pitch, 7500.0), length, [1, rng.uniform(0, 0.25), rng.uniform(0, 0.1)])
    return tone * ramp(length, 0.3 * length / RATE_HZ, 0.4 * length / RATE_HZ)
