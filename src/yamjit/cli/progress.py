"""A progress bar on a terminal, and messages that do not break it."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from yamjit.text import printable_lines

if TYPE_CHECKING:
    from yamjit.recording import FrameStream, WindowStream

__all__ = ["Progress"]

_REFRESH_S = 0.25


class Progress:
    """Progress of a run, in recordings, or in seconds of a single one; a context manager.

    If `quiet`, neither a bar nor warnings are shown.
    """

    def __init__(self, recordings: int, *, quiet: bool = False) -> None:
        self._recordings = recordings
        self._quiet = quiet
        self._bar: Any = None
        self._over = threading.Event()

    def __enter__(self) -> Progress:
        if self._is_shown and self._recordings > 1:
            self._bar = _bar(total=self._recordings, unit="file")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._bar is not None:
            self._bar.close()

    @property
    def _is_shown(self) -> bool:
        return not self._quiet and sys.stderr is not None and sys.stderr.isatty()

    def watch(self, stream: WindowStream | FrameStream) -> None:
        """Follow a recording that is read in this process, if it is the only one."""
        length = stream.source.claimed_seconds
        if self._is_shown and self._recordings == 1 and length:
            self._bar = _bar(total=length, bar_format="{percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s{postfix}")
            threading.Thread(target=self._follow, args=(stream,), daemon=True).start()

    def _follow(self, stream: WindowStream | FrameStream) -> None:
        while not self._over.wait(_REFRESH_S):
            self._bar.n = min(stream.duration_s, self._bar.total)
            passed = self._bar.format_dict["elapsed"]
            self._bar.set_postfix_str(f"{self._bar.n / passed:.0f} times real time" if passed else "")

    def add(self) -> None:
        """Count a recording that is done."""
        if self._recordings > 1 and self._bar is not None:
            self._bar.update()

    def warn(self, message: str) -> None:
        """Print a warning on standard error, unless `quiet`."""
        if not self._quiet:
            self.say(message)

    def say(self, message: str) -> None:
        """Print a message on standard error."""
        self.clear()
        print(f"yamjit: {printable_lines(message)}", file=sys.stderr)

    def clear(self) -> None:
        """Clear the bar to make room for another line; it comes back by itself."""
        if self._bar is not None:
            self._bar.clear()

    def around(self, stream: TextIO) -> Any:
        """Return a stream for results; on a terminal, it clears the bar first and escapes control characters."""
        return _OnTerminal(stream, self) if stream.isatty() else stream


def _bar(**form: Any) -> Any:
    from tqdm import tqdm

    return tqdm(leave=False, dynamic_ncols=True, file=sys.stderr, **form)


class _OnTerminal:
    """A terminal that shows results, perhaps below a bar."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def write(self, text: str) -> int:
        self._progress.clear()
        self._stream.write(printable_lines(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        self._stream.flush()
