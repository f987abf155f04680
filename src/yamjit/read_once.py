"""What is read once: it cannot be copied, pickled or sent to another process."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["ReadOnce"]


class ReadOnce:
    """Something that is open, such as a recording: a copy would take what the original is about to read."""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"{name} is read once, and can be neither copied nor pickled: open the source again")
