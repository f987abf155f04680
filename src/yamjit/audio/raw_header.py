"""The header of a file, where samples without a header should begin."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from yamjit.audio.containers import certain_kind
from yamjit.audio.mpeg_frames import frame_at
from yamjit.text import plural

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HeaderWatch"]

#: A WAV header is held back until its samples begin, if they do within this many bytes.
_MOST_HEADER = 65_536
#: Bytes that are searched for frames of MP3 and AAC, which have no other header.
_FRAMES_HEAD = 8_192

#: Encodings by the format and the bits of a sample in a WAV header.
_WAV_ENCODINGS = {
    (1, 8): "u8",
    (1, 16): "s16le",
    (1, 24): "s24le",
    (1, 32): "s32le",
    (3, 32): "f32le",
    (3, 64): "f64le",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
_EXTENSIBLE = 0xFFFE


class HeaderWatch:
    """Looks at the first bytes: leaves out a WAV header, and reports it or any other one in `warning`.

    What the header says is compared with what the samples are taken for: an encoding, a sample rate, channels.
    """

    def __init__(self, name: str, encoding: str, sample_rate: int, channels: int) -> None:
        self.warning: str | None = None
        self._name = name
        self._form = (encoding, sample_rate, channels)
        self._head = b""
        self._holds = True
        self._looks = True

    def take(self, data: bytes) -> bytes:
        """Return the samples in `data`; what may be the beginning of a WAV header is held back."""
        if not self._looks:
            return data
        self._head += data
        if self._holds:
            return self._take_wav()
        self._look(over=False)
        return data

    def rest(self) -> bytes:
        """Return, at the end, what was held back and is not a header."""
        held = self._head if self._holds else b""
        self._holds = False
        self._look(over=True)
        return held

    def _take_wav(self) -> bytes:
        start = _start_of_samples(self._head)
        if start is None and len(self._head) <= _MOST_HEADER:
            return b""
        self._holds = False
        samples, self._looks = self._head[start or 0 :], not start
        if start:
            self._tell_wav(start)
        else:
            self._look(over=False)
        return samples

    def _tell_wav(self, size: int) -> None:
        found = _wav_form(self._head)
        self._head = b""
        self.warning = f"{self._name}: begins with the header of a WAV file (RIFF/WAVE), {size} bytes, left out"
        if found != self._form:
            said, taken = _describe(*found) if found else "an unknown encoding", _describe(*self._form)
            self.warning += f"; it says {said}, but is read as {taken}, which sounds different"

    def _look(self, *, over: bool) -> None:
        if not self._looks:
            return
        kind = certain_kind(self._head)
        if kind is None and (over or len(self._head) >= _FRAMES_HEAD):
            kind = next((name for name, size in _FRAMES.items() if _is_frames(self._head, size)), None)
            over = True
        if kind is not None:
            self.warning = (
                f"{self._name}: begins like a file of another kind, {kind}: its header and compressed content are read "
                f"as samples, {_describe(*self._form)}; pass it as a file, or decode it first"
            )
        self._looks = kind is None and not over


def _describe(encoding: str, sample_rate: int, channels: int) -> str:
    return f"{encoding}, {sample_rate} Hz, {plural(channels, 'channel')}"


def _start_of_samples(head: bytes) -> int | None:
    """Return where the samples of a WAV file begin, 0 if it is not one, None if that is not yet known."""
    for place, words in ((0, (b"RIFF", b"RF64", b"BW64")), (8, (b"WAVE",))):
        if not any(word.startswith(head[place : place + 4]) for word in words):
            return 0
    place = 12
    while len(head) >= place + 8:
        if head[place : place + 4] == b"data":
            return place + 8
        size = int.from_bytes(head[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    return None


def _wav_form(head: bytes) -> tuple[str, int, int] | None:
    place = head.find(b"fmt ", 12)
    if place < 0 or len(head) < place + 24:
        return None
    form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, place + 8)
    if form == _EXTENSIBLE and len(head) >= place + 34:
        form = int.from_bytes(head[place + 32 : place + 34], "little")
    encoding = _WAV_ENCODINGS.get((form, bits), f"format {form} of {bits} bits")
    return encoding, rate, channels


def _is_frames(head: bytes, size_of: Callable[[bytes], int]) -> bool:
    """Return whether three frames follow each other from the start."""
    place = 0
    for _ in range(3):
        size = size_of(head[place : place + 6])
        if not size:
            return False
        place += size
    return True


def _mp3_bytes(head: bytes) -> int:
    """Return the length of a frame of MPEG layer III, 0 if it is not one."""
    frame = frame_at(head, 0)
    return frame[0] if frame is not None and frame[1].layer == 3 else 0


def _adts_bytes(head: bytes) -> int:
    """Return the length of a frame of AAC, 0 if it is not one."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size > 7 else 0


_FRAMES = {"MP3": _mp3_bytes, "AAC": _adts_bytes}
