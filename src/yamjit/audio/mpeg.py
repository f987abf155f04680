"""MPEG audio, layers I to III: a walk from frame to frame, so that every frame is decoded, and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from yamjit.audio.layout import Layout, Part
from yamjit.audio.mpeg_frames import MOST_FRAME_BYTES, Kind, find_frames, frame_at, is_info
from yamjit.audio.scanning import after_tags, is_zero, tag_bytes

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile, Piece

__all__ = ["EMPTY_TAG", "lay_out_mpeg"]

#: ID3 tag of ten zeros. Without a tag, libsndfile takes MPEG audio for the other half of a file "._" or
#: ".AppleDouble/" in the current directory, if there is one.
EMPTY_TAG = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)

_CHUNK_BYTES = 2**17
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
#: Frames in a row that prove MPEG audio after something else.
_PROOF = 3
#: How far a file that begins otherwise is searched for its first frame, and how many frames must follow there.
_SEARCHED_BYTES = 2**18
_PROOF_AT_START = 8
#: Longest frame, relative to the shortest of the same kind.
_MOST_TO_LEAST = 24
#: Greatest number of places at which frames are looked for, in all.
_MOST_TRIES = 1_000_000
#: Fewer frames than this do not get a decoder of their own.
_FEW_FRAMES = 4
#: Greatest number of runs of a file, and of pieces of a run.
_MOST_RUNS, _MOST_PIECES = 1_000, 2**18


@dataclass(slots=True)
class _Run:
    """Frames of one kind that are decoded together."""

    kind: Kind
    #: Where the frames are, and zeros for what a frame lacks.
    pieces: list[Piece] = field(default_factory=list)
    frames: int = 0
    #: The info frame before them (Xing, Info), which says how many there are.
    info: bytes = b""

    def add(self, start: int, end: int, frames: int) -> None:
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, tuple) and last[1] == start:
            self.pieces[-1] = (last[0], end)
        elif start < end:
            self.pieces.append((start, end))
        self.frames += frames

    def shorten(self, end: int) -> None:
        """Have the last frame end earlier, and put zeros in place of the rest of it."""
        start, after = self.pieces[-1]
        assert isinstance(start, int)
        assert isinstance(after, int)
        self.pieces[-1] = (start, end)
        self.pieces.append(bytes(after - end))

    @property
    def size(self) -> int:
        """Bytes of all frames."""
        return len(self.info) + sum(len(one) if isinstance(one, bytes) else one[1] - one[0] for one in self.pieces)

    @property
    def counted(self) -> int | None:
        """Number of frames according to the info frame."""
        body = self.info[4 + self.kind.side_bytes :]
        if body[:4] not in (b"Xing", b"Info") or len(body) < 12 or not body[7] & 1:
            return None
        return int.from_bytes(body[8:12], "big")


def lay_out_mpeg(file: OpenedFile) -> Layout | None:
    """Return the layout of a file if its content is MPEG audio."""
    start = after_tags(file, 0)
    walk = _Walk(file)
    first = walk.find_first(start)
    if first is None:
        return None
    walk.go(first)
    runs = [run for run in walk.runs if run.frames]
    if not runs:
        return None
    if first - start > MOST_FRAME_BYTES and not is_zero(file, start, first):
        walk.skipped += first - start
    whole = len(runs) == 1 and len(runs[0].pieces) == 1 and first == start and not walk.skipped
    counts = [run.counted or 0 for run in runs]
    missing = sum(counts) - sum(run.frames for run in runs)
    parts = tuple(_part(file, run, alone=len(runs) == 1, whole=whole) for run in runs)
    return Layout(parts, walk.remarks(missing if len(runs) > 1 else 0), lost=walk.skipped >= MOST_FRAME_BYTES)


class _Walk:
    """A walk from frame to frame."""

    def __init__(self, file: OpenedFile) -> None:
        self.runs: list[_Run] = []
        #: Number of bytes between frames that are neither frame nor tag, and of frames that are cut.
        self.skipped = 0
        self.cut = 0
        self._file = file
        self._base = 0
        self._data = b""
        self._followers: dict[Kind, dict[int, int]] = {}
        self._tries = 0

    def remarks(self, missing: int) -> tuple[str, ...]:
        """Return what is wrong."""
        remarks = []
        if self.skipped:
            remarks.append(f"{self.skipped} bytes between its frames are not MPEG audio and were skipped")
        if self.cut:
            remarks.append(f"{self.cut} of its frames {'is' if self.cut == 1 else 'are'} cut")
        if missing > 0:
            remarks.append(f"{missing} of the frames that its headers count are missing")
        return tuple(remarks)

    def go(self, place: int) -> None:
        """Walk from a frame to the end of the file."""
        while place < self._file.size:
            after, last = self._go_on(place)
            if after >= self._file.size:
                return
            if len(self.runs) > _MOST_RUNS or (self.runs and len(self.runs[-1].pieces) > _MOST_PIECES):
                self.skipped += self._file.size - after
                return
            place = self._pass_over(after, last)

    def find_first(self, start: int) -> int | None:
        """Return where the first frame of a file begins, after tags or something else."""
        if self._is_proved(start, 2) or (self._is_proved(start, 1) and self._begins_with_info(start)):
            return start
        first = self.resync(start, start + MOST_FRAME_BYTES, _PROOF)
        return self.resync(start, start + _SEARCHED_BYTES, _PROOF_AT_START) if first is None else first

    def _begins_with_info(self, place: int) -> bool:
        data = self._file.read_at(place, MOST_FRAME_BYTES)
        frame = frame_at(data, 0)
        return frame is not None and is_info(data[: frame[0]], frame[1])

    def resync(self, start: int, end: int, proof: int) -> int | None:
        """Return where frames begin between two offsets; None if there are none."""
        size = 4096
        end = min(end, self._file.size)
        while start < end:
            data = self._file.read_at(start, min(size, end - start))
            for found in _SYNC.finditer(data):
                self._tries += 1
                if self._tries > _MOST_TRIES:
                    return None
                if self._is_proved(start + found.start(), proof):
                    return start + found.start()
            if start + len(data) >= end or not data:
                return None
            start += max(1, len(data) - 1)
            size = min(2 * size, _CHUNK_BYTES)
        return None

    def _is_proved(self, place: int, proof: int) -> bool:
        """Return whether there are `proof` frames of one kind in a row, or only such frames up to the end."""
        known = None
        for count in range(proof):
            if place == self._file.size and count:
                return True
            frame = frame_at(self._file.read_at(place, 4), 0)
            if frame is None or known not in (None, frame[1]):
                rest = self._file.read_at(place, 4)
                return count >= 2 and (not any(rest) or tag_bytes(self._file, place) > 0)
            known = frame[1]
            place += frame[0]
        return place <= self._file.size

    def _load(self, place: int) -> int:
        """Load the bytes from a place on; return the position of the place in them."""
        if not self._base <= place <= self._base + len(self._data) - 2 * MOST_FRAME_BYTES:
            self._base = place
            self._data = self._file.read_at(place, _CHUNK_BYTES)
            self._followers = {}
        return place - self._base

    def _go_on(self, place: int) -> tuple[int, int]:
        """Walk until no frame follows; return that place, and where the last frame begins."""
        last = place
        while True:
            offset = self._load(place)
            started = self._start(offset)
            if started is None:
                return place, last
            run, start = started
            offset, frames = start, 0
            followers = self._followers_of(run.kind)
            while offset in followers:
                newest, offset = offset, followers[offset]
                frames += 1
            if frames:
                last = self._base + newest
            elif start == place - self._base:
                return place, last
            place = self._base + offset
            if place > self._file.size:  # the frame is cut
                self.cut += 1
                frames -= 1
                run.add(self._base + start, last, frames)
                return self._file.size, last
            run.add(self._base + start, place, frames)
            if place == self._file.size:
                return place, last

    def _followers_of(self, kind: Kind) -> dict[int, int]:
        """Return where the next frame begins after each one, or what looks like one, in the loaded bytes."""
        if kind not in self._followers:
            self._followers[kind] = find_frames(self._data, kind, self._base + len(self._data) >= self._file.size)
        return self._followers[kind]

    def _start(self, offset: int) -> tuple[_Run, int] | None:
        """Return the run that a frame belongs to, and where its first frame of sound begins; None if it is not a frame.

        A frame of another kind than those before it, and an info frame, begin a new run.
        """
        frame = frame_at(self._data, offset)
        if frame is None or len(self.runs) > _MOST_RUNS:
            return None
        length, kind = frame
        is_known = bool(self.runs) and self.runs[-1].kind is kind
        if not is_known and not self._is_proved(self._base + offset, _PROOF if self.runs else 1):
            return None
        body = self._data[offset : offset + length]
        info = is_info(body, kind)
        if is_known and (not info or 0 < self.runs[-1].frames < _FEW_FRAMES):
            return self.runs[-1], offset + (length if info else 0)
        self.runs.append(_Run(kind, info=body if info else b""))
        return self.runs[-1], offset + (length if info else 0)

    def _pass_over(self, after: int, last: int) -> int:
        """Return where frames go on after something else."""
        file = self._file
        if (place := after_tags(file, after)) > after:
            return place
        run = self.runs[-1] if self.runs else None
        found = self.resync(last + 4 if run is not None and run.frames else after, file.size, _PROOF)
        if found is None:
            rest = file.read_at(after, 4)
            frame = frame_at(rest, 0)
            if frame is not None and after + frame[0] > file.size:
                self.cut += 1
            elif not is_zero(file, after, file.size):
                self.skipped += file.size - after
            return file.size
        if found < after and run is not None:
            run.shorten(found)
            self.cut += 1
        elif not is_zero(file, after, found):
            self.skipped += found - after
        return found


def _part(file: OpenedFile, run: _Run, *, alone: bool, whole: bool) -> Part:
    """Return what is decoded of a run, after an info frame that counts its frames."""
    counted = run.counted
    if counted is not None:
        counts = run.frames if not alone or counted < run.frames else counted
        info = _corrected(run, counts, file.size if whole else run.size)
        if whole and info == run.info:
            return Part(steady=False)
        return Part((EMPTY_TAG, info, *run.pieces), steady=False)
    # If nothing counts the frames, the decoder estimates their number from that of the bytes: there are enough of these
    # here, but none can be read save the last ones, where a tag would be. An info frame of our own would not do: the
    # decoder takes it for one of LAME's, and leaves out its own delay.
    hole = (file.size, file.size + _MOST_TO_LEAST * run.size)
    pieces = (EMPTY_TAG, *run.pieces, hole, bytes(128))
    return Part(pieces, steady=False, estimated=True, counted=(run.frames * run.kind.frame_samples, run.kind.rate))


def _corrected(run: _Run, frames: int, size: int) -> bytes:
    """Return the info frame as it has to be.

    If its number of frames is wrong, no padding at the end is declared. If its number of bytes is wrong by 1 %,
    libmpg123 complains.
    """
    info = bytearray(run.info)
    place = 4 + run.kind.side_bytes + 8
    flags = info[place - 1]
    if run.counted != frames:
        info[place : place + 4] = frames.to_bytes(4, "big")
        gaps = place + 4 + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1) + 21
        if gaps + 3 <= len(info):
            info[gaps + 1] &= 0xF0
            info[gaps + 2] = 0
    if flags & 2 and abs(int.from_bytes(info[place + 4 : place + 8], "big") - size) * 128 > size:
        info[place + 4 : place + 8] = min(size, 2**32 - 1).to_bytes(4, "big")
    return bytes(info)
