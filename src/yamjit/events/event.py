"""The record of an event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from yamjit.keywords import explained
from yamjit.reprs import Several
from yamjit.results import Row

__all__ = ["Event", "by_start"]


@dataclass(frozen=True, slots=True)
class Event:
    """A class that is heard for some time.

    Parameters
    ----------
    label : str
        Name of the class or group.
    class_index : int
        Index in the head's list of classes; -1 for a group.
    audioset_id : str
        Such as "/m/0bt9lr"; empty where the class has none.
    score, mean_score : float
        Highest and mean score of the windows from the first to the last in which it was heard; smoothed if smoothing is
        on.
    start_s, end_s : float
        Start and end, in seconds from the start of the recording.
    channel : int or None
        Channel of the recording, from 0; None where the channels were mixed.
    head : str
        Name of the model's output, where the model has several; else empty.
    time : datetime.datetime or None
        When it begins, by the clock; without a zone if that is not known, None if the time is not known.
    """

    label: str
    class_index: int
    audioset_id: str
    score: float
    mean_score: float
    start_s: float
    end_s: float
    channel: int | None = None
    head: str = ""
    time: datetime | None = None

    def row(self, file: str, head: str = "") -> Row:
        """Return the event as a row.

        Parameters
        ----------
        file : str
            Name of the recording.
        head : str
            Name of the head where the event names none, since the model has only one.
        """
        return Row(
            file,
            self.start_s,
            self.end_s,
            self.label,
            self.score,
            self.class_index,
            self.audioset_id,
            self.channel,
            self.head or head,
            self.time,
        )


@explained
def by_start(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return events in the order in which they start; at the same time by head, class index, then name."""
    return Several(sorted(events, key=_start))


def _start(event: Event) -> tuple[float, str, int, str]:
    return event.start_s, event.head, event.class_index, event.label
