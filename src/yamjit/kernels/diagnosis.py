"""What this machine has for the kernels: a library with its lowerings, Numba with an instruction set and a cache."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass

from yamjit.disk import cache_directory, why_not_kept
from yamjit.errors import DependencyError, YamjitError
from yamjit.kernels import load_backend
from yamjit.kernels.backends import CompiledBackend, NumpyBackend
from yamjit.kernels.machine_code.shipped import library_path, load_library

__all__ = ["KernelDiagnosis", "LibraryDiagnosis", "NumbaDiagnosis", "diagnose_kernels"]


@dataclass(frozen=True, slots=True)
class LibraryDiagnosis:
    """A file that is to be the library of compiled kernels."""

    path: str
    #: Digest of the sources that it was built from.
    sources: str = ""
    #: Whether these are others than those of the kernels here, whose code it stands in for.
    of_other_sources: bool = False
    #: The lowering that is used.
    lowering: str = ""
    #: Whether this machine has what each lowering needs, by its name, best first.
    lowerings: Mapping[str, bool] | None = None
    #: Why the system refuses a lowering to this process, by its name, where it was asked and does.
    refusals: Mapping[str, str] | None = None
    #: Why it cannot be used; then the others are not known.
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class NumbaDiagnosis:
    """Numba, and what it compiles for here."""

    version: str
    #: Instruction set that kernels are compiled for, such as "avx512vnni".
    lowering: str
    #: Name of the processor, as LLVM knows it.
    processor: str
    #: Whether both kernels can be loaded without being compiled.
    warm: bool
    #: Why the processor's AMX is not used; empty if it is, or there is none.
    no_tiles: str


@dataclass(frozen=True, slots=True)
class KernelDiagnosis:
    """What was found."""

    #: What "auto" stands for here, "numba" with NumPy before it; None where that is an error.
    backend: str | None
    #: Why nothing can be computed by default.
    problem: str | None
    #: None where there is none.
    library: LibraryDiagnosis | None
    #: None where it is not installed.
    numba: NumbaDiagnosis | None
    #: Path of the folder of what Numba compiled, and why nothing can be kept there.
    cache: str | None
    cache_problem: str | None


def diagnose_kernels() -> KernelDiagnosis:
    """Look at this machine; neither imports Numba nor compiles anything."""
    backend = problem = None
    try:
        loaded = load_backend("auto")
        names = {CompiledBackend: "compiled", NumpyBackend: "numpy"}
        backend = next((name for kind, name in names.items() if isinstance(loaded, kind)), "numba")
    except YamjitError as error:
        problem = str(error)
    return KernelDiagnosis(backend, problem, _library(), _numba(), *_cache())


def _library() -> LibraryDiagnosis | None:
    path = library_path()
    if path is None:
        return None
    try:
        library = load_library()
    except YamjitError as error:
        return LibraryDiagnosis(str(path), problem=str(error))
    return LibraryDiagnosis(
        str(path),
        library.sources,
        library.of_other_sources,
        library.lowering,
        library.lowerings,
        library.refusals,
    )


def _numba() -> NumbaDiagnosis | None:
    try:
        version = importlib.metadata.version("numba")
        from yamjit.kernels.backends import NumbaBackend
        from yamjit.kernels.vectors.processor import host_target, why_no_tiles
    except ImportError:  # PackageNotFoundError is one
        return None
    target = host_target()
    return NumbaDiagnosis(version, target.name, target.cpu, NumbaBackend().is_ready(), why_no_tiles())


def _cache() -> tuple[str | None, str | None]:
    try:
        folder = cache_directory() / "kernels"
    except DependencyError as error:
        return None, str(error)
    return str(folder), why_not_kept(folder)
