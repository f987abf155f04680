"""Suffixes by which recordings are told from other files, wherever a folder is searched."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["AUDIO_SUFFIXES", "COMPANION_SUFFIXES", "VIDEO_SUFFIXES", "is_audio"]

#: Videos, whose sound is a recording as well; a recording without pictures of the same name is preferred.
#: Not .ts: most files with that suffix are TypeScript.
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".asf", ".wmv", ".flv", ".mpg", ".mpeg"),
        *(".mts", ".m2ts", ".vob"),
    }
)

#: Recordings, in lower case. Some of these cannot be read unless converted: such a file fails, and is not skipped.
AUDIO_SUFFIXES = VIDEO_SUFFIXES | {
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph"),
    *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".nist", ".svx", ".iff", ".paf", ".avr", ".ircam"),
    *(".sf", ".sd2", ".xi", ".m4a", ".m4b", ".m4r", ".aac", ".wma", ".amr", ".awb", ".ac3", ".eac3", ".dts", ".ape"),
    *(".wv", ".mka", ".weba", ".spx", ".tta", ".tak", ".mpc", ".dsf", ".dss", ".ds2", ".qcp", ".ra", ".rm"),
}

#: Files that people keep beside recordings; any other file in a folder of recordings may be one.
COMPANION_SUFFIXES = frozenset(
    f".{suffix}"
    for line in (
        "txt csv tsv json jsonl md rst xml yaml yml toml html htm pdf doc docx xls xlsx ods log ini cfg db lnk url py",
        "ipynb npy npz jpg jpeg png gif svg bmp tif tiff webp aup aup3 aup3-wal aup3-shm sfk pkf asd reapeaks cue m3u",
        "m3u8 md5 sha1 sha256 license",
    )
    for suffix in line.split()
)


def is_audio(name: str) -> bool:
    """Return whether the name of a file has the suffix of a recording, in upper or lower case."""
    return PurePath(name).suffix.lower() in AUDIO_SUFFIXES
