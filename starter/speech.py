"""Speech by espeak-ng: invented words and a few real ones, in many voices, languages, speeds and pitches."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from starter.signals import RATE_HZ, Floats, Rng

__all__ = ["HELD_OUT_VOICES", "VOICES", "SpeechBank", "espeak_available", "speak"]

_LANGUAGES = (
    *("en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "es", "it", "pt-br", "nl", "pl", "sv", "tr", "fi", "cs", "hu"),
    *("ro", "id", "sw", "la", "eo"),
)
_HELD_OUT_LANGUAGES = ("en-gb-x-rp", "es-419", "da", "sk", "lt", "af", "ms", "hr")
_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "f1", "f2", "f3")
_HELD_OUT_VARIANTS = ("m6", "m7", "f4", "f5")

VOICES = tuple(f"{language}+{variant}" for language in _LANGUAGES for variant in _VARIANTS)
HELD_OUT_VOICES = tuple(f"{lang}+{variant}" for lang in _HELD_OUT_LANGUAGES for variant in _HELD_OUT_VARIANTS)

_TEXT = """
morning water people music window seven orange please tomorrow never station summer little because open machine garden
yellow forest simple river hundred paper good answer listen number together under winter montana luna casa amigo tempo
radio hotel taxi nova terra sole mare bella grande piano opera banana kilo one two three four five six seven eight nine
ten what where when who why here there now again today
"""
_WORDS = tuple(_TEXT.split())
_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl", "br", "")
_VOWELS = ("a", "e", "i", "o", "u", "au", "ei")
_CODAS = ("", "", "", "n", "r", "s", "l", "t", "m")


def espeak_available() -> bool:
    """Return whether espeak-ng is installed."""
    return shutil.which("espeak-ng") is not None


@dataclass(frozen=True, eq=False)
class SpeechBank:
    """Sentences spoken once, from which windows are cut.

    Parameters
    ----------
    sentences : sequence of np.ndarray [shape=(n,), float32]
        At 16 kHz.
    """

    sentences: Sequence[npt.NDArray[np.float32]]

    @classmethod
    def spoken(cls, seed: Sequence[int], count: int, voices: Sequence[str] = VOICES) -> SpeechBank:
        """Have `count` sentences spoken.

        Raises
        ------
        FileNotFoundError
            If espeak-ng is not installed.
        """
        requests = [_request(np.random.default_rng([*seed, index]), voices) for index in range(count)]
        with ThreadPoolExecutor(2) as pool:
            return cls(list(pool.map(lambda request: speak(*request), requests)))

    def __call__(self, rng: Rng, n: int) -> Floats:
        """Return a stretch of a sentence: played a little faster or slower, voices of other sizes."""
        sentence = np.asarray(self.sentences[int(rng.integers(len(self.sentences)))], np.float64)
        speed = rng.uniform(0.85, 1.2)
        places = np.arange(int(sentence.size / speed)) * speed
        voice = np.interp(places, np.arange(sentence.size), sentence)
        start = int(rng.integers(0, max(1, voice.size - n + n // 3)))
        stretch = voice[start : start + n]
        return np.pad(stretch, (0, n - stretch.size))


def speak(voice: str, words_per_minute: int, pitch: int, text: str) -> npt.NDArray[np.float32]:
    """Have a text spoken.

    Parameters
    ----------
    voice : str
        Language and variant, such as ``"en-gb+f2"``.
    words_per_minute, pitch : int
        As espeak-ng takes them; pitch 0 to 99.
    text : str

    Returns
    -------
    np.ndarray [shape=(n,), float32]
        At 16 kHz, without silence at its ends.

    Raises
    ------
    FileNotFoundError
        If espeak-ng is not installed.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise FileNotFoundError("espeak-ng is not installed, and speech is made with it: apt-get install espeak-ng")
    command = [program, "-v", voice, "-s", str(words_per_minute), "-p", str(pitch), "--stdout", text]
    wave = subprocess.run(command, check=True, capture_output=True, timeout=600).stdout
    # The header of a stream says that it is as long as can be; soundfile reads what there is.
    sound, rate = soundfile.read(io.BytesIO(wave), dtype="float32")
    return np.trim_zeros(np.asarray(soxr.resample(sound, rate, RATE_HZ), np.float32))


def _request(rng: Rng, voices: Sequence[str]) -> tuple[str, int, int, str]:
    """Return what is to be spoken, and how."""
    voice = voices[int(rng.integers(len(voices)))]
    speed, pitch = int(rng.integers(115, 230)), int(rng.integers(15, 90))
    return voice, speed, pitch, " ".join(_word(rng) for _ in range(rng.integers(7, 14)))


def _word(rng: Rng) -> str:
    if rng.random() < 0.5:
        return str(_WORDS[rng.integers(len(_WORDS))])
    parts = [_ONSETS, _VOWELS, _CODAS] * int(rng.integers(1, 4))
    return "".join(part[rng.integers(len(part))] for part in parts)
