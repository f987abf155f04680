"""Ends of names by which recordings are told from other files, wherever a folder is searched."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["AUDIO_SUFFIXES", "is_audio"]

#: In lower case. Some of these cannot be read without a conversion: such a file fails, and is not passed over.
AUDIO_SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".nist", ".svx", ".iff", ".paf", ".avr", ".ircam"),
        *(".sf", ".sd2", ".xi", ".m4a", ".m4b", ".aac", ".wma", ".amr", ".ac3", ".ape", ".wv", ".mka", ".weba"),
    }
)


def is_audio(name: str) -> bool:
    """Return whether the name of a file ends as that of a recording, in any case."""
    return PurePath(name).suffix.lower() in AUDIO_SUFFIXES
