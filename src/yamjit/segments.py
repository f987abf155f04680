"""Segments: the events of a recording cut out of it, each an audio file of its own."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from yamjit import checks
from yamjit.audio import DEFAULT_AUDIO_LIMITS, AudioLimits
from yamjit.audio.libraries import open_recording
from yamjit.audio.opening import open_path
from yamjit.audio.writing import CONTAINERS, AudioFileWriter, encoding_for
from yamjit.clock import Clock
from yamjit.disk import describe, is_remote
from yamjit.errors import AudioError, InputError
from yamjit.keywords import explained
from yamjit.remote import shown
from yamjit.reprs import Several, brief_repr
from yamjit.results import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from yamjit.events import Event

__all__ = ["Segment", "SegmentOptions", "cut_segments", "segment_name"]

#: What is cut out; other objects with a label, a score, a start and an end are taken as well.
_Found: TypeAlias = "Event | Row"

#: Segments that are written at a time; the others wait for another pass over the recording.
_MOST_OPEN = 32

#: Longest parts of a file's name, which may have 255 bytes; a number may follow.
_MOST_STEM_BYTES = 120
_MOST_LABEL_BYTES = 80
_MOST_HEAD_BYTES = 30

#: Latest time, 30,000 years: frames are counted in 64 bits.
_MOST_SECONDS = 1e12


@explained
@dataclass(frozen=True, slots=True)
class SegmentOptions:
    """Options for cutting events out of a recording.

    Parameters
    ----------
    padding_s : float >= 0
        Length of the recording that is kept before and after an event, in seconds.
    most_per_class : int > 0, optional
        Number of events of each class that are cut out: those with the highest scores, the earliest among equals.
    container : {"flac", "wav"}
        Format of the files. WAV keeps floats as floats; FLAC has 24 bits for them, and at most 8 channels.

    Raises
    ------
    InputError
        If a value is out of range.

    Examples
    --------
    >>> options = yamjit.SegmentOptions(padding_s=0.5, most_per_class=10)
    >>> yamjit.cut_segments("street.mp3", model.events("street.mp3"), "segments", options)
    """

    padding_s: float = 0.0
    most_per_class: int | None = None
    container: Literal["flac", "wav"] = "flac"

    def __post_init__(self) -> None:
        checks.number(self.padding_s, "padding_s", 0, _MOST_SECONDS, kind="seconds")
        if self.most_per_class is not None:
            checks.whole(self.most_per_class, "most_per_class", 1, also=", or None for all,")
        checks.choice(self.container, "container", CONTAINERS)


@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class Segment:
    """An audio file with an event in it.

    Parameters
    ----------
    path : Path
    event : Event or Row
        The event as it was given.
    start_s, end_s : float
        Part of the recording that the file holds, in seconds.
    """

    path: Path
    event: _Found
    start_s: float
    end_s: float


@explained
def cut_segments(
    recording: str | os.PathLike[str],
    events: Iterable[_Found],
    folder: str | os.PathLike[str],
    options: SegmentOptions | None = None,
    *,
    limits: AudioLimits = DEFAULT_AUDIO_LIMITS,
) -> tuple[Segment, ...]:
    """Write the events of a recording as audio files, with its own sample rate, channels and resolution.

    A file is named ``<recording>_<start in seconds>_<class>.flac``, with the letters and digits of these names, and the
    second of the recording at which the file begins. The head follows where an `Event` names one, and a number where
    that name is taken. A comment in the file says when it begins, by the clock, if its event has a `time`. Nothing is
    overwritten, and a file appears under its name once it is complete. The recording is read in blocks, in constant
    memory.

    Parameters
    ----------
    recording : path
        Path of the recording.
    events : iterable of Event or Row
        Events to cut out.
    folder : path
        Folder of the new files, made if it does not exist.
    options : SegmentOptions, optional
    limits : AudioLimits
        Limits on the recording.

    Returns
    -------
    tuple of Segment
        Segments in the order of time.

    Raises
    ------
    AudioError
        If the recording cannot be read, an event begins after its end, or a file cannot be written; segments that
        are complete by then stay.
    InputError
        If an argument is wrong.
    LimitError
        If a WAV file would be larger than 4 GiB.
    """
    if not isinstance(recording, (str, os.PathLike)):
        raise InputError(f"the path of a recording is accepted, found {type(recording).__name__}")
    options = checks.instance(SegmentOptions() if options is None else options, "options", SegmentOptions)
    chosen = _chosen(events, options.most_per_class)
    target = checks.path(folder, "folder")
    _make(target)
    done: list[Segment] = []
    while chosen:
        with _Pass(recording, target, options, limits) as reading:
            waiting, chosen = chosen, []
            done += reading.cut(waiting, chosen)
    return Several(sorted(done, key=lambda segment: _order(segment.event)))


@explained
def segment_name(
    recording: str | os.PathLike[str], event: _Found, container: str, *, start_s: float | None = None
) -> str:
    """Return the name of a segment's file: letters, digits, ``-``, ``_`` and two dots, with room for a number.

    It begins at `start_s`, in seconds, by default with its event.
    """
    stem = _safe(checks.path(recording, "recording").stem, _MOST_STEM_BYTES)
    start_s = event.start_s if start_s is None else checks.number(start_s, "start_s", 0, _MOST_SECONDS, kind="seconds")
    head = "" if isinstance(event, Row) else _head(event)  # a row names its head even if the model has only one
    label = _safe(event.label, _MOST_LABEL_BYTES - _MOST_HEAD_BYTES if head else _MOST_LABEL_BYTES)
    of_head = f"_{_safe(head, _MOST_HEAD_BYTES - 1)}" if head else ""
    return f"{stem}_{start_s:010.3f}_{label}{of_head}.{container}"


class _Cut:
    """A segment that is being written."""

    def __init__(self, event: _Found, first: int, last: int, writer: AudioFileWriter) -> None:
        self.event, self.first, self.last = event, first, last
        self.writer = writer
        self.written = 0

    def take(self, block: NDArray[np.float32], position: int) -> None:
        """Write the part of a block, which starts at frame `position`, that belongs to the segment."""
        part = block[max(0, self.first - position) : max(0, self.last - position)]
        self.writer.write(part)
        self.written += len(part)

    def publish(self, rate: int) -> Segment:
        """Finish the file."""
        start = self.first / rate
        return Segment(self.writer.publish(), self.event, start, start + self.written / rate)


class _Pass:
    """One reading of the recording, from its start to the end of the last segment; a context manager."""

    def __init__(
        self, recording: str | os.PathLike[str], folder: Path, options: SegmentOptions, limits: AudioLimits
    ) -> None:
        self._recording = shown(str(recording)) if is_remote(recording) else recording
        self._folder = folder
        self._options = options
        opened = open_path(recording, limits)
        try:
            self._reader = open_recording(opened, limits)
        except BaseException:
            opened.close()
            raise
        self._rate = self._reader.sample_rate
        self._cuts: list[_Cut] = []

    def __enter__(self) -> _Pass:
        return self

    def __exit__(self, *_: object) -> None:
        for cut in self._cuts:
            cut.writer.discard()
        self._reader.close()

    def cut(self, events: list[_Found], deferred: list[_Found]) -> Iterator[Segment]:
        """Yield segments as they are complete; events for which too many files are open go to `deferred`."""
        waiting = deque(sorted(events, key=_order))
        position = 0
        for block in self._reader.frames():
            end = position + len(block)
            yield from self._finished(block, position)
            while waiting and self._first(waiting[0]) < end:
                if len(self._cuts) == _MOST_OPEN:
                    deferred.append(waiting.popleft())
                    continue
                self._cuts.append(self._begin(waiting.popleft()))
                yield from self._finished(block, position, only=self._cuts[-1])
            position = end
            if not (waiting or self._cuts):
                return
        while self._cuts:
            yield self._publish(self._cuts[0])
        if waiting:
            raise AudioError(
                f"{self._reader.name}: ends at {position / self._rate:g} s, and {waiting[0].label!r} begins at "
                f"{waiting[0].start_s:g} s"
            )

    def _finished(self, block: NDArray[np.float32], position: int, *, only: _Cut | None = None) -> Iterator[Segment]:
        """Write a block to all segments, or to one; yield those that it completes."""
        for cut in list(self._cuts) if only is None else [only]:
            cut.take(block, position)
            if cut.last <= position + len(block):
                yield self._publish(cut)

    def _publish(self, cut: _Cut) -> Segment:
        segment = cut.publish(self._rate)
        self._cuts.remove(cut)
        return segment

    def _begin(self, event: _Found) -> _Cut:
        first = self._first(event)
        name = segment_name(self._recording, event, self._options.container, start_s=first / self._rate)
        path = self._folder / name
        encoding = encoding_for(self._reader.format, self._options.container)
        time = getattr(event, "time", None)
        begin = Clock(time if isinstance(time, datetime) else None).at(first / self._rate - event.start_s)
        writer = AudioFileWriter(path, self._rate, self._reader.channels, encoding, begin)
        last = round((event.end_s + self._options.padding_s) * self._rate)
        return _Cut(event, first, max(first + 1, last), writer)

    def _first(self, event: _Found) -> int:
        return max(0, round((event.start_s - self._options.padding_s) * self._rate))


def _chosen(events: Iterable[_Found], most: int | None) -> list[_Found]:
    """Return the events to be cut out."""
    by_class: dict[tuple[str, str], list[_Found]] = {}
    for event in checks.elements(events, "events", "events"):
        if not all(hasattr(event, name) for name in ("label", "score", "start_s", "end_s")):
            raise InputError(f"an event is {checks.shown(event)}; an Event or a Row is accepted")
        if not (_is_time(event.start_s) and _is_time(event.end_s) and event.start_s < event.end_s):
            raise InputError(
                f"{event.label!r} is from {event.start_s!r} to {event.end_s!r} s; times in order, from 0 up, are "
                "accepted"
            )
        by_class.setdefault((_head(event), event.label), []).append(event)
    return [e for mine in by_class.values() for e in sorted(mine, key=lambda e: (-e.score, e.start_s))[:most]]


def _order(event: _Found) -> tuple[float, str, str]:
    return event.start_s, event.label, _head(event)


def _head(event: _Found) -> str:
    """Return the head that an event names; empty if it names none."""
    return str(getattr(event, "head", ""))


def _is_time(value: Any) -> bool:
    return checks.is_number(value) and 0 <= value <= _MOST_SECONDS


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise AudioError(f"{folder}: cannot be created: {describe(error)}") from error


def _safe(text: str, most_bytes: int) -> str:
    """Return `text` as part of a name for any file system: only letters, marks, digits, ``-`` and ``_`` are kept."""
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c == "-" else "_" for c in composed)
    squeezed = re.sub("_+", "_", kept).strip("_-")
    return squeezed.encode()[:most_bytes].decode(errors="ignore").rstrip("_-") or "unnamed"
