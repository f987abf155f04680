"""More clips from few: changed copies of clips, the same ones for the same seed."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.audio.source import open_audio
from yamjit.classifier import Classifier
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.dataset import Clip
from yamjit.learn.features import Features, same_clips
from yamjit.learn.fine import cut_patches
from yamjit.learn.transforms import (
    FrequencyMask,
    Gain,
    Noise,
    Shift,
    TimeMask,
    Transform,
    WaveformTransform,
    check_decibels,
    mix,
)
from yamjit.network import Quantized
from yamjit.reading import DEFAULT_HOP_S, ReadOptions
from yamjit.workers import in_order

__all__ = ["MOST_COPIES", "Augmentation", "augmented", "clip_samples"]

Float32 = npt.NDArray[np.float32]

#: Most copies of each clip: the windows of all copies are in memory.
MOST_COPIES = 1000


@explained
@dataclass(frozen=True, slots=True)
class Augmentation:
    """Options for changed copies of clips.

    Parameters
    ----------
    waveform : sequence
        Changes of samples, applied in order: `Gain`, `Shift`, `Noise`, `Fade`, `Trim`, or any callable
        ``(samples, sample_rate)``.
    log_mel : sequence of TimeMask or FrequencyMask
        Changes of the spectrogram, applied in order.
    mixing : float in [0, 1]
        Share of the copies that another clip is mixed into; such a copy has the classes of both clips.
    mixing_db : tuple of float
        Bounds of the level of a clip above the clip that is mixed into it, in decibels.
    copies : int in [1, 1000]
        Number of copies of each clip.
    seed : int in [0, 2**64)
        Seed of all changes.

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
        check_decibels(*decibels, "mixing_db[0]", "mixing_db[1]")
        checks.whole(self.copies, "copies", 1, MOST_COPIES)
        checks.whole(self.seed, "seed", 0, 2**64 - 1)
        waveform = checks.elements(self.waveform, "waveform", "changes of samples")
        log_mel = checks.elements(self.log_mel, "log_mel", "changes of the spectrogram")
        strange: list[object] = [t for t in waveform if not callable(t) and not isinstance(t, Transform)]
        strange += [t for t in log_mel if not hasattr(t, "mask")]
        if strange:
            raise InputError(
                f"{checks.shown(strange[0])} is neither a transform of yamjit.learn nor a callable "
                "(samples, sample_rate)"
            )


@overload
def augmented(
    model: Classifier, features: Features, augmentation: Augmentation | None = None, *, hop_s: float = DEFAULT_HOP_S
) -> Features: ...
@overload
def augmented(
    model: Classifier,
    features: Mapping[str, Features],
    augmentation: Augmentation | None = None,
    *,
    hop_s: float = DEFAULT_HOP_S,
) -> dict[str, Features]: ...
@explained
def augmented(
    model: Classifier,
    features: Features | Mapping[str, Features],
    augmentation: Augmentation | None = None,
    *,
    hop_s: float = DEFAULT_HOP_S,
) -> Features | dict[str, Features]:
    """Return the windows of clips, followed by those of changed copies.

    Parameters
    ----------
    model : Classifier
        Model that computed `features`.
    features : Features or mapping of str to Features
        Windows of the clips to train on, without those that are held out for evaluation; or several features of the
        same clips, as `embed_candidates` returns them: then the copies are heard once for all of them.
    augmentation : Augmentation, optional
        Options for the copies.
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds.

    Returns
    -------
    Features or dict of str to Features
        As `features` is.
    """
    checks.instance(model, "model", Classifier)
    several = same_clips(features)
    augmentation = Augmentation() if augmentation is None else augmentation
    checks.instance(augmentation, "augmentation", Augmentation)
    grown = dict(zip(several, _augmented(model, [*several.values()], augmentation, hop_s), strict=True))
    return grown if isinstance(features, Mapping) else grown[features.name]


