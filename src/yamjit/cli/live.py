"""Windows of a live source shown as they come, as bars in a terminal; what delay there was."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from yamjit.cli.bars import Bars, ScoreBar, elapsed
from yamjit.cli.peaks import Peaks
from yamjit.output.cells import shown
from yamjit.runs.live_rows import row_of

if TYPE_CHECKING:
    from yamjit.events import Event, Watcher
    from yamjit.recording import WindowStream
    from yamjit.scoring import Windows

__all__ = ["BarSink", "Delay"]


class Delay:
    """Time from the arrival of a sound to its results, and what was lost; `Microphone` and `RawPcm` know both."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._now_s = self._most_s = 0.0

    def update(self) -> None:
        """Note that there are results for all that was read."""
        arrival = self._source.arrival()
        waited = 0.0 if arrival is None else time.monotonic() - arrival[0]
        self._now_s = waited + getattr(self._source, "waiting_s", 0.0)
        self._most_s = max(self._most_s, self._now_s)

    @property
    def _lost_s(self) -> float:
        return float(getattr(self._source, "lost_s", 0.0))

    def status(self) -> list[str]:
        """Return delay and losses, for the line of status."""
        return [f"{self._now_s:.1f} s late", *([f"lost {self._lost_s:.1f} s"] if self._lost_s else [])]

    def summary(self) -> str:
        """Return delay and losses, for the summary."""
        overruns = int(getattr(self._source, "overruns", 0))
        losses = f"{overruns} overruns, {self._lost_s:.1f} s lost" if overruns else "nothing lost"
        return f"at most {self._most_s:.1f} s late, {losses}"


class BarSink:
    """Draws the highest classes, of now and of a moment ago, or the events that are going on.

    Events that have ended stay above.
    """

    def __init__(self, stream: WindowStream, bars: Bars, watcher: Watcher | None, delay: Delay) -> None:
        self._stream = stream
        self._bars = bars
        self._most = stream.categories[0].options.max_results
        self._lines = sum(min(self._most, len(one)) + (len(stream.heads) > 1) for one in stream.categories)
        self._watcher = watcher
        self._delay = delay
        self._peaks: list[defaultdict[int | None, Peaks]] = [defaultdict(Peaks) for _ in stream.heads]

    def take(self, windows: Windows) -> None:
        """Draw the last of these windows."""
        if self._watcher is None:
            rows = self._highest(windows)
        else:
            self._print(self._watcher.push(windows))
            rows = self._going_on(self._watcher)
        level = float(windows.level_dbfs[-1]) if windows.level_dbfs is not None else 0.0
        end = float(windows.times_s[-1]) + windows.window_s
        self._bars.draw((end, self._clock(end)), level, rows, self._lines, self._delay.status())

    def finish(self) -> None:
        """Leave the last picture, and print the events that end with the recording."""
        if self._watcher is not None:
            self._print(self._watcher.flush(self._stream.source.start_s + self._stream.duration_s))
        self._bars.leave()

    def _highest(self, windows: Windows) -> list[ScoreBar]:
        """Return the classes of the highest marks, with the scores of the last window."""
        bars = []
        heads = zip(self._stream.heads, self._stream.categories, windows.heads, self._peaks, strict=True)
        for head, categories, output, peaks in heads:
            for time_s, scores in zip(windows.times_s.tolist(), categories.reduce(output.scores), strict=True):
                marks = peaks[windows.channel].update(time_s, scores)
            bars += [
                ScoreBar(categories.names[i], float(scores[i]), float(marks[i]), windows.channel, head.name)
                for i in categories.rank(marks)
            ]
        return bars

    def _going_on(self, watcher: Watcher) -> list[ScoreBar]:
        """Return the events that are going on, head by head, as many of each head as there is room for."""
        events = [row_of(self._stream, event) for event in watcher.open]
        by_head = ([event for event in events if event.head == head.name] for head in self._stream.heads)
        return [
            ScoreBar(event.label, event.score, event.score, event.channel, event.head)
            for mine in by_head
            for event in mine[: self._most]
        ]

    def _print(self, over: list[Event]) -> None:
        for event in over:
            head = f"  ({shown(event.head)})" if event.head else ""
            times = f"{self._clock(event.start_s)} - {self._clock(event.end_s)}"
            self._bars.above(f"{times}  {event.score:.2f}  {shown(event.label)}{head}")

    def _clock(self, time_s: float) -> str:
        """Return the time of day, else that of the recording."""
        moment = self._stream.clock.at(time_s)
        return elapsed(time_s) if moment is None else f"{moment:%H:%M:%S}"
