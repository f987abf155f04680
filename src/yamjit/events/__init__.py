"""Events: the stretches in which a class is heard, out of the scores of windows."""

from __future__ import annotations

from yamjit.events.detector import EventDetector
from yamjit.events.event import Event, by_start
from yamjit.events.options import OTHERS, EventOptions

__all__ = ["OTHERS", "Event", "EventDetector", "EventOptions", "by_start"]
