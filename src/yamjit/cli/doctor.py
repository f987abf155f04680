"""``yamjit doctor``: what is installed, what this machine has, and whether it works."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from yamjit.cli.exits import EXIT_ERROR, EXIT_OK
from yamjit.cli.model_notes import kind_of
from yamjit.cli.options import add_flag
from yamjit.installing import how_to_install
from yamjit.text import json_text, printable, printable_lines

if TYPE_CHECKING:
    from yamjit.kernels.diagnosis import KernelDiagnosis, LibraryDiagnosis

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "show what is installed and whether it works"
DESCRIPTION = (
    "Show what is installed, what runs the kernels and why, for which instruction set, whether their cache is warm, "
    "which microphones there are, and which model is found. The exit code is 1 if a recording could not be "
    "classified."
)

_PACKAGES = ("numpy", "soundfile", "soxr", "pooch", "platformdirs")
_EXTRAS = {
    "numba": "compile",
    "av": "av",
    "sounddevice": "mic",
    "matplotlib": "plot",
    "argcomplete": "completion",
    "pyarrow": "parquet",
    "pandas": "pandas",
    "polars": "polars",
    "usearch": "search",
}


#: What is said of a backend that is used.
_BACKENDS = {
    "compiled": "compiled: the library of this installation; nothing is compiled here",
    "numba": "numpy, then numba: there is no library that can be used, and Numba compiles the kernels when that pays",
    "numpy": "numpy: there is neither a library that can be used nor Numba; everything works, but slower",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_flag(parser, "--json", "print a JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code."""
    found = _examine()
    if args.json:
        print(json_text(found, indent=1))
    else:
        for title, values in found.items():
            _show(title, values)
    works = not any("problem" in found[part] for part in ("kernels", "model", "audio files"))
    return EXIT_OK if works else EXIT_ERROR


def _examine() -> dict[str, dict[str, Any]]:
    return {
        "yamjit": _this(),
        "packages": {name: _version(name) or "missing" for name in _PACKAGES},
        "extras": {name: _version(name) or _absent(e) for name, e in _EXTRAS.items()},
        "kernels": _kernels(),
        "audio files": _audio_files(),
        "microphones": _microphones(),
        "model": _model(),
    }


def _absent(extra: str) -> str:
    return f"not installed: {how_to_install(f'yamjit[{extra}]')}"


def _this() -> dict[str, Any]:
    import yamjit

    return {
        "version": yamjit.__version__,
        "installed in": os.path.dirname(yamjit.__file__),  # noqa: PTH120
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "processors": os.cpu_count(),
    }


def _kernels() -> dict[str, Any]:
    from yamjit.kernels.diagnosis import diagnose_kernels

    found = diagnose_kernels()
    shown: dict[str, Any] = {"problem": found.problem} if found.problem else {"backend": _backend(found)}
    if found.numba is not None and found.backend == "numba":
        state = (
            "warm: loaded without compiling" if found.numba.warm else "cold: compiled when that pays, or is asked for"
        )
        shown |= {
            "processor": found.numba.processor,
            "lowering": found.numba.lowering,
            **({"amx": f"not used: {found.numba.no_tiles}"} if found.numba.no_tiles else {}),
            "cache": found.cache,
            "cache can be written": found.cache_problem is None or found.cache_problem,
            "cache is": state,
        }
    if found.problem and found.library is not None:
        return shown | {"library": found.library.path}
    return shown | _library(found.library)


def _backend(found: KernelDiagnosis) -> str:
    """Return what runs the kernels."""
    from yamjit.kernels.machine_code.shipped import LIBRARY_VARIABLE

    if found.backend != "compiled" or not os.environ.get(LIBRARY_VARIABLE):
        return _BACKENDS[str(found.backend)]
    return f"compiled: the library that ${LIBRARY_VARIABLE} names; nothing is compiled here"


