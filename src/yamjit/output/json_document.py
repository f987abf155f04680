"""JSON: one document, an array with an object per recording, written as the results come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from yamjit.classifier import Classification
    from yamjit.labels import ScoredLabel

__all__ = ["JsonWriter"]


class JsonWriter:
    """Writes an array that is closed even if the run is interrupted: what was done can be read."""

    def __init__(self, stream: TextIO, top: int) -> None:
        self._stream = stream
        self._top = top
        self._first = True

    def __enter__(self) -> JsonWriter:
        self._stream.write("[")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not issubclass(kind, BrokenPipeError):
            self._stream.write("\n]\n")
            self._stream.flush()

    def result(self, classification: Classification) -> None:
        """Write the mean scores over all windows and the scores of each window."""
        c = classification
        self._object(
            {
                "file": c.name,
                "duration_s": c.duration_s,
                "damage": c.damage,
                "top": _scored(c.top(self._top)),
                "windows": [
                    {"start_s": round(start, 6), "end_s": round(start + c.window_s, 6), "top": _scored(top)}
                    for start, top in (
                        (float(time), c.top(self._top, window=index)) for index, time in enumerate(c.times_s)
                    )
                ],
            }
        )

    def failure(self, name: str, reason: str) -> None:
        """Write the reason in place of a result."""
        self._object({"file": name, "error": reason})

    def _object(self, value: dict[str, Any]) -> None:
        # One write: an interruption comes before the object or after it.
        self._stream.write(("\n" if self._first else ",\n") + json.dumps(value, ensure_ascii=False))
        self._first = False
        self._stream.flush()


def _scored(labels: Iterable[ScoredLabel]) -> list[dict[str, Any]]:
    return [{"label": label, "score": round(score, 6), "class_index": index} for label, score, index in labels]
