"""Things that strike: clocks, hearts, knuckles, hands and drums."""

from __future__ import annotations

import numpy as np

from starter.signals import (
    RATE_HZ,
    Floats,
    Rng,
    band_pass,
    chance,
    coloured_noise,
    convolved,
    decay,
    leveled,
    log_uniform,
    modes,
    oscillator,
    place,
    ramp,
    resonant,
)

__all__ = ["applause", "bass_drum", "clapping", "heartbeat", "hi_hat", "knock", "snare_drum", "tick"]


def tick(rng: Rng, n: int) -> Floats:
    """Return a clock: clicks of its escapement, every second one different, in its case."""
    period = rng.choice([1.0, 0.5, 0.4, 0.25, 0.2]) * rng.uniform(0.97, 1.03)
    period = min(period, 0.9)
    clicks = [_tick_click(rng)]
    clicks.append(_tick_click(rng) if chance(rng, 0.5) else clicks[0] * rng.uniform(0.6, 1))
    sound, time, number = np.zeros(n), rng.uniform(-period / 2, 0.5 * period), 0
    while time < n / RATE_HZ:
        place(sound, clicks[number % 2] * rng.uniform(0.85, 1), int((time + rng.normal(0, 0.001)) * RATE_HZ))
        number += 1
        time += period
    return sound


def _tick_click(rng: Rng) -> Floats:
    """Return some strokes within a few milliseconds, of small metal parts and a case."""
    length = RATE_HZ // 5
    strokes = np.zeros(length)
    for _ in range(rng.integers(1, 5)):
        burst = rng.standard_normal(24) * np.hanning(24)
        place(strokes, rng.uniform(0.3, 1) * burst, int(rng.uniform(0, 0.02) * RATE_HZ))
    metal = np.sort(rng.uniform(1500, 7400, 4))
    case = log_uniform(rng, 250, 1200)
    rung = resonant(strokes, [*metal, case], [*rng.uniform(8, 40, 4), rng.uniform(2, 8)], [*rng.uniform(0.3, 1, 5)])
    return rung + rng.uniform(0, 0.5) * strokes


def heartbeat(rng: Rng, n: int) -> Floats:
    """Return a heart through a stethoscope: two dull thuds a beat."""
    period = 60 / rng.uniform(55, 130)
    gap = min(rng.uniform(0.22, 0.34), 0.45 * period)
    base = rng.uniform(35, 75)
    first, second = (_thud(rng, base * ratio) for ratio in (1.0, rng.uniform(1.1, 1.7)))
    softer = rng.uniform(0.4, 1.0)
    sound, time = np.zeros(n), rng.uniform(-period, 0.1)
    while time < n / RATE_HZ:
        place(sound, first * rng.uniform(0.9, 1), int(time * RATE_HZ))
        place(sound, second * softer, int((time + gap) * RATE_HZ))
        time += period * rng.uniform(0.96, 1.04)
    hiss = band_pass(coloured_noise(rng, n, -6), 30, 300) * 10 ** rng.uniform(-3, -1.4)
    return band_pass(sound + hiss, 25, log_uniform(rng, 150, 600))


def _thud(rng: Rng, base: float) -> Floats:
    length = int(rng.uniform(0.08, 0.16) * RATE_HZ)
    tones = sum(
        rng.uniform(0.3, 1) / k * oscillator(base * k * rng.uniform(0.9, 1.1), length, rng.uniform(0, 1))
        for k in range(1, 5)
    )
    return np.asarray(tones * np.hanning(length) ** rng.uniform(0.8, 2))


def knock(rng: Rng, n: int) -> Floats:
    """Return knuckles on a door: groups of woody blows."""
    length = RATE_HZ // 3
    base = log_uniform(rng, 110, 420)
    ratios = np.cumprod(np.r_[1.0, rng.uniform(1.25, 1.8, 5)])
    t60 = rng.uniform(0.06, 0.2) / (1 + 0.4 * np.arange(6))
    period, sound, time = rng.uniform(0.13, 0.35), np.zeros(n), rng.uniform(0.05, 0.5)
    for _ in range(rng.integers(2, 7)):
        body = modes(rng, length, base * ratios, t60, rng.uniform(0.3, 1, 6) / np.sqrt(ratios))
        contact = rng.standard_normal(length) * decay(length, rng.uniform(0.005, 0.03)) * rng.uniform(0.05, 0.4)
        blow = band_pass(body + contact, 60, log_uniform(rng, 1500, 6000)) * ramp(length, 0.001, 0.02)
        place(sound, rng.uniform(0.6, 1) * blow, int(time * RATE_HZ))
        time += period * rng.uniform(0.85, 1.15)
    return sound


def clapping(rng: Rng, n: int) -> Floats:
    """Return one to three people who clap, each at a pace and with hands of their own."""
    sound = np.zeros(n)
    for _ in range(rng.integers(1, 4)):
        clap, period = _clap(rng), 1 / rng.uniform(1.8, 5.5)
        time = rng.uniform(0, period)
        while time < n / RATE_HZ:
            place(sound, rng.uniform(0.6, 1) * clap, int(time * RATE_HZ))
            time += period * rng.uniform(0.93, 1.07)
    return sound


