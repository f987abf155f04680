"""More clips out of few: changed copies of waveforms and log-mel spectrograms, the same ones for the same seed."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio.source import open_audio
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.frontend import count_windows
from yamjit.learn.dataset import Clip
from yamjit.learn.features import DEFAULT_HOP_S, Features
from yamjit.reading import ReadOptions
from yamjit.workers import in_order

__all__ = [
    "Augmentation",
    "Fade",
    "FrequencyMask",
    "Gain",
    "Noise",
    "Shift",
    "TimeMask",
    "Trim",
    "augmented",
    "mix",
]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

#: Of each clip; the windows of all copies are in memory.
MOST_COPIES = 1000

_MOST_DB = 200.0
_MOST_SHIFT_S = 3600.0
_MOST_MASKED = 10_000
_MOST_MASKS = 1000


def _check_decibels(low: Any, high: Any, low_name: str, high_name: str) -> None:
    checks.number(low, low_name, -_MOST_DB, _MOST_DB, kind="decibels")
    checks.number(high, high_name, float(low), _MOST_DB, kind="decibels")


@runtime_checkable
class Transform(Protocol):
    """A change whose chance is a generator that it is given."""

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        ...


#: A change of samples: one of this module, or any callable ``(samples, sample_rate)``, as audiomentations has them.
WaveformTransform = Transform | Callable[..., Any]


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
        _check_decibels(self.low_db, self.high_db, "low_db", "high_db")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        return (samples * 10 ** (dice.uniform(self.low_db, self.high_db) / 20)).astype(np.float32)


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
        _check_decibels(self.low_db, self.high_db, "low_db", "high_db")

    def vary(self, samples: Float32, sample_rate: int, dice: np.random.Generator) -> Float32:
        """Return changed samples."""
        noise = dice.standard_normal(len(samples), np.float32)
        return mix(samples, noise, dice.uniform(self.low_db, self.high_db))


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


def mix(samples: npt.ArrayLike, other: npt.ArrayLike, snr_db: float) -> Float32:
    """Return samples with others behind them, so much softer.

    Parameters
    ----------
    samples : array_like [shape=(n,)]
    other : array_like [shape=(m,)]
        Repeated or cut to `n` samples.
    snr_db : float
        Mean power of `samples` over that of `other`, in decibels. Silence stays as it is.

    Returns
    -------
    np.ndarray [shape=(n,), float32]
    """
    signal, behind = checks.array(samples, "samples", np.float64), checks.array(other, "other", np.float64)
    for name, given in (("samples", signal), ("other", behind)):
        if given.ndim != 1:
            raise InputError(f"{name} of shape (n,) are accepted, found {given.shape}")
    checks.number(snr_db, "snr_db", -_MOST_DB, _MOST_DB, kind="decibels")
    if not behind.size:
        return signal.astype(np.float32)
    behind = np.resize(behind, signal.size)
    power, noise = float((signal * signal).mean()) if signal.size else 0.0, float((behind * behind).mean())
    if not power or not noise:
        return signal.astype(np.float32)
    return (signal + behind * np.sqrt(power / noise) * 10 ** (-snr_db / 20)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How clips are changed.

    Parameters
    ----------
    waveform : sequence
        Changes of samples, one after the other: those of this module, or any callable ``(samples, sample_rate)``.
    log_mel : sequence of TimeMask or FrequencyMask
        Changes of the spectrogram.
    mixing : float in [0, 1]
        Share of the copies that another clip is mixed into; they are then of the classes of both.
    mixing_db : tuple of float
        Between which a clip is louder than what is mixed into it.
    copies : int in [1, 1000]
        Of each clip.
    seed : int in [0, 2**64)

    Raises
    ------
    InputError
        If a value is out of range.
    """

    waveform: Sequence[WaveformTransform] = field(default_factory=lambda: (Gain(), Shift(), Noise()))
    log_mel: Sequence[TimeMask | FrequencyMask] = ()
    mixing: float = 0.0
    mixing_db: tuple[float, float] = (-3.0, 9.0)
    copies: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        checks.number(self.mixing, "mixing", 0, 1)
        decibels = checks.elements(self.mixing_db, "mixing_db", "two numbers")
        if len(decibels) != 2:
            raise InputError(f"mixing_db is {checks.shown(self.mixing_db)}; two numbers are accepted")
        _check_decibels(*decibels, "mixing_db[0]", "mixing_db[1]")
        checks.whole(self.copies, "copies", 1, MOST_COPIES)
        checks.whole(self.seed, "seed", 0, 2**64 - 1)
        waveform = checks.elements(self.waveform, "waveform", "changes of samples")
        log_mel = checks.elements(self.log_mel, "log_mel", "changes of the spectrogram")
        strange: list[object] = [t for t in waveform if not callable(t) and not isinstance(t, Transform)]
        strange += [t for t in log_mel if not hasattr(t, "mask")]
        if strange:
            raise InputError(
                f"{checks.shown(strange[0])} is neither a transform of this module nor a callable "
                "(samples, sample_rate)"
            )


