"""Damaged audio files against the package: every mutant has to give finite samples or one of the package's errors.

::

    python -m tools.checks.fuzz_audio --count 5000 --seed 99 --jobs 2
    python -m tools.checks.fuzz_audio --av

The sound files are made here, in every container and encoding that libsndfile writes and reads; with ``--av`` in those
of phones and cameras, which PyAV decodes (``--av ffmpeg``: the program). Each mutant is tried in
a process of its own, forked after the imports: by its path and as a file object, whole and in part, and both ways have
to agree. One line of JSON tells how many gave what, the slowest, and the largest resident set; the exit code is 1 if
one crashed, was slow, or raised anything else. The same seed gives the same mutants.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import importlib.util
import io
import itertools
import json
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from tools.checks.fuzz_models import Mutant, Outcome, summarized, try_in_child
from yamjit.audio import open_audio
from yamjit.errors import YamjitError
from yamjit.reading import ReadOptions

__all__ = ["DAMAGES", "campaign", "encode", "encodings", "mend_ogg", "mutant", "phone_encodings", "read_audio", "sound"]

RATE = 16_000
#: Length of a sound file: more than libsndfile decodes at a time, and soon decoded.
FRAMES = 6_000
#: Where headers lie.
HEAD = 100

_EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
#: Address space of a child, of which NumPy takes a good part: a bomb ends there.
_ADDRESS_SPACE = 2 * 2**30


# -- Sound files


def encode(samples: npt.NDArray[Any], rate: int, container: str = "WAV", subtype: str = "PCM_16") -> bytes:
    """Return samples, (n,) or (n, channels), as a file."""
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(file, "w", rate, channels, format=container, subtype=subtype) as sound_file:
        for start in range(0, len(samples), 8_192):  # libsndfile's Vorbis encoder overflows on long writes
            sound_file.write(samples[start : start + 8_192])
    return file.getvalue()


def sound(channels: int) -> npt.NDArray[np.float64]:
    """Return noise, (FRAMES, channels)."""
    return np.random.default_rng(channels).uniform(-0.5, 0.5, (FRAMES, channels))


@functools.cache
def encodings() -> tuple[tuple[str, str, bytes], ...]:
    """Return container, encoding and a sound file, of one channel and of two, for all that libsndfile can read back."""
    return tuple(_encoded())


@functools.cache
def phone_encodings() -> tuple[tuple[str, str, bytes], ...]:
    """Return the same for what phones and cameras write."""
    from tools.phone_audio import phone_files

    return tuple(("av", kind, data) for kind, data in phone_files().items())


def _encoded() -> Iterator[tuple[str, str, bytes]]:
    # SD2 writes a second file, "._", to the current directory, and libsndfile then takes others for its other half.
    for container in sorted(soundfile.available_formats().keys() - {"SD2"}):
        for subtype in sorted(soundfile.available_subtypes(container)):
            for channels in (1, 2):
                try:
                    data = encode(sound(channels), RATE, container, subtype)
                    frames = len(soundfile.read(io.BytesIO(data))[0])
                except soundfile.LibsndfileError:
                    continue
                if frames >= FRAMES:
                    yield container, subtype, mend_ogg(data, serial=1) if container == "OGG" else data


@functools.cache
def _checksums() -> tuple[int, ...]:
    """Return the CRC-32 of polynomial 0x04c11db7, neither reflected nor inverted, of every byte."""
    checksums = list(range(0, 2**32, 2**24))
    for _ in range(8):
        checksums = [(c << 1) ^ (0x104C11DB7 if c & 2**31 else 0) for c in checksums]
    return tuple(checksums)


def ogg_checksum(page: bytes) -> int:
    """Return the checksum of a page, whose own is 0."""
    table, checksum = _checksums(), 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ table[checksum >> 24 ^ byte]
    return checksum


def mend_ogg(data: bytes, serial: int | None = None) -> bytes:
    """Give every page its right checksum, and a serial number if one is given: libsndfile draws them by lot."""
    mended = bytearray(data)
    starts = [n for n in range(len(mended) - 27) if mended[n : n + 4] == b"OggS"]
    for start, end in itertools.pairwise([*starts, len(mended)]):
        if serial is not None:
            mended[start + 14 : start + 18] = serial.to_bytes(4, "little")
        mended[start + 22 : start + 26] = bytes(4)
        mended[start + 22 : start + 26] = ogg_checksum(mended[start:end]).to_bytes(4, "little")
    return bytes(mended)


# -- Damage


def _cut(data: bytearray, dice: random.Random) -> bytes:
    return bytes(data[: dice.choice((dice.randrange(HEAD), dice.randrange(len(data)), len(data) - dice.randint(1, 9)))])


def _head_byte(data: bytearray, dice: random.Random) -> bytes:
    data[dice.randrange(HEAD)] = dice.randrange(256)
    return bytes(data)


def _head_bytes(data: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.randint(2, 8)):
        data[dice.randrange(HEAD)] = dice.randrange(256)
    return bytes(data)


def _head_number(data: bytearray, dice: random.Random) -> bytes:
    size = dice.choice((2, 4, 8))
    place = dice.randrange(HEAD - size)
    data[place : place + size] = (dice.choice(_EDGES) % 2 ** (8 * size)).to_bytes(size, dice.choice(("little", "big")))
    return bytes(data)


def _body_bytes(data: bytearray, dice: random.Random) -> bytes:
    for _ in range(dice.choice((1, 2, 8, 64))):
        data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)


def _block(data: bytearray, dice: random.Random) -> bytes:
    size = min(len(data) // 2, dice.choice((4, 64, 1024)))
    place = dice.randrange(len(data) - size)
    data[place : place + size] = dice.choice((bytes(size), b"\xff" * size, dice.randbytes(size)))
    return bytes(data)


def _moved(data: bytearray, dice: random.Random) -> bytes:
    """Take bytes out, or put some in, so that everything after them moves."""
    place, size = dice.randrange(len(data)), dice.choice((1, 2, 3, 4, 100, 1000))
    data[place : place + dice.choice((0, size))] = dice.randbytes(dice.choice((0, size)))
    return bytes(data)


def _repeated(data: bytearray, dice: random.Random) -> bytes:
    first, second = sorted((dice.randrange(len(data)), dice.randrange(len(data))))
    return bytes(data[:second] + data[first:])


def _chimera(data: bytearray, dice: random.Random) -> bytes:
    """Return the head of one file before the body of another."""
    other = dice.choice(encodings())[2]
    place = dice.choice((4, 12, 36, 44, dice.randrange(HEAD), dice.randrange(1000)))
    return bytes(data[:place]) + other[place:]


#: Ways to damage a file.
DAMAGES: dict[str, Callable[[bytearray, random.Random], bytes]] = {
    "cut": _cut,
    "head byte": _head_byte,
    "head bytes": _head_bytes,
    "head number": _head_number,
    "body bytes": _body_bytes,
    "block": _block,
    "moved": _moved,
    "repeated": _repeated,
    "chimera": _chimera,
}
_TURNS = (*DAMAGES, "head byte", "head number", "head number")


def mutant(seed: int, index: int, *, phones: bool = False) -> Mutant:
    """Return a damaged file; encodings and damages take turns, each pair of them comes up."""
    dice = random.Random(f"{seed}/{index}")
    files = phone_encodings() if phones else encodings()
    turn, place = divmod(index, len(files))
    container, subtype, data = files[place]
    damage = _TURNS[(place + turn) % len(_TURNS)]
    damaged = DAMAGES[damage](bytearray(data), dice)
    if container == "OGG" and dice.random() < 0.75:  # else the checksums would refuse every one
        damaged = mend_ogg(damaged)
    return Mutant(f"{container} {subtype}", damage, damaged)


# -- Trial


def read_audio(data: bytes) -> object:
    """Read a file by its path and as a file object, each channel and the mean, whole and in part."""
    return _read_audio(data)


def read_phone_audio(data: bytes) -> object:
    """Read a file of a phone in the same ways."""
    return _read_audio(data)


def read_by_ffmpeg(data: bytes) -> object:
    """Read a file of a phone in the same ways, without PyAV."""
    sys.modules["av"] = None  # type: ignore[assignment]
    return _read_audio(data)


def _read_audio(data: bytes) -> object:
    import resource  # not on Windows, where nothing forks

    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    with tempfile.NamedTemporaryFile() as file, _nothing_printed():
        file.write(data)
        file.flush()
        by_path = _outcome(file.name)
        if by_path != _outcome(io.BytesIO(data)):
            raise RuntimeError("path and file object do not agree")
        for options in ({"channel": "each", "non_finite": "zero"}, {"start_s": 0.1}, {"start_s": 0.05, "end_s": 0.2}):
            _outcome(file.name, reading=ReadOptions(**options))
        return _drain(file.name)


@contextlib.contextmanager
def _nothing_printed() -> Iterator[None]:
    """Raise if anything is printed to stdout or stderr, by a library in C too."""
    with tempfile.TemporaryFile() as printed:
        for descriptor in (1, 2):
            os.dup2(printed.fileno(), descriptor)
        yield
        ctypes.CDLL(None).fflush(None)
        if os.fstat(1).st_size:
            raise RuntimeError("something was printed")


def _outcome(source: Any, **options: Any) -> object:
    """Return what comes out, or the type of the error."""
    try:
        return _drain(source, **options)
    except YamjitError as error:
        return type(error)


def _drain(source: Any, **options: Any) -> object:
    """Return the number of samples and their sums, keeping none."""
    count, sums = 0, []
    with open_audio(source, **options) as audio:
        for block in audio.blocks():
            if block.dtype != np.float32 or block.shape[0] != audio.tracks or not np.isfinite(block).all():
                raise RuntimeError(f"a block of type {block.dtype}, shape {block.shape}, or not finite")
            count += block.shape[1]
            sums.append(float(block.sum()))
        lines = [*audio.warnings, audio.damage or ""]
    if not (count and all(line.isprintable() for line in lines)):
        raise RuntimeError(f"no sample, or a line that is none: {lines}")
    return count, sums


#: Who reads what phones write.
_TARGETS: dict[str | None, Callable[[bytes], object]] = {
    None: read_audio,
    "pyav": read_phone_audio,
    "ffmpeg": read_by_ffmpeg,
}


def _share(job: tuple[int, Sequence[int], str | None]) -> list[tuple[str, str, Outcome]]:
    seed, indices, phones = job
    found = []
    for index in indices:
        damaged = mutant(seed, index, phones=phones is not None)
        outcome = try_in_child(_TARGETS[phones], damaged.data)
        found.append((damaged.kind, f"{index}: {damaged.what}", outcome))
    return found


def campaign(count: int, seed: int, jobs: int = 1, phones: str | None = None) -> dict[str, Any]:
    """Try mutants, each in a process of its own; of what phones write if "pyav" or "ffmpeg" is to read them.

    Returns
    -------
    dict
        How many gave what, the slowest, the largest resident set, and the offenders.
    """
    first = (phone_encodings() if phones else encodings())[0]
    _outcome(io.BytesIO(first[2]), target_rate=8_000)  # imports, for the children
    if importlib.util.find_spec("av"):
        importlib.import_module("av")
    shares = [(seed, range(job, count, jobs), phones) for job in range(jobs)]
    if jobs == 1:
        found = _share(shares[0])
    else:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            found = [item for part in pool.map(_share, shares) for item in part]
    kinds = len({kind for kind, _, _ in found})
    return {"target": "open_audio", "encodings": kinds, "mutants": count, "seed": seed, **summarized(found)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and print its line."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.fuzz_audio", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=99, help="of the damage (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--av", nargs="?", const="pyav", choices=("pyav", "ffmpeg"), help="files of phones, read by PyAV or ffmpeg"
    )
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="where to write the offenders")
    options = parser.parse_args(arguments)
    summary = campaign(options.count, options.seed, options.jobs, options.av)
    print(json.dumps(summary))
    if options.save:
        for _, what, *_ in summary["offenders"]:
            index = int(what.split(":")[0])
            (options.save / f"{options.seed}-{index}.bin").write_bytes(
                mutant(options.seed, index, phones=options.av is not None).data
            )
    return 1 if summary["offenders"] else 0


if __name__ == "__main__":
    sys.exit(main())
