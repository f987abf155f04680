"""Bytes of a file as they arrive: the wait for them can be ended, and what has arrived by then is not lost."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
import time
from typing import Any, BinaryIO

from yamjit.audio.opening import reading_failed
from yamjit.errors import AudioError

__all__ = ["Inflow"]


class Inflow:
    """A file that is read as its bytes arrive.

    Parameters
    ----------
    file : binary file object
        It stays open.
    name : str
        Name for messages.
    patience_s : float or None
        Seconds without a byte after which the source counts as gone; None to wait for ever.

    Raises
    ------
    AudioError
        If reading the file does not block (O_NONBLOCK).
    """

    def __init__(self, file: Any, name: str, patience_s: float | None) -> None:
        _check_blocking(file, name)
        self.stopped = self._closed = False
        self._file = file
        self._name = name
        self._patience_s = patience_s
        self._descriptor = _descriptor(file)
        self._bell: tuple[BinaryIO, BinaryIO] | None = None
        self._held = 0
        self._rest: int | None = None

    def stop(self) -> None:
        """End after what has arrived already. A signal handler may call this, or any thread, more than once."""
        self.stopped = True
        if self._bell is not None:
            with contextlib.suppress(ValueError, OSError):  # closed meanwhile
                self._bell[1].write(b"\0")

    def close(self) -> None:
        """Release what was opened, which is not the file; nothing is read any more."""
        self._closed, self._rest = True, 0
        self.stop()
        for end in self._bell or ():
            end.close()

    def read(self, count: int) -> bytes | None:
        """Return at least one byte, at most `count`; nothing at the end; None where the file says that none is there.

        Raises
        ------
        AudioError
            If reading fails, or nothing has come for `patience_s`.
        """
        if self._rest is None and not self._wait():
            self._rest = 0 if self._closed else self.waiting()
        if self._rest is not None:
            count = min(count, self._rest)
        if not count:
            return b""
        try:
            data = getattr(self._file, "read1", self._file.read)(count)
        except Exception as error:
            raise reading_failed(self._name, error) from error
        if data is None:
            return None
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise AudioError(f"{self._name}: reading the file object gave {type(data).__name__} instead of bytes")
        self._held = max(0, self._held - len(data))
        if self._rest is not None:
            self._rest = self._rest - len(data) if data else 0
        return bytes(data)

    def waiting(self) -> int:
        """Return the number of bytes that can be read without waiting."""
        if self._descriptor is None:
            return 0
        import fcntl
        import termios

        try:
            count = fcntl.ioctl(self._descriptor, termios.FIONREAD, bytes(4))
        except OSError:  # a device that never ends
            return self._held
        return self._held + int.from_bytes(count, sys.byteorder)

    def _wait(self) -> bool:
        """Wait until there is something to read; return False if the end was wished for first."""
        if self._descriptor is None:
            return not self.stopped
        if self._bell is None:
            self._held = _buffered(self._file, self._descriptor)
            reading, writing = os.pipe()
            self._bell = os.fdopen(reading, "rb", 0), os.fdopen(writing, "wb", 0)
        begun = time.monotonic()
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLIN)
        waiting.register(self._bell[0], select.POLLIN)
        patience_ms = None if self._patience_s is None else 1000 * self._patience_s
        if not self.stopped and not self._held and not waiting.poll(patience_ms):
            raise AudioError(f"{self._name}: nothing has arrived for {time.monotonic() - begun:.1f} s")
        return not self.stopped


def _check_blocking(file: Any, name: str) -> None:
    try:
        waits = os.get_blocking(file.fileno())
    except (AttributeError, OSError, ValueError):
        waits = True
    if not waits:
        raise AudioError(f"{name}: is open in non-blocking mode (O_NONBLOCK); open it so that reading waits")


def _descriptor(file: Any) -> int | None:
    """Return the descriptor of a file of the system that may keep its reader waiting; None for any other."""
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    if os.name != "posix" or not isinstance(raw, io.FileIO):
        return None
    try:
        return None if stat.S_ISREG(os.fstat(raw.fileno()).st_mode) else raw.fileno()
    except (OSError, ValueError):  # closed: reading says so
        return None


def _buffered(file: Any, descriptor: int) -> int:
    """Return how many bytes are in a file's buffer: what an earlier reader has left, or what has just arrived."""
    if not isinstance(file, io.BufferedReader):
        return 0
    os.set_blocking(descriptor, False)
    try:
        return len(file.peek())
    except OSError:  # reading says why
        return 0
    finally:
        os.set_blocking(descriptor, True)
