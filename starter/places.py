"""Where a sound is heard: rooms, backgrounds, things that have no name here, and what recording does to it.

Rooms and backgrounds come in two sets: one for training, one that is held out.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

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
    shaped,
)

__all__ = ["background", "distraction", "held_out_background", "held_out_room", "record", "room"]

SOUND_OF_SPEED_M_S = 343.0
#: Container and encoding of what libsndfile can write into memory.
_CODECS = (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"))


# -- Rooms ------------------------------------------------------------------------------------------------------


def room(rng: Rng, sound: Floats) -> Floats:
    """Return a sound in a room of no known shape: a few echoes, then noise that dies away."""
    t60 = log_uniform(rng, 0.12, 1.6)
    length = int(min(1.0, t60) * RATE_HZ)
    tail = coloured_noise(rng, length, rng.uniform(-4, 0)) * decay(length, t60)
    tail[: int(rng.uniform(0.002, 0.03) * RATE_HZ)] = 0.0
    for start in rng.integers(20, 1200, 6):
        tail[start % length] += 3 * rng.uniform(-1, 1)
    direct_to_room = 10 ** (rng.uniform(-4, 20) / 20)
    response = tail / (np.sqrt(np.sum(tail**2)) + 1e-12) / direct_to_room
    response[0] = 1.0
    return convolved(sound, response)


def held_out_room(rng: Rng, sound: Floats) -> Floats:
    """Return a sound in a room with six walls, by its mirror images."""
    size = rng.uniform([2.5, 2.5, 2.2], [14, 10, 5])
    source, listener = (size * rng.uniform(0.1, 0.9, 3) for _ in range(2))
    reflection = rng.uniform(0.5, 0.93)
    order = np.arange(-8, 9)
    axes = [_images(order, length, s) - at for length, s, at in zip(size, source, listener, strict=True)]
    squared = sum(np.meshgrid(*(axis**2 for axis in axes), indexing="ij"))
    bounces = sum(np.meshgrid(*([np.abs(order)] * 3), indexing="ij"))
    distance = np.sqrt(np.asarray(squared)).ravel()
    delays = np.rint((distance - distance.min()) / SOUND_OF_SPEED_M_S * RATE_HZ).astype(int)
    gains = reflection ** np.asarray(bounces).ravel() / np.maximum(distance, 0.3)
    response = np.bincount(delays, gains)[: int(0.8 * RATE_HZ)]
    return convolved(sound, response / response[0])


def _images(order: npt.NDArray[np.signedinteger[Any]], length: float, at: float) -> Floats:
    """Return where the mirror images of a source lie along an axis."""
    return np.asarray(np.where(order % 2 == 0, order * length + at, (order + 1) * length - at))


# -- Backgrounds ------------------------------------------------------------------------------------------------


def background(rng: Rng, n: int) -> Floats:
    """Return noise of a place that is none of the model's classes."""
    kind = rng.integers(4)
    if kind == 0:
        return coloured_noise(rng, n, rng.uniform(-9, -5))
    if kind == 1:
        low = log_uniform(rng, 50, 1500)
        return band_pass(coloured_noise(rng, n, -4.5), low, low * rng.uniform(2, 5))
    if kind == 2:  # a fan
        lines = harmonics(rng, rng.uniform(70, 240), n, rng.uniform(0, 1, 6) / np.arange(1, 7))
        return leveled(coloured_noise(rng, n, -5)) + rng.uniform(0, 0.5) * leveled(lines)
    return coloured_noise(rng, n, rng.uniform(2, 5))


def held_out_background(rng: Rng, n: int) -> Floats:
    """Return noise of other places: air in a duct, a scratched record."""
    if chance(rng, 0.5):
        delay = int(rng.integers(16, 120))
        pipe = np.zeros(8 * delay + 1)
        pipe[::delay] = rng.uniform(0.6, 0.85) ** np.arange(9)
        return convolved(coloured_noise(rng, n, rng.uniform(-2, 1)), pipe)
    scratches = np.where(rng.random(n) < log_uniform(rng, 6, 60) / RATE_HZ, rng.normal(0, 9, n), 0.0)
    return coloured_noise(rng, n, 1.5) + band_pass(scratches, 800, 5000)


