"""Makes a process ready, before anything is loaded, for interruptions and closed streams; and ends it."""

from __future__ import annotations

import atexit
import gc
import os
import sys

__all__ = ["end", "ready"]

TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import NoReturn

_POSIX = os.name == "posix"

#: New objects after which Python looks for cycles among them: more than a command imports, which stays until its end.
_COLLECTED_AFTER = 100_000


def ready() -> None:
    """Open standard streams that are closed, and have Ctrl-C, SIGTERM and SIGHUP end the process without a word.

    Python's collector of cycles has little to do in a command, and is told to wait: it would go through everything that
    was imported, again and again, and once more at the end.

    A file that is opened later would take the place of a closed stream, and get what is meant for it. Code that uses a
    closed stream gets an error: it is opened in the wrong direction. Standard error swallows what is written to it.
    """
    # What yamjit multiplies it multiplies in blocks, by itself: OpenBLAS would start threads with NumPy, for nothing.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.set_threshold(_COLLECTED_AFTER)
    atexit.register(gc.freeze)  # the end of the process frees all there is: no cycles are looked for
    if _POSIX:
        _open_streams()
    # The C part of `signal`, which takes twice as long to load as everything before it.
    import _signal as signal  # type: ignore[import-not-found]

    for number in filter(None, (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None))):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
            atexit.register(signal.signal, number, signal.SIG_IGN)  # by then all is done


def end(code: int) -> NoReturn:
    """End the process with an exit code, after all that is registered for its end.

    Python would then free what it holds piece by piece, for longer than a recording of ten seconds is heard.
    """
    if sys.getprofile() is None and sys.gettrace() is None:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _leave(number: int, _frame: object) -> None:
    os._exit(128 + number)


def _open_streams() -> None:
    for descriptor, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:  # noqa: PERF203
            os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdin.buffer.raw.name = "<stdin>"  # type: ignore[attr-defined]
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
