"""The grammars of chunks: WAV, RF64, BW64 and W64, AIFF, CAF, AU."""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["UNKNOWN_BYTES", "Grammar", "Samples", "grammar_of"]

#: Lengths in a header from here on mean that its writer did not know it, as when writing to a pipe.
UNKNOWN_BYTES = 0x7FFF_F000

_GUID_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"

#: Longest header of AU: it may hold a text.
_MOST_AU_BYTES = 2**20

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
        return _wave_samples(chunks.get(b"fmt ", b""), self.order)

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        return _wave_header(chunks[b"fmt "], size, self.order)


class _Wave64(Grammar):
    """Sony Wave64: chunks named by GUIDs, whose sizes include their headers."""

    magic = re.compile(rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00.{8}wave", re.DOTALL)
    magic_bytes = 28
    mark = b"\x2e\x91\xcf\x11"
    mark_offset = 4
    head = 40
    chunk_head = 24
    align = 8

    def chunk(self, header: bytes) -> tuple[bytes, int]:
        known = header[4:16] == _GUID_TAIL
        size = int.from_bytes(header[16:], "little")
        return header[:4] if known else b"\0", max(0, size - self.chunk_head)

    def claimed(self, chunks: Mapping[bytes, bytes], size: int) -> int | None:
        return None if size >= 2**62 else size

    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        return _wave_samples(chunks.get(b"fmt ", b""), "<")

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        return _wave_header(chunks[b"fmt "], size, "<")


class _Aiff(Grammar):
    """AIFF and AIFF-C."""

    magic = re.compile(rb"FORM....AIF[FC]", re.DOTALL)
    mark = b"AIF"
    data = b"SSND"
    data_offset = 8

    def __init__(self, kind: bytes) -> None:
        self._kind = kind

    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        common = chunks.get(b"COMM", b"")
        if len(common) < 18:
            return None
        channels, bits = struct.unpack(">H4xH", common[:8])
        kind = common[18:22] if len(common) >= 22 else b"NONE"
        if kind.lower() in (b"fl32", b"fl64"):
            return _samples(channels, int(kind[2:]), floats=">f")
        if kind.lower() in (b"alaw", b"ulaw"):
            return _samples(channels, 8)
        return _samples(channels, bits) if kind in (b"NONE", b"twos", b"sowt", b"in24", b"in32", b"raw ") else None

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        samples = self.samples(chunks)
        assert samples is not None
        common = bytearray(chunks[b"COMM"])
        common[2:6] = min(size // samples.block, 2**32 - 1).to_bytes(4, "big")
        body = self._kind + _big_chunk(b"COMM", bytes(common)) + b"SSND"
        body += min(size + 8, 2**32 - 1).to_bytes(4, "big") + bytes(8)
        return b"FORM" + min(len(body) + size, 2**32 - 1).to_bytes(4, "big") + body


class _Caf(Grammar):
    """Apple's Core Audio Format."""

    magic = re.compile(rb"caff\0\x01..desc", re.DOTALL)
    mark = b"desc"
    head = 8
    chunk_head = 12  # some writers align chunks, which the format does not foresee
    data_offset = 4

    def chunk(self, header: bytes) -> tuple[bytes, int]:
        return header[:4], int.from_bytes(header[4:], "big", signed=True)

    def claimed(self, chunks: Mapping[bytes, bytes], size: int) -> int | None:
        return None if size + self.data_offset == -1 else max(0, size)

    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        if len(chunks.get(b"desc", b"")) < 32:
            return None
        kind, flags, packet, frames, channels, _ = struct.unpack(">8x4sIIIII", chunks[b"desc"][:32])
        if frames != 1 or kind not in (b"lpcm", b"alaw", b"ulaw"):
            return None
        order = "<" if flags & 2 else ">"
        return _samples(channels, packet * 8 // max(1, channels), f"{order}f" if flags & 1 else None)

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        desc = b"desc" + (32).to_bytes(8, "big") + chunks[b"desc"][:32]
        return b"caff\0\x01\0\0" + desc + b"data" + (size + 4).to_bytes(8, "big") + bytes(4)


class _Au(Grammar):
    """AU of Sun and NeXT: its header counts as the header of its only chunk."""

    magic_bytes = 24
    mark_offset = 0
    head = 0
    align = 1
    data = b"samples"

    def __init__(self, head: bytes) -> None:
        self.order = ">" if head[:4] == b".snd" else "<"
        self._head = head[:24]
        self.mark = head[:4]
        # A mark of four letters alone may occur among samples.
        mark = b"\\.snd\0..." if self.order == ">" else b"dns\\....\0"
        word = b"\0\0\0[\x01-\x1b]" if self.order == ">" else b"[\x01-\x1b]\0\0\0"
        self.magic = re.compile(mark + b".{4}" + word + b".{8}", re.DOTALL)
        self.chunk_head = max(24, struct.unpack(f"{self.order}I", head[4:8])[0])

    def chunk(self, header: bytes) -> tuple[bytes, int]:
        if not self.magic.match(header):
            return b"\0", 0
        return self.data, struct.unpack(f"{self.order}I", header[8:12])[0]

    def samples(self, chunks: Mapping[bytes, bytes]) -> Samples | None:
        kind, _, channels = struct.unpack(f"{self.order}III", self._head[12:24])
        bits = {1: 8, 2: 8, 3: 16, 4: 24, 5: 32, 6: 32, 7: 64, 27: 8}.get(kind)
        floats = f"{self.order}f" if kind in (6, 7) else None
        return Samples(1, plain=False) if bits is None else _samples(channels, bits, floats)

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        words = struct.pack(f"{self.order}II", 24, min(size, 2**32 - 1))
        return self._head[:4] + words + self._head[12:24]


def grammar_of(head: bytes) -> Grammar | None:
    """Return the grammar of a file, given its first 32 bytes; None if it does not consist of chunks."""
    if _Riff.magic.match(head):
        return _Riff(head[:4])
    if _Wave64.magic.match(head):
        return _Wave64()
    if _Aiff.magic.match(head):
        return _Aiff(head[8:12])
    if _Caf.magic.match(head):
        return _Caf()
    if head[:4] in (b".snd", b"dns.") and len(head) >= 24:
        grammar = _Au(head)
        return grammar if grammar.chunk_head <= _MOST_AU_BYTES else None
    return None


def _samples(channels: int, bits: int, floats: str | None = None) -> Samples | None:
    width = (bits + 7) // 8
    if not channels or not 1 <= width <= 8:
        return None
    return Samples(
        channels * width, plain=True, floats=np.dtype(f"{floats}{width}") if floats and width in (4, 8) else None
    )


def _wave_samples(form: bytes, order: str) -> Samples | None:
    if len(form) < 16:
        return None
    tag, channels, block, bits = struct.unpack(f"{order}HH8xHH", form[:16])
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = struct.unpack(f"{order}H", form[24:26])[0]
    if tag in (_PCM, _FLOAT, _ALAW, _ULAW):
        if not channels or block % channels or not block:
            return None
        return _samples(channels, 8 * (block // channels), f"{order}f" if tag == _FLOAT and bits in (32, 64) else None)
    return None if tag in _MPEG or not block else Samples(block, plain=False)


def _wave_header(form: bytes, size: int, order: str) -> bytes:
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


def _big_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "big") + body + bytes(len(body) % 2)
