"""`open_audio`, for one release more with the keywords of version 0.1; internal callers have it from its own module."""

from __future__ import annotations

from yamjit.audio.source import open_audio as _open_audio
from yamjit.reading import old_keywords

__all__ = ["open_audio"]

open_audio = old_keywords(_open_audio)
