"""What field recorders write: WAV files with chunks beside their samples, and a song that the starter knows."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

__all__ = ["audio_moth", "bext", "chunk", "guano", "song", "wamd", "wav"]

RATE = 16_000


def song(length_s: float = 3.0, start_s: float = 1.0) -> npt.NDArray[np.int16]:
    """Return samples: from `start_s` on, two seconds of falling whistles."""
    time = np.arange(1280) / RATE
    whistle = np.sin(np.pi * time / 0.08) ** 2 * np.sin(2 * np.pi * (5_000 * time - 12_500 * time**2))
    sound = 0.005 * np.random.default_rng(0).standard_normal(int(length_s * RATE))
    for place in range(int(start_s * RATE), min(int((start_s + 2) * RATE), sound.size - whistle.size), 2240):
        sound[place : place + whistle.size] += whistle
    return (8_000 * sound).astype(np.int16)


def chunk(name: bytes, body: bytes, order: str = "<") -> bytes:
    """Return a chunk, padded to an even length."""
    return name + struct.pack(f"{order}I", len(body)) + body + bytes(len(body) % 2)


def wav(*chunks: bytes, before: bool = False, samples: bytes = bytes(3200)) -> bytes:
    """Return a file with chunks after its samples, or before them."""
    extra = b"".join(chunks)
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
    data = chunk(b"data", samples)
    body = b"WAVE" + form + (extra + data if before else data + extra)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def guano(stamp: str) -> bytes:
    """Return a chunk of GUANO."""
    return chunk(b"guan", f"GUANO|Version: 1.0\nMake: Pettersson\nTimestamp:  {stamp}\nNote: Timestamp: none".encode())


def audio_moth(text: str) -> bytes:
    """Return the comment that AudioMoth writes, given a time, a date, a zone, and who recorded it."""
    comment = f"Recorded at {text} at medium gain while battery was 4.2V and temperature was 12.3C.".encode()
    return chunk(b"LIST", b"INFO" + chunk(b"ICMT", comment.ljust(384, b"\0")) + chunk(b"IART", b"AudioMoth 24F319"))


def bext(date: str, time: str) -> bytes:
    """Return a broadcast extension."""
    return chunk(b"bext", bytes(320) + f"{date:10}{time:8}".encode() + bytes(602 - 338))


def wamd(stamp: str) -> bytes:
    """Return the metadata of Wildlife Acoustics."""
    entries = ((0, b"\1\0"), (1, b"SM4"), (5, stamp.encode()), (4, b"SITE"))
    return chunk(b"wamd", b"".join(struct.pack("<HI", number, len(body)) + body for number, body in entries))
