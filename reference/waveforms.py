"""A dozen waveforms that every machine computes alike: 16-bit samples of the kinds of sound that matter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["SAMPLES", "golden_waveforms"]

SAMPLES = 15_600
RATE_HZ = 16_000

Float64 = npt.NDArray[np.float64]


def golden_waveforms() -> dict[str, npt.NDArray[np.float32]]:
    """Return one window of each kind, by name.

    Returns
    -------
    dict of str to np.ndarray [shape=(15600,), float32]
        In [-1, 1), multiples of 2**-15, 16 kHz.
    """
    time = np.arange(SAMPLES) / RATE_HZ
    noise = _noise(seed=0)
    tone = np.sin(2 * np.pi * 440 * time)
    waveforms = {
        "zeros": 0 * time,
        "offset": 0 * time + 0.25,
        "impulse": np.where(np.arange(SAMPLES) == 8000, 1.0, 0.0),
        "sine_440_hz": 0.5 * tone,
        "sine_3_khz_quiet": 0.01 * np.sin(2 * np.pi * 3000 * time),
        "chirp": 0.5 * np.sin(2 * np.pi * (50 * time + 4000 * time**2)),
        "square_full_scale": np.sign(np.sin(2 * np.pi * 220.5 * time)),
        "noise": 0.5 * noise,
        "noise_faint": 2.0**-14 * noise,
        "noise_burst": np.where((time > 0.3) & (time < 0.5), noise, 0.0),
        "tremolo": 0.4 * tone * (1 + np.sin(2 * np.pi * 6 * time)),
        "clicks": np.where(np.arange(SAMPLES) % 1601 < 3, 0.9, 0.0) + 0.002 * noise,
    }
    return {name: _sixteen_bits(waveform) for name, waveform in waveforms.items()}


def _noise(seed: int) -> Float64:
    """Return white noise in [-1, 1) from raw bits, the part of NumPy's randomness that never changes."""
    words = np.asarray(np.random.PCG64(seed).random_raw(SAMPLES), np.uint64)
    return np.asarray((words >> np.uint64(48)).astype(np.float64) / 2**15 - 1)


def _sixteen_bits(waveform: Float64) -> npt.NDArray[np.float32]:
    samples = np.clip(np.floor(waveform * 2**15 + 0.5), -(2**15), 2**15 - 1)
    return (samples / 2**15).astype(np.float32)
