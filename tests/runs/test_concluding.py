"""A recording has one result or one failure, wherever an interruption comes."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from types import FrameType
from typing import Any

import pytest

from yamjit.output import FORMATS
from yamjit.results import Row, Summary
from yamjit.runs.concluding import Concluding
from yamjit.runs.formats import RowFormat
from yamjit.runs.inputs import Recording
from yamjit.runs.one_file import into_one_file

NAMES = ("0.wav", "1.wav")

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread"
)


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Heard:
    """A listener that hears a row and the end at once."""

    def hear(self, recording: Recording, sink: Callable[[Any], None]) -> Summary:
        row = Row(recording.name, 0.0, 1.0, "Speech", 0.5, 0, "/m/09x0r", None, "", None)
        sink([row])
        return Summary(recording.name, 1.0, 1, 0.975, (row,), (), None)


def told(form: str, write: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Return the objects of a document, which `write` writes to, perhaps not to its end."""
    file = io.BytesIO()
    try:
        with RowFormat(form, FORMATS[form]).open(file) as opened:
            write(opened)
    except KeyboardInterrupt:
        pass
    text = file.getvalue().decode()
    return json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]


def struck(form: str, place: int) -> tuple[list[dict[str, Any]], bool]:
    """Return what is told of two recordings where an interruption comes at a line, and whether that was reached."""
    passed = 0

    def strike(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal passed
        if Path(frame.f_code.co_filename).parent.name not in ("runs", "output"):
            return None
        if event == "line":
            passed += 1
            if passed == place:
                signal.raise_signal(signal.SIGINT)
        return strike

    def write(opened: Any) -> None:
        recordings = [Recording(name, PurePath(name)) for name in NAMES]
        found = into_one_file(recordings, Heard(), RowFormat(form, FORMATS[form]), opened)
        sys.settrace(strike)
        try:
            for _ in found:
                pass
        finally:
            sys.settrace(None)
            found.close()

    return told(form, write), passed >= place


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_an_interruption_at_any_line_leaves_one_word_of_each_recording(form: str) -> None:
    place, reached, ends = 0, True, Counter[str]()
    while reached:
        place += 1
        objects, reached = struck(form, place)
        words = [one for one in objects if one.get("type") != "row"]
        count = Counter(one["file"] for one in words)
        assert set(count.values()) <= {1}, (place, objects)
        heard = {one["file"] for one in objects}
        assert heard == count.keys(), (place, objects)  # rows of a recording are followed by what became of it
        ends.update("error" if "error" in one else "result" for one in words)
    assert place > 50
    assert ends["error"] > 5
    assert [one["file"] for one in words] == list(NAMES)


class Slow:
    """A writer that takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ended = False

    def end(self, summary: Summary) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(self.seconds)
        self.ended = True


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("seconds", "ended"), [(0.0, True), (20.0, False)])
def test_a_writer_that_waits_is_interrupted_all_the_same(seconds: float, ended: bool) -> None:
    writer = Slow(seconds)
    concluding = Concluding(writer)  # type: ignore[arg-type]
    concluding.begun = "0.wav"
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        concluding.end(Summary("0.wav", 1.0, 1, 0.975, (), (), None))
    assert time.monotonic() - start < 10
    assert (writer.ended, concluding.begun) == (ended, None if ended else "0.wav")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
