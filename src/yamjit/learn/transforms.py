"""Changes of waveforms and log-mel spectrograms, drawn at random from a generator that they are given."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio.resample import Resampler
from yamjit.errors import InputError
from yamjit.keywords import explained

__all__ = [
    "Fade",
    "FrequencyMask",
    "Gain",
    "Noise",
    "Place",
    "Shift",
    "Speed",
    "TimeMask",
    "Transform",
    "Trim",
    "WaveformTransform",
    "check_decibels",
    "mix",
]

Float32 = npt.NDArray[np.float32]

_MOST_DB = 200.0
_MOST_SHIFT_S = 3600.0
_MOST_SPEED = 10.0
_MOST_MASKED = 10_000
_MOST_MASKS = 1000


def check_decibels(low: Any, high: Any, low_name: str = "low_db", high_name: str = "high_db") -> None:
    """Refuse bounds that are not numbers of decibels in order."""
    checks.number(low, low_name, -_MOST_DB, _MOST_DB, kind="decibels")
    checks.number(high, high_name, float(low), _MOST_DB, kind="decibels")


@runtime_checkable
class Transform(Protocol):
    """A change of samples that draws from a generator."""

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        ...


#: A change of samples: one of this module, or a callable ``(samples, sample_rate)``, as audiomentations has them.
WaveformTransform: TypeAlias = Transform | Callable[..., Any]


@explained
@dataclass(frozen=True, slots=True)
class Gain:
    """Make louder or softer, by a random number of decibels.

    Parameters
    ----------
    low_db, high_db : float
        Lowest and highest gain, in dB.
    """

    low_db: float = -12.0
    high_db: float = 6.0

    def __post_init__(self) -> None:
        check_decibels(self.low_db, self.high_db)

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        return (samples * 10 ** (dice.uniform(self.low_db, self.high_db) / 20)).astype(np.float32)


@explained
@dataclass(frozen=True, slots=True)
class Shift:
    """Begin earlier or later; what leaves at one end comes in at the other.

    Parameters
    ----------
    most_s : float >= 0
        Longest shift, in seconds.
    """

    most_s: float = 0.5

    def __post_init__(self) -> None:
        checks.number(self.most_s, "most_s", 0, _MOST_SHIFT_S, kind="seconds")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        most = round(self.most_s * sample_rate)
        return np.roll(samples, int(dice.integers(-most, most + 1)))


@explained
@dataclass(frozen=True, slots=True)
class Noise:
    """Add white noise at a random signal-to-noise ratio.

    Parameters
    ----------
    low_db, high_db : float
        Lowest and highest ratio, in dB.
    """

    low_db: float = 10.0
    high_db: float = 40.0

    def __post_init__(self) -> None:
        check_decibels(self.low_db, self.high_db)

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        noise = dice.standard_normal(len(samples), np.float32)
        return mix(samples, noise, dice.uniform(self.low_db, self.high_db))


@explained
@dataclass(frozen=True, slots=True)
class Fade:
    """Fade in and out.

    Parameters
    ----------
    most_s : float >= 0
        Longest fade, in seconds.
    """

    most_s: float = 0.5

    def __post_init__(self) -> None:
        checks.number(self.most_s, "most_s", 0, _MOST_SHIFT_S, kind="seconds")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        changed = samples.astype(np.float32, copy=True)
        for end in (changed, changed[::-1]):
            length = min(len(changed), round(dice.uniform(0, self.most_s) * sample_rate))
            end[:length] *= np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
        return changed


@explained
@dataclass(frozen=True, slots=True)
class Trim:
    """Cut off quiet parts at both ends.

    Parameters
    ----------
    below_db : float >= 0
        Distance from the loudest sample at which a sample counts as quiet, in dB.
    """

    below_db: float = 40.0

    def __post_init__(self) -> None:
        checks.number(self.below_db, "below_db", 0, _MOST_DB)

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max(initial=0) * 10 ** (-self.below_db / 20))
        return samples[loud[0] : loud[-1] + 1] if loud.size else samples


@explained
@dataclass(frozen=True, slots=True)
class Speed:
    """Play slower or faster, which changes the pitch as well.

    Parameters
    ----------
    low, high : float in [0.1, 10]
        Lowest and highest factor of the speed.
    """

    low: float = 0.82
    high: float = 1.22

    def __post_init__(self) -> None:
        checks.number(self.low, "low", 1 / _MOST_SPEED, _MOST_SPEED, kind="factors")
        checks.number(self.high, "high", float(self.low), _MOST_SPEED, kind="factors")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        factor = math.exp(dice.uniform(math.log(self.low), math.log(self.high)))
        resampler = Resampler(max(1, round(sample_rate * factor)), sample_rate)
        return np.concatenate((resampler.push(samples[np.newaxis])[0], resampler.flush()[0]))


@explained
@dataclass(frozen=True, slots=True)
class Place:
    """Put a sound at a random place in silence, or cut a random part out of a longer one.

    Parameters
    ----------
    length_s : float > 0
        Length of the result, in seconds.
    """

    length_s: float = 0.975

    def __post_init__(self) -> None:
        checks.number(self.length_s, "length_s", 0, _MOST_SHIFT_S, above=True, kind="seconds")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        room = max(1, round(self.length_s * sample_rate)) - len(samples)
        first = int(dice.integers(0, abs(room) + 1))
        return np.pad(samples, (first, room - first)) if room >= 0 else samples[first : first + len(samples) + room]


@explained
@dataclass(frozen=True, slots=True)
class TimeMask:
    """Set frames of a log-mel spectrogram to its mean, at random places.

    Parameters
    ----------
    most_frames : int >= 0
        Highest number of frames in a row.
    count : int >= 0
        Number of places.
    """

    most_frames: int = 24
    count: int = 2

    def __post_init__(self) -> None:
        checks.whole(self.most_frames, "most_frames", 0, _MOST_MASKED)
        checks.whole(self.count, "count", 0, _MOST_MASKS)

    def mask(self, log_mel: Float32, dice: np.random.Generator) -> Float32:
        """Return a changed spectrogram [shape=(t, n_mels)]."""
        return _masked(log_mel, dice, self.most_frames, self.count, 0)


@explained
@dataclass(frozen=True, slots=True)
class FrequencyMask:
    """Set bands of a log-mel spectrogram to its mean, at random places.

    Parameters
    ----------
    most_bands : int >= 0
        Highest number of bands next to each other.
    count : int >= 0
        Number of places.
    """

    most_bands: int = 8
    count: int = 2

    def __post_init__(self) -> None:
        checks.whole(self.most_bands, "most_bands", 0, _MOST_MASKED)
        checks.whole(self.count, "count", 0, _MOST_MASKS)

    def mask(self, log_mel: Float32, dice: np.random.Generator) -> Float32:
        """Return a changed spectrogram [shape=(t, n_mels)]."""
        return _masked(log_mel, dice, self.most_bands, self.count, 1)


def _masked(log_mel: Float32, dice: np.random.Generator, most: int, count: int, axis: int) -> Float32:
    changed, mean = log_mel.copy(), log_mel.mean()
    for _ in range(count):
        width = int(dice.integers(0, min(most, log_mel.shape[axis]) + 1))
        first = int(dice.integers(0, log_mel.shape[axis] - width + 1))
        place = (slice(None),) * axis + (slice(first, first + width),)
        changed[place] = mean
    return changed


@explained
def mix(samples: npt.ArrayLike, other: npt.ArrayLike, snr_db: float) -> Float32:
    """Return samples mixed with others at a signal-to-noise ratio.

    Parameters
    ----------
    samples : array_like [shape=(n,)]
        The signal.
    other : array_like [shape=(m,)]
        The noise, repeated or cut to `n` samples.
    snr_db : float in [-200, 200]
        Mean power of `samples` over that of `other`, in decibels. If either is silent, `samples` are returned.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
    """
    signal, noise = checks.array(samples, "samples", np.float64), checks.array(other, "other", np.float64)
    for name, given in (("samples", signal), ("other", noise)):
        if given.ndim != 1:
            raise InputError(f"{name} of shape (n,) are accepted, found {given.shape}")
    checks.number(snr_db, "snr_db", -_MOST_DB, _MOST_DB, kind="decibels")
    if not noise.size:
        return signal.astype(np.float32)
    noise = np.resize(noise, signal.size)
    power = float((signal * signal).mean()) if signal.size else 0.0
    noise_power = float((noise * noise).mean())
    if not power or not noise_power:
        return signal.astype(np.float32)
    return (signal + noise * np.sqrt(power / noise_power) * 10 ** (-snr_db / 20)).astype(np.float32)
