"""XXH64, after the specification of xxHash by Yann Collet (version 0.1.1), in plain Python."""

from __future__ import annotations

import struct

__all__ = ["xxh64"]

_MASK = 2**64 - 1
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def xxh64(data: bytes, seed: int = 0) -> int:
    """Return the digest of `data`."""
    at = len(data) & ~31
    if at:
        lanes = [seed + _P1 + _P2 & _MASK, seed + _P2 & _MASK, seed, seed - _P1 & _MASK]
        words = struct.unpack(f"<{at // 8}Q", data[:at])
        lanes = [_lane(lane, words[k::4]) for k, lane in enumerate(lanes)]
        digest = sum(_left(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            digest = ((digest ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        digest = seed + _P5 & _MASK
    digest = digest + len(data) & _MASK
    while at + 8 <= len(data):
        word = int.from_bytes(data[at : at + 8], "little")
        digest = (_left(digest ^ _round(0, word), 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= len(data):
        digest = (_left(digest ^ int.from_bytes(data[at : at + 4], "little") * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        digest = _left(digest ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    digest = (digest ^ digest >> 33) * _P2 & _MASK
    digest = (digest ^ digest >> 29) * _P3 & _MASK
    return digest ^ digest >> 32


def _lane(lane: int, words: tuple[int, ...]) -> int:
    for word in words:
        lane = lane + word * _P2 & _MASK
        lane = (lane << 31 | lane >> 33) * _P1 & _MASK
    return lane


def _round(lane: int, word: int) -> int:
    return _left(lane + word * _P2 & _MASK, 31) * _P1 & _MASK


def _left(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & _MASK
