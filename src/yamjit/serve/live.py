"""A stream of samples over a WebSocket: the lines of ``yamjit listen`` as the blocks come, by the same code."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from yamjit.audio import RawPcm
from yamjit.errors import AudioError, YamjitError
from yamjit.events import EventOptions, Watcher
from yamjit.options import ClassifierOptions
from yamjit.output import FORMATS
from yamjit.reading import ReadOptions
from yamjit.results import Summary
from yamjit.runs.live_rows import RowSink

if TYPE_CHECKING:
    from yamjit.classifier import Classifier

__all__ = ["LiveAsk", "Session"]

#: Batches of lines that may wait for a client to read them, before samples are left unread.
_MOST_BATCHES = 8

#: Bytes of samples that may wait for their turn.
_MOST_BYTES = 2**20


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
    """A binary file whose bytes one thread writes, and another reads as they come."""

    name = "<stdin>"  # as of `yamjit listen`

    def __init__(self, taken: Callable[[], None]) -> None:
        self._taken = taken
        self._blocks: deque[bytes] = deque()
        self._come = threading.Condition()
        self._over = False
        self.waiting = 0
        #: When the oldest block that was not read yet came.
        self.since: float | None = None

    def put(self, block: bytes) -> None:
        with self._come:
            self._blocks.append(block)
            self.waiting += len(block)
            if self.since is None:
                self.since = time.monotonic()
            self._come.notify()

    def end(self) -> None:
        """End the file after what was written."""
        with self._come:
            self._over = True
            self._come.notify()

    def read1(self, count: int) -> bytes:
        """Return at least one byte, at most `count`; nothing at the end."""
        with self._come:
            while not self._blocks and not self._over:
                self.since = None
                self._come.wait()
            block = b""
            if self._blocks:
                block = self._blocks.popleft()
                if len(block) > count:
                    self._blocks.appendleft(block[count:])
                    block = block[:count]
                self.waiting -= len(block)
        self._taken()
        return block

    read = read1


class _Lines:
    """A stream of text that hands on lines, those of a window together, and waits where too many have not been sent."""

    def __init__(self, hand_on: Callable[[list[str]], None]) -> None:
        self._hand_on = hand_on
        self._changed = threading.Condition()
        self._waiting = 0
        self._written: list[str] = []
        self._dropped = False

    def write(self, text: str) -> int:
        self._written.append(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what was written since."""
        lines = re.findall(r"[^\n]*\n", "".join(self._written))
        self._written.clear()
        if lines:
            with self._changed:
                self._changed.wait_for(lambda: self._dropped or self._waiting < _MOST_BATCHES)
                self._waiting += 1
            if not self._dropped:
                self._hand_on(lines)

    def sent(self) -> None:
        """Make room for another batch."""
        with self._changed:
            self._waiting -= 1
            self._changed.notify()

    def drop(self) -> None:
        """Hand on no more lines, and wait for nobody."""
        with self._changed:
            self._dropped = True
            self._changed.notify()


class Session:
    """One stream, whose samples a thread of its own hears; the other methods are for the thread of the loop.

    Parameters
    ----------
    classifier : Classifier
    ask : LiveAsk
    """

    def __init__(self, classifier: Classifier, ask: LiveAsk) -> None:
        self._loop = asyncio.get_running_loop()
        self._ask = ask
        self._classifier = classifier.with_options(ask.options)
        self._has_room = asyncio.Event()
        self._queue: asyncio.Queue[list[str]] = asyncio.Queue()
        self._blocks = _Blocks(lambda: self._call(self._has_room.set))
        self._lines = _Lines(lambda lines: self._call(self._queue.put_nowait, lines))
        self._source = RawPcm(self._blocks, encoding=ask.encoding, sample_rate=ask.sample_rate, channels=ask.channels)
        self._stream = self._classifier.windows(self._source, reading=ask.reading, level=True)
        self._watcher = None if ask.events is None else Watcher.of(self._stream, ask.events)
        self._thread = threading.Thread(target=self._hear, name="yamjit-stream", daemon=True)
        self._over = False
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
        """Time for which samples have waited to be heard, in seconds."""
        since = self._blocks.since
        return 0.0 if since is None else time.monotonic() - since

    def start(self) -> None:
        """Begin to hear."""
        self._thread.start()

    async def put(self, block: bytes) -> None:
        """Take samples; return once there is room for more."""
        self._blocks.put(block)
        self.fed = time.monotonic()
        while self._blocks.waiting > _MOST_BYTES and not self._over:
            self._has_room.clear()
            await self._has_room.wait()

    def end(self) -> None:
        """End the stream after the samples that were taken."""
        self._blocks.end()

    async def lines(self) -> list[str]:
        """Return the next lines; none at the end."""
        lines = await self._queue.get()
        self._lines.sent()
        return lines

    def refuse(self, reason: str) -> None:
        """End the stream after the samples that were taken, since nothing more of it will be taken."""
        self.failure, self.is_refused = reason, True
        self.end()

    def abandon(self) -> None:
        """End the stream; lines that nobody took are lost."""
        self._blocks.end()
        self._lines.drop()

    async def close(self) -> None:
        """Wait for the thread, whose stream has ended or is abandoned."""
        self.abandon()
        await asyncio.to_thread(self._thread.join)

    def _call(self, function: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(function, *args)

    def _hear(self) -> None:
        try:
            self._report()
        except YamjitError as error:
            self.failure = self.failure or str(error)
        except Exception as error:  # noqa: BLE001 - told to the client, whose connection would hang otherwise
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._over = True
            self._call(self._has_room.set)
            self._call(self._queue.put_nowait, [])

    def _report(self) -> None:
        stream, lines = self._stream, self._lines
        form: Any = FORMATS[self._ask.form].of_heads(stream.heads)
        with stream, form.open(lines) as writer:
            writer.begin(stream.name)
            sink = RowSink(stream, writer, self._watcher, lines if self._ask.form == "jsonl" else None)  # type: ignore[arg-type]
            try:
                for windows in stream:
                    if len(windows):
                        sink.take(windows)
            except AudioError as error:
                self.failure = self.failure or str(error)
                writer.failure(stream.name, str(error))
            sink.finish()
            writer.end(
                stream.summary() if stream.count else Summary(stream.name, stream.duration_s, 0, stream.window_s)
            )
