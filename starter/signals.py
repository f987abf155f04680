"""The few signals and filters that every kind of sound is built of: oscillators, noises, envelopes, resonances.

All signals are float64 at `RATE_HZ`; filters work on the spectrum of the whole signal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "RATE_HZ",
    "Floats",
    "Rng",
    "Sound",
    "band_pass",
    "chance",
    "coloured_noise",
    "control",
    "convolved",
    "decay",
    "gate",
    "harmonics",
    "leveled",
    "log_uniform",
    "modes",
    "oscillator",
    "phase",
    "place",
    "ramp",
    "resonant",
    "shaped",
]

Floats = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
#: What makes a sound of a kind: random values and a number of samples in, that many samples out.
Sound = Callable[[Rng, int], Floats]

RATE_HZ = 16_000
#: No oscillator goes beyond this, so none folds back.
HIGHEST_HZ = 7_800.0


# -- Chance -----------------------------------------------------------------------------------------------------


def chance(rng: Rng, probability: float) -> bool:
    """Return true with a probability."""
    return bool(rng.random() < probability)


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Return a value in ``[low, high)``, each octave as likely as the next."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def control(rng: Rng, n: int, rate_hz: float) -> Floats:
    """Return a curve that wanders: normal values at `rate_hz`, straight lines between."""
    points = max(4, int(n / RATE_HZ * rate_hz) + 3)
    start = rng.uniform(0.0, 1.0)
    places = start + np.arange(n) / RATE_HZ * rate_hz
    return np.asarray(np.interp(places, np.arange(points), rng.standard_normal(points)))


# -- Oscillators ------------------------------------------------------------------------------------------------


def phase(hertz: Floats | float, n: int, start: float = 0.0) -> Floats:
    """Return the phase of an oscillator whose frequency may change with every sample."""
    turns = np.cumsum(np.broadcast_to(np.asarray(hertz, np.float64), (n,))) / RATE_HZ
    return np.asarray(2 * np.pi * (turns + start))


def oscillator(hertz: Floats | float, n: int, start: float = 0.0) -> Floats:
    """Return a sine."""
    return np.asarray(np.sin(phase(hertz, n, start)))


def harmonics(rng: Rng, hertz: Floats | float, n: int, amplitudes: Sequence[float] | Floats) -> Floats:
    """Return a sum of harmonics at random phases, those beyond the range left out."""
    angle = phase(hertz, n)
    highest = float(np.max(hertz))
    sound = np.zeros(n)
    for number, amplitude in enumerate(amplitudes, 1):
        if number * highest > HIGHEST_HZ:
            break
        sound += amplitude * np.sin(number * angle + rng.uniform(0, 2 * np.pi))
    return sound


def modes(
    rng: Rng, n: int, hertz: Sequence[float] | Floats, t60_s: Sequence[float] | Floats, gains: Sequence[float] | Floats
) -> Floats:
    """Return a struck body: sines of given frequencies, each dying away by 60 dB in its time."""
    sound = np.zeros(n)
    for frequency, t60, gain in zip(hertz, t60_s, gains, strict=True):
        if frequency < HIGHEST_HZ:
            length = min(n, int(1.2 * t60 * RATE_HZ) + 1)
            sound[:length] += gain * decay(length, t60) * oscillator(frequency, length, rng.uniform(0, 1))
    return sound


# -- Noise ------------------------------------------------------------------------------------------------------


def coloured_noise(rng: Rng, n: int, slope_db: float) -> Floats:
    """Return noise whose spectrum falls or rises by `slope_db` per octave, at a standard deviation of 1."""
    noise: Floats = rng.standard_normal(n)
    if slope_db:
        noise = shaped(noise, lambda hertz: np.maximum(hertz, 20.0) ** (slope_db / 6.0206))
    return np.asarray(noise / (noise.std() + 1e-12))


# -- Envelopes --------------------------------------------------------------------------------------------------


def decay(n: int, t60_s: float) -> Floats:
    """Return an envelope that falls by 60 dB in `t60_s`."""
    return np.asarray(np.exp(-6.9078 / (t60_s * RATE_HZ) * np.arange(n)))


def ramp(n: int, rise_s: float, fall_s: float) -> Floats:
    """Return an envelope with a rise at its start and a fall at its end."""
    time = np.arange(n) / RATE_HZ
    rising = np.minimum(1.0, time / max(rise_s, 1e-4))
    falling = np.minimum(1.0, (n / RATE_HZ - time) / max(fall_s, 1e-4))
    return np.asarray(np.clip(np.minimum(rising, falling), 0.0, 1.0))


def gate(n: int, spans: Sequence[tuple[float, float]], edge_s: float = 0.005) -> Floats:
    """Return an envelope that is open in the given spans of seconds, with edges of `edge_s`."""
    time = np.arange(n) / RATE_HZ
    envelope = np.zeros(n)
    for start, end in spans:
        inside = np.minimum((time - start) / edge_s, (end - time) / edge_s)
        envelope = np.maximum(envelope, np.clip(inside, 0.0, 1.0))
    return envelope


def place(out: Floats, sound: Floats, start: int) -> None:
    """Add a sound at a sample number; what lies outside is cut off."""
    first, last = max(0, start), min(out.size, start + sound.size)
    if first < last:
        out[first:last] += sound[first - start : last - start]


def leveled(sound: Floats, level: float = 1.0) -> Floats:
    """Scale a sound to a root mean square."""
    return np.asarray(sound * (level / (np.sqrt(np.mean(sound**2)) + 1e-12)))


# -- Filters ----------------------------------------------------------------------------------------------------


def shaped(sound: Floats, gain: Callable[[Floats], npt.NDArray[np.inexact[Any]]]) -> Floats:
    """Apply a gain by frequency in Hz, real or complex."""
    n = sound.size
    size = _fast_size(n + RATE_HZ // 8)
    response = gain(np.fft.rfftfreq(size, 1 / RATE_HZ))
    return np.asarray(np.fft.irfft(np.fft.rfft(sound, size) * response, size)[:n])


def band_pass(sound: Floats, low_hz: float, high_hz: float, order: int = 2) -> Floats:
    """Apply a Butterworth magnitude, without a shift of phase."""

    def gain(hertz: Floats) -> Floats:
        low = 1 / np.sqrt(1 + (low_hz / np.maximum(hertz, 1.0)) ** (2 * order))
        return np.asarray(low / np.sqrt(1 + (hertz / high_hz) ** (2 * order)))

    return shaped(sound, gain)


def resonant(sound: Floats, hertz: Sequence[float], q: Sequence[float], gains: Sequence[float]) -> Floats:
    """Apply resonators side by side: two poles each, so that they ring on."""

    def gain(axis: Floats) -> npt.NDArray[np.complex128]:
        response = np.zeros(axis.size, np.complex128)
        for frequency, quality, level in zip(hertz, q, gains, strict=True):
            x = axis / frequency
            response += level * x / quality / (1 - x**2 + 1j * x / quality)
        return response

    return shaped(sound, gain)


def convolved(sound: Floats, response: Floats) -> Floats:
    """Convolve, and keep the length of the sound."""
    size = _fast_size(sound.size + response.size)
    spectrum = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    return np.asarray(np.fft.irfft(spectrum, size)[: sound.size])


def _fast_size(n: int) -> int:
    """Return a length for the Fourier transform: the next multiple of 2000, or of its halves."""
    step = 2000
    return -(-n // step) * step
