"""What is looked for in recordings: a listener hears a recording, and gives a sink what it finds, as it comes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeVar

import numpy as np

from yamjit.classifier import Classifier
from yamjit.clock import iso
from yamjit.errors import LimitError
from yamjit.events import Event, EventOptions, Watcher
from yamjit.output.arrays import Slab
from yamjit.reading import ReadOptions
from yamjit.results import Row, Summary
from yamjit.runs.inputs import STDIN, Recording

if TYPE_CHECKING:
    from yamjit.recording import FrameStream, WindowStream

__all__ = ["Classes", "Embeddings", "Events", "Hearing", "Listener", "LogMel", "Overviews", "Spectrograms"]

#: Bytes of standard input that can be drawn: it is read twice.
_MOST_BYTES = 2**30

_Stream = TypeVar("_Stream", "WindowStream", "FrameStream")


class Listener(Protocol):
    """Finds something in recordings: lists of rows, slabs of an array, or a figure."""

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Hear a recording to its end, give `sink` what is found, and return what is known in the end."""
        ...


@dataclass(frozen=True)
class Hearing(ABC):
    """A listener with a model, and how recordings are read for it; can be pickled without `watch`.

    `watch` is called with each recording once it is open.
    """

    classifier: Classifier
    reading: ReadOptions = field(default_factory=ReadOptions)
    watch: Callable[[WindowStream | FrameStream], None] | None = field(default=None, compare=False)

    def check(self) -> None:
        """Refuse a model or options that cannot be used, before anything is read or written."""
        _ = self.classifier.front_end

    def settings(self) -> dict[str, Any]:
        """Return everything that results depend on, apart from recordings, as values of JSON."""
        settings = {"options": self.classifier.options, **vars(self)}
        del settings["classifier"], settings["watch"]
        plain = {name: _plain(value) for name, value in settings.items()}
        # Left out where they are not given, so that runs of a time without them can be continued.
        for name, told in (("recorded_at", iso), ("time_zone", str)):
            value = plain["reading"].pop(name)
            if value is not None:
                plain["reading"][name] = told(value)
        if "aggregate" in plain:
            plain["reading"]["aggregate"] = plain.pop("aggregate")
        calibration = self.classifier.options.calibration
        if calibration not in (None, "metadata"):
            content = Path(os.fspath(calibration)).read_bytes()
            plain["options"]["calibration"] = hashlib.sha256(content).hexdigest()
        return {"model": self.classifier.source.sha256, **plain}

    @abstractmethod
    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Find something, see `Listener`."""

    def _open(self, recording: Recording, opened: Callable[..., _Stream], **how: Any) -> _Stream:
        """Open a recording with a method of the classifier."""
        audio: Any = sys.stdin.buffer if recording.name == STDIN else recording.name
        stream = opened(audio, reading=self.reading, **how)
        if self.watch is not None:
            self.watch(stream)
        return stream


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


@dataclass(frozen=True)
class Classes(Hearing):
    """The classes of a whole recording, by the aggregate of its windows, and if `windows`, of each window."""

    windows: bool = False
    aggregate: Literal["mean", "max"] = "mean"

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Find the classes of windows; those of the whole are in the summary."""
        with self._open(recording, self.classifier.windows, aggregate=self.aggregate) as stream:
            for windows in stream:
                if self.windows:
                    sink(list(stream.rows(windows)))
            return stream.summary()


