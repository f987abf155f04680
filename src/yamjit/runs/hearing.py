"""What is looked for in recordings: a listener hears a recording, and gives a sink what it finds, as it comes."""

from __future__ import annotations

import dataclasses
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from yamjit.clock import iso
from yamjit.reading import ReadOptions
from yamjit.runs.inputs import STDIN, Recording

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.recording import RecordingStream
    from yamjit.results import Row, Summary

__all__ = ["Classes", "Hearing", "Listener"]

_Stream = TypeVar("_Stream", bound="RecordingStream")


class Listener(Protocol):
    """Finds something in recordings: lists of rows, slabs of an array, or a figure."""

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Hear a recording to its end, give `sink` what is found, and return what is known in the end."""
        ...


@dataclass(frozen=True, eq=False)
class Hearing(ABC):
    """A listener with a model, and how recordings are read for it; can be pickled without `watch`.

    `watch` is called with each recording once it is open.
    """

    classifier: Classifier
    reading: ReadOptions = field(default_factory=ReadOptions)
    watch: Callable[[RecordingStream], None] | None = None

    def check(self) -> None:
        """Refuse a model or options that cannot be used, before anything is read or written."""
        _ = self.classifier.window_samples

    def settings(self) -> dict[str, Any]:
        """Return everything that results depend on, apart from recordings, as values of JSON."""
        settings = {"options": self.classifier.options, **vars(self)}
        del settings["classifier"], settings["watch"]
        plain = {name: _plain(value) for name, value in settings.items()}
        # Left out where they are not given, so that runs of a time without them can be continued.
        for name, told in (("recorded_at", iso), ("time_zone", str), ("pad_end", str)):
            value = plain["reading"].pop(name)
            if value not in (None, "least"):
                plain["reading"][name] = told(value)
        if "aggregate" in plain:
            plain["reading"]["aggregate"] = plain.pop("aggregate")
        calibration = self.classifier.options.calibration
        if calibration not in (None, "metadata"):
            import hashlib

            content = Path(os.fspath(calibration)).read_bytes()
            plain["options"]["calibration"] = hashlib.sha256(content).hexdigest()
        if self.classifier.roles is not None:
            plain["roles"] = list(self.classifier.roles)
        if heads := self.classifier.head_sources:
            plain["heads"] = [head.sha256 for head in heads]
        return {"model": self.classifier.source.sha256, **plain}

    @abstractmethod
    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        """Find something, see `Listener`."""

    def _open(self, recording: Recording, opened: Callable[..., _Stream], **how: Any) -> _Stream:
        """Open a recording with a method of the classifier."""
        from_stdin = recording.name == STDIN and recording.audio is None
        audio = sys.stdin.buffer if from_stdin else recording.source
        stream = opened(audio, reading=self.reading, **how)
        if self.watch is not None:
            self.watch(stream)
        return stream


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


@dataclass(frozen=True, eq=False)
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