def augmented(
    model: Classifier, features: Features, augmentation: Augmentation | None = None, *, hop_s: float = DEFAULT_HOP_S
) -> Features:
    """Return the windows of clips, and behind them those of changed copies.

    Parameters
    ----------
    model : Classifier
        The one that `features` come from.
    features : Features
        Of the clips to be trained on: copies of what is judged by would tell nothing.
    augmentation : Augmentation, optional
    hop_s : float > 0
        From one window to the next, in seconds.
    """
    checks.instance(model, "model", Classifier)
    checks.instance(features, "features", Features)
    augmentation = Augmentation() if augmentation is None else augmentation
    checks.instance(augmentation, "augmentation", Augmentation)
    changer = _Changer(model, features, augmentation, hop_s)
    jobs = [(copy, place) for copy in range(augmentation.copies) for place in range(len(features.dataset))]
    # Strangers draw from generators that all threads share.
    threads = model.threads if all(isinstance(t, Transform) for t in augmentation.waveform) else 1
    found = list(in_order(jobs, changer.copy, threads))
    count = len(features.dataset)
    places = np.repeat(np.arange(len(found)), [len(embeddings) for _, embeddings in found])
    return Features(
        replace(features.dataset, clips=(*features.dataset.clips, *(clip for clip, _ in found))),
        np.concatenate((features.embeddings, *(embeddings for _, embeddings in found))),
        np.concatenate((features.clips, count + places)),
        features.hashes * (1 + augmentation.copies),
        features.skipped,
    )


class _Changer:
    """Makes changed copies of clips; threads may share it."""

    def __init__(self, model: Classifier, features: Features, augmentation: Augmentation, hop_s: float) -> None:
        self._model = copy.copy(model)
        self._model.threads = 1
        self._clips = features.dataset.clips
        self._augmentation = augmentation
        self._hop_s = hop_s

    def copy(self, job: tuple[int, int]) -> tuple[Clip, Float32]:
        """Return a changed clip and its windows: of its copy's number and its place alone."""
        number, place = job
        dice = np.random.Generator(np.random.PCG64([self._augmentation.seed, number, place]))
        clip, rate = self._clips[place], self._model.sample_rate
        samples = self._samples(clip)
        if dice.random() < self._augmentation.mixing:
            other = self._clips[int(dice.integers(len(self._clips)))]
            samples = mix(samples, self._samples(other), dice.uniform(*self._augmentation.mixing_db))
            clip = replace(clip, labels=tuple(sorted({*clip.labels, *other.labels})))
        for transform in self._augmentation.waveform:
            samples = _varied(transform, samples, rate, dice)
        return clip, self._embed(samples, dice)

    def _samples(self, clip: Clip) -> Float32:
        reading = ReadOptions(start_s=clip.start_s, end_s=clip.end_s)
        with open_audio(clip.path, None, reading, target_rate=self._model.sample_rate) as source:
            return np.concatenate([np.empty(0, np.float32), *(block[0].copy() for block in source.blocks())])

    def _embed(self, samples: Float32, dice: np.random.Generator) -> Float32:
        rate = self._model.sample_rate
        if not self._augmentation.log_mel:
            return self._model.embed(samples, sample_rate=rate, reading=ReadOptions(hop_s=self._hop_s))
        frames = self._model.log_mel(samples, sample_rate=rate, reading=ReadOptions(hop_s=self._hop_s))
        for mask in self._augmentation.log_mel:
            frames = mask.mask(frames, dice)
        constants = self._model.front_end.constants
        hop = round(self._hop_s * rate)
        if hop % constants.hop_length:
            raise InputError(
                f"with changes of the log-mel, hop_s must be whole frames of {constants.hop_length / rate} s"
            )
        step = hop // constants.hop_length
        count = count_windows(len(samples), constants.window_samples, hop)
        patches = np.stack([frames[k * step : k * step + constants.n_frames] for k in range(count)])
        return self._model.network.run(patches).embeddings


def _varied(transform: WaveformTransform, samples: Float32, rate: int, dice: np.random.Generator) -> Float32:
    if isinstance(transform, Transform):
        changed: Any = transform.vary(samples, rate, dice)
    else:
        with _seeded(int(dice.integers(2**32))):
            changed = transform(samples=samples, sample_rate=rate)
    result = np.asarray(changed, np.float32)
    if result.ndim != 1 or not np.isfinite(result).all():
        raise InputError(f"{transform!r} made {result.shape} of {samples.shape} samples, or values that are not finite")
    return result


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let chance that `random` and NumPy draw for strangers begin at a seed, and go on afterwards as before."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
