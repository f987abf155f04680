"""Text for people: the classes of a recording under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from types import TracebackType

    from yamjit.classifier import Classification

__all__ = ["TextWriter"]


class TextWriter:
    """Writes a paragraph a recording; failures are not part of it."""

    def __init__(self, stream: TextIO, top: int) -> None:
        self._stream = stream
        self._top = top
        self._first = True

    def __enter__(self) -> TextWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def result(self, classification: Classification) -> None:
        """Write the mean scores over all windows, the highest first."""
        if not self._first:
            self._stream.write("\n")
        self._first = False
        count = len(classification)
        windows = "1 window" if count == 1 else f"{count} windows"
        self._stream.write(f"{classification.name}  ({classification.duration_s:.2f} s, {windows})\n")
        for label, score, _ in classification.top(self._top):
            self._stream.write(f"  {score:.3f}  {label}\n")
        self._stream.flush()

    def failure(self, name: str, reason: str) -> None:
        """Leave failures to the caller, who reports them on stderr."""
