"""What the build backend does beside its own: puts a platform's library into a wheel.

``python -m tools.libraries`` leaves libraries in ``build/libraries``. Where that folder is, wheels hold the kit of all
platforms, and the wheel of a platform holds its library. Every file has to be the one that the manifest describes, made
from the very sources that the wheel holds; anything else is an error. Without the folder, as in a fresh clone or in a
source distribution, the wheel is pure Python. An editable installation has no library, since its sources change.

``$YAMJIT_WHEEL`` says which wheel is built: of a platform, such as "linux-aarch64", or "pure"; by default that of this
platform.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import lzma
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["TAGS", "VARIABLE", "Libraries"]

#: Tags of the wheel for each platform.
TAGS = {
    "linux-x86_64": "py3-none-manylinux_2_17_x86_64.musllinux_1_1_x86_64",
    "linux-aarch64": "py3-none-manylinux_2_17_aarch64.musllinux_1_1_aarch64",
    "macos-arm64": "py3-none-macosx_11_0_arm64",
    "macos-x86_64": "py3-none-macosx_11_0_x86_64",
    "windows-x86_64": "py3-none-win_amd64",
    "windows-arm64": "py3-none-win_arm64",
}

#: Environment variable that says which wheel is built.
VARIABLE = "YAMJIT_WHEEL"


class Libraries(BuildHookInterface):
    """Puts a library into a wheel, and gives that the tags of its platform."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add files and tags to what is built."""
        wanted = os.environ.get(VARIABLE, "")
        if wanted not in ("", "pure", *TAGS):
            raise ValueError(f"${VARIABLE} is {wanted!r}; accepted are pure, {', '.join(TAGS)}")
        folder = Path(self.root) / "build" / "libraries"
        if version == "editable" or not (wanted in TAGS or folder.is_dir()):
            return
        platforms = _module(Path(self.root), "platforms")
        manifest, kit = folder / platforms.MANIFEST, folder / platforms.KIT
        sources = _module(Path(self.root), "sources").sources_digest
        files = _proven_files(manifest, kit, sources) if folder.is_dir() else {}
        platform = wanted or platforms.own_platform()
        library = f"{platform}/{platforms.library_file(platform)}"
        if wanted in TAGS and library not in files:
            raise ValueError(f"there is no {folder / library}: python -m tools.libraries {platform} builds it")
        included = [manifest.name, kit.name]
        if library in files and platform in TAGS:
            included.append(library)
            build_data["tag"], build_data["pure_python"] = TAGS[platform], False
        places = {str(folder / name): f"yamjit/libraries/{Path(name).name}" for name in included}
        build_data["force_include"].update(places)


def _proven_files(manifest: Path, kit: Path, sources: Callable[[], str]) -> Mapping[str, Any]:
    """Return what the manifest of libraries describes: what is there, whole, and made from sources of this digest."""
    files: Mapping[str, Any] = {}
    try:
        said = json.loads(manifest.read_bytes())
        files = said["files"]
        problem = _problem(kit, files) if said["sources"] == sources() else "was built from other sources than these"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, tarfile.TarError, lzma.LZMAError) as error:
        problem = f"is not whole ({error!r})"
    if problem:
        raise ValueError(
            f"{manifest.parent} {problem}: python -m tools.libraries builds all of it anew; without it "
            "the wheel is the pure one"
        )
    return files


def _problem(kit: Path, files: Mapping[str, Any]) -> str | None:
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(kit.read_bytes()))) as archive:
        packed = {member.name: _sha256(archive.extractfile(member)) for member in archive}
    for name, described in files.items():
        with (kit.parent / name).open("rb") as file:
            if not packed.get(name) == _sha256(file) == described["sha256"]:
                return f"holds another {name} than its manifest says, or {kit.name} does"
    surplus = ", ".join(packed.keys() - files.keys())
    return f"holds {surplus} in {kit.name}, which its manifest does not name" if surplus else None


def _sha256(file: IO[bytes] | None) -> str:
    return hashlib.sha256(file.read() if file is not None else b"").hexdigest()


def _module(root: Path, name: str) -> ModuleType:
    """Return a module of `machine_code` that imports nothing but Python's own, without what the package needs."""
    path = root / "src" / "yamjit" / "kernels" / "machine_code" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
