"""The library of machine code that a wheel brings: one file, with every lowering of a platform, loaded by ctypes.

It was compiled where the wheel was built. So nothing is compiled here, and neither Numba nor LLVM is imported.
``$YAMJIT_LIBRARY`` names another file, or says "none"; ``$YAMJIT_LOWERING`` forces a lowering, or forbids some.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.announcing import logger
from yamjit.disk import read_regular
from yamjit.errors import DependencyError
from yamjit.installing import how_to_install
from yamjit.kernels.lowering_choice import LOWERING_VARIABLE, LOWERINGS, choose_lowering
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.platforms import FOLDER, MANIFEST, library_file, own_platform

if TYPE_CHECKING:
    from yamjit.kernels.vectors.target import Target

__all__ = [
    "LIBRARY_VARIABLE",
    "SharedLibrary",
    "library_at_hand",
    "library_path",
    "load_library",
]

#: Path of a library, for developers; "none" is as if there were none.
LIBRARY_VARIABLE = "YAMJIT_LIBRARY"

#: Functions that are asked about the library itself: what they return, and what they take.
_QUESTIONS: Mapping[str, tuple[Any, tuple[Any, ...]]] = {
    "lowering_count": (ctypes.c_int32, ()),
    "lowering_name": (ctypes.c_char_p, (ctypes.c_int32,)),
    "lowering_runs": (ctypes.c_int32, (ctypes.c_int32,)),
    "lowering_refused": (ctypes.c_int32, (ctypes.c_int32,)),
    "entry": (ctypes.c_void_p, (ctypes.c_int32, ctypes.c_char_p)),
    "sources": (ctypes.c_char_p, ()),
    "family": (ctypes.c_char_p, ()),
}

_C_TYPES: Mapping[type, Any] = {int: ctypes.c_int64, float: ctypes.c_double}


def library_path() -> Path | None:
    """Return the library's file: the one that is named, else the installed one; None if there is neither."""
    named = os.environ.get(LIBRARY_VARIABLE, "")
    if named:
        return None if named == "none" else Path(named)
    installed = FOLDER / library_file(own_platform())
    try:
        installed.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        pass  # it is there, and what loads it says why it cannot
    return installed


def load_library() -> SharedLibrary:
    """Return the library, with the lowering that is asked for.

    Raises `DependencyError` if there is none or it cannot be used, and `InputError` if its lowering cannot.
    """
    path = library_path()
    if path is None:
        raise DependencyError(_no_library())
    if named := os.environ.get(LIBRARY_VARIABLE):
        if not path.is_file():
            what = "the path of a library's file is accepted, or 'none'"
            raise DependencyError(f"${LIBRARY_VARIABLE} is {named!r}: there is no file {str(path)!r}; {what}")
        library = SharedLibrary(path)
        if library.sources != _sources_here():
            # Kernels may be edited, and what was compiled before still run, but never unnoticed.
            library.of_other_sources = True
            how = "and is used as it is: python -m tools.libraries builds it anew"
            _warn_once(f"{path} was built from other sources than these, {how}")
        return library
    sources, package = _proven(path)
    library = SharedLibrary(path, package)
    if library.sources != sources:
        raise DependencyError(f"{path} was built from other sources than its manifest says; {_HOW_TO_REPAIR}")
    return library


def library_at_hand() -> SharedLibrary | None:
    """Return the library if there is one; None, with a warning, if the installed one cannot be used.

    What a variable asks for by name is never replaced: then the errors are those of `load_library`.
    """
    named = os.environ.get(LIBRARY_VARIABLE, "")
    if named != "none" and (named or os.environ.get(LOWERING_VARIABLE)):
        return load_library()
    if library_path() is None:
        return None
    try:
        return load_library()
    except DependencyError as error:
        _warn_once(f"the compiled kernels are not used: {error}")
        return None


