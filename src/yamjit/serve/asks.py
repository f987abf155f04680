"""What is asked of a recording, as a worker is handed it, and what it answers; all of it can be pickled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np

from yamjit.audio import AudioLimits, open_audio
from yamjit.errors import InputError
from yamjit.options import ClassifierOptions
from yamjit.output import FORMATS
from yamjit.reading import ReadOptions
from yamjit.results import Summary
from yamjit.runs.formats import ArrayFormat, RowFormat
from yamjit.runs.inputs import Recording
from yamjit.text import json_text

if TYPE_CHECKING:
    import io

    import numpy.typing as npt

    from yamjit.audio import AudioSource
    from yamjit.classifier import Classifier
    from yamjit.recording import WindowStream

__all__ = ["CONTENT_TYPES", "Ask", "HubAsk", "ResultAsk", "Upload", "hub_ask"]

#: Type of the content of each format.
CONTENT_TYPES = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "audacity": "text/tab-separated-values; charset=utf-8",
    "raven": "text/tab-separated-values; charset=utf-8",
    "dcase": "text/tab-separated-values; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "npy": "application/x-npy",
    "npz": "application/zip",
}

#: What the hub's pipelines make of logits.
_FUNCTIONS: dict[str, Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]] = {
    "sigmoid": lambda logits: 1.0 / (1.0 + np.exp(-logits)),
    "softmax": lambda logits: np.exp(logits - logits.max(1, keepdims=True)) / _sum_of_powers(logits),
    "none": lambda logits: logits,
}


def _sum_of_powers(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)


class Upload(NamedTuple):
    """A recording that was sent: the file that holds it, what it is called, and how long it may be."""

    path: str
    name: str
    most_s: float

    def open(self, file: io.FileIO, reading: ReadOptions, classifier: Classifier) -> AudioSource:
        """Open the recording, whose file is open."""
        file.name = self.name
        limits = replace(AudioLimits(), seconds=self.most_s)
        return open_audio(file, reading=reading, target_rate=classifier.sample_rate, limits=limits)


class Ask(ABC):
    """What is asked of a recording."""

    options: ClassifierOptions
    content_type: str

    @abstractmethod
    def answer(self, classifier: Classifier, upload: Upload, opened: io.FileIO, answer: BinaryIO) -> Summary:
        """Write the answer; return what is known of the recording in the end."""


@dataclass(frozen=True)
class ResultAsk(Ask):
    """What a verb of the command line is asked for, in one of its formats.

    Parameters
    ----------
    listener : callable
        Makes a `Hearing` of a classifier and how recordings are read.
    options : ClassifierOptions
    reading : ReadOptions
    form : str
        Name of the format.
    arrays : bool
        Whether it is one of numbers over time.
    """

    listener: Callable[..., Any]
    options: ClassifierOptions
    reading: ReadOptions
    form: str
    arrays: bool = False

    @property
    def content_type(self) -> str:  # type: ignore[override]
        """Type of the answer's content."""
        return CONTENT_TYPES[self.form]

    def answer(self, classifier: Classifier, upload: Upload, opened: io.FileIO, answer: BinaryIO) -> Summary:
        """Write what the command line would."""
        form: Any
        if self.arrays:
            form = ArrayFormat(self.form)
        else:
            form = RowFormat(self.form, FORMATS[self.form].of_heads(classifier.heads))
        listener = self.listener(classifier=classifier, reading=self.reading)
        listener.check()
        with upload.open(opened, self.reading, classifier) as source, form.open(answer) as writer:
            recording = Recording(upload.name, PurePath("recording"), audio=source)
            return form.hear(listener, recording, writer)


@dataclass(frozen=True)
class HubAsk(Ask):
    """What a pipeline of the hub for the classification of audio is asked for.

    Parameters
    ----------
    top : int
        Number of classes.
    function : str, optional
        What is made of the logits of each window before their mean; by default the scores are those of the model.
    """

    top: int = 5
    function: str | None = None
    options = ClassifierOptions()
    content_type = "application/json"

    def answer(self, classifier: Classifier, upload: Upload, opened: io.FileIO, answer: BinaryIO) -> Summary:
        """Write the classes and their scores, the highest first."""
        reading = ReadOptions()
        with (
            upload.open(opened, reading, classifier) as source,
            classifier.windows(source, reading=reading) as stream,
        ):
            scores = self._scores(stream)
            labels = [name for head in stream.heads for name in head.display_names]
            order = np.argsort(-scores, kind="stable")[: self.top].tolist()
            found = [{"label": labels[index], "score": round(float(scores[index]), 6)} for index in order]
            answer.write(json_text(found).encode())
            return stream.summary(1)

    def _scores(self, stream: WindowStream) -> npt.NDArray[np.float64]:
        if self.function is None:
            for _ in stream:
                pass
            return np.concatenate([stream.clip_scores(head=index) for index in range(len(stream.heads))])
        function, sums, count = _FUNCTIONS[self.function], [0.0] * len(stream.heads), 0
        for windows in stream:
            count += len(windows)
            logits = (output.logits.astype(np.float64) for output in windows.heads)
            sums = [one + function(values).sum(0) for one, values in zip(sums, logits, strict=True)]
        return np.concatenate(sums) / count


def hub_ask(parameters: dict[str, Any]) -> HubAsk:
    """Return what the parameters of the hub's client ask for; an `InputError` refuses others."""
    known = {"top_k", "function_to_apply"}
    if unknown := sorted(set(parameters) - known):
        raise InputError(f"parameters: there is no {unknown[0]!r}; {' and '.join(sorted(known))} are accepted")
    top, function = parameters.get("top_k"), parameters.get("function_to_apply")
    if top is not None and (type(top) is not int or top < 1):
        raise InputError(f"top_k is {top!r}; a whole number of at least 1 is accepted")
    if function is not None and function not in _FUNCTIONS:
        raise InputError(f"function_to_apply is {function!r}; {', '.join(_FUNCTIONS)} are accepted")
    return HubAsk(HubAsk.top if top is None else top, function)
