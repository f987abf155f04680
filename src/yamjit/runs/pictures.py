"""Pictures of recordings, each in its place."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from yamjit.errors import LimitError
from yamjit.plots import draw_overview, draw_spectrogram, save_figure, survey
from yamjit.reading import ReadOptions
from yamjit.results import Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import STDIN, Recording
from yamjit.runs.naming import Places
from yamjit.runs.whole import whole_file

__all__ = ["Pictures"]

#: What standard input may hold: it is read twice.
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Pictures(Hearing):
    """A picture of each recording.

    Parameters
    ----------
    kind : {"overview", "spectrogram"}
    form : str
        Of `yamjit.plots.PICTURE_FORMATS`.
    places : Places, optional
        Where the pictures go.
    target : Path, optional
        In place of `places`: where the only one goes.
    """

    kind: Literal["overview", "spectrogram"] = "overview"
    form: str = "png"
    places: Places | None = None
    target: Path | None = None

    def __call__(self, recording: Recording) -> Summary:
        """Draw a recording; return what is known of it."""
        audio: Any = _kept(sys.stdin.buffer) if recording.name == STDIN else recording.name
        given = dict(self.reading)
        aggregate = given.pop("aggregate", "mean")
        reading = ReadOptions(**given)
        overview, stream = survey(self.classifier, audio, reading=reading, aggregate=aggregate, watch=self.watch)
        figure = draw_overview(overview) if self.kind == "overview" else draw_spectrogram(overview)
        with whole_file(self._target(recording)) as file:
            save_figure(figure, file, self.form)
        return stream.summary(1)

    def _target(self, recording: Recording) -> Path:
        if self.target is not None:
            return self.target
        assert self.places is not None
        return self.places.target(recording)


def _kept(file: BinaryIO) -> io.BytesIO:
    data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise LimitError(f"<stdin>: is larger than {_MOST_BYTES} bytes; a picture reads it twice: give a file")
    return io.BytesIO(data)
