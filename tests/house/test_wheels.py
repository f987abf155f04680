"""Wheels: which library gets into which, which never does, and which systems take which wheel."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hatchling", reason="needs the build backend: pip install hatchling")
from packaging import tags
from packaging.utils import parse_wheel_filename

from hatch_build import TAGS, VARIABLE, Libraries
from tools import wheels
from yamjit.kernels.machine_code.platforms import KIT, MANIFEST, library_file, own_platform

ROOT = Path(__file__).resolve().parents[2]
MACHINE_CODE = "src/yamjit/kernels/machine_code"

FILES = {f"{platform}/{library_file(platform)}": platform.encode() for platform in TAGS}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree of which only the digest of sources is left, with a library for each platform."""
    (tmp_path / MACHINE_CODE).mkdir(parents=True)
    shutil.copy(ROOT / MACHINE_CODE / "platforms.py", tmp_path / MACHINE_CODE)
    (tmp_path / MACHINE_CODE / "sources.py").write_text("sources_digest = lambda: '12ab'\n")
    add_libraries(tmp_path)
    return tmp_path


def add_libraries(root: Path, files: Mapping[str, bytes] = FILES, sources: str = "12ab") -> Path:
    """Write libraries, their manifest and their kit, as ``tools.libraries`` does; return their folder."""
    folder = root / "build" / "libraries"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as kit:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            kit.addfile(member, io.BytesIO(content))
    (folder / KIT).write_bytes(packed.getvalue())
    described = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in files.items()
    }
    (folder / MANIFEST).write_text(json.dumps({"sources": sources, "files": described}))
    return folder


def built(root: Path, version: str = "standard") -> dict[str, Any]:
    """Return what the hook adds to a wheel."""
    data: dict[str, Any] = {"force_include": {}}
    Libraries(str(root), {}, None, None, str(root), "wheel").initialize(version, data)  # type: ignore[arg-type]
    return data


def included(data: dict[str, Any]) -> set[str]:
    assert all(Path(source).is_file() for source in data["force_include"])
    return set(data["force_include"].values())


# -- What gets into a wheel -------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", TAGS)
def test_the_wheel_of_a_platform_holds_its_library(platform: str, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, platform)
    data = built(tree)
    names = (library_file(platform), MANIFEST, KIT)
    assert included(data) == {f"yamjit/libraries/{name}" for name in names}
    source = next(path for path, place in data["force_include"].items() if place.endswith(names[0]))
    assert Path(source).read_bytes() == platform.encode()
    assert (data["tag"], data["pure_python"]) == (TAGS[platform], False)


def test_by_default_it_is_this_platforms(tree: Path) -> None:
    data = built(tree)
    assert data.get("tag") == TAGS.get(own_platform())
    assert f"yamjit/libraries/{KIT}" in included(data)


def test_the_pure_wheel_holds_the_kit_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "pure")
    data = built(tree)
    assert included(data) == {f"yamjit/libraries/{name}" for name in (MANIFEST, KIT)}
    assert "tag" not in data


def test_the_manifest_of_a_wheel_names_its_very_sources(tree: Path) -> None:
    def manifest() -> dict[str, Any]:
        places = built(tree)["force_include"].items()
        found: dict[str, Any] = json.loads(Path(next(path for path, name in places if MANIFEST in name)).read_bytes())
        return found

    before = manifest()
    assert manifest() == before
    (tree / "src" / "yamjit" / "planner.py").write_text("mended = True")
    after = manifest()
    assert before.pop("package") != after.pop("package")
    assert before == after == json.loads((tree / "build" / "libraries" / MANIFEST).read_bytes())


def test_without_libraries_and_in_an_editable_installation_there_is_nothing(tree: Path) -> None:
    add_libraries(tree, sources="34cd")
    assert built(tree, "editable") == {"force_include": {}}
    shutil.rmtree(tree / "build")
    assert built(tree) == {"force_include": {}}


# -- What never does --------------------------------------------------------------------------------------------


def test_libraries_of_other_sources_are_refused(tree: Path) -> None:
    add_libraries(tree, sources="34cd")
    with pytest.raises(ValueError, match=r"other sources than these: python -m tools\.libraries builds all of it anew"):
        built(tree)


@pytest.mark.parametrize("name", [*FILES, KIT, MANIFEST])
def test_damage_anywhere_is_refused(name: str, tree: Path) -> None:
    path = tree / "build" / "libraries" / name
    content = path.read_bytes()
    for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"python -m tools\.libraries builds"):
            built(tree)
    path.unlink()
    with pytest.raises(ValueError, match=r"is not whole"):
        built(tree)


