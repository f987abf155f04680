"""Machines that run: mains hum, engines."""

from __future__ import annotations

import numpy as np

from starter.signals import (
    RATE_HZ,
    Floats,
    Rng,
    band_pass,
    coloured_noise,
    control,
    harmonics,
    leveled,
    log_uniform,
    resonant,
)

__all__ = ["idling", "mains_hum"]


def mains_hum(rng: Rng, n: int) -> Floats:
    """Return the hum of transformers and bad cables: 50 or 60 Hz and its harmonics, the even ones strongest."""
    base = rng.choice([50.0, 60.0]) * rng.uniform(0.998, 1.002)
    number = np.arange(1, 31)
    even = np.where(number % 2 == 0, 1.0, rng.uniform(0.05, 0.9))
    amplitudes = even * number ** -rng.uniform(0.5, 1.8) * rng.lognormal(0, 0.5, 30)
    hiss = coloured_noise(rng, n, rng.uniform(-6, 0)) * 10 ** rng.uniform(-3.5, -1.8)
    return leveled(harmonics(rng, base, n, amplitudes)) + hiss


def idling(rng: Rng, n: int) -> Floats:
    """Return an engine that idles: uneven firing through pipes, and the rattle of the machine."""
    cylinders = int(rng.choice([1, 2, 3, 4, 4, 6, 8]))
    firing_hz = rng.uniform(550, 900) / 120 * cylinders
    strength = rng.uniform(0.4, 1.0, cylinders)
    pitch = firing_hz * (1 + 0.02 * control(rng, n, 3) + 0.05 * control(rng, n, firing_hz))
    turns = np.cumsum(pitch) / RATE_HZ + rng.uniform(0, cylinders)
    fired = np.flatnonzero(np.diff(np.floor(turns)) > 0)
    pulses = np.zeros(n)
    pulses[fired] = strength[np.floor(turns[fired]).astype(int) % cylinders] * rng.lognormal(0, 0.4, fired.size)
    pipes = np.sort([log_uniform(rng, 40, 110), log_uniform(rng, 110, 300), log_uniform(rng, 300, 1200)])
    exhaust = leveled(resonant(pulses, list(pipes), [*rng.uniform(0.7, 2.5, 3)], [1.0, *rng.uniform(0.2, 1, 2)]))
    puffs = np.convolve(pulses, np.hanning(int(RATE_HZ * rng.uniform(0.4, 1.0) / firing_hz) + 2))[:n]
    body = resonant(coloured_noise(rng, n, -5) * puffs, list(pipes * 1.4), [*rng.uniform(0.5, 2, 3)], [1.0, 1.0, 1.0])
    fan = band_pass(coloured_noise(rng, n, rng.uniform(-6, -3)), 60, log_uniform(rng, 1500, 7000), 1)
    rattle = resonant(pulses * rng.lognormal(0, 0.6, n), [*rng.uniform(900, 5000, 4)], [4, 6, 8, 8], [1, 1, 1, 1])
    parts = zip((body, fan, rattle), ((-3, 12), (-10, 8), (-28, -6)), strict=True)
    return exhaust + sum(10 ** (rng.uniform(*db) / 20) * leveled(part) for part, db in parts)
