"""What is meant to be heard: sirens, alarms, bells of telephones, buzzers, whistles."""

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
    gate,
    harmonics,
    log_uniform,
    modes,
    oscillator,
    phase,
    place,
    ramp,
    resonant,
)

__all__ = ["alarm_clock", "buzzer", "siren", "smoke_alarm", "telephone_bell", "whistle"]


def siren(rng: Rng, n: int) -> Floats:
    """Return an emergency siren: wail, yelp or two tones, through a horn loudspeaker."""
    time = np.arange(n) / RATE_HZ + rng.uniform(0, 10)
    kind = rng.integers(3)
    if kind == 2:
        low = rng.uniform(370, 650)
        pitch = np.where(time / rng.uniform(0.35, 0.75) % 2 < 1, low, low * rng.uniform(1.2, 1.45))
        pitch = np.convolve(np.pad(pitch, 40, mode="edge"), np.full(81, 1 / 81), mode="valid")
    else:
        period = rng.uniform(2.0, 6.0) if kind == 0 else rng.uniform(0.16, 0.45)
        low, high = rng.uniform(450, 800), rng.uniform(1150, 1800)
        pitch = low + (high - low) * _rise_and_fall(time / period % 1, rng.uniform(0.3, 0.6))
    angle = phase(pitch * (1 + 0.02 * control(rng, n, 0.7)), n)
    drive = rng.uniform(1.0, 5.0)
    sound = np.tanh(drive * (np.sin(angle) + rng.uniform(0, 0.4)))
    horn = resonant(sound, [log_uniform(rng, 500, 1200), log_uniform(rng, 1200, 3500)], [1.0, 2.0], [1.0, 1.0])
    return (0.4 * sound + horn) * (1 + 0.15 * control(rng, n, 2.0))


def _rise_and_fall(position: Floats, share: float) -> Floats:
    """Return 0 .. 1 .. 0, `share` of the time rising, rounded at the turns."""
    line = np.where(position < share, position / share, (1 - position) / (1 - share))
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * line))


def smoke_alarm(rng: Rng, n: int) -> Floats:
    """Return a smoke detector: piercing beeps in threes or fours, high or, in some, low and square."""
    low = chance(rng, 0.15)
    frequency = rng.uniform(500, 540) if low else rng.uniform(2900, 3500)
    on, off, count, pause = _smoke_pattern(rng)
    amplitudes = 1 / np.arange(1, 15) * (np.arange(1, 15) % 2) if low else [1, *rng.uniform(0, [0.25, 0.2])]
    start = -rng.uniform(0, on)
    spans, time, done = [], start, 0
    while time < n / RATE_HZ:
        spans.append((time, time + on))
        done += 1
        time += on + (off if done % count else off + pause)
    return harmonics(rng, frequency, n, np.asarray(amplitudes)) * gate(n, spans, 0.004)


def _smoke_pattern(rng: Rng) -> tuple[float, float, int, float]:
    """Return seconds on and off, beeps of a group, seconds between groups."""
    if chance(rng, 0.6):
        return 0.5 * rng.uniform(0.9, 1.1), 0.5 * rng.uniform(0.9, 1.1), 3, 0.4
    if chance(rng, 0.5):
        return rng.uniform(0.25, 0.4), rng.uniform(0.06, 0.2), 99, 0.0
    return 0.1, 0.1, 4, 0.3


def alarm_clock(rng: Rng, n: int) -> Floats:
    """Return a digital alarm clock: groups of quick, high, square beeps."""
    frequency = rng.choice([1900, 2048, 2400, 2730, 4096]) * rng.uniform(0.96, 1.04)
    on, off = rng.uniform(0.04, 0.09), rng.uniform(0.04, 0.09)
    count, pause = int(rng.integers(2, 6)), rng.uniform(0.25, 0.6)
    time, spans = rng.uniform(-0.4, 0.1), []
    while time < n / RATE_HZ:
        spans += [(time + k * (on + off), time + k * (on + off) + on) for k in range(count)]
        time += count * (on + off) + pause
    odd = np.array([1, 0, rng.uniform(0.1, 0.5), 0, rng.uniform(0, 0.3)])
    return harmonics(rng, frequency, n, odd) * gate(n, spans, 0.002)


