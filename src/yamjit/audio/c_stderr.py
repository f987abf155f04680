"""Silence for libmpg123, a part of libsndfile, which writes its opinion of a file to the stderr of C."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
from collections.abc import Iterator

__all__ = ["quiet_c_stderr"]

_lock = threading.Lock()
_depth = 0
_before: int | None = None


@contextlib.contextmanager
def quiet_c_stderr() -> Iterator[None]:
    """Discard what C code writes to `stderr`; descriptor 2 and `sys.stderr` are left alone.

    Where the variable of the C library cannot be set (Windows, musl), nothing happens.
    """
    global _depth, _before
    place = _place()
    if place is None:
        yield
        return
    variable, nowhere = place
    with _lock:
        if _depth == 0:
            _before, variable.value = variable.value, nowhere
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                variable.value = _before


@functools.cache
def _place() -> tuple[ctypes.c_void_p, int] | None:
    """Return the variable `stderr`, and a stream that leads nowhere; None where it cannot be set."""
    if sys.platform in ("win32", "cygwin", "emscripten", "wasi"):
        return None
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "linux" and not hasattr(library, "gnu_get_libc_version"):
            return None  # musl's is a constant
        variable = ctypes.c_void_p.in_dll(library, "stderr" if sys.platform == "linux" else "__stderrp")
        library.fopen.restype = ctypes.c_void_p
        nowhere = library.fopen(os.fsencode(os.devnull), b"w")
    except (OSError, ValueError, AttributeError):
        return None
    return (variable, nowhere) if nowhere and variable.value else None


def _begin_anew() -> None:
    """Start again after a fork: only one thread is left, and it is not inside any of the calls."""
    global _lock, _depth
    _lock = threading.Lock()
    if _depth:
        _depth = 0
        place = _place()
        if place is not None:
            place[0].value = _before


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
