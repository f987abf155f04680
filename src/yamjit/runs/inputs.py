"""Recordings of a run: files, folders and patterns as a list in a stable order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, NamedTuple

from yamjit.audio.suffixes import AUDIO_SUFFIXES
from yamjit.disk import describe, hint_beside, is_address, is_remote
from yamjit.errors import DependencyError, InputError
from yamjit.remote import find, shown
from yamjit.runs.naming import MANIFEST, SEGMENTS, is_among_results, is_of_a_run, is_result, is_segment, is_segments
from yamjit.suggestions import with_hint

__all__ = ["STDIN", "Recording", "check_places", "find_recordings", "is_named_like_audio"]

#: Name of standard input.
STDIN = "-"

#: Prefixes of hidden files that are never recordings: resource forks of macOS, and files that are being written.
_NO_SOUND = ("._", ".yamjit-")


class Recording(NamedTuple):
    """A recording of a run, by the path that was given or found; "-" is standard input.

    `place` is the path of its result, relative to a folder of results, without the suffix of results. It begins at
    `root`, a folder without links, if there is one. `problem` says why there is nothing to read. `address` is what is
    opened, if that has secrets which the name has not; `audio` is what is heard in place of both, see `open_audio`.
    """

    name: str
    place: PurePath
    problem: str | None = None
    root: str = ""
    address: str = ""
    audio: Any = None

    @property
    def source(self) -> Any:
        """What is opened, see `open_audio`."""
        return (self.address or self.name) if self.audio is None else self.audio


def is_named_like_audio(name: str) -> bool:
    """Return whether a name has a suffix of recordings."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122 - 100,000 names


def find_recordings(inputs: Sequence[str], passed_over: Counter[str] | None = None) -> list[Recording]:
    """List the recordings that files, folders and patterns name, or standard input if `inputs` is only "-".

    The order is that of `inputs`. Within a folder, files and folders come by name, in the order of their code points,
    at every depth; so do the paths that match a pattern such as ``"archive/**/*.flac"``. A recording that is reached
    twice, perhaps by a link, is listed once, where it is reached first. A folder is searched for `AUDIO_SUFFIXES`, in
    any case; hidden files are skipped, and so are results beside recordings, and segments among results. `passed_over`
    counts the files in folders that are skipped by their names: for each suffix, such as ".txt", and for "hidden". A
    file that is named is always listed, and so are segments in a folder of segments that is itself named. What cannot
    be read is listed too, and fails in its turn. Addresses, such as ``s3://bucket/folder/``, stand for files, and where
    they can be listed, for folders and patterns.

    The place of a result is the path below the folder that was searched; for a file that was named by a relative path,
    this path; otherwise its name. An `InputError` is raised if "-" is given together with others.
    """
    if STDIN in inputs:
        if len(inputs) > 1:
            raise InputError("'-' (standard input) cannot be combined with other inputs")
        return [Recording(STDIN, PurePath("stdin"))]
    search = _Search(Counter() if passed_over is None else passed_over)
    return list(_once(recording for text in inputs for recording in search.expand(text)))


def check_places(recordings: Iterable[Recording]) -> None:
    """Refuse two recordings whose results would have the same place, with an `InputError`."""
    taken: dict[str, str] = {}
    for recording in recordings:
        if recording.problem is not None:
            continue
        other = taken.setdefault(os.path.normcase(recording.place), recording.name)
        if other != recording.name:
            raise InputError(
                f"{other!r} and {recording.name!r} would have the same result, {str(recording.place)!r}; "
                "give the folder above both, or a folder of results for each"
            )