def _augmented(
    model: Classifier, features: Sequence[Features], augmentation: Augmentation, hop_s: float
) -> list[Features]:
    changer = _Changer(model, features, augmentation, hop_s)
    clips = features[0].dataset.clips
    jobs = [(number, place) for number in range(augmentation.copies) for place in range(len(clips))]
    # Transforms of other packages draw from generators that all threads share.
    threads = model.threads if all(isinstance(t, Transform) for t in augmentation.waveform) else 1
    found = list(in_order(jobs, changer.copy, threads))
    more = replace(features[0].dataset, clips=(*clips, *(clip for clip, _ in found)))

    def joined(one: Features) -> Features:
        values = [copies[one.name] for _, copies in found]
        places = np.repeat(np.arange(len(found)), list(map(len, values)))
        return replace(
            one,
            dataset=more,
            embeddings=np.concatenate((one.embeddings, *values)),
            clips=np.concatenate((one.clips, len(clips) + places)),
            copies=np.concatenate((one.copies, np.zeros_like(places))),
            hashes=one.hashes * (1 + augmentation.copies),
        )

    return list(map(joined, features))


def clip_samples(model: Classifier, clip: Clip) -> Float32:
    """Return the samples of a clip, at the model's rate."""
    with open_audio(clip.path, None, clip.reading(), target_rate=model.sample_rate) as source:
        return np.concatenate([np.empty(0, np.float32), *(block[0].copy() for block in source.blocks())])


class _Changer:
    """Makes changed copies of clips; threads may share it."""

    def __init__(
        self, model: Classifier, features: Sequence[Features], augmentation: Augmentation, hop_s: float
    ) -> None:
        self._model = copy.copy(model)
        self._model.threads = 1
        self._names = model.check_features([one.name for one in features])
        self._scorer = model.feature_scorer(self._names)
        self._clips = features[0].dataset.clips
        self._augmentation = augmentation
        self._reading = ReadOptions(hop_s=hop_s)
        self._hop_s = hop_s

    def copy(self, job: tuple[int, int]) -> tuple[Clip, dict[str, Float32]]:
        """Return a changed clip and its features, for the number of the copy and the place of the clip."""
        number, place = job
        dice = np.random.Generator(np.random.PCG64([self._augmentation.seed, number, place]))
        clip, rate = self._clips[place], self._model.sample_rate
        samples = clip_samples(self._model, clip)
        if dice.random() < self._augmentation.mixing:
            other = self._clips[int(dice.integers(len(self._clips)))]
            samples = mix(samples, clip_samples(self._model, other), dice.uniform(*self._augmentation.mixing_db))
            clip = replace(clip, labels=tuple(sorted({*clip.labels, *other.labels})))
        for transform in self._augmentation.waveform:
            samples = _varied(transform, samples, rate, dice)
        return clip, self._embed(samples, dice)

    def _embed(self, samples: Float32, dice: np.random.Generator) -> dict[str, Float32]:
        rate = self._model.sample_rate
        if not self._augmentation.log_mel:
            names = self._names
            with self._model.feature_windows(samples, rate, features=names, reading=self._reading) as stream:
                parts = [windows.features for windows in stream]
            return {name: Quantized.joined([part[name] for part in parts]).real() for name in names}
        frames = self._model.log_mel(samples, sample_rate=rate, reading=self._reading)
        for mask in self._augmentation.log_mel:
            frames = mask.mask(frames, dice)
        patches = cut_patches(self._model, frames, len(samples), self._hop_s)
        return {name: found.real() for name, found in self._scorer.of_patches(patches).items()}


def _varied(transform: WaveformTransform, samples: Float32, rate: int, dice: np.random.Generator) -> Float32:
    if isinstance(transform, Transform):
        changed: Any = transform.vary(samples, rate, dice)
    else:
        with _seeded(int(dice.integers(2**32))):
            changed = transform(samples=samples, sample_rate=rate)
    result = np.asarray(changed, np.float32)
    if result.ndim != 1 or not np.isfinite(result).all():
        found = f"{samples.shape} samples into {result.shape}"
        raise InputError(f"{transform!r} turned {found}, or into values that are not finite")
    return result


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of `random` and NumPy, for other packages; restore their states afterwards."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
