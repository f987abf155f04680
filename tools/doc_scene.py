"""A minute of a morning, for the picture of the first page: ``python -m tools.doc_scene FILE`` writes it, as FLAC.

Its sounds are those that the starter model learns from, made anew, and the voice of ``examples/``.
"""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
import soundfile

from starter import places
from starter.catalogue import SOUNDS
from starter.signals import RATE_HZ
from tools.doc_examples import ROOT

__all__ = ["morning"]

_LENGTH_S = 60
_SPEECH = "Speech"

#: What is heard, from when, how long, in seconds, and its highest sample.
_SCENE = (
    ("Bird", 1.0, 7.0, 0.4),
    ("Church bell", 6.5, 8.0, 0.7),
    ("Bird", 15.0, 4.0, 0.4),
    (_SPEECH, 17.5, 4.4, 0.6),
    ("Knock", 23.5, 2.5, 0.6),
    ("Telephone bell ringing", 26.5, 3.0, 0.5),
    (_SPEECH, 30.0, 4.4, 0.6),
    ("Rain", 33.5, 19.0, 0.12),
    ("Siren", 39.0, 6.0, 0.6),
    ("Clapping", 47.0, 4.0, 0.5),
    ("Smoke detector, smoke alarm", 54.0, 4.0, 0.4),
)


def morning() -> npt.NDArray[np.float64]:
    """Return the samples, the same each time."""
    rng = np.random.default_rng(7)
    mixture = 0.0003 * rng.standard_normal(_LENGTH_S * RATE_HZ)
    for label, start_s, length_s, level in _SCENE:
        length = round(length_s * RATE_HZ)
        if label == _SPEECH:
            sound = soundfile.read(ROOT / "examples" / "speech.flac")[0][:length]
        else:
            sound = SOUNDS[label](rng, length)
            sound = sound if label == "Rain" else places.room(rng, sound)
        fade = np.minimum(1, np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / 800)
        start = round(start_s * RATE_HZ)
        mixture[start : start + len(sound)] += level * fade * sound / np.abs(sound).max()
    return 0.8 * mixture / np.abs(mixture).max()


if __name__ == "__main__":
    soundfile.write(sys.argv[1], morning(), RATE_HZ, "PCM_16")
