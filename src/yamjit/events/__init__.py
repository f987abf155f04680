"""Events: the stretches in which a class is heard, out of the scores of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from yamjit.lazily import lazily

if TYPE_CHECKING:
    from yamjit.events.detector import EventDetector
    from yamjit.events.event import Event, by_start
    from yamjit.events.options import OTHERS, EventOptions
    from yamjit.events.watching import Watcher

__all__ = ["OTHERS", "Event", "EventDetector", "EventOptions", "Watcher", "by_start"]

__getattr__ = lazily(
    __name__,
    {
        "detector": "EventDetector",
        "event": "Event by_start",
        "options": "OTHERS EventOptions",
        "watching": "Watcher",
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
