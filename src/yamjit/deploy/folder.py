"""A model as a folder that a C program is built in and runs from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.record import CompiledModel
from yamjit.compiled.writer import plan_file_bytes
from yamjit.deploy.kit import platforms_of, read_kit
from yamjit.disk import describe
from yamjit.errors import InputError, ModelError, OutputError
from yamjit.kernels.machine_code.platforms import own_platform
from yamjit.keywords import explained
from yamjit.plan.roles import read_roles
from yamjit.writing import naming, partial_beside

__all__ = ["compiled_model", "deploy", "web_files", "write_folder"]

_HERE = Path(__file__).parent

#: Sources of C, beside the libraries and plans.
_C_FILES = ("yamjit.h", "yamjit.c", "main.c", "Makefile", "README.md")

#: Callers on phones, by the platforms for which they are written.
_EXAMPLES = {
    "android-arm64": ("examples/android", ("CMakeLists.txt", "Sounds.kt", "sounds.c")),
    "ios-arm64": ("examples/ios", ("Sounds.swift", "module.modulemap")),
}

#: What runs in a browser: its modules lie in the package of JavaScript that loads them.
_WEB = "wasm"

#: How others call the platforms.
_ALSO_CALLED = {
    "linux-x86_64": ("linux-amd64", "linux-x64"),
    "linux-aarch64": ("linux-arm64", "raspberry-pi"),
    "windows-x86_64": ("windows-amd64", "windows-x64"),
    "windows-arm64": ("windows-aarch64",),
    "macos-arm64": ("macos-aarch64", "darwin-arm64"),
    "macos-x86_64": ("macos-amd64", "darwin-amd64", "darwin-x86_64"),
    "android-arm64": ("android-aarch64", "arm64-v8a"),
    "ios-arm64": ("ios-aarch64", "iphone"),
    _WEB: ("web", "browser", "javascript"),
}


@explained
def deploy(
    model: Classifier,
    folder: str | os.PathLike[str],
    targets: Iterable[str] = (),
    *,
    libraries: str | os.PathLike[str] | None = None,
) -> tuple[Path, ...]:
    """Write everything that a program without Python needs to run a model.

    The folder gets the model as a plan file for each family of processors (``model-x86.plan``, ``model-arm.plan``,
    ``model-wasm.plan``), a folder for each platform with its library, shared and static, and ``yamjit.h``,
    ``yamjit.c``, ``main.c``, a ``Makefile`` and a ``README.md`` that says how to use them from C, Go, Rust, Kotlin and
    Swift; for Android a class of Kotlin as well, for iOS one of Swift. For browsers the folder ``wasm`` is a package of
    JavaScript, with the modules of WebAssembly that it loads.

    Parameters
    ----------
    model : Classifier
        Its own names of classes, calibration and thresholds are written; its options are not.
    folder : path
        A folder that does not exist yet, or is empty. It is written whole or not at all.
    targets : iterable of str
        Platforms: linux-x86_64, linux-aarch64, windows-x86_64, windows-arm64, macos-arm64, macos-x86_64, android-arm64,
        ios-arm64, and wasm for browsers. By default this machine's.
    libraries : path, optional
        The folder that ``python -m tools.libraries`` wrote; by default the libraries that this installation holds.

    Returns
    -------
    tuple of Path
        The files that were written.

    Raises
    ------
    InputError
        If a platform is unknown, the model was loaded with heads, or the libraries are damaged or of another version.
    DependencyError
        If there are no libraries, as in a clone where none were built.
    ModelError
        If the model cannot be a plan file: the compiled front end does not compute its frames; or its scores are
        floats, and its metadata calibrate them, which Python alone does.
    OutputError
        If the folder is not empty or cannot be written.

    Examples
    --------
    >>> from yamjit.deploy import deploy
    >>> deploy(yamjit.load("birds.tflite"), "birds-on-a-pi", ["linux-aarch64"])
    """
    checks.instance(model, "model", Classifier)
    compiled = compiled_model(model)
    kit = read_kit(None if libraries is None else checks.path(libraries, "libraries"))
    chosen = _checked(targets, platforms_of(kit))
    files = _sources(chosen)
    for family in sorted({_family(platform) for platform in chosen}):
        files[f"model-{family}.plan"] = plan_file_bytes(compiled, family, model.source.sha256)
    files.update({name: content for name, content in kit.items() if name.partition("/")[0] in chosen})
    return write_folder(folder, files)


def compiled_model(model: Classifier) -> CompiledModel:
    """Return what becomes a plan file; raises as `deploy` does if the model cannot be one."""
    if model.head_sources:
        raise InputError("heads in files of their own cannot be deployed: join the head to the model by yamjit train")
    compiled = compile_model(model.graph, read_roles(model.roles))
    _check_calibration(compiled)
    return compiled


def write_folder(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files into a folder, whole or not at all; return their paths.

    Raises
    ------
    OutputError
        If the folder is not empty or cannot be written.
    """
    place = Path(os.path.realpath(checks.path(folder, "folder")))  # a link to a folder leads to it
    try:
        with naming(str(place)):
            _write(place, files)
    except OSError as error:
        raise OutputError(f"{str(folder)!r}: cannot be written: {describe(error)}") from error
    return tuple(Path(folder) / name for name in files)


def _sources(platforms: Collection[str]) -> dict[str, bytes]:
    """Return the files that are the same for all models: of C, and of JavaScript."""
    files: dict[str, bytes] = {}
    if set(platforms) - {_WEB}:
        files.update({name: (_HERE / "c" / name).read_bytes() for name in _C_FILES})
    for folder, names in (_EXAMPLES[platform] for platform in platforms if platform in _EXAMPLES):
        files.update({f"{folder}/{name}": (_HERE / "phones" / name).read_bytes() for name in names})
    if _WEB in platforms:
        files.update({f"{_WEB}/{name}": content for name, content in web_files().items()})
    return files


def web_files() -> dict[str, bytes]:
    """Return the package of JavaScript by the names of its files, without the modules of WebAssembly that it loads."""
    described = (path for path in (_HERE / "web").iterdir() if path.suffix != ".js")
    return {path.name: path.read_bytes() for path in sorted([*described, *(_HERE / "package").glob("*.js")])}


def _check_calibration(model: CompiledModel) -> None:
    """Check that no scores are calibrated for which there is no table of all values."""
    for head, record in zip(model.plan.heads, model.heads, strict=True):
        if record.calibration is not None and head.scores.dtype != np.int8:
            raise ModelError(
                f"the scores of {record.name!r} are floats, which the model's metadata calibrate; only Python does so: "
                "deploy a model without score calibration, or one whose scores are int8"
            )


def _checked(targets: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms that were given, or this one."""
    given = checks.elements(targets, "targets", "platforms") or (own_platform(),)
    return tuple(dict.fromkeys(checks.choice(platform, "a target", known, _ALSO_CALLED) for platform in given))


def _family(platform: str) -> str:
    if platform == _WEB:
        return "wasm"
    return "x86" if platform.endswith("x86_64") else "arm"


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder that appears when it is whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{str(folder)!r}: is there already, and not an empty folder: name another one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_beside(folder)
    try:
        for name, content in files.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