class _Search:
    """Turns inputs into recordings."""

    def __init__(self, passed_over: Counter[str]) -> None:
        self.passed_over = passed_over
        #: Paths without links of the folders that were met, and whether they are among results.
        self._roots: dict[Path, str] = {}
        self._among_results: dict[Path, bool] = {}

    def expand(self, text: str) -> Iterator[Recording]:
        """Yield the recordings of one input."""
        path = Path(text)
        if not text:
            yield Recording(
                text, PurePath("nameless"), "'' is not the name of a file or folder; '.' is the current one"
            )
            return
        if is_remote(text):
            yield from _remote_recordings(text)
            return
        if is_address(text) and not os.path.lexists(path):
            yield Recording(text, PurePath(path.name), f"{text}: {hint_beside(text)}")
            return
        if os.path.lexists(path):
            yield from self._existing(path)
            return
        from yamjit.runs.patterns import is_pattern, matches, unmatched

        if not is_pattern(text):
            yield self._file(path)
            return
        found = [match for match in map(Path, matches(text)) if SEGMENTS in text or not self._is_result(match)]
        for match in found:
            yield from self._existing(match)
        if not found:
            told = f"{text}: there is no such file, and nothing matches it as a pattern"
            yield self._file(path, with_hint(told, unmatched(text)))

    def _existing(self, path: Path) -> Iterator[Recording]:
        if not os.path.isdir(path):  # noqa: PTH112 - says False where it may not look
            yield self._file(path)
            return
        root = self._real(path)
        found = False
        for file in self._walk(path):
            found = True
            yield Recording(os.fspath(file), file.relative_to(path), root=root)
        if not found:
            problem = f"{path}: the folder holds no recordings (such as .wav, .flac, .mp3, .ogg, .aiff)"
            yield Recording(os.fspath(path), PurePath(Path(root).name or "folder"), problem, root)

    def _file(self, path: Path, problem: str | None = None) -> Recording:
        if path.anchor or ".." in path.parts:
            return Recording(os.fspath(path), PurePath(path.name), problem, self._real(path.parent))
        return Recording(os.fspath(path), path, problem, self._real(Path()))

    def _real(self, folder: Path) -> str:
        if folder not in self._roots:
            self._roots[folder] = os.path.realpath(folder)
        return self._roots[folder]

    def _walk(self, root: Path) -> Iterator[Path]:
        """Yield the recordings below a folder, which is searched once even if links lead back to it.

        A folder that cannot be read, and a link that leads nowhere, are yielded, and fail in their turn.
        """
        seen: set[str] = set()
        levels = [self._enter(_Folder(root, os.path.realpath(root), is_among_results(root)), seen)]
        while levels:
            found = next(levels[-1], None)
            if found is None:
                levels.pop()
            elif isinstance(found, _Folder):
                levels.append(self._enter(found, seen))
            else:
                yield found

    def _enter(self, folder: _Folder, seen: set[str]) -> Iterator[Path | _Folder]:
        """Yield the recordings and folders in a folder."""
        if folder.real in seen:
            return
        seen.add(folder.real)
        try:
            with os.scandir(folder.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            yield folder.path  # which fails in its turn, and says why
            return
        among_results = folder.among_results or any(entry.name == MANIFEST for entry in entries)
        for entry in entries:
            path = folder.path / entry.name
            if entry.name.startswith("."):
                self._count_hidden(entry)
            elif _is_folder(entry):
                yield _Folder(path, folder.real_of(entry), among_results, among_results and is_segments(entry.name))
            elif folder.holds_segments and is_segment(entry.name):
                continue
            elif is_named_like_audio(entry.name) or (entry.is_symlink() and not os.path.exists(path)):  # noqa: PTH110
                yield path
            elif not (among_results and is_result(entry.name)):
                self._count(entry.name)

    def _count_hidden(self, entry: os.DirEntry[str]) -> None:
        if not entry.name.startswith(_NO_SOUND) and (_is_folder(entry) or is_named_like_audio(entry.name)):
            self.passed_over["hidden"] += 1

    def _count(self, name: str) -> None:
        if not is_of_a_run(name):
            self.passed_over[os.path.splitext(name)[1].lower() or "without a suffix"] += 1  # noqa: PTH122

    def _is_result(self, path: Path) -> bool:
        """Return whether a path that matches a pattern is a result, or a segment in one, and so not a recording."""
        if is_of_a_run(path.name):
            return True
        if is_result(path.name) and not is_named_like_audio(path.name):
            return self._lies_among_results(path.parent)
        folders = [folder for folder in path.parents if is_segments(folder.name)]
        return is_segment(path.name) and any(self._lies_among_results(folder.parent) for folder in folders)

    def _lies_among_results(self, folder: Path) -> bool:
        if folder not in self._among_results:
            self._among_results[folder] = is_among_results(folder)
        return self._among_results[folder]


class _Folder(NamedTuple):
    path: Path
    real: str
    #: Whether it is a folder of results, or in one.
    among_results: bool
    holds_segments: bool = False

    def real_of(self, entry: os.DirEntry[str]) -> str:
        """Return the path without links of an entry of this folder; junctions of Windows are links too."""
        is_plain = os.name != "nt" and not entry.is_symlink()
        return os.path.join(self.real, entry.name) if is_plain else os.path.realpath(entry)  # noqa: PTH118


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _once(recordings: Iterable[Recording]) -> Iterator[Recording]:
    seen: set[str] = set()
    for recording in recordings:
        real = recording.source if is_remote(recording.source) else os.path.realpath(recording.name)
        if real not in seen:
            seen.add(real)
            yield recording


def _remote_recordings(address: str) -> Iterator[Recording]:
    """Yield the recordings of an address: a file, a folder, or a pattern; what cannot be read fails in its turn.

    Names in folders are chosen as those of files are, and come in the same order.
    """
    named = shown(address)
    last = PurePosixPath(named).name
    try:
        found = find(address)
    except DependencyError:
        raise
    except OSError as error:
        yield Recording(named, PurePath(last), f"{named}: cannot be listed: {describe(error)}")
        return
    if found is None:
        yield _recording(address, named[: -len(last)].rstrip("/"), last)
        return
    base, names = found
    is_pattern = base != address.rstrip("/")
    chosen = [name for name in names if is_pattern or _is_chosen(name)]
    for name in chosen:
        yield _recording(f"{base}/{name}", shown(base), name)
    if not chosen:
        what = "nothing matches it as a pattern" if is_pattern else "the folder holds no recordings (such as .wav)"
        yield Recording(named, PurePath(last), f"{named}: {what}")


def _recording(address: str, root: str, name: str) -> Recording:
    named = shown(address)
    place = PurePath(name)
    problem = None
    if place.anchor or ".." in place.parts or not place.parts:
        place, problem = PurePath("elsewhere"), f"{named}: its name leads out of the folder of results"
    return Recording(named, place, problem, root, address if address != named else "")


def _is_chosen(name: str) -> bool:
    *folders, last = name.split("/")
    is_hidden = any(part.startswith(".") for part in (*folders, last))
    return is_named_like_audio(last) and not is_hidden and not any(map(is_segments, folders))