def telephone_bell(rng: Rng, n: int) -> Floats:
    """Return the bell of an old telephone: a hammer between two gongs."""
    base = log_uniform(rng, 700, 1700)
    ratios, length = np.array([1, 2.1, 2.76, 3.6, 4.9, 5.4]) * rng.uniform(0.97, 1.03, 6), RATE_HZ // 2
    t60 = rng.uniform(0.25, 1.0) / (1 + 0.35 * np.arange(6))
    gongs = [
        modes(rng, length, base * shift * ratios, t60, rng.uniform(0.2, 1, 6)) * ramp(length, 0.0005, 0.02)
        for shift in (1.0, rng.uniform(1.06, 1.3))
    ]
    sound, rate = np.zeros(n), rng.uniform(20, 32)
    start, end = (rng.uniform(-0.5, 0.4), 9.0) if chance(rng, 0.7) else (-1.0, rng.uniform(0.6, 1.2))
    for k in range(int(n / RATE_HZ * rate) + 1):
        time = k / rate + rng.normal(0, 0.001)
        if start < time < end:
            place(sound, rng.uniform(0.7, 1) * gongs[k % 2], int(time * RATE_HZ))
    return sound


def buzzer(rng: Rng, n: int) -> Floats:
    """Return a door or quiz buzzer: a harsh, low tone with all its harmonics."""
    frequency = log_uniform(rng, 90, 380)
    number = np.arange(1, 80)
    tilt = rng.uniform(0.3, 1.0)
    amplitudes = number**-tilt * (1 - rng.uniform(0, 0.9) * (number % 2 == 0)) * rng.uniform(0.5, 1, 79)
    sound = harmonics(rng, frequency * (1 + 0.004 * control(rng, n, 12)), n, amplitudes)
    if chance(rng, 0.5):
        sound = resonant(sound, [log_uniform(rng, 500, 3500)], [1.5], [2.0]) + 0.3 * sound
    start, on, off = rng.uniform(-0.4, 0.4), rng.uniform(0.3, 1.5), rng.uniform(0.1, 0.5)
    return sound * gate(n, [(start + k * (on + off), start + k * (on + off) + on) for k in range(5)], 0.008)


def whistle(rng: Rng, n: int) -> Floats:
    """Return a pea whistle, or one without its pea: a breathy tone, most often with a fast trill."""
    length = int(rng.uniform(0.25, 1.3) * RATE_HZ)
    base, trill = rng.uniform(1900, 4300), rng.uniform(18, 45)
    depth = rng.uniform(0.2, 0.9) if chance(rng, 0.75) else 0.0
    flutter = oscillator(trill * (1 + 0.08 * control(rng, length, 6)), length, rng.uniform(0, 1))
    onset = 1 - rng.uniform(0, 0.15) * np.exp(-np.arange(length) / (0.03 * RATE_HZ))
    pitch = base * onset * (1 + 0.02 * depth * flutter + 0.006 * control(rng, length, 8))
    tone = harmonics(rng, pitch, length, [1, rng.uniform(0.02, 0.3), rng.uniform(0, 0.15)])
    breath = band_pass(coloured_noise(rng, length, 0), 0.75 * base, 1.4 * base) * rng.uniform(0.05, 0.5)
    sound = np.zeros(n)
    blow = (tone + breath) * (1 + depth * flutter) * ramp(length, rng.uniform(0.005, 0.05), rng.uniform(0.02, 0.1))
    place(sound, blow, int(rng.uniform(-0.1, max(0.05, n / RATE_HZ - length / RATE_HZ)) * RATE_HZ))
    return sound
