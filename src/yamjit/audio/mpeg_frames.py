"""Frames of MPEG audio, layers I to III: their headers, and where they are in some bytes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_FRAME_BYTES", "Kind", "begins_mpeg", "find_frames", "frame_at", "is_info"]

#: Length of the longest frame: 384 kbit/s at 32 kHz.
MOST_FRAME_BYTES = 1729

_KBITS = {
    (False, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (False, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (True, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (True, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
#: Beginnings of the marks Xing, Info and VBRI.
_XI, _IN, _VB = (int.from_bytes(mark, "big") for mark in (b"Xi", b"In", b"VB"))


@dataclass(frozen=True, slots=True)
class Kind:
    """What the frames that one decoder reads in a row have in common."""

    version: int  # 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
    layer: int
    rate: int
    mono: bool

    @property
    def frame_samples(self) -> int:
        """Number of samples of each channel in a frame."""
        return 384 if self.layer == 1 else 1152 if self.layer == 2 or self.version == 3 else 576

    @property
    def side_bytes(self) -> int:
        """Number of bytes of side information, after which the content of an info frame begins."""
        if self.version == 3:
            return 17 if self.mono else 32
        return 9 if self.mono else 17


def begins_mpeg(head: bytes) -> bool:
    """Return whether bytes begin with the header of a frame of MPEG layer I, II or III."""
    return frame_at(head, 0) is not None


def is_info(body: bytes, kind: Kind) -> bool:
    """Return whether a frame is an info frame: it holds no sound, but says how many frames follow."""
    checksum = 0 if body[1] & 1 else 2
    if kind.layer != 3 or any(body[4 + checksum : 4 + kind.side_bytes]):
        return body[36:40] == b"VBRI" and kind.layer == 3
    return body[4 + kind.side_bytes :][:4] in (b"Xing", b"Info")


def frame_at(data: bytes, offset: int) -> tuple[int, Kind] | None:
    """Return the length and the kind of the frame whose header is at `offset`; None if there is none."""
    if len(data) < offset + 4 or data[offset] != 0xFF:
        return None
    lengths, kinds = _tables()
    code = data[offset + 1] << 8 | data[offset + 2]
    return (lengths[code], kinds[code][data[offset + 3] >= 192]) if lengths[code] else None


def find_frames(data: bytes, kind: Kind, is_end: bool) -> dict[int, int]:
    """Return where what looks like a frame of a kind begins in some bytes, and where the next one then does.

    Info frames are left out, and so is what may be a frame that is not whole.
    """
    codes, marks = _lengths_of(kind)
    array = np.frombuffer(data, np.uint8)
    array = array[: max(0, len(array) - (3 if is_end else MOST_FRAME_BYTES))]
    places = np.flatnonzero(array[:-1] == 0xFF) if len(array) else np.zeros(0, np.int64)
    whole = np.frombuffer(data, np.uint8)
    lengths = codes[whole[places + 1].astype(np.intp) << 8 | whole[places + 2]]
    keep = (lengths > 0) & ((whole[places + 3] >= 192) == kind.mono)
    places, lengths = places[keep], lengths[keep]
    found = dict(zip(places.tolist(), (places + lengths).tolist(), strict=True))
    if kind.layer == 3:
        for mark in marks:
            first = np.minimum(places + mark, len(whole) - 2)
            letters = whole[first].astype(np.intp) << 8 | whole[first + 1]
            for place in places[(letters == _XI) | (letters == _IN) | (letters == _VB)].tolist():
                if place in found and is_info(data[place : found[place]], kind):
                    del found[place]
    return found


@functools.cache
def _lengths_of(kind: Kind) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Return the length of a frame by bytes 1 and 2 of its header, and where the mark of an info frame may be."""
    lengths, kinds = _tables()
    of_kind = [length if pair[kind.mono] is kind else 0 for length, pair in zip(lengths, kinds, strict=True)]
    return np.array(of_kind), tuple({4 + kind.side_bytes, 36})


@functools.cache
def _tables() -> tuple[list[int], list[tuple[Kind, Kind]]]:
    """Return the length of a frame, or 0, and its kind in stereo and in mono, by bytes 1 and 2 of its header."""
    none = Kind(0, 0, 0, mono=False)
    lengths, kinds = [0] * 2**16, [(none, none)] * 2**16
    made: dict[tuple[int, int, int], tuple[Kind, Kind]] = {}
    for code in range(0xE000, 2**16):
        version, layer = code >> 11 & 3, 4 - (code >> 9 & 3)
        kbits, rate, padding = code >> 4 & 15, code >> 2 & 3, code >> 1 & 1
        if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
            continue
        hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
        bits = 1000 * _KBITS[version != 3, layer][kbits]
        if layer == 1:
            lengths[code] = (12 * bits // hertz + padding) * 4
        else:
            lengths[code] = (72 if layer == 3 and version != 3 else 144) * bits // hertz + padding
        key = (version, layer, hertz)
        kinds[code] = made.setdefault(key, (Kind(*key, mono=False), Kind(*key, mono=True)))
    return lengths, kinds
