"""A listener for events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from yamjit.events import Event, EventOptions, Watcher
from yamjit.results import Row, Summary
from yamjit.runs.hearing import Hearing
from yamjit.runs.inputs import Recording

__all__ = ["Events"]


@dataclass(frozen=True, eq=False)
class Events(Hearing):
    """The events of a recording, in the order in which they begin."""

    events: EventOptions = field(default_factory=EventOptions)

    def check(self) -> None:
        """Refuse what cannot be used."""
        super().check()
        self.classifier.watcher(self.events, reading=self.reading)

    def hear(self, recording: Recording, sink: Callable[[list[Row]], None]) -> Summary:
        """Find the events, a row each; if that is interrupted, those that were over by then."""
        head = self.classifier.heads[0].name  # of events that name none, since there is only one
        with self._open(recording, self.classifier.windows, level=self.events.min_dbfs is not None) as stream:
            events: list[Event] = []
            try:
                for event in Watcher.of(stream, self.events).watch(stream):
                    events.append(event)  # noqa: PERF402 - as they come
            except BaseException as error:
                if not isinstance(error, Exception):
                    sink([event.row(stream.name, head) for event in self._sorted(events)])
                raise
            sink([event.row(stream.name, head) for event in self._sorted(events)])
            return dataclasses.replace(stream.summary(1), top=())

    def find(self, recording: Recording) -> tuple[list[Event], Summary]:
        """Return the events, and what is known in the end."""
        with self._open(recording, self.classifier.windows, level=self.events.min_dbfs is not None) as stream:
            found = self._sorted(Watcher.of(stream, self.events).watch(stream))
            return found, dataclasses.replace(stream.summary(1), top=())

    def _sorted(self, events: Iterable[Event]) -> list[Event]:
        places = {head.name: head.index for head in self.classifier.heads}
        return sorted(events, key=lambda e: (e.start_s, e.channel or 0, places.get(e.head, 0), e.class_index, e.label))