def distraction(rng: Rng, n: int) -> Floats:
    """Return a sound that no class names: something bowed or blown, a cry, a scrape, a rush."""
    length = int(rng.uniform(0.15, 1.4) * RATE_HZ)
    kind = rng.integers(4)
    if kind == 0:
        vibrato = 1 + rng.uniform(0, 0.02) * oscillator(rng.uniform(4, 7), length, rng.uniform(0, 1))
        number = np.arange(1, 30)
        tone = harmonics(rng, log_uniform(rng, 100, 900) * vibrato, length, number ** -rng.uniform(0.7, 2))
        event = resonant(tone, [*rng.uniform(300, 3500, 3)], [2, 3, 3], [1, 1, 1])
    elif kind == 1:
        glide = np.interp(np.linspace(0, 1, length), [0, 0.4, 1], rng.uniform(0.6, 1.5, 3))
        growl = 1 + 0.03 * control(rng, length, 90)
        cry = harmonics(rng, log_uniform(rng, 150, 900) * glide * growl, length, np.arange(1, 30) ** -0.6)
        event = resonant(cry, [*rng.uniform(500, 3500, 3)], [3, 4, 5], [1, 0.7, 0.5])
    elif kind == 2:
        rough = np.abs(control(rng, length, rng.uniform(30, 300)))
        event = resonant(rng.standard_normal(length) * rough, [*rng.uniform(800, 6000, 3)], [3, 5, 9], [1, 1, 1])
    else:
        length = min(length, int(0.6 * RATE_HZ))
        low = log_uniform(rng, 200, 3000)
        event = band_pass(rng.standard_normal(length), low, low * rng.uniform(1.3, 3)) * np.hanning(length)
    sound = np.zeros(n)
    place(sound, leveled(event) * ramp(length, 0.02, 0.05), int(rng.integers(0, max(1, n - length // 2))))
    return sound


# -- Recording --------------------------------------------------------------------------------------------------


def record(rng: Rng, sound: Floats, *, faithful: bool = False) -> Floats:
    """Return a sound as a microphone, a file format and a hand on the level control leave it.

    Parameters
    ----------
    rng : Generator
    sound : np.ndarray [shape=(n,), float64]
    faithful : bool
        Whether the balance of high and low must stay.
    """
    if not faithful:
        sound = _equalised(rng, sound)
    peak_db = rng.uniform(-38, -1)
    sound = sound * (10 ** (peak_db / 20) / (np.abs(sound).max() + 1e-12))
    if chance(rng, 0.05):
        sound = np.clip(sound * rng.uniform(1.5, 4), -0.7, 0.7)
    return _coded(rng, sound) if chance(rng, 0.25) and not faithful else sound


def _equalised(rng: Rng, sound: Floats) -> Floats:
    """Tilt the spectrum, raise or lower some of it, sometimes cut off the high end."""
    tilt, centre, lift = rng.normal(0, 1.2), log_uniform(rng, 200, 6000), rng.normal(0, 3)
    ceiling = log_uniform(rng, 3500, 7500) if chance(rng, 0.15) else 1e9
    floor = log_uniform(rng, 20, 130) if chance(rng, 0.25) else 1.0

    def gain(hertz: Floats) -> Floats:
        octaves = np.log2(np.maximum(hertz, 30.0) / 1000)
        db = tilt * octaves + lift * np.exp(-((np.log2(np.maximum(hertz, 30.0) / centre)) ** 2))
        roll_off = np.sqrt(1 + (hertz / ceiling) ** 12) * np.sqrt(1 + (floor / np.maximum(hertz, 1.0)) ** 4)
        return np.asarray(10 ** (db / 20) / roll_off)

    return shaped(sound, gain)


def _coded(rng: Rng, sound: Floats) -> Floats:
    """Return what a lossy file format leaves of a sound."""
    container, encoding = _CODECS[rng.integers(len(_CODECS))]
    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1), RATE_HZ, encoding, format=container)
    file.seek(0)
    decoded, _ = soundfile.read(file, dtype="float64")
    return np.pad(decoded, (0, max(0, sound.size - decoded.size)))[: sound.size]