def _library(library: LibraryDiagnosis | None) -> dict[str, Any]:
    """Return what is shown of the library of compiled kernels."""
    from yamjit.kernels.lowering_choice import LOWERING_VARIABLE
    from yamjit.kernels.machine_code.shipped import LIBRARY_VARIABLE

    if library is None:
        none = "none: a wheel for this platform brings one"
        return {"library": none if not os.environ.get(LIBRARY_VARIABLE) else f"none (${LIBRARY_VARIABLE} says so)"}
    if library.problem:
        return {"library": library.path, "library problem": library.problem}
    lowering, asked = library.lowering, os.environ.get(LOWERING_VARIABLE)
    runs = {name: "runs here" if runs else "does not" for name, runs in (library.lowerings or {}).items()}
    runs |= {name: f"not used: {reason}" for name, reason in (library.refusals or {}).items()}
    return {
        "lowering": f"{lowering} (${LOWERING_VARIABLE} is {asked!r})" if asked else lowering,
        "lowerings": runs,
        "library": library.path,
        "library is": _state(library),
        "library's sources": library.sources,
        "plan files": _plan_files(),
    }


def _state(library: LibraryDiagnosis) -> str:
    """Return what is known of a library that is used."""
    from yamjit.kernels.machine_code.shipped import LIBRARY_VARIABLE

    if not os.environ.get(LIBRARY_VARIABLE):
        return "whole"
    if not library.of_other_sources:
        return f"named by ${LIBRARY_VARIABLE}, and built from the kernels here"
    return (
        f"named by ${LIBRARY_VARIABLE}, and built from other sources than the kernels here: scores are what those say; "
        "python -m tools.libraries builds it anew"
    )


def _plan_files() -> str:
    """Return how many plan files are kept, and where; else why none can be."""
    from yamjit.disk import why_not_kept
    from yamjit.errors import DependencyError
    from yamjit.store.plans import plans_folder

    try:
        folder = plans_folder()
    except DependencyError as error:
        return f"not kept: {error}"
    if problem := why_not_kept(folder):
        return f"not kept: {problem}"
    return f"{len(list(folder.glob('*.plan')))} in {folder}"


def _audio_files() -> dict[str, Any]:
    from yamjit.audio.sndfile import libsndfile_version
    from yamjit.errors import DependencyError

    try:
        found = {"libsndfile": libsndfile_version()}
    except DependencyError as error:
        return {"problem": str(error)}
    return {**found, **_phone_files()}


def _phone_files() -> dict[str, Any]:
    """Return what reads M4A, MP4, WebM and other files that libsndfile cannot read."""
    from yamjit.audio.ffmpeg import ffmpeg_version, find_ffmpeg
    from yamjit.audio.pyav import pyav_versions
    from yamjit.errors import DependencyError

    program = find_ffmpeg()
    ffmpeg = f"{ffmpeg_version(program)} ({program})" if program else "none on the PATH"
    try:
        return {
            "PyAV": pyav_versions(),
            "ffmpeg": f"{ffmpeg}; not used, because PyAV is installed" if program else ffmpeg,
        }
    except DependencyError:
        neither = ", so M4A, MP4, WebM, WMA, AMR and others are not read"
        return {"PyAV": _absent("av"), "ffmpeg": ffmpeg if program else ffmpeg + neither}


def _microphones() -> dict[str, Any]:
    from yamjit.audio import input_devices
    from yamjit.errors import AudioError, DependencyError

    try:
        devices = input_devices()
    except (AudioError, DependencyError) as error:
        return {"problem": str(error)}
    if not devices:
        return {"problem": "PortAudio works and finds no device; samples can come through a pipe: yamjit listen --raw"}
    return {
        str(device.index): {k: v for k, v in dataclasses.asdict(device).items() if k != "index"} for device in devices
    }


def _model() -> dict[str, Any]:
    from yamjit.errors import YamjitError
    from yamjit.loading import load

    try:
        model = load(backend="numpy", download=False)
    except YamjitError as error:
        return {"problem": str(error)}
    return {
        "name": printable(model.name) or "without a name",
        "from": f"{model.source.path} ({model.source.origin})",
        "sha256": model.source.sha256,
        "verified": model.verified,
        "status": kind_of(model),
        "classes": len(model.labels),
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _show(title: str, values: dict[str, Any]) -> None:
    print(title)
    for key, value in values.items():
        if key == "verified":  # as the status says, for programs
            continue
        text = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
        if isinstance(value, dict):
            text = ", ".join(f"{name} {part}" for name, part in value.items())
        print(f"  {key:<22}" + printable_lines(str(text)).replace("\n", "\n" + " " * 24))