@dataclass(frozen=True)
class Events(Hearing):
    """The events of a recording, in the order in which they begin."""

    events: EventOptions = field(default_factory=EventOptions)

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        self.classifier.watcher(self.events, reading=self.reading)

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Find the events, a row each; if that is interrupted, those that were over by then."""
        head = self.classifier.heads[0].name  # of events that name none, since there is only one
        with self._open(recording, self.classifier.windows, level=self.events.min_dbfs is not None) as stream:
            events: list[Event] = []
            try:
                for event in Watcher.of(stream, self.events).watch(stream):
                    events.append(event)  # noqa: PERF402 - as they come
            except BaseException as error:
                if not isinstance(error, Exception):
                    sink([event.row(stream.name, head) for event in self._sorted(events)])
                raise
            sink([event.row(stream.name, head) for event in self._sorted(events)])
            return dataclasses.replace(stream.summary(1), top=())

    def find(self, recording: Recording) -> tuple[list[Event], Summary]:
        """Return the events, and what is known in the end."""
        with self._open(recording, self.classifier.windows, level=self.events.min_dbfs is not None) as stream:
            found = self._sorted(Watcher.of(stream, self.events).watch(stream))
            return found, dataclasses.replace(stream.summary(1), top=())

    def _sorted(self, events: Iterable[Event]) -> list[Event]:
        places = {head.name: head.index for head in self.classifier.heads}
        return sorted(events, key=lambda e: (e.start_s, e.channel or 0, places.get(e.head, 0), e.class_index, e.label))


@dataclass(frozen=True)
class Embeddings(Hearing):
    """The embedding of each window."""

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find the embeddings of a few windows at a time."""
        with self._open(recording, self.classifier.windows) as stream:
            for windows in stream:
                values = windows.embeddings
                sink(Slab(stream.name, windows.times_s, stream.window_s, windows.channel, values, stream.clock))
            return stream.summary(1)


@dataclass(frozen=True)
class LogMel(Hearing):
    """The log-mel spectrogram, as the model sees it; no network runs."""

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find a few frames at a time."""
        done: dict[int | None, int] = {}
        with self._open(recording, self.classifier.frames) as stream:
            for channel, frames in stream:
                first = done.get(channel, 0)
                done[channel] = first + len(frames)
                times_s = stream.source.start_s + np.arange(first, done[channel], dtype=np.float64) * stream.frame_s
                sink(Slab(stream.name, times_s, stream.frame_s, channel, frames, stream.clock))
            return stream.summary()


@dataclass(frozen=True)
class Picture(Hearing):
    """A picture of a recording, `width` inches wide, for a light or a dark page."""

    width: float = 10.0
    dark: bool = False

    def _show(self, figure: Any, summary: Summary, sink: Callable[[Any], None]) -> Summary:
        """Give a figure to the sink; return the summary with what cannot be written in it."""
        from yamjit.plots.fonts import lacking_fonts

        sink(figure)
        return dataclasses.replace(summary, warnings=(*summary.warnings, *lacking_fonts(figure)))


@dataclass(frozen=True)
class Overviews(Picture):
    """A picture of waveform, spectrogram, and classes or events over time, see `yamjit.plots.survey`."""

    aggregate: Literal["mean", "max"] | None = None
    events: EventOptions | None = None

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        if self.events is not None:
            self.classifier.watcher(self.events)

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Draw a recording; its file is read twice."""
        from yamjit.plots import draw_overview, survey

        audio: Any = _kept(sys.stdin.buffer) if recording.name == STDIN else recording.name
        how: Any = {"reading": self.reading, "aggregate": self.aggregate, "events": self.events, "watch": self.watch}
        overview, stream = survey(self.classifier, audio, **how)
        return self._show(draw_overview(overview, width=self.width, dark=self.dark), stream.summary(1), sink)


@dataclass(frozen=True)
class Spectrograms(Picture):
    """A picture of the log-mel spectrogram; no network runs."""

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Draw a recording."""
        from yamjit.plots import draw_spectrogram
        from yamjit.plots.overview import refuse_each, survey_log_mel

        refuse_each(self.reading)
        with self._open(recording, self.classifier.frames) as stream:
            figure = draw_spectrogram(survey_log_mel(self.classifier, stream), width=self.width, dark=self.dark)
            return self._show(figure, stream.summary(), sink)


def _kept(file: BinaryIO) -> io.BytesIO:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise LimitError(f"<stdin>: is larger than {_MOST_BYTES} bytes, and a picture reads it twice: give a file")
    return io.BytesIO(data)
