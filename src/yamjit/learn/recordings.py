"""Recordings that tables name, or lie beside; a name that fits two files is refused."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from yamjit.audio.suffixes import VIDEO_SUFFIXES, is_audio
from yamjit.errors import InputError
from yamjit.text import printable

__all__ = ["Folders", "Recordings"]

#: Words between the name of a recording and the suffix of its label file; digits are accepted after "Table".
_LABEL_WORDS = frozenset(
    {
        *("yamjit", "audacity", "raven", "dcase", "label", "labels", "table", "selection", "selections", "annotation"),
        *("annotations", "event", "events", "birdnet", "result", "results", "txt", "csv", "tsv"),
    }
)

#: Longest path, and longest end of a path that is looked for, in folders.
_MOST_PARTS = 64
_MOST_TAILS = 8


class _Listing:
    """Names in a folder, which are found in any Unicode composition and in upper or lower case."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, list[str]] = {}
        self.folders: dict[str, list[str]] = {}
        #: Recordings by name without suffix.
        self.stems: dict[str, list[str]] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._add(entry.name, is_folder=_is_folder(entry))
        except OSError:  # not a folder, or not readable: nothing is found in it
            return

    def _add(self, name: str, *, is_folder: bool) -> None:
        (self.folders if is_folder else self.files).setdefault(_key(name), []).append(name)
        if not is_folder and is_audio(name) and not name.startswith("."):
            self.stems.setdefault(_key(_stem(name)), []).append(name)

    def file(self, name: str) -> list[str]:
        """Return the files with a name, which may lack its suffix."""
        found = _closest(self.files.get(_key(name), []), name)
        return found or ([] if is_audio(name) else self.recording(name))

    def recording(self, stem: str) -> list[str]:
        """Return the recordings with a name without suffix."""
        return _closest(self.stems.get(_key(stem), []), stem, whole=False)

    def folder(self, name: str) -> list[str]:
        """Return the folders with a name."""
        return _closest(self.folders.get(_key(name), []), name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle, or to a place that is not readable
        return False


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _closest(found: list[str], name: str, *, whole: bool = True) -> list[str]:
    """Return the names that fit best: the same one, those in another composition, or all."""
    if len(found) < 2:
        return found

    def part(text: str) -> str:
        return text if whole else _stem(text)

    same = [text for text in found if part(text) == name]
    composed = [text for text in found if _composed(part(text)) == _composed(name)]
    return same or composed or found


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


class Folders:
    """Folders that are listed once, for any number of tables."""

    def __init__(self) -> None:
        self._listings: dict[Path, _Listing] = {}

    def listing(self, folder: Path) -> _Listing:
        """Return the names in a folder."""
        if folder not in self._listings:
            self._listings[folder] = _Listing(folder)
        return self._listings[folder]

    def below(self, folder: Path, parts: Sequence[str]) -> list[Path]:
        """Return the files at a path below a folder; several if names differ only in case."""
        places = [folder]
        for part in parts[:-1]:
            if part == "..":
                places = [place.parent if place.name not in ("", "..") else place / ".." for place in places]
            else:
                places = [place / name for place in places for name in self.listing(place).folder(part)]
        return [place / name for place in places for name in self.listing(place).file(parts[-1])]


class Recordings:
    """Finds the recordings of one table.

    They are in the folder `audio`; by default in the folder of the table, ``audio`` in it or beside it, or the folder
    above; names in a table may also be paths from the current folder.
    """

    def __init__(
        self, table: Path, audio: str | os.PathLike[str] | None = None, folders: Folders | None = None
    ) -> None:
        here = table.parent
        self._table = table
        self._folders = folders or Folders()
        beside = [here, here / "audio", here.parent / "audio", here.parent]
        if here.name.endswith(".ground_truth"):  # as in FSD50K
            beside.append(here.parent / f"{here.name.removesuffix('.ground_truth')}.{table.stem}_audio")
        self.places = [Path(audio)] if audio is not None else beside
        self._roots = self.places if audio is not None else [*self.places, Path()]
        self._found: dict[tuple[str, str], Path | None] = {}
        self._named: dict[Path, tuple[str, ...]] = {}
        self._home: tuple[str, Path] | None = None

    def named(self, name: str, fold: str = "") -> Path | None:
        """Return the recording that a table names: at its path, or else at the end of this path in one of the folders.

        Paths of other computers are accepted, with either slash. A name may lack its suffix; its Unicode composition
        and its case may differ if nothing fits better. The name is looked for in ``fold<fold>`` first.

        An `InputError` is raised if two files fit, another path led to the file before, or earlier recordings of the
        table are in another folder.
        """
        key = (name, fold)
        if key not in self._found:
            self._found[key] = self._find(name, fold)
        return self._found[key]

    def _find(self, name: str, fold: str) -> Path | None:
        parts = [part for part in re.split(r"[\\/]+", name) if part not in ("", ".")]
        if not parts or len(parts) > _MOST_PARTS or parts[-1] == "..":
            return None
        path = Path(name)
        if path.is_absolute() and os.path.lexists(path):
            return path
        slices = [f"fold{fold.removeprefix('fold')}", *parts]
        for root in self.places if fold else ():
            if found := self._folders.below(root, slices):
                return self._alike(name, root, self._only(name, found))
        for root in self._roots:
            if found := self._folders.below(root, parts):
                return self._alike(name, root, self._only(name, found))
        for cut in range(max(1, len(parts) - _MOST_TAILS), len(parts)):
            for root in self.places:
                if found := self._folders.below(root, parts[cut:]):
                    return self._alike(name, root, self._once(name, tuple(map(_key, parts)), self._only(name, found)))
        return None

    def _alike(self, name: str, root: Path, path: Path) -> Path:
        """Refuse a recording in another folder than the earlier ones of the table."""
        self._home = self._home or (name, root)
        if self._home[1] != root:
            raise InputError(
                f"{self._table}: {printable(self._home[0])!r} is in {self._home[1]}, {printable(name)!r} in {root}; "
                "give the folder of the recordings (--audio, audio=)"
            )
        return path

    def _once(self, name: str, parts: tuple[str, ...], path: Path) -> Path:
        """Refuse two paths of another computer that lead to one file here."""
        other = self._named.setdefault(path, parts)
        if other != parts:
            raise InputError(
                f"{self._table}: {printable(name)!r} and {'/'.join(other)!r} may both be {path}; put their folders "
                "beside the table as well"
            )
        return path

    def of_label_file(self) -> Path:
        """Return the recording with the name of the label file: ``day.wav`` for ``day.txt``, ``day.wav.txt``, ..."""
        words = self._table.name.split(".")[:-1]
        for place in self.places:
            listing = self._folders.listing(place)
            for count in range(len(words), 0, -1):
                name = ".".join(words[:count])
                if not _are_label_words(words[count:]):
                    continue
                if found := (listing.file(name) if is_audio(name) else []) or listing.recording(name):
                    return self._only(self._table.name, [place / file for file in found])
        raise InputError(
            f"{self._table}: there is no recording called {'.'.join(words)!r} beside it; a label file has the name of "
            "its recording (day.wav, day.txt), or a mapping names its recording"
        )

    def _only(self, name: str, found: Sequence[Path]) -> Path:
        sounds = [path for path in found if path.suffix.lower() not in VIDEO_SUFFIXES] or found
        if len(sounds) > 1:
            shown = " or ".join(str(path) for path in sorted(sounds)[:3])
            raise InputError(f"{self._table}: {printable(name)!r} may be {shown}; add the suffix to the name")
        return sounds[0]


def _are_label_words(words: Sequence[str]) -> bool:
    lower = [word.lower() for word in words]
    return all(
        word in _LABEL_WORDS or "detector" in word or (word.isdecimal() and lower[k - 1] == "table" and k > 0)
        for k, word in enumerate(lower)
    )
