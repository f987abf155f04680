"""What every format's writer does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from types import TracebackType

    from yamjit.classifier import Classification

__all__ = ["Writer"]


class Writer(Protocol):
    """Writes results as they come; a context manager, so that a document is closed whatever happens."""

    def __enter__(self) -> Writer: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def result(self, classification: Classification) -> None:
        """Write what was heard in one recording."""
        ...

    def failure(self, name: str, reason: str) -> None:
        """Write that a recording could not be read."""
        ...
