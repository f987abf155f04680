"""The kit: libraries of all platforms in one archive, which wheels hold and ``python -m tools.libraries`` builds."""

from __future__ import annotations

import hashlib
import json
import lzma
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from yamjit.disk import describe
from yamjit.errors import DependencyError, InputError
from yamjit.kernels.machine_code.platforms import FOLDER, KIT, MANIFEST
from yamjit.kernels.machine_code.sources import sources_digest

__all__ = ["platforms_of", "read_kit"]

#: Names of files, which lie in the folder that is written: a platform, and a file of it.
_NAMES = re.compile(r"[\w-]+/\w[\w.-]*", re.ASCII)


def read_kit(folder: Path | None = None) -> Mapping[str, bytes]:
    """Return the libraries of a kit by their names, such as ``linux-x86_64/libyamjit.so``.

    Parameters
    ----------
    folder : Path, optional
        What ``python -m tools.libraries`` wrote; by default the kit of this installation.

    Raises
    ------
    DependencyError
        If there is no kit.
    InputError
        If it is damaged, holds files of other names, or was built from other sources than those of this yamjit.
    """
    place = FOLDER if folder is None else folder
    try:
        manifest = json.loads((place / MANIFEST).read_bytes())
        with tarfile.open(place / KIT, "r:xz") as archive:
            files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
        sources = manifest["sources"]
        expected = {name: entry["sha256"] for name, entry in manifest["files"].items()}
    except FileNotFoundError as error:
        raise DependencyError(_missing(place)) from error
    except OSError as error:
        raise InputError(f"{place}: the libraries cannot be read: {describe(error)}") from error
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, lzma.LZMAError, tarfile.TarError) as error:
        raise InputError(f"{place}: {MANIFEST} or {KIT} is damaged: {error!r}") from error
    if {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} != expected:
        raise InputError(f"{place}: {KIT} does not hold what {MANIFEST} says")
    if strange := [name for name in files if not _NAMES.fullmatch(name)]:
        raise InputError(f"{place}: {KIT} holds {strange[0]!r}, which is not the name of a platform's library")
    if sources != sources_digest():
        raise InputError(f"{place}: built from other sources than this yamjit's: run python -m tools.libraries again")
    return files


def platforms_of(kit: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the platforms of a kit."""
    return tuple(dict.fromkeys(name.partition("/")[0] for name in kit))


def _missing(place: Path) -> str:
    return (
        f"{place} does not have the libraries of compiled kernels ({KIT}, {MANIFEST}): wheels of yamjit do; in "
        "a clone, python -m tools.libraries builds them into build/libraries, and --libraries build/libraries, or "
        "libraries= in Python, names that folder"
    )
