"""How wide a terminal is, and how its last line is wiped."""

from __future__ import annotations

import contextlib
import os
from typing import TextIO

__all__ = ["columns_of", "wiped"]

#: Columns of a terminal that does not say how many it has.
_USUAL_COLUMNS = 80


def columns_of(stream: TextIO) -> int:
    """Return the width of a terminal, 0 if the stream is none."""
    if not stream.isatty():
        return 0
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(stream.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


def wiped(stream: TextIO) -> str:
    """Return what wipes the line of a terminal that the cursor is in: nothing if the stream is none."""
    columns = columns_of(stream)
    return f"\r{' ' * (columns - 1)}\r" if columns else ""
