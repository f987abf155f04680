"""Windows with their labels: one sound or two, somewhere, before a background, labelled by what is there to hear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from starter import places
from starter.catalogue import LABELS, NOISES, OUTDOORS, SILENCE, SOUNDS, SPEECH, TEXTURES
from starter.signals import Floats, Rng, Sound, chance, coloured_noise
from starter.speech import SpeechBank
from tests.support.synthetic import mel_matrix

__all__ = [
    "AUDIBLE_CELLS",
    "AUDIBLE_DB",
    "HIDDEN_CELLS",
    "LOUDER",
    "WINDOW",
    "Scene",
    "Setting",
    "held_out_setting",
    "make_scene",
    "training_setting",
]

#: Samples of a window, and of the stretch that it is cut from.
WINDOW, STRETCH = 15_600, 24_000
_FRAME = 400
_HANN, _MEL = np.hanning(_FRAME + 1)[:_FRAME], mel_matrix().T.astype(np.float64)

#: In how many of the 96 x 64 cells of the log-mel patch a sound must be louder than all the rest together, by
#: `LOUDER`, to be there to hear; in how few at most to be not.
AUDIBLE_CELLS, HIDDEN_CELLS, LOUDER = 200, 12, 1.4
#: Lowest level of the loudest moment of a sound that is there to hear, relative to that of the whole window.
AUDIBLE_DB = -10.0
#: Mel magnitude below which nothing is heard, relative to the loudest cell.
_HEARING = 0.01
#: Level of the loudest moment of the second sound, relative to the first.
SECOND_DB = (-6.0, 6.0)
#: Shares of windows with a second sound, without any, with something unnamed.
SECOND, NOTHING, UNNAMED = 0.45, 0.06, 0.12

_ATTEMPTS = 10


@dataclass(frozen=True)
class Setting:
    """Where scenes are set.

    Parameters
    ----------
    sounds : mapping of str to Sound
        By label; all but silence.
    background : Sound
    room : callable
        A sound in, the sound in a room out.
    """

    sounds: Mapping[str, Sound]
    background: Sound
    room: Callable[[Rng, Floats], Floats]


def training_setting(speech: SpeechBank) -> Setting:
    """Return the setting of the windows that the model is trained on."""
    return Setting({SPEECH: speech, **SOUNDS}, places.background, places.room)


def held_out_setting(speech: SpeechBank) -> Setting:
    """Return the setting of the windows that it is judged by: backgrounds and rooms of other kinds."""
    return Setting({SPEECH: speech, **SOUNDS}, places.held_out_background, places.held_out_room)


@dataclass(frozen=True, eq=False)
class Scene:
    """A window and what is to be heard in it.

    Parameters
    ----------
    waveform : np.ndarray [shape=(15600,), float32]
        In [-1, 1].
    labels : frozenset of str
    """

    waveform: npt.NDArray[np.float32]
    labels: frozenset[str]


def make_scene(rng: Rng, label: str | None, setting: Setting) -> Scene:
    """Make a window.

    Parameters
    ----------
    rng : Generator
    label : str or None
        What is surely in it; ``None`` for a background alone.
    setting : Setting
    """
    if label == SILENCE:
        return Scene(_silence(rng), frozenset({SILENCE}))
    for attempt in range(_ATTEMPTS):
        names = _names(rng, label, alone=attempt > _ATTEMPTS // 2)
        parts = [_part(rng, name, setting) for name in names]
        rest = _surroundings(rng, parts, setting, bare=not TEXTURES.isdisjoint(names))
        audible = _audible(parts, rest)
        if None not in audible and all(audible[:1]):
            break
    heard = frozenset(name for name, is_heard in zip(names, audible, strict=True) if is_heard)
    recorded = places.record(rng, sum(parts, rest), faithful=not NOISES.isdisjoint(names))
    return Scene(np.clip(recorded, -1, 1).astype(np.float32), heard)


def _names(rng: Rng, label: str | None, *, alone: bool) -> list[str]:
    """Return the names of the sounds of a scene."""
    if label is None:
        return []
    if alone or not chance(rng, SECOND):
        return [label]
    others = [name for name in LABELS if name not in (label, SILENCE)]
    if label in TEXTURES:
        others = [name for name in others if name not in TEXTURES]
    return [label, str(rng.choice(others))]


def _part(rng: Rng, name: str, setting: Setting) -> Floats:
    """Return a window of a sound in its room, the loudest moment of the whole sound at a level of its own."""
    sound = setting.sounds[name](rng, STRETCH)
    if name not in OUTDOORS | NOISES and chance(rng, 0.6):
        sound = setting.room(rng, sound)
    level = 10 ** (rng.uniform(*SECOND_DB) / 2 / 20)
    start = int(rng.integers(0, STRETCH - WINDOW + 1))
    return np.asarray(sound[start : start + WINDOW] * (level / (_loudest(sound) + 1e-9)))


def _loudest(sound: Floats) -> float:
    """Return the root mean square of the loudest 25 ms."""
    frames = sound[: sound.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float(np.sqrt(np.mean(frames**2, axis=1)).max())


def _surroundings(rng: Rng, parts: Sequence[Floats], setting: Setting, *, bare: bool) -> Floats:
    """Return a background and, now and then, something unnamed."""
    loudest = max((_loudest(part) for part in parts), default=1.0)
    below_db = rng.uniform(30, 60) if bare else rng.uniform(12, 55)
    noise = setting.background(rng, WINDOW)
    around = noise * (loudest * 10 ** (-below_db / 20) / (_loudest(noise) + 1e-9))
    if chance(rng, 0.6 if not parts else UNNAMED):
        around = around + loudest * 10 ** (rng.uniform(-18, 0) / 20) * places.distraction(rng, WINDOW)
    return np.asarray(around)


def _audible(parts: Sequence[Floats], rest: Floats) -> list[bool | None]:
    """Return for each sound whether it is there to hear; None where that is in doubt."""
    loudest = _loudest(sum(parts, rest))
    levels = [_loudest(part) >= 10 ** (AUDIBLE_DB / 20) * loudest for part in parts]
    return [_judged(cells, loud) for cells, loud in zip(_louder_cells(parts, rest), levels, strict=True)]


def _judged(cells: int, loud: bool) -> bool | None:
    if cells <= HIDDEN_CELLS:
        return False
    return True if loud and cells >= AUDIBLE_CELLS else None


def _louder_cells(parts: Sequence[Floats], rest: Floats) -> list[int]:
    """Return for each sound in how many cells of the patch it is louder than all the others and the rest."""
    mel = [_mel(part) for part in (*parts, rest)]
    loudest = max((float(cells.max()) for cells in mel), default=0.0)
    total = sum(cells**2 for cells in mel)
    return [
        int(np.count_nonzero((cells > _HEARING * loudest) & (cells**2 > LOUDER**2 * (total - cells**2))))
        for cells in mel[:-1]
    ]


def _mel(sound: Floats) -> Floats:
    """Return mel magnitudes, frame by frame."""
    starts = np.arange(0, WINDOW - _FRAME + 1, 160)[:, None] + np.arange(_FRAME)
    return np.asarray(np.abs(np.fft.rfft(sound[starts] * _HANN, 512)) @ _MEL)


def _silence(rng: Rng) -> npt.NDArray[np.float32]:
    """Return nothing at all, or the last bits of a quiet recording."""
    if chance(rng, 0.3):
        return np.zeros(WINDOW, np.float32)
    level = 10 ** (rng.uniform(-105, -68) / 20)
    noise = coloured_noise(rng, WINDOW, rng.uniform(-6, 3)) * level
    if chance(rng, 0.5):
        noise = np.rint(noise * 32768) / 32768
    return noise.astype(np.float32)
