"""Names in a folder of results, which tell results from the recordings beside them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

__all__ = [
    "JOURNAL",
    "MANIFEST",
    "SEGMENTS",
    "WAITING",
    "Places",
    "Shard",
    "is_among_results",
    "is_of_a_run",
    "is_result",
    "is_segment",
    "is_segments",
    "journal_of",
    "journals_of_shards",
]


#: Name of the file that makes a folder one of results, see `yamjit.runs.manifest`.
MANIFEST = "yamjit-run.json"

#: Name of the file beside it, see `yamjit.runs.journal`.
JOURNAL = "yamjit-run.journal"

#: Journals of the parts of a run, until the last of them is done.
_JOURNALS_OF_SHARDS = "yamjit-run.{}-of-{}.journal"

#: Suffix of a result that is a folder of audio files.
SEGMENTS = ".segments"

#: Suffix of a result that waits for the part of a dataset that it goes into.
WAITING = ".waiting"

#: Text between the name of a recording and the suffix of its result.
_INFIX = ".yamjit"

#: Start of a segment in seconds, between the names of its recording and its class, and the suffix.
_SEGMENT = r"_\d{6,}\.\d{3}_.*\.(flac|wav)"

#: Bytes of a name, at most, on common file systems.
_MOST_NAME_BYTES = 255


def journal_of(shard: Shard | None) -> str:
    """Return the name of the journal of a part of a run, or of one that is whole."""
    return JOURNAL if shard is None else _JOURNALS_OF_SHARDS.format(*shard)


def journals_of_shards(folder: Path) -> list[Path]:
    """Return the journals of parts of runs in a folder."""
    return sorted(folder.glob(_JOURNALS_OF_SHARDS.format("*", "*")))


def is_of_a_run(name: str) -> bool:
    """Return whether a file has the name of a manifest or of a journal."""
    return name == MANIFEST or (name.startswith("yamjit-run.") and name.endswith(".journal"))


class Shard(NamedTuple):
    """One of several parts of a run, by a digest of the paths of recordings: `number` 1 to `of`."""

    number: int
    of: int

    def has(self, name: str) -> bool:
        """Return whether the recording of a path belongs to this part; the same on every machine."""
        import hashlib

        digest = hashlib.sha256(os.fsencode(name.replace(os.sep, "/"))).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class _Placed(Protocol):
    @property
    def place(self) -> PurePath: ...


class Places(NamedTuple):
    """Where results with a suffix, such as ".csv", are in a folder."""

    folder: Path
    suffix: str

    def target(self, recording: _Placed) -> Path:
        """Return the path of the result of a recording: ``<place>.yamjit<suffix>``.

        A name that is too long for that is cut, and a digest of the whole name is appended.
        """
        place = self.folder / recording.place
        return place.with_name(_joined(place.name, f"{_INFIX}{self.suffix}"))


def _joined(name: str, ending: str) -> str:
    most = _MOST_NAME_BYTES - len(os.fsencode(ending))
    whole = os.fsencode(name)
    if len(whole) <= most:
        return name + ending
    import hashlib

    mark = f"~{hashlib.sha256(whole).hexdigest()[:16]}"
    return whole[: most - len(mark)].decode("utf-8", "ignore") + mark + ending


def is_result(name: str) -> bool:
    """Return whether a name is that of a result, ``NAME.yamjit.SUFFIX``."""
    before, _, after = name.rpartition(f"{_INFIX}.")
    return bool(before and after)


def is_segments(name: str) -> bool:
    """Return whether a name is that of a result which is a folder of segments."""
    return is_result(name) and name.endswith(SEGMENTS)


def is_segment(name: str) -> bool:
    """Return whether a name is that of a segment: ``RECORDING_000012.345_CLASS.flac``."""
    return re.search(_SEGMENT, name) is not None


def is_among_results(folder: Path) -> bool:
    """Return whether a folder is one of results, or in one."""
    real = Path(os.path.realpath(folder))
    return _any_is_file(parent / MANIFEST for parent in (real, *real.parents))


def _any_is_file(paths: Iterable[Path]) -> bool:
    return any(os.path.isfile(path) for path in paths)  # noqa: PTH113 - says False where it may not look
