"""Spoken words, as recordings that espeak-ng makes: ``python -m benchmarks.spoken_words FOLDER`` writes some of them.

Anyone can make them again, with the same voices. The variants f2 and m7 are for tests alone.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from yamjit.learn import Clip, Dataset

__all__ = ["OTHERS", "WORDS", "keywords", "speak"]

WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")

#: Words that are none of the keywords.
OTHERS = ("seven", "table", "house", "marvin", "learn", "visual", "forward", "happy")

VOICES = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
VARIANTS = ("m1", "m3", "f1", "f4")
TEST_VARIANTS = ("m7", "f2")


def speak(word: str, path: Path, voice: str, speed: int, pitch: int) -> None:
    """Write a word as a .wav file; `speed` is in words a minute, `pitch` from 0 to 99."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path), word]
    subprocess.run(command, check=True)


def keywords(folder: Path, words: Sequence[str] = WORDS, *, seed: int = 0) -> Dataset:
    """Return words in every voice, 20 of each to learn from and 10 to test, whose speed and pitch are random.

    The group of a recording is the variant of its voice.
    """
    return Dataset(tuple(_spoken(folder, words, seed)), tuple(sorted(words)), source="espeak-ng")


def _spoken(folder: Path, words: Sequence[str], seed: int) -> Iterator[Clip]:
    dice = np.random.Generator(np.random.PCG64(seed))
    folder.mkdir(parents=True, exist_ok=True)
    for word in words:
        for voice in VOICES:
            for variant in VARIANTS + TEST_VARIANTS:
                path = folder / f"{word}_{voice}_{variant}.wav"
                speak(word, path, f"{voice}+{variant}", int(dice.integers(130, 201)), int(dice.integers(35, 76)))
                yield Clip(path, (word,), group=variant, split="test" if variant in TEST_VARIANTS else "train")


def main() -> None:
    """Write the recordings, in a folder for each part and word."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for clip in keywords(folder).clips:
        place = folder / clip.split / clip.labels[0]
        place.mkdir(parents=True, exist_ok=True)
        shutil.move(clip.path, place / clip.path.name)


if __name__ == "__main__":
    main()
