"""What a worker process does: it has the model, and answers one request after the other."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import signal
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from yamjit.errors import DependencyError, LimitError, YamjitError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from yamjit.classifier import Classifier
    from yamjit.serve.asks import Ask, Upload

__all__ = ["READY", "Done", "Failed", "Task", "answer_path", "work"]

READY = "ready"

#: How the file of an answer is opened, which only this user reads.
_NEW = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)

#: Classifiers with options of their own that a worker keeps.
_MOST_KEPT = 32


class Task(NamedTuple):
    """One request: what is asked of which recording, and the bytes that the answer may have."""

    ask: Ask
    upload: Upload
    most_bytes: int


class Done(NamedTuple):
    """An answer, which is in the file of `answer_path`: windows and seconds that were heard, and what was wrong."""

    windows: int
    duration_s: float
    warnings: tuple[str, ...]


class Failed(NamedTuple):
    """A request without an answer: the code of HTTP, and why."""

    status: int
    reason: str


def answer_path(path: str) -> str:
    """Return the file of an answer, beside that of the recording."""
    return f"{path}.answer"


def work(asked: Connection) -> None:
    """Answer the tasks that come through a pipe, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        kept = _Kept(pickle.loads(asked.recv_bytes()))  # noqa: S301 - from the process that started this one
        kept.classifier.network.warm_up()
        asked.send(READY)
        while True:
            asked.send(_attempted(kept, asked.recv()))


class _Kept:
    """A classifier, and those with the options that were asked for lately, which share what it has loaded."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self._others: dict[bytes, Classifier] = {}

    def with_options(self, options: Any) -> Classifier:
        key = pickle.dumps(options)
        found = self._others.pop(key, None) or self.classifier.with_options(options)
        self._others[key] = found
        if len(self._others) > _MOST_KEPT:
            del self._others[next(iter(self._others))]
        return found


def _attempted(kept: _Kept, task: Task) -> Done | Failed:
    try:
        return _done(kept, task)
    except LimitError as error:
        return Failed(413, str(error))
    except DependencyError as error:
        return Failed(501, str(error))
    except YamjitError as error:
        return Failed(400, str(error))
    except MemoryError:
        return Failed(503, "there is not enough memory for it")
    except OSError as error:  # no room for the answer
        return Failed(507, f"the answer cannot be written: {error.strerror}")


def _done(kept: _Kept, task: Task) -> Done:
    classifier = kept.with_options(task.ask.options)
    descriptor = os.open(answer_path(task.upload.path), _NEW, 0o600)
    with (
        io.FileIO(task.upload.path) as recording,
        os.fdopen(descriptor, "w+b") as file,
    ):
        answer: Any = Bounded(file, task.most_bytes)
        summary = task.ask.answer(classifier, task.upload, recording, answer)
        return Done(summary.windows, summary.duration_s, (*summary.warnings, *filter(None, [summary.damage])))


class Bounded:
    """A file that takes a number of bytes at most, and refuses more with a `LimitError`."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._left = most

    def write(self, data: Any) -> int:
        """Write bytes."""
        self._left -= memoryview(data).nbytes
        if self._left < 0:
            raise LimitError("the answer would be longer than this service sends; ask for less, or for a shorter part")
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
