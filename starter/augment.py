"""Patches made different each time they are seen: louder, brighter, later, in noise, or mixed with another patch.

Mel magnitudes of two sounds nearly add up, so windows can be mixed after the fact; who is to be heard is judged as it
is for scenes.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from starter.catalogue import LABELS, NOISES, SILENCE, TEXTURES
from starter.dataset import standard_front_end
from starter.scenes import WINDOW
from starter.signals import Rng

__all__ = ["augmented"]

Float32 = npt.NDArray[np.float32]

_OFFSET = np.float32(0.001)
#: Cells in which each of two patches must be the louder one, by this factor, for both to keep their labels.
_LOUDER_CELLS, _LOUDER = 350, np.float32(1.4)
#: Magnitude from which a cell is more than silence.
_HEARD = 3 * _OFFSET
_MIXED, _SHIFTED, _TINTED, _NOISY = 0.35, 0.4, 0.5, 0.4

_STEADY = np.array([label in TEXTURES | {SILENCE} for label in LABELS])
_FAITHFUL = np.array([label in NOISES | {SILENCE} for label in LABELS])


def augmented(rng: Rng, patches: Float32, targets: npt.NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """Return variations of patches, and their targets.

    Parameters
    ----------
    rng : Generator
    patches : np.ndarray [shape=(n, 96, 64), float32]
        Log-mel.
    targets : np.ndarray [shape=(n, classes), bool]

    Returns
    -------
    patches : np.ndarray [shape=(n, 96, 64), float32]
    targets : np.ndarray [shape=(n, classes), float32]
    """
    linear = np.maximum(np.exp(patches) - _OFFSET, 0)
    for row in np.flatnonzero(rng.random(len(linear)) < _SHIFTED):
        linear[row] = np.roll(linear[row], rng.integers(96), axis=0)
    linear *= _gains(rng, targets)
    linear, targets = _mixed(rng, linear, targets)
    linear = _before_noise(rng, linear, targets)
    return np.log(linear + _OFFSET), targets.astype(np.float32)


def _gains(rng: Rng, targets: npt.NDArray[np.bool_]) -> Float32:
    """Return a factor for each patch and band [shape=(n, 1, 64)]; silence and coloured noise keep theirs."""
    n = len(targets)
    knots = rng.normal(0, 3.0, (n, 6)) * (rng.random((n, 1)) < _TINTED)
    curve = np.stack([np.interp(np.linspace(0, 5, 64), np.arange(6), row) for row in knots])
    decibels = np.where(targets[:, _FAITHFUL].any(axis=1, keepdims=True), 0.0, curve + rng.uniform(-6, 6, (n, 1)))
    return (10 ** (decibels / 20)).astype(np.float32)[:, None, :]


def _mixed(rng: Rng, linear: Float32, targets: npt.NDArray[np.bool_]) -> tuple[Float32, npt.NDArray[np.bool_]]:
    """Add to some patches the next one of the batch, where both stay audible and can be told apart."""
    other, other_targets = np.roll(linear, 1, axis=0), np.roll(targets, 1, axis=0)
    audible = [
        np.count_nonzero(one > np.maximum(_LOUDER * two, _HEARD), axis=(1, 2)) >= _LOUDER_CELLS
        for one, two in ((linear, other), (other, linear))
    ]
    apart = ~(targets[:, _STEADY].any(axis=1) & other_targets[:, _STEADY].any(axis=1))
    silence = LABELS.index(SILENCE)
    real = ~(targets[:, silence] | other_targets[:, silence])
    chosen = np.asarray((rng.random(len(linear)) < _MIXED) & audible[0] & audible[1] & apart & real)
    both = np.where(chosen[:, None, None], np.sqrt(linear**2 + other**2), linear)
    return both, np.where(chosen[:, None], targets | other_targets, targets)


def _before_noise(rng: Rng, linear: Float32, targets: npt.NDArray[np.bool_]) -> Float32:
    """Add steady noise of any colour to some patches, as long as what they hold stays audible."""
    n = len(linear)
    white = _white_noise()
    chosen = white[rng.integers(len(white), size=n)]
    curve = np.stack([np.interp(np.linspace(0, 7, 64), np.arange(8), row) for row in rng.normal(0, 9.0, (n, 8))])
    tilt = rng.normal(0, 12.0, (n, 1)) * np.linspace(-1, 1, 64)
    noise = chosen * (10 ** ((curve + tilt) / 20)).astype(np.float32)[:, None, :]
    nothing = ~targets.any(axis=1)
    below_db = np.where(nothing, rng.uniform(-6, 30, n), rng.uniform(10, 45, n))
    level = linear.max(axis=(1, 2)) * 10 ** (-below_db / 20) / noise.max(axis=(1, 2))
    noise *= level.astype(np.float32)[:, None, None]
    audible = np.count_nonzero(linear > np.maximum(_LOUDER * noise, _HEARD), axis=(1, 2)) >= _LOUDER_CELLS
    faithful = targets[:, _FAITHFUL].any(axis=1)
    wanted = np.asarray((rng.random(n) < _NOISY) & (audible | nothing) & ~faithful)
    return np.where(wanted[:, None, None], np.sqrt(linear**2 + noise**2), linear)


@cache
def _white_noise() -> Float32:
    """Return mel magnitudes of white noise [shape=(64, 96, 64)]."""
    front_end, rng = standard_front_end(), np.random.default_rng(7)
    waves = rng.standard_normal((64, WINDOW)).astype(np.float32)
    return np.stack([np.exp(front_end.frames(wave)) for wave in waves])
