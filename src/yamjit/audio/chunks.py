"""Walk through files of chunks: where their samples are, whatever the sizes in their headers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from yamjit.audio.grammars import Grammar, Samples
from yamjit.audio.layout import MOST_PARTS, Layout, Part, Pcm
from yamjit.audio.scanning import grammar_of, is_padding, search, tag_bytes

if TYPE_CHECKING:
    from yamjit.audio.opening import OpenedFile

__all__ = ["lay_out_chunks"]

_NAME = re.compile(rb"[A-Za-z0-9\xa9 ][A-Za-z0-9_ .-]{3}")

#: Greatest number of chunks of a file that are looked at.
_MOST_CHUNKS = 10_000

#: Greatest length of the chunks that are kept, to describe the samples.
_MOST_KEPT = 65_536

#: Bytes that are looked at to tell floating-point samples from other data, and the largest value of a sample.
_LOOKED_AT = 2**18
_PEAK = 16.0


class _Form:
    """One of the files that are joined in a file: its chunks, where its samples are, and where the next file begins."""

    def __init__(self, grammar: Grammar, start: int, end: int) -> None:
        self.grammar = grammar
        self.start = start
        self.end = end
        self.chunks: dict[bytes, bytes] = {}
        self.data: list[tuple[int, int]] = []
        #: Whether a decoder that believes the headers finds all samples.
        self.sound = grammar.sound
        self.cut: tuple[int, int] | None = None
        self.remark: str | None = None
        self.lost = False

    @property
    def samples(self) -> Samples | None:
        return self.grammar.samples(self.chunks)


def lay_out_chunks(file: OpenedFile) -> Layout:
    """Return the layout of a file that consists of chunks, or of several that were joined."""
    forms: list[_Form] = []
    place = 0
    while place < file.size and (grammar := grammar_of(file.read_at(place, 32))) is not None:
        if len(forms) == MOST_PARTS:
            forms[-1].remark, forms[-1].lost = f"only {MOST_PARTS} of the files that are joined in it were read", True
            break
        forms.append(_walk(file, grammar, place))
        place = max(forms[-1].end, place + 1)
    parts = [part for form in forms if (part := _part(form, alone=len(forms) == 1)) is not None]
    remarks = [form.remark for form in forms if form.remark]
    return Layout(tuple(parts) or (Part(),), tuple(dict.fromkeys(remarks)), any(form.lost for form in forms))


def _begins(file: OpenedFile, grammar: Grammar, place: int) -> bool:
    return grammar.magic.match(file.read_at(place, grammar.magic_bytes)) is not None


def _walk(file: OpenedFile, grammar: Grammar, start: int) -> _Form:
    form = _Form(grammar, start, file.size)
    place = start + grammar.head
    for _ in range(_MOST_CHUNKS):
        if place >= file.size:
            break
        if form.data and _begins(file, grammar, place):
            form.end = place
            break
        if form.data and (size := tag_bytes(file, place)):
            place += size
            continue
        header = file.read_at(place, grammar.chunk_head)
        if len(header) < grammar.chunk_head:
            break
        name, size = grammar.chunk(header)
        body = place + grammar.chunk_head
        if name == grammar.data:
            place = _enter_data(file, grammar, form, body + grammar.data_offset, size - grammar.data_offset)
            continue
        if not _fits(file, name, body, size):
            break
        if size <= _MOST_KEPT:
            form.chunks.setdefault(name, file.read_at(body, size))
        place = _next(file, grammar, form, body + size)
    return form


def _fits(file: OpenedFile, name: bytes, body: int, size: int) -> bool:
    return _NAME.fullmatch(name) is not None and 0 <= size <= file.size - body


def _next(file: OpenedFile, grammar: Grammar, form: _Form, end: int) -> int:
    """Return where the chunk after one that ends at `end` begins: its padding may be missing."""
    aligned = end + (form.start - end) % grammar.align
    if aligned == end:
        return end
    # One byte off, something may look like a chunk by chance, but hardly like the chunk of samples.
    if _name_at(file, grammar, end) == grammar.data or (
        not _goes_on(file, grammar, aligned) and _goes_on(file, grammar, end)
    ):
        form.sound = False
        return end
    return aligned


def _name_at(file: OpenedFile, grammar: Grammar, place: int) -> bytes | None:
    header = file.read_at(place, grammar.chunk_head)
    return grammar.chunk(header)[0] if len(header) == grammar.chunk_head else None


def _goes_on(file: OpenedFile, grammar: Grammar, place: int) -> bool:
    """Return whether a place holds a chunk, another file, a tag, padding, or nothing at all."""
    if place >= file.size or _begins(file, grammar, place):
        return True
    header = file.read_at(place, grammar.chunk_head)
    if len(header) == grammar.chunk_head:
        name, size = grammar.chunk(header)
        if name == grammar.data or _fits(file, name, place + grammar.chunk_head, size):
            return True
    return tag_bytes(file, place) > 0 or is_padding(file, place, file.size)


def _enter_data(file: OpenedFile, grammar: Grammar, form: _Form, start: int, size: int) -> int:
    """Enter a chunk of samples; return where the next chunk begins."""
    there = max(0, file.size - start)
    claimed = grammar.claimed(form.chunks, size)
    if form.data:
        form.sound = False
        form.remark = "it holds several chunks of samples (data); all were read, one after the other"
    if claimed is not None and 0 < claimed <= there:
        end = _next(file, grammar, form, start + claimed)
        if _goes_on(file, grammar, end) and not _is_overrun(file, grammar, start, end):
            if form.samples is not None and _pads_with_samples(file, form.samples, start, start + claimed, end):
                form.sound = False
                form.remark = f"its header counts {claimed} of {end - start} bytes of samples; all were read"
                form.data.append((start, end))
                return end
            form.data.append((start, start + claimed))
            if (samples := form.samples) is not None and _is_odd(
                samples, claimed, end - start, end < file.size and is_padding(file, end, file.size)
            ):
                form.remark = f"its header counts {claimed} bytes of samples, not a whole number of frames or blocks"
            return end
    if claimed == 0 and _goes_on(file, grammar, start):
        return start
    end = max(start, _next_file(file, grammar, start))
    if claimed is not None and claimed > end - start:
        form.sound = False
        form.cut = (end - start, claimed)
    elif claimed:
        form.sound = False
        return _enter_understated(file, form, start, end, claimed)
    else:
        form.sound = False
        form.remark = "its header was never finished" if claimed == 0 else form.remark
        if form.samples is None:
            form.remark, form.lost = "its header was never finished, and what follows it was not read", True
    form.data.append((start, end))
    return end


def _pads_with_samples(file: OpenedFile, samples: Samples, start: int, claimed_end: int, end: int) -> bool:
    """Return whether the padding of a chunk is not 0 and completes a frame: samples that are not counted."""
    even = samples.plain and claimed_end < end and (end - start) % samples.block == 0
    return even and any(file.read_at(claimed_end, end - claimed_end))


def _is_odd(samples: Samples, claimed: int, padded: int, has_zeros: bool) -> bool:
    """Return whether bytes are not whole frames or blocks, and what pads them may belong to them.

    The last block of a compressed encoding is often shorter.
    """
    return claimed % samples.block > 0 and (padded % samples.block == 0 if samples.plain else has_zeros)


def _is_overrun(file: OpenedFile, grammar: Grammar, start: int, end: int) -> bool:
    """Return whether samples that end before zeros hold another file, which was joined to a cut one."""
    return end < file.size and is_padding(file, end, file.size) and _next_file(file, grammar, start) < end


def _enter_understated(file: OpenedFile, form: _Form, start: int, end: int, claimed: int) -> int:
    """Enter a chunk of samples that is longer than its header says; the rest is read if it can be samples."""
    samples = form.samples
    rest = end - start - claimed
    if samples is None or not _are_samples(file, start + claimed, end, samples):
        form.remark = f"{rest} bytes after its samples are not a chunk and were not read"
        form.lost = True
        form.data.append((start, start + claimed))
    else:
        form.remark = f"its header counts {claimed} of {end - start} bytes of samples; all were read"
        form.data.append((start, end))
    return end


def _next_file(file: OpenedFile, grammar: Grammar, start: int) -> int:
    """Return where the next file that was joined to this one begins, or the end of everything."""
    for place in search(file, grammar.mark, start, file.size):
        begin = place - grammar.mark_offset
        if begin >= start and _begins(file, grammar, begin):
            return begin
    return file.size


def _are_samples(file: OpenedFile, start: int, end: int, samples: Samples) -> bool:
    """Return whether bytes can be samples; only for floating-point numbers can that be denied."""
    if samples.floats is None:
        return True
    width = samples.floats.itemsize
    data = file.read_at(start, min(_LOOKED_AT, end - start) // width * width)
    with np.errstate(invalid="ignore"):
        return bool((np.abs(np.frombuffer(data, samples.floats)) <= _PEAK).all())


def _pcm(form: _Form) -> Pcm | None:
    """Return the samples of a form in which nothing is odd: a description, then 16-bit samples, all in one place."""
    found = form.grammar.pcm(form.chunks)
    if found is None or len(form.data) != 1 or form.remark is not None or not form.sound:
        return None
    (start, end), (rate, channels) = form.data[0], found
    described = start >= form.grammar.head + 2 * form.grammar.chunk_head + len(form.chunks[b"fmt "])
    return Pcm(rate, channels, start, end) if described and (end - start) % (2 * channels) == 0 else None


def _part(form: _Form, *, alone: bool) -> Part | None:
    """Return what is decoded of a form: as it is if its headers are right, else with new ones."""
    samples = form.samples
    size = sum(end - start for start, end in form.data)
    if not size and not alone:
        return None
    if form.sound or samples is None or not size:
        return Part(None if alone else ((form.start, form.end),), cut=form.cut, pcm=_pcm(form) if alone else None)
    if samples.plain:
        size -= size % samples.block
    return Part((form.grammar.header(form.chunks, size), *form.data), cut=form.cut)
