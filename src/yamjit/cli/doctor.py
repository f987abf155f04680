"""``yamjit doctor``: what is installed, what this machine has, and whether it works."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import os
import platform
import sys
from typing import Any

from yamjit.cli.exits import EXIT_ERROR, EXIT_OK
from yamjit.cli.model_notes import kind_of
from yamjit.cli.options import add_flag
from yamjit.installing import how_to_install
from yamjit.text import json_text, printable, printable_lines

__all__ = ["DESCRIPTION", "HELP", "add_arguments", "run"]

HELP = "show what is installed and whether it works"
DESCRIPTION = (
    "Show what is installed, which instruction set the kernels use, whether their cache can be written and is warm, "
    "which microphones there are, and which model is found. The exit code is 1 if a recording could not be "
    "classified."
)

_PACKAGES = ("numpy", "numba", "llvmlite", "soundfile", "soxr", "pooch", "platformdirs")
_EXTRAS = {
    "av": "av",
    "sounddevice": "mic",
    "matplotlib": "plot",
    "argcomplete": "completion",
    "pyarrow": "parquet",
    "pandas": "pandas",
    "polars": "polars",
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
    works = found["model"].get("problem") is None and found["audio files"].get("problem") is None
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
    if found.numba is None:
        return {"backend": "numpy: Numba is not installed; everything works, but slower"}
    state = "warm: loaded without compiling" if found.warm else "cold: compiled when that pays, or with --backend numba"
    return {
        "backend": f"numba {found.numba}",
        "processor": found.processor,
        "lowering": found.lowering,
        "cache": found.cache,
        "cache can be written": found.cache_problem is None or found.cache_problem,
        "cache is": state,
    }


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
