"""Recordings whole, cut, joined, with headers emptied or falsified: what is not heard has to be told.

::

    python -m tools.checks.whole --count 5000 --seed 7

Every recording is noise of known samples, in a format that libsndfile writes, and one of the things that happen to
files is done to it. Of each file it is known how many frames it holds; they are heard, or `damage` says that they are
not, or the file is refused. Lossless samples have to be the right ones, and a stretch that of the whole. Nothing may be
printed. One line of JSON tells how many files of which kind were heard whole, in part with a word, or refused; the exit
code is 1 if one was heard in part without a word. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import io
import itertools
import json
import os
import random
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tools.checks.fuzz_audio import encode, mend_ogg
from yamjit.audio import open_audio
from yamjit.errors import YamjitError
from yamjit.reading import ReadOptions

__all__ = ["FORMATS", "HAPPENINGS", "Case", "campaign", "case", "judge"]

#: Container and encoding of what is tried, and whether samples come back as they were.
FORMATS = (
    *(
        (container, subtype)
        for container in ("WAV", "RF64", "W64")
        for subtype in ("PCM_16", "PCM_24", "FLOAT", "ULAW")
    ),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_32"),
    ("WAV", "DOUBLE"),
    ("WAV", "MS_ADPCM"),
    ("WAV", "IMA_ADPCM"),
    ("WAV", "GSM610"),
    *((container, subtype) for container in ("AIFF", "AU", "CAF") for subtype in ("PCM_16", "PCM_24", "FLOAT", "ALAW")),
    ("AIFF", "PCM_S8"),
    ("AU", "DOUBLE"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("FLAC", "PCM_S8"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
)
_CHUNKS = ("WAV", "RF64", "W64", "AIFF", "AU", "CAF")
_RATES = {"OPUS": (16_000, 24_000, 48_000), "MPEG_LAYER_III": (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)}


@dataclass(frozen=True, slots=True)
class Case:
    """A file, and what is known of it.

    Parameters
    ----------
    kind, what : str
        Format, and what happened to it.
    data : bytes
    rate : int
    frames : int
        How many it holds; of a file that was cut, at least those that came before.
    samples : np.ndarray, optional
        The samples, (n, channels), where they come back as they were.
    sound : bool
        Whether nothing is wrong with it, so that nothing may be said.
    """

    kind: str
    what: str
    data: bytes
    rate: int
    frames: int
    samples: npt.NDArray[np.float32] | None = None
    sound: bool = False


@dataclass(frozen=True, slots=True)
class _Recording:
    container: str
    subtype: str
    rate: int
    data: bytes
    samples: npt.NDArray[np.float32]

    @property
    def lossless(self) -> bool:
        return self.container in (*_CHUNKS, "FLAC") and "ADPCM" not in self.subtype and self.subtype != "GSM610"


def _recording(dice: random.Random, container: str, subtype: str, rate: int, channels: int) -> _Recording:
    frames = dice.choice((dice.randint(1, 300), dice.randint(2_000, 9_000), dice.randint(30_000, 90_000)))
    noise = np.random.default_rng(dice.getrandbits(32)).uniform(-0.3, 0.3, (frames, channels))
    if dice.random() < 0.3:
        noise[frames // 3 :] *= 0.001  # loud first, quiet later
    if container == "MP3":
        data = _encode_mp3(noise, rate, dice.choice(("CONSTANT", "AVERAGE", "VARIABLE")))
    else:
        data = encode(noise, rate, container, subtype)
    if container == "OGG":
        data = mend_ogg(data, serial=dice.getrandbits(31))
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        samples = sound.read(sound.frames, dtype="float32", always_2d=True)
    return _Recording(container, subtype, rate, data, samples)


def _encode_mp3(samples: npt.NDArray[Any], rate: int, mode: str) -> bytes:
    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        rate,
        samples.shape[1],
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode=mode,
        compression_level=0.5,
    ) as sound:
        sound.write(samples)
    return file.getvalue()


def case(seed: int, index: int) -> Case:
    """Return a file; formats and what happens to them take turns."""
    dice = random.Random(f"{seed}/{index}")
    turn, place = divmod(index, len(FORMATS))
    container, subtype = FORMATS[place]
    rate = dice.choice(_RATES.get(subtype, (8_000, 16_000, 44_100)))
    channels = 1 if subtype == "GSM610" else dice.choice((1, 1, 2))
    recording = _recording(dice, container, subtype, rate, channels)
    happenings = HAPPENINGS[container]
    name = list(happenings)[turn % len(happenings)]
    return happenings[name](recording, dice, f"{container} {subtype}", name)


# -- What happens to files of every kind


def _whole(recording: _Recording, _: random.Random, kind: str, what: str) -> Case:
    return Case(kind, what, recording.data, recording.rate, *_known(recording), sound=True)


def _known(*recordings: _Recording) -> tuple[int, npt.NDArray[np.float32] | None]:
    samples = np.concatenate([one.samples for one in recordings])
    return len(samples), samples if recordings[0].lossless else None


def _cut(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    size = len(recording.data)
    data = recording.data[: dice.choice((dice.randrange(1, size), size - dice.randint(1, min(300, size - 1))))]
    frames, samples = _known(recording)
    return Case(kind, what, data, recording.rate, frames, samples)


def _joined(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    more = [_same(recording, dice) for _ in range(dice.randint(1, 3))]
    data = b"".join(one.data for one in (recording, *more))
    return Case(kind, what, data, recording.rate, *_known(recording, *more), sound=True)


def _same(recording: _Recording, dice: random.Random) -> _Recording:
    return _recording(dice, recording.container, recording.subtype, recording.rate, recording.samples.shape[1])


def _joined_to_others(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    rate = dice.choice([rate for rate in _RATES.get(recording.subtype, (8_000, 22_050)) if rate != recording.rate])
    other = _recording(dice, recording.container, recording.subtype, rate, recording.samples.shape[1])
    frames = len(recording.samples) + int(len(other.samples) * recording.rate / rate)
    return Case(kind, what, recording.data + other.data, recording.rate, frames)


def _cut_and_joined(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    other = _same(recording, dice)
    data = recording.data[: dice.randrange(len(recording.data) // 2, len(recording.data))]
    if len(data) + len(other.data) == len(recording.data):  # no one can tell, by chance
        data = data[:-1]
    return Case(kind, what, data + other.data, recording.rate, len(recording.samples) + len(other.samples))


def _padded(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    return Case(kind, what, recording.data + bytes(dice.randint(1, 2_000)), recording.rate, *_known(recording))


def _tagged(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    data = recording.data + _tag(dice)
    return Case(kind, what, data, recording.rate, *_known(recording), sound=recording.container in ("MP3", "FLAC"))


def _tag(dice: random.Random) -> bytes:
    text = dice.randbytes(dice.randint(20, 3_000)).replace(b"\xff", b"\xfe")
    size = bytes((len(text) >> 21 & 127, len(text) >> 14 & 127, len(text) >> 7 & 127, len(text) & 127))
    ape = struct.pack("<II", 2_000, len(text) + 32)
    return dice.choice(
        (
            b"TAG" + bytes(125),
            b"ID3\x03\0\0" + size + text,
            b"APETAGEX"
            + ape
            + struct.pack("<II8x", 0, 0xA000_0000)
            + text
            + b"APETAGEX"
            + ape
            + struct.pack("<II8x", 0, 0x8000_0000),
        )
    )


# -- Containers of chunks

#: The field of the size of the samples: what comes before it, its bytes, its order, and what it counts besides them.
_FIELDS = {
    "WAV": (b"data", 4, "little", 0),
    "W64": (b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 8, "little", 24),
    "AIFF": (b"SSND", 4, "big", 8),
    "CAF": (b"data", 8, "big", 4),
}


def _field(recording: _Recording) -> tuple[int, int, Any, int]:
    """Return where the size of the samples is, its bytes, order, and what it counts besides."""
    if recording.container == "AU":
        return 8, 4, "big" if recording.data.startswith(b".snd") else "little", 0
    if recording.container == "RF64":
        return 28, 8, "little", 0
    mark, width, order, more = _FIELDS[recording.container]
    return recording.data.index(mark) + len(mark), width, order, more


def _restated(recording: _Recording, size: int) -> bytes:
    place, width, order, _ = _field(recording)
    data = bytearray(recording.data)
    data[place : place + width] = (size % 2 ** (8 * width)).to_bytes(width, order)
    return bytes(data)


def _emptied(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    data = bytearray(_restated(recording, dice.choice((0, _field(recording)[3]))))
    if dice.random() < 0.7 and recording.container in ("WAV", "AIFF"):
        data[4:8] = bytes(4)
    if dice.random() < 0.7 and recording.container == "AIFF":
        place = data.index(b"COMM") + 10
        data[place : place + 4] = bytes(4)
    if recording.container == "RF64":
        data[20:28] = data[36:44] = bytes(8)
    return Case(kind, what, bytes(data), recording.rate, *_known(recording))


def _streamed(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    sizes = (-1,) if recording.container in ("RF64", "W64", "CAF") else (0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F024)
    data = _restated(recording, 2**63 - 1 if recording.container == "W64" else dice.choice(sizes))
    return Case(kind, what, data, recording.rate, *_known(recording), sound=True)


def _understated(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    place, width, order, more = _field(recording)
    size = int.from_bytes(recording.data[place : place + width], order) - more
    claimed = dice.randrange(1, max(2, size - 1))  # what a byte less leaves out would be padding
    data = _restated(recording, more + claimed)
    return Case(kind, what, data, recording.rate, *_known(recording))


def _overstated(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    data = _restated(recording, len(recording.data) + dice.randrange(1, 2**30))
    return Case(kind, what, data, recording.rate, *_known(recording))


def _other_chunk(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    """Put an odd chunk before the samples of WAV, with its padding or without."""
    size = dice.choice((3, 33, 28))
    chunk = dice.choice((b"JUNK", b"guan", b"bext")) + struct.pack("<I", size) + b"x" * size
    padding = b"\0" * (size % 2 if dice.random() < 0.5 else 0)
    place = recording.data.index(b"fmt ")
    place += 8 + int.from_bytes(recording.data[place + 4 : place + 8], "little")
    data = bytearray(recording.data[:place] + chunk + padding + recording.data[place:])
    data[4:8] = struct.pack("<I", len(data) - 8)
    return Case(kind, what, bytes(data), recording.rate, *_known(recording), sound=True)


def _two_chunks(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    """Split the samples of WAV into two chunks."""
    place = recording.data.index(b"data")
    body = recording.data[place + 8 :]
    block = int.from_bytes(recording.data[32:34], "little")
    half = len(body) // block // 2 * block
    size = int.from_bytes(recording.data[place + 4 : place + 8], "little")
    padding = b"\0" * (half % 2)
    parts = (
        b"data"
        + struct.pack("<I", half)
        + body[:half]
        + padding
        + b"data"
        + struct.pack("<I", size - half)
        + body[half:]
    )
    return Case(kind, what, recording.data[:place] + parts, recording.rate, *_known(recording))


def _bw64(recording: _Recording, _: random.Random, kind: str, what: str) -> Case:
    return Case(kind, what, b"BW64" + recording.data[4:], recording.rate, *_known(recording), sound=True)


# -- FLAC


def _recounted(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    frames, samples = _known(recording)
    total = dice.choice((0, 1, dice.randrange(frames), frames + dice.randint(1, 10**6)))
    data = bytearray(recording.data)
    data[21:26] = (int.from_bytes(data[21:26], "big") >> 36 << 36 | total).to_bytes(5, "big")
    return Case(kind, what, bytes(data), recording.rate, frames, samples, sound=total == 0)


def _cut_out(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    """Leave out the first frames."""
    place = 4
    while not recording.data[place] & 0x80:
        place += 4 + int.from_bytes(recording.data[place + 1 : place + 4], "big")
    first = place + 4 + int.from_bytes(recording.data[place + 1 : place + 4], "big")
    syncs = [n for n in range(first, len(recording.data) - 5) if recording.data[n : n + 2] == b"\xff\xf8"]
    numbers = {recording.data[n + 4]: n for n in reversed(syncs) if recording.data[n + 4] < 0x80}
    block = int.from_bytes(recording.data[8:10], "big")
    number = dice.randint(0, min(len(recording.samples) // block, 127))
    while number not in numbers:
        number -= 1
    data = bytearray(recording.data[:first] + recording.data[numbers[number] :])
    if dice.random() < 0.5:
        data[21:26] = (int.from_bytes(data[21:26], "big") >> 36 << 36).to_bytes(5, "big")
    samples = recording.samples[number * block :]
    return Case(kind, what, bytes(data), recording.rate, len(samples), samples)


# -- Ogg


def _pages(data: bytes) -> list[bytes]:
    starts, place = [], 0
    while place < len(data):
        starts.append(place)
        segments = data[place + 26]
        place += 27 + segments + sum(data[place + 27 : place + 27 + segments])
    return [data[start:end] for start, end in itertools.pairwise([*starts, len(data)])]


def _unended(recording: _Recording, _: random.Random, kind: str, what: str) -> Case:
    pages = _pages(recording.data)
    return Case(kind, what, b"".join(pages[:-1]), recording.rate, len(recording.samples))


def _page_lost(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    pages = _pages(recording.data)
    place = dice.randrange(2, max(3, len(pages) - 1))
    return Case(kind, what, b"".join(pages[:place] + pages[place + 1 :]), recording.rate, len(recording.samples))


# -- MP3


def mp3_frames(data: bytes) -> list[tuple[int, int]]:
    """Return where each frame of layer III begins, and its bytes."""
    one = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    two = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    rates = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
    place, found = 0, []
    while place + 4 <= len(data):
        head = int.from_bytes(data[place : place + 4], "big")
        if head >> 21 != 0x7FF:
            place += 1
            continue
        version = head >> 19 & 3
        kbits = (one if version == 3 else two)[head >> 12 & 15]
        size = (144 if version == 3 else 72) * kbits * 1000 // rates[version][head >> 10 & 3] + (head >> 9 & 1)
        found.append((place, size))
        place += size
    return found


def _frame_samples(recording: _Recording) -> int:
    return 1152 if recording.rate >= 32_000 else 576


def _bare(recording: _Recording) -> bytes:
    return recording.data[mp3_frames(recording.data)[1][0] :]


def _headless(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    frames = mp3_frames(recording.data)
    skipped = dice.choice((1, 1, dice.randint(1, max(1, len(frames) - 4))))
    data = recording.data[frames[skipped][0] :] if skipped < len(frames) - 3 else _bare(recording)
    count = len(mp3_frames(data))
    front = dice.choice(
        (b"", bytes(dice.randint(1, 5_000)), _tag(dice), recording.data[frames[-1][0] + 10 : frames[-1][0] + 90])
    )
    back = dice.choice((b"", bytes(dice.randint(1, 5_000)), _tag(dice)))
    return Case(kind, what, front + data + back, recording.rate, count * _frame_samples(recording), sound=True)


def _advert(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    advert = _same(recording, dice)
    frames = mp3_frames(recording.data)
    place = frames[dice.randrange(1, len(frames))][0]
    between = dice.choice((b"", _tag(dice)))
    inserted = dice.choice((advert.data, _bare(advert)))
    data = recording.data[:place] + between + inserted + recording.data[place:]
    count = len(frames) - 1 + len(mp3_frames(advert.data)) - 1
    return Case(kind, what, data, recording.rate, (count - 4) * _frame_samples(recording), sound=True)


def _dirty(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    """Put bytes between frames that are none."""
    frames = mp3_frames(recording.data)
    place = frames[dice.randrange(1, len(frames))][0]
    dirt = dice.randbytes(dice.randint(1, 5_000))
    data = recording.data[:place] + dirt + recording.data[place:]
    return Case(kind, what, data, recording.rate, len(recording.samples))


def _corrupt(recording: _Recording, dice: random.Random, kind: str, what: str) -> Case:
    """Change bytes within frames."""
    data = bytearray(recording.data)
    frames = mp3_frames(recording.data)
    for _ in range(dice.choice((1, 8, 64))):
        place, size = dice.choice(frames[1:])
        data[place + dice.randrange(4, size)] = dice.randrange(256)
    return Case(kind, what, bytes(data), recording.rate, len(recording.samples))


_Happening = Callable[[_Recording, random.Random, str, str], Case]
_EVERY: dict[str, _Happening] = {
    "whole": _whole,
    "cut": _cut,
    "joined": _joined,
    "joined to others": _joined_to_others,
    "cut and joined": _cut_and_joined,
    "padded": _padded,
    "tagged": _tagged,
}
_SIZED: dict[str, _Happening] = {
    **_EVERY,
    "size emptied": _emptied,
    "size of a stream": _streamed,
    "size understated": _understated,
    "size overstated": _overstated,
}

#: What happens to the files of a container.
HAPPENINGS: dict[str, dict[str, _Happening]] = {
    "WAV": {**_SIZED, "odd chunk": _other_chunk, "two chunks": _two_chunks},
    "RF64": {**_SIZED, "BW64": _bw64},
    **dict.fromkeys(("W64", "AIFF", "AU", "CAF"), _SIZED),
    "FLAC": {**_EVERY, "recounted": _recounted, "cut out": _cut_out},
    "OGG": {**_EVERY, "unended": _unended, "page lost": _page_lost},
    "MP3": {**_EVERY, "headless": _headless, "advert": _advert, "dirty": _dirty, "corrupt": _corrupt},
}


# -- Trial


def judge(tried: Case) -> tuple[str, str]:
    """Return how a file was heard, and what is wrong with that, or an empty text."""
    try:
        with open_audio(io.BytesIO(tried.data), None, ReadOptions(channel="each"), target_rate=tried.rate) as audio:
            heard = np.concatenate([block.copy() for block in audio.blocks()], axis=1).T
            damage, rate = audio.damage, audio.sample_rate
    except YamjitError as error:
        return ("refused", "") if not tried.sound else ("refused", f"a sound file is refused: {error}")
    if len(heard) < tried.frames and damage is None:
        return "silent", f"{tried.frames - len(heard)} of {tried.frames} frames were not heard, without a word"
    if tried.sound and damage is not None:
        return "told", f"nothing is wrong with it, but {damage}"
    if tried.samples is not None:
        same = min(len(heard), len(tried.samples))
        if not np.array_equal(heard[:same], tried.samples[:same]) and "joined" not in tried.what:
            return "wrong", "other samples are heard"
    if rate == tried.rate and (fault := _stretch_fault(tried, heard)) is not None:
        return "wrong", fault
    return ("whole" if len(heard) >= tried.frames else "told"), ""


def _stretch_fault(tried: Case, heard: npt.NDArray[np.float32]) -> str | None:
    """Return what is wrong with a stretch from the middle on."""
    start = len(heard) * 2 // 3
    if start == 0:
        return None
    try:
        with open_audio(
            io.BytesIO(tried.data),
            None,
            ReadOptions(channel="each", start_s=start / tried.rate),
            target_rate=tried.rate,
        ) as audio:
            got = np.concatenate([block.copy() for block in audio.blocks()], axis=1).T
    except YamjitError as error:
        return f"a stretch is refused: {error}"
    return None if np.array_equal(got, heard[start:]) else "a stretch holds other samples"


@contextlib.contextmanager
def printed() -> Iterator[Callable[[], int]]:
    """Give a function that returns how many bytes libraries in C have written to stdout and stderr."""
    before = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)

        def count() -> int:
            ctypes.CDLL(None).fflush(None)
            return os.fstat(file.fileno()).st_size

        try:
            yield count
        finally:
            os.dup2(before[0], 1)
            os.dup2(before[1], 2)


def campaign(count: int, seed: int, first: int = 0) -> dict[str, Any]:
    """Try files; return how many were heard how, and what is wrong."""
    found: collections.Counter[str] = collections.Counter()
    offenders = []
    with printed() as written:
        before = written()
        for index in range(first, first + count):
            tried = case(seed, index)
            outcome, fault = judge(tried)
            if written() > before:
                before = written()
                fault = fault or "something was printed"
            found[outcome] += 1
            if fault:
                offenders.append(f"{index}: {tried.kind}, {tried.what}: {fault}")
    return {"files": count, "seed": seed, "first": first, **found, "silent": found["silent"], "offenders": offenders}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and print its line."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.whole", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="files (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=7, help="of what happens to them (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first file (default: %(default)s)")
    options = parser.parse_args(arguments)
    summary = campaign(options.count, options.seed, options.first)
    print(json.dumps(summary))
    return 1 if summary["offenders"] else 0


if __name__ == "__main__":
    sys.exit(main())
