"""The grammars of chunks: that of WAV, RF64 and BW64; `yamjit.audio.other_grammars` has the others."""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["UNKNOWN_BYTES", "Grammar", "Samples", "riff_of", "samples_of", "wave_header", "wave_samples"]

#: Lengths in a header from here on mean that its writer did not know it, as when writing to a pipe.
UNKNOWN_BYTES = 0x7FFF_F000

#: Format tags of WAV: PCM, floating point, A-law, mu-law; MPEG, which has rules of its own.
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_MPEG = (0x50, 0x55)


#: Chunks of most WAV files, besides samples; and the channels that libsndfile accepts.
_COMMON = frozenset({b"fmt ", b"LIST"})
_MOST_CHANNELS = 1024


class Samples(NamedTuple):
    """How samples are stored."""

    #: Bytes of one frame, or of one block of a compressed encoding.
    block: int
    #: Whether a block is a frame.
    plain: bool
    #: Type of the samples, if they are floating-point numbers.
    floats: np.dtype[np.floating] | None = None


class Grammar(ABC):
    """How the chunks of a format are written; by default as in IFF: four letters, a size of four bytes, even places."""

    #: Pattern of a beginning, and its length; some bytes of it that are always the same, and where they are.
    magic: re.Pattern[bytes]
    magic_bytes = 12
    mark: bytes
    mark_offset = 8
    #: Bytes before the first chunk, of the header of a chunk, and what chunks are aligned to.
    head = 12
    chunk_head = 8
    align = 2
    #: Name of the chunk of samples, and the bytes before them in it.
    data = b"data"
    data_offset = 0
    #: Byte order, as in `struct`.
    order = ">"
    #: Whether libsndfile reads it.
    sound = True

    def chunk(self, header: bytes) -> tuple[bytes, int]:
        """Return the name of a chunk, and the number of bytes that follow its header."""
        return header[:4], struct.unpack(f"{self.order}I", header[4:])[0]

    def claimed(self, chunks: Mapping[bytes, bytes], size: int) -> int | None:
        """Return the bytes of samples that a header claims, 0 if it was never finished, None if it claims none."""
        return None if size >= UNKNOWN_BYTES else max(0, size)

    def pcm(self, chunks: Mapping[bytes, bytes]) -> tuple[int, int] | None:
        """Return the rate in Hz and the channels of 16-bit little-endian samples, if a file holds little else."""
        return None

    @abstractmethod
    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        """Return how samples are stored; None if this is not known, and the file is left as it is."""

    @abstractmethod
    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        """Return a header for `size` bytes of samples, which follow it."""


class _Riff(Grammar):
    """WAV, RIFX (big-endian), RF64 and BW64."""

    magic = re.compile(rb"(?:RIFF|RIFX|RF64|BW64)....WAVE", re.DOTALL)
    mark = b"WAVE"

    def __init__(self, magic: bytes) -> None:
        self.order = ">" if magic == b"RIFX" else "<"
        self._wide = magic in (b"RF64", b"BW64")
        self.sound = magic != b"BW64"

    def claimed(self, chunks: Mapping[bytes, bytes], size: int) -> int | None:
        if self._wide and size == 0xFFFF_FFFF:
            wide = chunks.get(b"ds64", b"")
            size = int.from_bytes(wide[8:16], "little")
            return None if size >= 2**63 else size
        return super().claimed(chunks, size)

    def pcm(self, chunks: Mapping[bytes, bytes]) -> tuple[int, int] | None:
        form = chunks.get(b"fmt ", b"")
        if self.order == ">" or self._wide or len(form) < 16 or next(iter(chunks)) != b"fmt " or set(chunks) - _COMMON:
            return None
        tag, channels, rate, block, bits = struct.unpack("<HHI4xHH", form[:16])
        usual = (tag, block, bits) == (_PCM, 2 * channels, 16)
        return (rate, channels) if usual and 0 < rate < 2**31 and 0 < channels <= _MOST_CHANNELS else None

    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        return wave_samples(chunks.get(b"fmt ", b""), self.order)

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        return wave_header(chunks[b"fmt "], size, self.order)


def riff_of(head: bytes) -> Grammar | None:
    """Return the grammar of a WAV file, given its first 32 bytes; None if it is none."""
    return _Riff(head[:4]) if _Riff.magic.match(head) else None


def samples_of(channels: int, bits: int, floats: str | None = None) -> Samples | None:
    """Return how samples of this width are stored; `floats`, such as ">f", is the type of floating-point numbers."""
    width = (bits + 7) // 8
    if not channels or not 1 <= width <= 8:
        return None
    return Samples(
        channels * width, plain=True, floats=np.dtype(f"{floats}{width}") if floats and width in (4, 8) else None
    )


def wave_samples(form: bytes, order: str) -> Samples | None:
    """Return how the samples that a "fmt " chunk describes are stored."""
    if len(form) < 16:
        return None
    tag, channels, block, bits = struct.unpack(f"{order}HH8xHH", form[:16])
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = struct.unpack(f"{order}H", form[24:26])[0]
    if tag in (_PCM, _FLOAT, _ALAW, _ULAW):
        if not channels or block % channels or not block:
            return None
        return samples_of(
            channels, 8 * (block // channels), f"{order}f" if tag == _FLOAT and bits in (32, 64) else None
        )
    return None if tag in _MPEG or not block else Samples(block, plain=False)


def wave_header(form: bytes, size: int, order: str) -> bytes:
    """Return the header of a WAV file, or of RF64 if it is too long for WAV."""
    head = struct.pack(f"{order}4sI", b"fmt ", len(form)) + form + bytes(len(form) % 2)
    if size < UNKNOWN_BYTES or order == ">":
        chunks = b"WAVE" + head + struct.pack(f"{order}4sI", b"data", min(size, 2**32 - 1))
        return (
            struct.pack(f"{order}4sI", b"RIFX" if order == ">" else b"RIFF", min(len(chunks) + size, 2**32 - 1))
            + chunks
        )
    wide = struct.pack("<4sIQQQI", b"ds64", 28, 4 + 36 + len(head) + 8 + size, size, 0, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + wide + head + b"data\xff\xff\xff\xff"
