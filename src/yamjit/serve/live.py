"""A stream of samples over a WebSocket: the lines of ``yamjit listen`` as the blocks come, by the same code."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yamjit.audio import RAW_ENCODINGS, RawPcm
from yamjit.errors import AudioError, YamjitError
from yamjit.events import EventOptions, Watcher
from yamjit.options import ClassifierOptions
from yamjit.output import FORMATS
from yamjit.reading import ReadOptions
from yamjit.results import Summary
from yamjit.runs.live_rows import RowSink

if TYPE_CHECKING:
    from yamjit.serve.together import Hearing

__all__ = ["LiveAsk", "Session"]

#: Bytes of samples that may wait for their turn.
_MOST_BYTES = 2**20

#: Sound that is heard in one turn, at most, in seconds.
_MOST_TURN_S = 1.0

#: Seconds within which blocks are taken to have come at once.
_ARRIVAL_S = 0.01


@dataclass(frozen=True)
class LiveAsk:
    """What is asked of a stream: how its samples are encoded, and what is told of them.

    Parameters
    ----------
    encoding : str
        As `RawPcm` takes it.
    sample_rate, channels : int
    options : ClassifierOptions
    reading : ReadOptions
    events : EventOptions or None
        When an event begins and ends; None for the classes of each window.
    form : str
        Name of the format.
    """

    encoding: str
    sample_rate: int
    channels: int
    options: ClassifierOptions
    reading: ReadOptions
    events: EventOptions | None
    form: str


class _Blocks:
    """A binary file that does not wait: the loop's thread writes it, and another reads what has come.

    It gives at most `turn` bytes at once, and then says once that there are none.
    """

    name = "<stdin>"  # as of `yamjit listen`
    turn = 1

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        #: Whether nothing more will be written.
        self.is_over = False
        #: Whether the last answer was that there are none.
        self.is_dry = True
        #: Bytes that were written so far.
        self.come = 0
        self._gone = 0

    @property
    def waiting(self) -> int:
        """Number of bytes that wait."""
        return self.come - self._gone

    def put(self, block: bytes) -> None:
        """Write bytes."""
        self._blocks.append(block)
        self.come += len(block)

    def read1(self, count: int) -> bytes | None:
        """Return bytes, at most `count`; None where there are none at present; nothing at the end."""
        is_over = self.is_over  # before the look for bytes: none come after the end
        self.is_dry = not (self.is_dry and (self._blocks or is_over))
        if self.is_dry:
            return None
        count, taken = min(count, self.turn), []
        while count and self._blocks:
            block = self._blocks.popleft()
            if len(block) > count:
                self._blocks.appendleft(block[count:])
                block = block[:count]
            taken.append(block)
            count -= len(block)
        data = b"".join(taken)
        self._gone += len(data)
        return data

    read = read1


class _Lines:
    """A stream of text that is taken line by line."""

    def __init__(self) -> None:
        self._text = ""

    def write(self, text: str) -> int:
        self._text += text
        return len(text)

    def flush(self) -> None:
        """Do nothing: the lines are taken after each turn."""

    def take(self) -> list[str]:
        """Return the lines that were written since."""
        *lines, self._text = self._text.split("\n")
        return [f"{line}\n" for line in lines]


class Session:
    """One stream: the loop's thread takes its samples and gives its lines, and another hears them in turns.

    Parameters
    ----------
    hearing : Hearing
        What hears all streams.
    ask : LiveAsk
    """

    def __init__(self, hearing: Hearing, ask: LiveAsk) -> None:
        self._hearing = hearing
        self._ask = ask
        self._blocks, self._text = _Blocks(), _Lines()
        source = RawPcm(self._blocks, encoding=ask.encoding, sample_rate=ask.sample_rate, channels=ask.channels)
        level = ask.events is not None and ask.events.min_dbfs is not None
        self._stream = hearing.classifier.with_options(ask.options).windows(source, reading=ask.reading, level=level)
        self._watcher = None if ask.events is None else Watcher.of(self._stream, ask.events)
        self._bytes_s = ask.sample_rate * ask.channels * RAW_ENCODINGS[ask.encoding][1]
        self._blocks.turn = max(1, int(min(_MOST_TURN_S, 2 * self._stream.hop_s) * self._bytes_s))  # two windows
        self._report = self._reported()
        self._has_room, self._is_due = asyncio.Event(), asyncio.Event()
        self._is_due.set()  # what comes before all samples
        self._arrivals: deque[tuple[int, float]] = deque()  # bytes that had come, and when
        self._is_done = False
        #: Why the stream failed, if it did.
        self.failure: str | None = None
        #: Whether that is for what the client did.
        self.is_refused = False
        #: When samples came last.
        self.fed = time.monotonic()

    @property
    def windows(self) -> int:
        """Windows heard so far."""
        return self._stream.count

    @property
    def duration_s(self) -> float:
        """Length of what was heard so far, in seconds."""
        return self._stream.duration_s

    @property
    def lag_s(self) -> float:
        """Time for which the samples of the next window have waited to be heard, in seconds."""
        needed = self._needed()
        came = next((at for come, at in self._arrivals if come >= needed), None)
        return 0.0 if came is None else time.monotonic() - came

    async def put(self, block: bytes) -> None:
        """Take samples; return once there is room for more."""
        self.fed = time.monotonic()
        if not self._blocks.is_over:
            self._blocks.put(block)
            is_new = not self._arrivals or self.fed - self._arrivals[-1][1] > _ARRIVAL_S
            at = self.fed if is_new else self._arrivals.pop()[1]
            self._arrivals.append((self._blocks.come, at))
            self._look()
        while self._blocks.waiting > _MOST_BYTES and not self._is_done:
            self._has_room.clear()
            await self._has_room.wait()

    def end(self) -> None:
        """End the stream after the samples that were taken."""
        self._blocks.is_over = True
        self._look()

    def refuse(self, reason: str) -> None:
        """End the stream after the samples that were taken, since nothing more of it will be taken."""
        self.failure, self.is_refused = reason, True
        self.end()

    def abandon(self) -> None:
        """End the stream now."""
        self._is_done = True
        self.end()

    async def lines(self) -> AsyncIterator[list[str]]:
        """Yield the lines as they come; nothing more is heard before the next ones are asked for."""
        while not self._is_done:
            await self._is_due.wait()
            await self._hearing.take_turn(self)
            self._look()
            self._has_room.set()
            yield self._text.take()

    async def close(self) -> None:
        """End the stream now, and release what it holds."""
        self.abandon()
        await self._hearing.do(self._release)

    def _look(self) -> None:
        """See whether there is something to hear: what makes a window, more than may wait, or the end."""
        blocks, needed = self._blocks, self._needed()
        while self._arrivals and self._arrivals[0][0] < needed:
            self._arrivals.popleft()
        if blocks.is_over or (blocks.waiting and (blocks.come >= needed or blocks.waiting > _MOST_BYTES)):
            self._is_due.set()
        else:
            self._is_due.clear()

    def _needed(self) -> int:
        """Return how many bytes it takes from the first one until the next window is complete, or the last one."""
        stream, end_s = self._stream, self._ask.reading.end_s
        window = stream.count // len(stream.channels)
        next_s = stream.source.start_s + window * stream.hop_s + stream.window_s
        return int((next_s if end_s is None else min(next_s, end_s)) * self._bytes_s)

    def cut(self) -> None:
        """Take what has come, at most a turn of it, and ask the network for its windows."""
        self._go_on()

    def tell(self) -> None:
        """Write the lines of these windows, whose scores are there by now."""
        self._go_on()

    def fail(self, error: Exception) -> None:
        """End the stream now, and keep the reason for the client, whose connection would hang otherwise."""
        reason = str(error) if isinstance(error, YamjitError) else f"{type(error).__name__}: {error}"
        self.failure, self._is_done = self.failure or reason, True

    def _go_on(self) -> None:
        """Hear the stream to the next half of a turn, unless it has ended."""
        if self._is_done:
            return
        try:
            next(self._report)
        except StopIteration:
            self._is_done = True
        except Exception as error:  # noqa: BLE001 - told to the client
            self.fail(error)

    def _release(self) -> None:
        self._report.close()
        self._stream.close()

    def _reported(self) -> Generator[None, None, None]:
        """Hear the stream to its end; yield between the two halves of a turn, and after it."""
        stream, lines = self._stream, self._text
        form: Any = FORMATS[self._ask.form].of_heads(stream.heads)
        with stream, form.open(lines) as writer:
            writer.begin(stream.name)
            sink = RowSink(stream, writer, self._watcher, lines if self._ask.form == "jsonl" else None)  # type: ignore[arg-type]
            cut, reason = [], ""
            try:
                for windows in stream:
                    if len(windows):
                        cut.append(windows)
                    if self._blocks.is_dry:
                        yield
                        for heard in cut:
                            sink.take(heard)
                        cut.clear()
                        yield
            except AudioError as error:
                reason = str(error)
            yield
            for heard in cut:
                sink.take(heard)
            if reason:
                self.failure = self.failure or reason
                writer.failure(stream.name, reason)
            sink.finish()
            writer.end(
                stream.summary() if stream.count else Summary(stream.name, stream.duration_s, 0, stream.window_s)
            )
