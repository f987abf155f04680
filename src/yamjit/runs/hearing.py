"""What a run does with each recording: the same in this process and in others, where the model is loaded once."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from yamjit.classifier import Classifier
from yamjit.events import Event, EventOptions
from yamjit.options import ClassifierOptions
from yamjit.output.arrays import Slab
from yamjit.reading import ReadOptions
from yamjit.results import Row, Summary
from yamjit.runs.inputs import STDIN, Recording
from yamjit.runs.naming import Places
from yamjit.runs.whole import whole_folder
from yamjit.segments import SegmentOptions, cut_segments
from yamjit.store import ResolvedModel

if TYPE_CHECKING:
    from yamjit.recording import FrameStream, WindowStream

_Stream = TypeVar("_Stream", "WindowStream", "FrameStream")

__all__ = ["Classes", "Cuttings", "Embeddings", "Events", "Hearing", "LogMel"]


@dataclass(frozen=True)
class Hearing:
    """A model, and how recordings are read for it; can be pickled, the loaded model stays behind.

    Parameters
    ----------
    model : ResolvedModel
    backend : {"auto", "numba", "numpy"}
    threads : int > 0
    options : ClassifierOptions
    reading : mapping
        Arguments of `Classifier.windows`, such as `hop_s` and `channel`.
    watch : callable, optional
        Called with each recording that is opened in this process; stays behind as well.
    """

    model: ResolvedModel
    backend: str = "auto"
    threads: int = 1
    options: ClassifierOptions = field(default_factory=ClassifierOptions)
    reading: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[WindowStream | FrameStream], None] | None = field(default=None, compare=False)

    @functools.cached_property
    def classifier(self) -> Classifier:
        """The loaded model."""
        return Classifier(self.model, backend=self.backend, threads=self.threads, options=self.options)

    def check(self) -> None:
        """Refuse a model or options that cannot be used, before anything is read or written.

        Raises
        ------
        InputError, ModelError
        """
        _ = self.classifier.front_end

    def settings(self) -> dict[str, Any]:
        """Return all that results depend on, as values of JSON."""
        own = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        for name in ("model", "backend", "threads", "watch", "places", "target"):
            own.pop(name, None)
        plain = {name: _plain(value) for name, value in own.items()}
        calibration = self.options.calibration
        if calibration not in (None, "metadata"):
            content = Path(os.fspath(calibration)).read_bytes()
            plain["options"]["calibration"] = hashlib.sha256(content).hexdigest()
        return {"model": self.model.sha256, **plain}

    def open(self, recording: Recording, **how: Any) -> WindowStream:
        """Open a recording; see `Classifier.windows`."""
        return self._opened(recording, self.classifier.windows, **how)

    def _opened(self, recording: Recording, opened: Callable[..., _Stream], **how: Any) -> _Stream:
        audio: Any = sys.stdin.buffer if recording.name == STDIN else recording.name
        given = dict(self.reading)
        how |= {"aggregate": given.pop("aggregate")} if "aggregate" in given else {}
        stream = opened(audio, reading=ReadOptions(**given), **how)
        if self.watch is not None:
            self.watch(stream)
        return stream

    def __getstate__(self) -> dict[str, Any]:
        state = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        return state | {"watch": None}


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

    def hear(self, recording: Recording) -> Generator[list[Row], None, Summary]:
        """Yield rows as they come; return what is known in the end."""
        with self.open(recording) as stream:
            for windows in stream:
                if self.windows:
                    yield list(stream.rows(windows))
            return stream.summary()


@dataclass(frozen=True)
class Events(Hearing):
    """The events of a recording, by the time of their beginning.

    Parameters
    ----------
    events : EventOptions
    """

    events: EventOptions = field(default_factory=EventOptions)

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        self.classifier.detector(self.events, hop_s=self.reading.get("hop_s"), overlap=self.reading.get("overlap"))

    def hear(self, recording: Recording) -> Generator[list[Row], None, Summary]:
        """Yield rows; return what is known in the end."""
        events, summary = self.find(recording)
        head = self.classifier.heads[0].name  # of events that name none, since there is no other
        yield [event.row(summary.file, head) for event in events]
        return summary

    def find(self, recording: Recording) -> tuple[list[Event], Summary]:
        """Return the events, and what is known in the end."""
        with self.open(recording, level=self.events.min_dbfs is not None) as stream:
            found = list(self.classifier.watch_windows(stream, self.events))
            places = {head.name: head.index for head in stream.heads}
            found.sort(key=lambda e: (e.start_s, e.channel or 0, places.get(e.head, 0), e.class_index, e.label))
            return found, dataclasses.replace(stream.summary(1), top=())


@dataclass(frozen=True)
class Embeddings(Hearing):
    """The embedding of each window."""

    def slabs(self, recording: Recording) -> Generator[Slab, None, Summary]:
        """Yield embeddings as they come; return what is known in the end."""
        with self.open(recording) as stream:
            for windows in stream:
                yield Slab(stream.name, windows.times_s, stream.window_s, windows.channel, windows.embeddings)
            return stream.summary(1)


@dataclass(frozen=True)
class LogMel(Hearing):
    """The log-mel spectrogram, as the model sees it."""

    def slabs(self, recording: Recording) -> Generator[Slab, None, Summary]:
        """Yield frames as they come; return what is known in the end."""
        done: dict[int | None, int] = {}
        with self._opened(recording, self.classifier.frames) as stream:
            for channel, frames in stream:
                first = done.get(channel, 0)
                done[channel] = first + len(frames)
                times_s = stream.source.start_s + np.arange(first, done[channel], dtype=np.float64) * stream.frame_s
                yield Slab(stream.name, times_s, stream.frame_s, channel, frames)
            return stream.summary()


@dataclass(frozen=True)
class Cuttings(Events):
    """Events, cut out of each recording as audio files in a folder of its own.

    Parameters
    ----------
    cutting : SegmentOptions
    places : Places, optional
        Where the folders are.
    """

    cutting: SegmentOptions = field(default_factory=SegmentOptions)
    places: Places | None = None

    def __call__(self, recording: Recording) -> Summary:
        """Write the segments of a recording; return what is known in the end."""
        assert self.places is not None
        events, summary = self.find(recording)
        with whole_folder(self.places.target(recording)) as folder:
            cut_segments(recording.name, events, folder, self.cutting)
        return summary
