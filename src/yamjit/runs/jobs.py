"""What a run does with each recording: a file or folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from yamjit.results import Summary
from yamjit.runs.formats import ResultFormat
from yamjit.runs.happenings import Events
from yamjit.runs.hearing import Listener
from yamjit.runs.inputs import Recording
from yamjit.runs.listed import Listed
from yamjit.runs.whole import whole_file, whole_folder
from yamjit.segments import SegmentOptions, cut_segments

__all__ = ["FileJob", "SegmentJob"]


@dataclass(frozen=True)
class FileJob:
    """Writes what is found in a recording to a file; `place` says where. If `synced`, it is on the disk afterwards."""

    listener: Listener
    form: ResultFormat
    place: Callable[[Recording], Path]
    synced: bool = True

    def __call__(self, recording: Recording) -> Summary:
        """Write; return what is known in the end."""
        with whole_file(self.place(recording), synced=self.synced) as file, self.form.open(file) as opened:
            return replace(self.form.hear(self.listener, recording, opened), top=())


@dataclass(frozen=True)
class SegmentJob:
    """Cuts events out of a recording, as audio files in a folder; `place` says where."""

    listener: Events | Listed
    cutting: SegmentOptions
    place: Callable[[Recording], Path]

    def __call__(self, recording: Recording) -> Summary:
        """Write the segments; return what is known in the end."""
        events, summary = self.listener.find(recording)
        with whole_folder(self.place(recording)) as folder:
            cut_segments(recording.source, events, folder, self.cutting)
        return summary
