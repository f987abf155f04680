"""Ends of names by which recordings are told from other files, wherever a folder is searched."""

from __future__ import annotations

from pathlib import PurePath

__all__ = ["AUDIO_SUFFIXES", "COMPANION_SUFFIXES", "VIDEO_SUFFIXES", "is_audio"]

#: Of video, whose sound is a recording as well. Where a recording without pictures has
#: the same name, that one is meant. Not .ts: most files of that name are TypeScript.
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".asf", ".wmv", ".flv", ".mpg", ".mpeg"),
        *(".mts", ".m2ts", ".vob"),
    }
)

#: In lower case. Some of these cannot be read without a conversion: such a file fails, and is not passed over.
AUDIO_SUFFIXES = VIDEO_SUFFIXES | {
    *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph"),
    *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".nist", ".svx", ".iff", ".paf", ".avr", ".ircam"),
    *(".sf", ".sd2", ".xi", ".m4a", ".m4b", ".m4r", ".aac", ".wma", ".amr", ".awb", ".ac3", ".eac3", ".dts", ".ape"),
    *(".wv", ".mka", ".weba", ".spx", ".tta", ".tak", ".mpc", ".dsf", ".dss", ".ds2", ".qcp", ".ra", ".rm"),
}

#: Of what people keep beside recordings; any other file in a folder of them may be one.
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
    """Return whether the name of a file ends as that of a recording, in any case."""
    return PurePath(name).suffix.lower() in AUDIO_SUFFIXES
