"""Recordings that have addresses, as a run lists them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath, PurePosixPath

from yamjit.disk import describe
from yamjit.errors import DependencyError
from yamjit.remote import find, shown
from yamjit.runs.inputs import Recording, is_named_like_audio
from yamjit.runs.naming import is_segments

__all__ = ["remote_recordings"]


def remote_recordings(address: str) -> Iterator[Recording]:
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
