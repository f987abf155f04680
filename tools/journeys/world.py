"""What the four persons find when they begin: recordings, made as the starter's are, and a program for MediaPipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

from starter.catalogue import SOUNDS
from starter.places import background
from starter.signals import RATE_HZ, Floats

__all__ = ["make_world"]

#: Recordings of a season, as two makes of recorder name them, and how many birds sing in each.
_SEASON: Mapping[str, int] = {
    "marsh/20260512_040000.WAV": 1,
    "marsh/20260512_050000.WAV": 6,
    "marsh/20260512_060000.WAV": 3,
    "wood/WOOD_20260512_040000.wav": 2,
    "wood/WOOD_20260512_050000.wav": 5,
    "wood/WOOD_20260512_060000.wav": 2,
}
_SMOKE, _OWN = "Smoke detector, smoke alarm", ("Siren", "Bird", "Knock")

_PROGRAM = """\
import sys

import mediapipe as mp
import soundfile
from mediapipe.tasks import python
from mediapipe.tasks.python import audio
from mediapipe.tasks.python.components import containers

model, recording = sys.argv[1:]
options = audio.AudioClassifierOptions(base_options=python.BaseOptions(model_asset_path=model), max_results=2)
with audio.AudioClassifier.create_from_options(options) as classifier:
    samples, rate = soundfile.read(recording, dtype="float32")
    for result in classifier.classify(containers.AudioData.create_from_array(samples, rate)):
        best = result.classifications[0].categories[0]
        print(f"{result.timestamp_ms:5} ms  {best.score:.3f}  {best.category_name}")
"""


def make_world(folder: Path, season_s: int = 300) -> None:
    """Write everything into a folder; each recording of the season lasts `season_s` seconds."""
    rng = np.random.default_rng(7)
    for name, birds in _SEASON.items():
        _write(folder / "season" / name, _scene(rng, "Bird", season_s, birds))
    _raw(folder / "button.raw", _scene(rng, _SMOKE, 5, 1))
    _raw(folder / "kitchen.raw", _scene(rng, _SMOKE, 25, 1))
    for label in _OWN:
        for number in range(12):
            of = "sounds" if number < 10 else "new"
            _write(folder / of / label / f"{number % 10}.wav", _scene(rng, label, 3, 1))
    _write(folder / "clip.wav", _scene(rng, "Siren", 4, 1))
    (folder / "program.py").write_text(_PROGRAM, encoding="utf-8")


def _scene(rng: np.random.Generator, label: str, seconds: int, times: int) -> Floats:
    """Return a background in which a sound of 2 s is heard `times` times, spread evenly."""
    scene = background(rng, seconds * RATE_HZ)
    scene *= 0.004 / np.abs(scene).max()
    for place in range(times):
        sound = SOUNDS[label](rng, 2 * RATE_HZ)
        start = max(0, int((place + 0.5) * scene.size / times) - RATE_HZ)
        scene[start : start + sound.size] += 0.5 * sound / np.abs(sound).max()
    return scene


def _write(path: Path, samples: Floats) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE_HZ, "PCM_16", format="WAV")


def _raw(path: Path, samples: Floats) -> None:
    (samples * 32767).astype("<i2").tofile(path)
