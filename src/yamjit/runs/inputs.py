"""What a run is to read: files, folders and patterns, as a list of recordings in a stable order."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from yamjit.errors import InputError

__all__ = ["AUDIO_SUFFIXES", "MANIFEST", "STDIN", "Recording", "check_places", "find_recordings"]

#: The file that makes a folder one of results: how they were made.
MANIFEST = "yamjit-run.json"

#: What stands for standard input.
STDIN = "-"

#: Ends of names that make a file in a folder a recording. Some of these cannot be read without a conversion: such a
#: file fails, and is not passed over.
AUDIO_SUFFIXES = frozenset(
    {
        *(".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".voc", ".sph"),
        *(".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".nist", ".svx", ".iff", ".paf", ".avr", ".ircam"),
        *(".sf", ".xi", ".m4a", ".m4b", ".m4r", ".aac", ".wma", ".amr", ".awb", ".ac3", ".eac3", ".dts", ".ape", ".wv"),
        *(".mka", ".weba", ".spx", ".tta", ".tak", ".mpc", ".dsf", ".dss", ".ds2", ".qcp", ".ra", ".rm"),
        # Sound in video is a recording as well. Not .ts: most of these are TypeScript.
        *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".webm", ".mkv", ".avi", ".asf", ".wmv", ".flv", ".mpg", ".mpeg"),
        *(".mts", ".m2ts", ".vob"),
    }
)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of a run.

    Parameters
    ----------
    name : str
        Its path as it was given or found, or "-" for standard input.
    place : PurePath
        Relative path of its result below a folder of results, without the suffix of results.
    problem : str or None
        Why there is nothing to read.
    """

    name: str
    place: PurePath
    problem: str | None = None


def find_recordings(inputs: Sequence[str]) -> list[Recording]:
    """List the recordings that files, folders and patterns stand for.

    The order is that of `inputs`. In a folder, files and folders come by name, in the order of their code points, at
    every depth; so do the paths that a pattern such as ``"archive/**/*.flac"`` stands for. A recording that is reached
    twice, also by a link, counts once, where it is reached first. A folder is searched for `AUDIO_SUFFIXES`, in any
    case; what begins with a dot is passed over, and so are folders of results. A file that is named is always taken.

    A result's place is the path below the folder that was searched; for a file that was named by a relative path, this
    path; else its name.

    Parameters
    ----------
    inputs : sequence of str
        Or only "-", standard input.

    Returns
    -------
    list of Recording
        What cannot be read is in it, and fails in its turn.

    Raises
    ------
    InputError
        If "-" is not alone.
    """
    if STDIN in inputs:
        if len(inputs) > 1:
            raise InputError("- (standard input) stands alone; give it no company")
        return [Recording(STDIN, PurePath("stdin"))]
    return list(_once(recording for text in inputs for recording in _expand(text)))


def check_places(recordings: Iterable[Recording]) -> None:
    """Refuse recordings whose results would have the same place.

    Raises
    ------
    InputError
        Naming the first two.
    """
    taken: dict[str, str] = {}
    for recording in recordings:
        other = taken.setdefault(os.path.normcase(recording.place), recording.name)
        if other != recording.name:
            raise InputError(
                f"{other!r} and {recording.name!r} would have the same result, {str(recording.place)!r}; "
                "give the folder above both, or a folder of results for each"
            )


def _expand(text: str) -> Iterator[Recording]:
    path = Path(text)
    if not os.path.lexists(text) and glob.has_magic(text):
        matches = sorted(glob.glob(text, recursive=True), key=lambda match: PurePath(match).parts)  # noqa: PTH207
        if matches:
            for match in matches:
                yield from _expand_existing(Path(match))
            return
    yield from _expand_existing(path)


def _expand_existing(path: Path) -> Iterator[Recording]:
    if not path.is_dir():
        yield Recording(os.fspath(path), _place_of_file(path))
        return
    found = False
    for file in _walk(path, set()):
        found = True
        yield Recording(os.fspath(file), file.relative_to(path))
    if not found:
        problem = f"{path}: the folder holds no recordings (such as .wav, .flac, .mp3, .ogg, .aiff)"
        yield Recording(os.fspath(path), PurePath(path.name), problem)


def _place_of_file(path: Path) -> PurePath:
    if path.is_absolute() or ".." in path.parts:
        return PurePath(path.name)
    return PurePath(path)


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Yield the recordings below a folder; a folder that links lead back to is searched once."""
    real = os.path.realpath(folder)
    if real in seen or (folder / MANIFEST).is_file():
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError:
        yield folder  # which fails in its turn, and says why
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, seen)
        elif entry.suffix.lower() in AUDIO_SUFFIXES:
            yield entry


def _once(recordings: Iterable[Recording]) -> Iterator[Recording]:
    seen: set[str] = set()
    for recording in recordings:
        real = os.path.realpath(recording.name)
        if real not in seen:
            seen.add(real)
            yield recording
