"""Sources of audio, opened with the fields of `ReadOptions` as keywords."""

from __future__ import annotations

from typing import Any

from yamjit import audio
from yamjit.reading import ReadOptions

__all__ = ["open_audio"]


def open_audio(source: Any, sample_rate: Any = None, **options: Any) -> audio.AudioSource:
    """Open a source as `yamjit.audio.open_audio` does."""
    reading = {name: options.pop(name) for name in ReadOptions.__dataclass_fields__ if name in options}
    return audio.open_audio(source, sample_rate, ReadOptions(**reading), **options)
