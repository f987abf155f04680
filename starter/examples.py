"""Three short recordings for the README and the tests: each one sound, made as the training's are."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import soundfile

from starter import places
from starter.catalogue import SOUNDS, SPEECH
from starter.signals import RATE_HZ, Floats
from starter.speech import speak

__all__ = ["EXAMPLES", "make_examples"]

#: File names and what is to be heard.
EXAMPLES: Mapping[str, str] = {
    "siren.flac": "Siren",
    "telephone.flac": "Telephone bell ringing",
    "speech.flac": SPEECH,
}

_LENGTH = 3 * RATE_HZ
_SENTENCE = "This voice is made by a machine. It names the sounds that you hear."


def make_examples(seed: int) -> dict[str, bytes]:
    """Return the example recordings as FLAC files of 16 bits, by file name.

    Raises
    ------
    FileNotFoundError
        If espeak-ng is not installed.
    """
    return {name: _flac(_recording(seed, number, label)) for number, (name, label) in enumerate(EXAMPLES.items())}


def _recording(seed: int, number: int, label: str) -> Floats:
    rng = np.random.default_rng([seed, 9, number])
    sound = _sentence() if label == SPEECH else SOUNDS[label](rng, _LENGTH)
    heard = places.room(rng, sound)
    noise = places.background(rng, sound.size)
    mixture = heard / np.abs(heard).max() + 0.004 * noise / np.abs(noise).max()
    return np.asarray(0.6 * mixture / np.abs(mixture).max())


def _sentence() -> Floats:
    return np.pad(speak("en-gb+f2", 150, 50, _SENTENCE).astype(np.float64), (1600, 1600))


def _flac(sound: Floats) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, RATE_HZ, "PCM_16", format="FLAC")
    return file.getvalue()
