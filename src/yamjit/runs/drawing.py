"""Listeners for pictures."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from yamjit.errors import LimitError
from yamjit.events import EventOptions
from yamjit.results import Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import STDIN, Recording

__all__ = ["Overviews", "Spectrograms"]

#: Bytes of standard input that can be drawn: it is read twice.
_MOST_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Picture(Hearing):
    """A picture of a recording, `width` inches wide, for a light or a dark page."""

    width: float = 10.0
    dark: bool = False

    def check(self) -> None:
        """Refuse what cannot be used, and a model that has no spectrogram to be drawn."""
        super().check()
        _ = self.classifier.front_end

    def _show(self, figure: Any, summary: Summary, sink: Callable[[Any], None]) -> Summary:
        """Give a figure to the sink; return the summary with what cannot be written in it."""
        from yamjit.plots.fonts import lacking_fonts

        sink(figure)
        return dataclasses.replace(summary, warnings=(*summary.warnings, *lacking_fonts(figure)))


@dataclass(frozen=True, eq=False)
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

        audio: Any = _kept(sys.stdin.buffer) if recording.name == STDIN else recording.source
        how: Any = {"reading": self.reading, "aggregate": self.aggregate, "events": self.events, "watch": self.watch}
        overview, stream = survey(self.classifier, audio, **how)
        return self._show(draw_overview(overview, width=self.width, dark=self.dark), stream.summary(1), sink)


@dataclass(frozen=True, eq=False)
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
