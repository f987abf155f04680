"""What is looked for in recordings: a listener hears a recording, and gives a sink what it finds, as it comes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeVar

import numpy as np

from yamjit.classifier import Classifier
from yamjit.errors import LimitError
from yamjit.events import Event, EventOptions
from yamjit.output.arrays import Slab
from yamjit.reading import ReadOptions
from yamjit.results import Row, Summary
from yamjit.runs.inputs import STDIN, Recording

if TYPE_CHECKING:
    from yamjit.recording import FrameStream, WindowStream

__all__ = ["Classes", "Embeddings", "Events", "Hearing", "Listener", "LogMel", "Pictures"]

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

    Parameters
    ----------
    classifier : Classifier
    reading : mapping
        Fields of `ReadOptions`, and `aggregate` of `Classifier.windows`.
    watch : callable, optional
        Called with each recording once it is open.
    """

    classifier: Classifier
    reading: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[WindowStream | FrameStream], None] | None = field(default=None, compare=False)

    def check(self) -> None:
        """Refuse a model or options that cannot be used, before anything is read or written.

        Raises
        ------
        InputError, ModelError
        """
        _ = self.classifier.front_end

    def settings(self) -> dict[str, Any]:
        """Return all that results depend on, as values of JSON."""
        settings = {"options": self.classifier.options, **vars(self)}
        del settings["classifier"], settings["watch"]
        plain = {name: _plain(value) for name, value in settings.items()}
        calibration = self.classifier.options.calibration
        if calibration not in (None, "metadata"):
            content = Path(os.fspath(calibration)).read_bytes()
            plain["options"]["calibration"] = hashlib.sha256(content).hexdigest()
        return {"model": self.classifier.source.sha256, **plain}

    @abstractmethod
    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Find something, see `Listener`."""

    @property
    def _how(self) -> dict[str, Any]:
        """The arguments of `Classifier.windows`."""
        given = {name: value for name, value in self.reading.items() if name != "aggregate"}
        aggregate = {"aggregate": self.reading["aggregate"]} if "aggregate" in self.reading else {}
        return {"reading": ReadOptions(**given), **aggregate}

    def _open(self, recording: Recording, opened: Callable[..., _Stream], **how: Any) -> _Stream:
        """Open a recording with a method of the classifier."""
        audio: Any = sys.stdin.buffer if recording.name == STDIN else recording.name
        stream = opened(audio, **self._how, **how)
        if self.watch is not None:
            self.watch(stream)
        return stream


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


@dataclass(frozen=True)
class Classes(Hearing):
    """The classes that are heard in the whole of a recording and, if asked for, in each window.

    Parameters
    ----------
    windows : bool
        Whether each window has rows of its own.
    """

    windows: bool = False

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Find the classes of windows; those of the whole are in the summary."""
        with self._open(recording, self.classifier.windows) as stream:
            for windows in stream:
                if self.windows:
                    sink(list(stream.rows(windows)))
            return stream.summary()


@dataclass(frozen=True)
class Events(Hearing):
    """The events of a recording, in the order in which they begin.

    Parameters
    ----------
    events : EventOptions
    """

    events: EventOptions = field(default_factory=EventOptions)

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        self.classifier.detector(self.events, hop_s=self.reading.get("hop_s"), overlap=self.reading.get("overlap"))

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Find the events, a row each."""
        events, summary = self.find(recording)
        head = self.classifier.heads[0].name  # of events that name none, since there is only one
        sink([event.row(summary.file, head) for event in events])
        return summary

    def find(self, recording: Recording) -> tuple[list[Event], Summary]:
        """Return the events, and what is known in the end."""
        with self._open(recording, self.classifier.windows, level=self.events.min_dbfs is not None) as stream:
            found = list(self.classifier.watch_windows(stream, self.events))
            places = {head.name: head.index for head in stream.heads}
            found.sort(key=lambda e: (e.start_s, e.channel or 0, places.get(e.head, 0), e.class_index, e.label))
            return found, dataclasses.replace(stream.summary(1), top=())


@dataclass(frozen=True)
class Embeddings(Hearing):
    """The embedding of each window."""

    def hear(self, recording: Recording, sink: Callable[[Slab], None]) -> Summary:
        """Find the embeddings of a few windows at a time."""
        with self._open(recording, self.classifier.windows) as stream:
            for windows in stream:
                sink(Slab(stream.name, windows.times_s, stream.window_s, windows.channel, windows.embeddings))
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
                sink(Slab(stream.name, times_s, stream.frame_s, channel, frames))
            return stream.summary()


@dataclass(frozen=True)
class Pictures(Hearing):
    """A picture of each recording.

    Parameters
    ----------
    kind : {"overview", "spectrogram"}
    """

    kind: Literal["overview", "spectrogram"] = "overview"

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Draw a recording."""
        from yamjit.plots import draw_overview, draw_spectrogram, survey

        audio: Any = _kept(sys.stdin.buffer) if recording.name == STDIN else recording.name
        overview, stream = survey(self.classifier, audio, watch=self.watch, **self._how)
        sink(draw_overview(overview) if self.kind == "overview" else draw_spectrogram(overview))
        return stream.summary(1)


def _kept(file: BinaryIO) -> io.BytesIO:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise LimitError(f"<stdin>: is larger than {_MOST_BYTES} bytes; a picture reads it twice: give a file")
    return io.BytesIO(data)
