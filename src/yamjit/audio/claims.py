"""How long a file is by its header alone: found in milliseconds, and perhaps wrong."""

from __future__ import annotations

import os

from yamjit.audio.decoder import FAILURES, Decoder
from yamjit.audio.opening import open_path
from yamjit.audio.source import open_audio
from yamjit.reading import ReadOptions

__all__ = ["claimed_seconds"]


def claimed_seconds(path: str | os.PathLike[str], reading: ReadOptions) -> float | None:
    """Return the seconds that will be read of a file by its header; None if that says nothing.

    `open_audio` knows more, and may read the whole file to find what was joined to it.

    Raises
    ------
    AudioError, InputError, LimitError, DependencyError
        See `open_audio`.
    """
    opened = open_path(path)
    try:
        decoder = Decoder(opened.handle())
    except FAILURES:
        with open_audio(path, reading=reading) as source:
            return source.claimed_seconds
    else:
        claimed, rate = decoder.claimed_frames, decoder.sample_rate
        decoder.close()
    finally:
        opened.close()
    first, last = reading.span(rate)
    ends = [end for end in (claimed, last) if end is not None]
    return max(0, min(ends) - first) / rate if ends else None
