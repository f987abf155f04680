"""Events of a stream of windows: of every channel and head, as they begin and end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from yamjit import checks
from yamjit.clock import Clock
from yamjit.errors import InputError
from yamjit.events.detector import EventDetector
from yamjit.events.event import Event
from yamjit.events.options import EventOptions
from yamjit.keywords import explained

if TYPE_CHECKING:
    from yamjit.listing import Listing
    from yamjit.recording import WindowStream
    from yamjit.scoring import Windows

__all__ = ["Watcher"]


@explained
class Watcher:
    """Finds the events of a stream of windows, with a detector for each channel.

    Parameters
    ----------
    listing : Listing
        Classes and groups of all heads.
    options : EventOptions, optional
        When an event begins and ends.
    window_s, hop_s : float > 0
        Length of a window, and time from one to the next, in seconds.
    channels : sequence of int or None
        Channels of the windows, from 0; None for their mean.
    clock : Clock, optional
        Clock of the recording, by which events tell their time.

    Raises
    ------
    InputError
        If an option names an unknown class, or an argument is wrong.
    """

    def __init__(
        self,
        listing: Listing,
        options: EventOptions | None = None,
        *,
        window_s: float,
        hop_s: float,
        channels: Sequence[int | None] = (None,),
        clock: Clock | None = None,
    ) -> None:
        self._listing = listing
        self._clock = Clock() if clock is None else clock
        self._detectors = {
            channel: EventDetector(
                listing.names,
                listing.class_indices,
                listing.audioset_ids,
                options,
                window_s,
                hop_s,
                channel=channel,
                heads=listing.heads,
                score_thresholds=listing.thresholds,
                find=listing.find,
            )
            for channel in checks.elements(channels, "channels", "channel numbers")
        }

    @classmethod
    def of(cls, stream: WindowStream, options: EventOptions | None = None) -> Watcher:
        """Return a watcher for the windows of a stream."""
        return cls(
            stream.listing,
            options,
            window_s=stream.window_s,
            hop_s=stream.hop_s,
            channels=stream.channels,
            clock=stream.clock,
        )

    @property
    def open(self) -> list[Event]:
        """Events that are going on, see `EventDetector.open`; those of the first channel first."""
        return self._timed(event for detector in self._detectors.values() for event in detector.open)

    def push(self, windows: Windows) -> list[Event]:
        """Take the next windows of a channel; return the events that are over, see `EventDetector.push`.

        Raises
        ------
        InputError
            If they are of another channel, or `EventDetector.push` refuses them.
        """
        detector = self._detector(windows)
        return self._timed(detector.push(windows.times_s, self._listing.reduce(windows.heads), windows.level_dbfs))

    def push_each(self, windows: Windows) -> Iterator[list[Event]]:
        """Do the same one window at a time: yield the events that are over with each; `open` is as of that window."""
        detector, scores, levels = self._detector(windows), self._listing.reduce(windows.heads), windows.level_dbfs
        for start in range(len(windows)):
            one = slice(start, start + 1)
            yield self._timed(detector.push(windows.times_s[one], scores[one], None if levels is None else levels[one]))

    def _detector(self, windows: Windows) -> EventDetector:
        detector = self._detectors.get(windows.channel)
        if detector is None:
            channels = ", ".join(map(str, self._detectors))
            raise InputError(f"the windows are of channel {windows.channel}; accepted are {channels}")
        return detector

    def watch(self, stream: WindowStream) -> Iterator[Event]:
        """Read a stream to its end and yield its events, each when it is over."""
        for windows in stream:
            yield from self.push(windows)
        yield from self.flush(stream.source.start_s + stream.duration_s)

    def flush(self, duration_s: float | None = None) -> list[Event]:
        """Return the events that the end of the recording ends, those of the first channel first.

        Parameters
        ----------
        duration_s : float, optional
            End of the recording in seconds, by the clock of the windows' times: no event goes beyond it.

        Raises
        ------
        InputError
            If a window starts after that time, or the events were flushed before.
        """
        return self._timed(event for detector in self._detectors.values() for event in detector.flush(duration_s))

    def _timed(self, events: Iterable[Event]) -> list[Event]:
        return [dataclasses.replace(event, time=self._clock.at(event.start_s)) for event in events]

    def __repr__(self) -> str:
        return f"<Watcher: {len(self._listing.names)} classes, channels {tuple(self._detectors)}>"