class SharedLibrary:
    """A library in this process, for as long as that lives.

    `package` is the digest of the package that it was installed with; empty where nothing says it.

    Raises `DependencyError` if the file cannot be loaded as a library of yamjit, and `InputError` if there is no
    lowering as ``$YAMJIT_LOWERING`` wants it.
    """

    def __init__(self, path: Path, package: str = "") -> None:
        self.path = path
        self.package = package
        self._questions = _load(path)
        self.sources = self._text("sources")
        #: Whether it is known to be built from other sources than those beside it, as one that is named may be.
        self.of_other_sources = False
        #: How constants are packed: "x86" or "arm".
        self.family = self._text("family")
        #: Whether this machine has what each lowering needs, by its name, best first.
        self.lowerings = {self._text("lowering_name", i): bool(self._ask("lowering_runs", i)) for i in self._indices()}
        unknown = [name for name in self.lowerings if name not in LOWERINGS]
        if unknown or not self.lowerings:
            raise DependencyError(f"{path} is a library of another version: its lowerings are {', '.join(unknown)}")
        #: Why the system refuses a lowering to this process, by its name, where it was asked and does.
        self.refusals: dict[str, str] = {}
        #: The lowering that is used.
        self.lowering = choose_lowering(os.environ.get(LOWERING_VARIABLE, ""), self.lowerings, self._refused)

    def target(self) -> Target:
        """Return the machine that the lowering is compiled for."""
        from yamjit.kernels.vectors.target import TARGETS

        return TARGETS[self.lowering]

    def entry(self, entry: Entry) -> Callable[..., int]:
        """Return a function of the lowering, which is called with the GIL released.

        Raises `DependencyError` if the library has none of its name.
        """
        index = list(self.lowerings).index(self.lowering)
        address = self._ask("entry", index, entry.name.encode())
        if not address:
            raise DependencyError(f"{self.path} has no function {entry.name} for {self.lowering}")
        types = (_C_TYPES[argument] for argument in entry.arguments)
        return ctypes.CFUNCTYPE(ctypes.c_int32, *types)(address)

    def _refused(self, lowering: str) -> str:
        """Ask the system for what a lowering needs of it; return why that is refused, empty if it is not."""
        if number := self._ask("lowering_refused", list(self.lowerings).index(lowering)):
            from yamjit.kernels.vectors.permission import explained

            self.refusals[lowering] = explained(number)
            logger(__name__).info("the lowering %s is not used: %s", lowering, self.refusals[lowering])
        return self.refusals.get(lowering, "")

    def _indices(self) -> range:
        return range(self._ask("lowering_count"))

    def _ask(self, question: str, *arguments: object) -> Any:
        return self._questions[question](*arguments)

    def _text(self, question: str, *arguments: object) -> str:
        answer = self._ask(question, *arguments)
        return answer.decode("ascii", "replace") if answer else ""


def _load(path: Path) -> dict[str, Any]:
    """Return the functions of a file that are asked about it."""
    file = str(path.resolve())
    try:
        library = ctypes.CDLL(file)
        questions = {name: getattr(library, f"yamjit_{name}") for name in _QUESTIONS}
    except (OSError, AttributeError) as error:
        # Another system or architecture, a damaged file, or a folder from which nothing may be run.
        reason = str(error).removeprefix(f"{file}: ")
        raise DependencyError(f"{path} cannot be loaded as a library of yamjit: {reason}") from error
    for name, (result, arguments) in _QUESTIONS.items():
        questions[name].restype, questions[name].argtypes = result, arguments
    return questions


# -- What a library is held against -----------------------------------------------------------------------------

_HOW_TO_REPAIR = "install the wheel again, or take backend='numba' or 'numpy'"


def _proven(path: Path) -> tuple[str, str]:
    """Return the digest of the sources of an installed library, of which every byte is as its manifest says.

    Also returns that of the whole package, which is empty if the manifest does not say it.

    Raises `DependencyError` if there is no manifest or the file differs: it would end the process, or compute nonsense.
    """
    try:
        manifest = json.loads(path.with_name(MANIFEST).read_bytes())
        sources, described = str(manifest["sources"]), manifest["files"][f"{own_platform()}/{path.name}"]
        package = str(manifest.get("package", ""))
        content = read_regular(path, described["bytes"] + 1)
        is_whole = hashlib.sha256(content).hexdigest() == described["sha256"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DependencyError(f"{path} or its manifest cannot be read ({error!r}); {_HOW_TO_REPAIR}") from error
    if not is_whole:
        raise DependencyError(f"{path} is damaged: it is not the file of its manifest; {_HOW_TO_REPAIR}")
    return sources, package


def _sources_here() -> str:
    """Return the digest of the sources of this very package."""
    from yamjit.kernels.machine_code.sources import sources_digest

    return sources_digest()


def _no_library() -> str:
    given = f" (${LIBRARY_VARIABLE} is 'none')" if os.environ.get(LIBRARY_VARIABLE) else ""
    return (
        f"there is no library of compiled kernels{given}: a wheel for this platform, {own_platform()}, brings one; in "
        f"a clone, python -m tools.libraries builds it, and ${LIBRARY_VARIABLE} names it. Without one there are the "
        f"backends numpy and, after {how_to_install('yamjit[compile]')}, numba"
    )


@functools.cache
def _warn_once(message: str) -> None:
    logger(__name__).warning(message)
