"""The grammars of chunks besides that of WAV: W64, AIFF, CAF, AU."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping

from yamjit.audio.grammars import Grammar, Samples, samples_of, wave_header, wave_samples

__all__ = ["other_grammar_of"]

_GUID_TAIL = b"\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"

#: Longest header of AU: it may hold a text.
_MOST_AU_BYTES = 2**20


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
        return wave_samples(chunks.get(b"fmt ", b""), "<")

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        return wave_header(chunks[b"fmt "], size, "<")


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
            return samples_of(channels, int(kind[2:]), floats=">f")
        if kind.lower() in (b"alaw", b"ulaw"):
            return samples_of(channels, 8)
        return samples_of(channels, bits) if kind in (b"NONE", b"twos", b"sowt", b"in24", b"in32", b"raw ") else None

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
        return samples_of(channels, packet * 8 // max(1, channels), f"{order}f" if flags & 1 else None)

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
        return Samples(1, plain=False) if bits is None else samples_of(channels, bits, floats)

    def header(self, chunks: Mapping[bytes, bytes], size: int) -> bytes:
        words = struct.pack(f"{self.order}II", 24, min(size, 2**32 - 1))
        return self._head[:4] + words + self._head[12:24]


def other_grammar_of(head: bytes) -> Grammar | None:
    """Return one of these grammars, as `yamjit.audio.scanning.grammar_of` does."""
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


def _big_chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "big") + body + bytes(len(body) % 2)
