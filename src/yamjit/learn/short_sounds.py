"""Sounds shorter than a window: copies elsewhere in it to learn from, and a random place in it to be judged at.

A short recording is padded at its end, so that a head would learn where in the window its sound is, and miss it in a
stream, where it is anywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.keywords import explained
from yamjit.learn.augment import MOST_COPIES, clip_samples
from yamjit.learn.dataset import Clip
from yamjit.learn.features import Features, same_clips
from yamjit.learn.transforms import Gain, Noise, Place, Shift, Speed, Transform, Trim
from yamjit.network import Quantized
from yamjit.reading import DEFAULT_HOP_S, ReadOptions
from yamjit.workers import in_order

__all__ = ["DEFAULT_COPIES", "anywhere", "placed", "with_copies"]

Float32 = npt.NDArray[np.float32]

#: Changed copies of each recording of a short sound.
DEFAULT_COPIES = 6

#: How much slower or faster a copy is: sounds that differ finely may differ in their pitch.
_SPEED = Speed(0.9, 1.11)

#: How copies of other clips are changed.
_LONGER = (Gain(), Shift(), Noise())

#: What is added to a seed for places at which heads are judged: they are none of those at which heads learn.
_ELSEWHERE = 2**63


@overload
def with_copies(
    model: Classifier, features: Features, copies: int = ..., *, longer: int = ..., seed: int = ..., hop_s: float = ...
) -> Features: ...
@overload
def with_copies(
    model: Classifier,
    features: Mapping[str, Features],
    copies: int = ...,
    *,
    longer: int = ...,
    seed: int = ...,
    hop_s: float = ...,
) -> dict[str, Features]: ...
@explained
def with_copies(
    model: Classifier,
    features: Features | Mapping[str, Features],
    copies: int = DEFAULT_COPIES,
    *,
    longer: int = 0,
    seed: int = 0,
    hop_s: float = DEFAULT_HOP_S,
) -> Features | dict[str, Features]:
    """Return the windows of clips, with those of changed copies of the clips whose sound is shorter than a window.

    A sound is a recording without the quiet parts at its ends. In a copy it is slower or faster, at a random place in a
    window, in white noise, and softer or louder. The windows of copies belong to the clip that they are copies of,
    whose weight they share. `Features.copies` marks them: heads learn from them, and are not judged by them.

    Parameters
    ----------
    model : Classifier
        Model that computed `features`.
    features : Features or mapping of str to Features
        Windows of clips; or several features of the same clips, as `embed_candidates` returns them.
    copies : int in [0, 1000]
        Number of copies of each of these clips.
    longer : int in [0, 1000]
        Number of copies of each of the other clips, which are softer or louder, shifted and in white noise.
    seed : int in [0, 2**64)
        Seed of all changes. A clip has the same copies whichever clips are selected afterwards.
    hop_s : float > 0
        Time from the start of one window to the start of the next, in seconds, as for `features`.

    Returns
    -------
    Features or dict of str to Features
        As `features` is.
    """
    checks.whole(copies, "copies", 0, MOST_COPIES)
    checks.whole(longer, "longer", 0, MOST_COPIES)
    several = same_clips(features)
    changer = _Changer(model, several, hop_s, checks.whole(seed, "seed", 0, 2**64 - 1))
    new = changer.changed((_SPEED, _place(model), Noise(15, 45), Gain(-8, 4)), copies, longer)
    grown = {name: _joined(name, one, new) for name, one in several.items()}
    return grown if isinstance(features, Mapping) else grown[features.name]


@overload
def anywhere(model: Classifier, features: Features, *, seed: int = ..., hop_s: float = ...) -> Features: ...
@overload
def anywhere(
    model: Classifier, features: Mapping[str, Features], *, seed: int = ..., hop_s: float = ...
) -> dict[str, Features]: ...
@explained
def anywhere(
    model: Classifier, features: Features | Mapping[str, Features], *, seed: int = 0, hop_s: float = DEFAULT_HOP_S
) -> Features | dict[str, Features]:
    """Return the windows of clips, where each sound that is shorter than a window is at a random place in one.

    This is how sounds are met in a stream: by these windows a head shows what it reaches there.

    Parameters
    ----------
    model, features, seed, hop_s
        See `with_copies`.

    Returns
    -------
    Features or dict of str to Features
        As `features` is, without copies.
    """
    several = {name: one.originals() for name, one in same_clips(features).items()}
    seed = _elsewhere(checks.whole(seed, "seed", 0, 2**64 - 1))
    found = _Changer(model, several, hop_s, seed).changed((_place(model),), 1)
    new = {place: one._replace(numbers=np.zeros(1, np.int64)) for place, one in found.items()}
    moved = {name: _joined(name, one.only(~np.isin(one.clips, list(new))), new) for name, one in several.items()}
    return moved if isinstance(features, Mapping) else moved[features.name]


def placed(model: Classifier, clip: Clip, place: int, seed: int) -> Float32 | None:
    """Return a window with the sound of a clip at the random place at which `anywhere` puts it, as samples.

    `place` is the position of the clip in its dataset. None if the sound is not shorter than a window.
    """
    sound = _sound(model, clip)
    return None if sound is None else _place(model).vary(sound, model.sample_rate, _dice(_elsewhere(seed), 0, place))


def _elsewhere(seed: int) -> int:
    return (seed + _ELSEWHERE) % 2**64


def _dice(seed: int, number: int, place: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, number, place]))


def _place(model: Classifier) -> Place:
    return Place(model.window_samples / model.sample_rate)


def _sound(model: Classifier, clip: Clip) -> Float32 | None:
    """Return the samples of a clip without the quiet parts at its ends; None if they fill a window or more."""
    sound = Trim().vary(clip_samples(model, clip), model.sample_rate, _dice(0, 0, 0))
    return sound if len(sound) < model.window_samples else None


class _Windows(NamedTuple):
    """Windows of the copies of a clip: the number of the copy that each is of, and their values, by feature."""

    numbers: npt.NDArray[np.int64]
    values: Mapping[str, Float32]


class _Changer:
    """Makes changed copies of clips; threads may share it.

    There are `copies` of those whose sound is short, and `longer` of the others.
    """

    def __init__(self, model: Classifier, features: Mapping[str, Features], hop_s: float, seed: int) -> None:
        checks.instance(model, "model", Classifier)
        # Threads share the clips, not the windows of each.
        self._model = copy.copy(model)
        self._model.threads = 1
        self._threads = model.threads
        self._features = features
        self._hop_s = checks.number(hop_s, "hop_s", 0, above=True, kind="seconds")
        self._seed = seed

    def changed(self, changes: Sequence[Transform], copies: int, longer: int = 0) -> dict[int, _Windows]:
        """Return the windows of all copies, by the position of their clip."""
        first = next(iter(self._features.values()))
        windows = np.bincount(first.clips[first.copies == 0], minlength=len(first.dataset))
        # Recordings of one and a half windows are read: their ends may be quiet.
        most = 2 + self._model.window_samples / self._model.sample_rate / 2 / self._hop_s
        places = [place for place, count in enumerate(windows) if (copies and count < most) or longer]
        clips = first.dataset.clips
        self._model.feature_scorer(tuple(self._features)).network.warm_up()

        def made(place: int) -> _Windows | None:
            sound = _sound(self._model, clips[place])
            if sound is not None:
                # One after the other, each of them a window of its own.
                varied = self._varied(sound, changes, copies, place)
                window_s = self._model.window_samples / self._model.sample_rate
                return self._windows([np.concatenate(varied)], window_s, range(1, copies + 1)) if varied else None
            if not longer:
                return None
            varied = self._varied(clip_samples(self._model, clips[place]), _LONGER, longer, place)
            return self._windows(varied, self._hop_s)

        found = in_order(places, made, self._threads)
        return {place: new for place, new in zip(places, found, strict=True) if new is not None}

    def _varied(self, samples: Float32, changes: Sequence[Transform], copies: int, place: int) -> list[Float32]:
        varied = []
        for number in range(copies):
            changed, dice = samples, _dice(self._seed, number, place)
            for change in changes:
                changed = change.vary(changed, self._model.sample_rate, dice)
            varied.append(changed)
        return varied

    def _windows(self, sounds: Sequence[Float32], hop_s: float, numbers: Sequence[int] = ()) -> _Windows:
        """Return the windows of sounds, numbered as copies: by the sound, or as given."""
        rate, names = self._model.sample_rate, tuple(self._features)
        parts, counts = [], []
        for samples in sounds:
            with self._model.feature_windows(samples, rate, features=names, reading=ReadOptions(hop_s=hop_s)) as stream:
                found = [windows.features for windows in stream]
            parts += found
            counts.append(sum(len(part[names[0]].values) for part in found))
        which = list(numbers) or np.repeat(np.arange(1, len(counts) + 1), counts)
        return _Windows(
            np.asarray(which, np.int64),
            {name: Quantized.joined([part[name] for part in parts]).real() for name in names},
        )


def _joined(name: str, features: Features, new: Mapping[int, _Windows]) -> Features:
    """Return windows of clips with new ones, those of a clip one after the other."""
    if not new:
        return features
    found = [(np.full(len(one.numbers), place), one.numbers, one.values[name]) for place, one in new.items()]
    clips, copies, values = (np.concatenate(column) for column in zip(*found, strict=True))
    clips = np.concatenate((features.clips, clips))
    order = np.argsort(clips, kind="stable")
    return replace(
        features,
        embeddings=np.concatenate((features.embeddings, values))[order],
        clips=clips[order],
        copies=np.concatenate((features.copies, copies))[order],
    )