def test_a_kit_of_something_else_is_refused(tree: Path) -> None:
    folder = tree / "build" / "libraries"
    kit = (folder / KIT).read_bytes()
    add_libraries(tree, {name: content for name, content in FILES.items() if "linux" in name})
    (folder / KIT).write_bytes(kit)
    with pytest.raises(ValueError, match="which its manifest does not name"):
        built(tree)


def test_a_platform_that_was_not_built_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_libraries(tree, {})
    assert "tag" not in built(tree)
    for platform in ("macos-arm64", own_platform()):
        monkeypatch.setenv(VARIABLE, platform)
        with pytest.raises(ValueError, match=f"there is no .*: python -m tools.libraries {platform} builds it"):
            built(tree)
    shutil.rmtree(tree / "build")
    with pytest.raises(ValueError, match="there is no "):
        built(tree)
    monkeypatch.setenv(VARIABLE, "linux-sparc")
    with pytest.raises(ValueError, match="accepted are pure, linux-x86_64"):
        built(tree)


# -- Who takes which wheel --------------------------------------------------------------------------------------

SYSTEMS = {
    "linux-x86_64": ["manylinux_2_36_x86_64", "manylinux_2_17_x86_64"],
    "linux-x86_64, musl": ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"],
    "linux-aarch64": ["manylinux_2_17_aarch64"],
    "linux-aarch64, musl": ["musllinux_1_1_aarch64"],
    "linux-armv7l": ["manylinux_2_36_armv7l", "manylinux_2_17_armv7l"],
    "macos-arm64": list(tags.mac_platforms((14, 0), "arm64")),
    "macos-x86_64": list(tags.mac_platforms((13, 0), "x86_64")),
    "macos-x86_64, 10.15": list(tags.mac_platforms((10, 15), "x86_64")),
    "windows-x86_64": ["win_amd64"],
    "windows-arm64": ["win_arm64"],
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_takes_the_wheel_with_its_library_first(system: str) -> None:
    platform = system.partition(",")[0]
    supported = list(tags.compatible_tags((3, 12), "cp312", SYSTEMS[system]))
    kinds = {kind: tags.parse_tag(tag) for kind, tag in {**TAGS, "pure": "py3-none-any"}.items()}
    taken = [kind for tag in supported for kind, own in kinds.items() if tag in own]
    lacking = platform == "linux-armv7l" or "10.15" in system
    assert list(dict.fromkeys(taken)) == (["pure"] if lacking else [platform, "pure"])


# -- Built for real ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a wheel is built from, with libraries that are none, and little else."""
    root = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py"):
        shutil.copy(ROOT / name, root)
    (root / MACHINE_CODE).mkdir(parents=True)
    for name in ("platforms.py", "sources.py"):
        shutil.copy(ROOT / MACHINE_CODE / name, root / MACHINE_CODE)
    (root / MACHINE_CODE / "sources.py").write_text("sources_digest = lambda: '12ab'\n")
    shutil.copy(ROOT / "src/yamjit/__init__.py", root / "src/yamjit")
    return root


def test_wheels_are_the_same_bytes_each_time(small_tree: Path, tmp_path: Path) -> None:
    add_libraries(small_tree)
    first = wheels.build_wheel("windows-arm64", tmp_path / "one", small_tree)
    for path in small_tree.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    second = wheels.build_wheel("windows-arm64", tmp_path / "two", small_tree)
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())
    assert parse_wheel_filename(first.name)[3] == tags.parse_tag(TAGS["windows-arm64"])
    with zipfile.ZipFile(first) as file:
        assert file.read("yamjit/libraries/yamjit.dll") == b"windows-arm64"
        told = next(name for name in file.namelist() if name.endswith("/WHEEL"))
        assert {"Root-Is-Purelib: false", "Tag: py3-none-win_arm64"} <= set(file.read(told).decode().splitlines())


def test_the_tool_says_what_the_build_backend_refuses(
    small_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_libraries(small_tree, sources="34cd")
    monkeypatch.setattr(wheels.build_wheel, "__defaults__", (small_tree,))
    assert wheels.main(["linux-x86_64", "-o", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert "was built from other sources than these" in printed.err
    with pytest.raises(SystemExit):
        wheels.main(["linux-sparc"])
    assert "there is no wheel for linux-sparc; there are linux-x86_64, " in capsys.readouterr().err