def applause(rng: Rng, n: int) -> Floats:
    """Return a crowd that claps: some hundred or thousand claps a second, and the far ones as noise."""
    sound = np.zeros(n)
    rate, kinds = log_uniform(rng, 150, 3000), 10
    swell = 1 + 0.2 * oscillator(rng.uniform(0.1, 0.6), n, rng.uniform(0, 1))
    for _ in range(kinds):
        strokes = np.where(rng.random(n) < rate / kinds / RATE_HZ, rng.lognormal(0, 0.5, n), 0.0)
        sound += convolved(strokes * swell, _clap(rng))
    far = band_pass(coloured_noise(rng, n, -2), rng.uniform(400, 1000), rng.uniform(2500, 6000), 1)
    return leveled(sound) + rng.uniform(0, 0.5) * leveled(far * swell)


def _clap(rng: Rng) -> Floats:
    """Return one clap: a burst of noise, brighter or duller, through the hollow of two hands."""
    length = RATE_HZ // 8
    burst = rng.standard_normal(length) * decay(length, rng.uniform(0.015, 0.06)) * ramp(length, 0.0005, 0.01)
    hollow = [log_uniform(rng, 700, 1600), log_uniform(rng, 1600, 4500)]
    rung = resonant(burst, hollow, [*rng.uniform(0.8, 3, 2)], [1.0, rng.uniform(0.3, 1)])
    return rung + rng.uniform(0.1, 0.6) * band_pass(burst, 500, 7000, 1)


def bass_drum(rng: Rng, n: int) -> Floats:
    """Return a kick drum: a low tone that falls, and a click of the beater."""
    length = int(rng.uniform(0.2, 0.6) * RATE_HZ)
    time = np.arange(length) / RATE_HZ
    low, high = rng.uniform(38, 75), rng.uniform(1.5, 4)
    pitch = low * (1 + (high - 1) * np.exp(-time / rng.uniform(0.012, 0.05)))
    body = np.tanh(rng.uniform(0.8, 2.5) * oscillator(pitch, length, 0.0) * decay(length, rng.uniform(0.2, 0.7)))
    click = band_pass(rng.standard_normal(length) * decay(length, rng.uniform(0.008, 0.03)), 500, 5000)
    hit = (body + rng.uniform(0.05, 0.5) * click) * ramp(length, 0.001, 0.05)
    return _beat(rng, n, hit, (0.9, 4.5))


def snare_drum(rng: Rng, n: int) -> Floats:
    """Return a snare drum: two modes of the skin under rattling wires, single or as a roll."""
    length = int(rng.uniform(0.15, 0.4) * RATE_HZ)
    skin_hz = rng.uniform(150, 340) * np.array([1, rng.uniform(1.5, 1.8), rng.uniform(2.1, 2.6)])
    skin = modes(rng, length, skin_hz, rng.uniform(0.06, 0.25, 3), [1, 0.7, 0.4])
    wires = band_pass(coloured_noise(rng, length, 0), log_uniform(rng, 700, 2500), 7500)
    wires *= decay(length, rng.uniform(0.12, 0.4)) * rng.uniform(0.5, 1.6)
    hit = (skin + wires) * ramp(length, 0.001, 0.02)
    return _beat(rng, n, hit, (12, 24) if chance(rng, 0.2) else (1.0, 7.0))


def hi_hat(rng: Rng, n: int) -> Floats:
    """Return a hi-hat, closed or open: inharmonic metal and noise, high up."""
    length = int(rng.uniform(0.1, 0.5) * RATE_HZ)
    metal = sum(
        np.sign(oscillator(f, length, rng.uniform(0, 1))) for f in rng.uniform(200, 900) * rng.uniform(1, 3.2, 6)
    )
    source = rng.uniform(0.2, 1) * metal / 2.4 + rng.uniform(0.3, 1) * rng.standard_normal(length)
    t60 = rng.uniform(0.05, 0.15) if chance(rng, 0.65) else rng.uniform(0.3, 0.8)
    hit = band_pass(source, rng.uniform(4200, 6500), 7900, 4) * decay(length, t60) * ramp(length, 0.0005, 0.01)
    return _beat(rng, n, hit, (2.0, 9.0))


def _beat(rng: Rng, n: int, hit: Floats, pace_hz: tuple[float, float]) -> Floats:
    """Return a hit again and again at a pace, each one a little different in level, a few left out."""
    period, sound = 1 / rng.uniform(*pace_hz), np.zeros(n)
    time = rng.uniform(0, 0.6 * period)
    while time < n / RATE_HZ:
        if not chance(rng, 0.12):
            place(sound, rng.uniform(0.5, 1) * hit, int((time + rng.normal(0, 0.003)) * RATE_HZ))
        time += period
    return sound
