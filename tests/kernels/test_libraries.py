"""Libraries that are built ahead of time: what they are made of, what C is told, what accompanies them."""

from __future__ import annotations

import hashlib
import json
import os
import platform as machine
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import yamjit.deploy
from tools.checks.binaries import traces
from tools.checks.libraries import main as prove
from tools.libraries import kit, tools
from tools.libraries.__main__ import main
from tools.libraries.bitcode import MODULES, OF_ALL, OF_THE_LAST
from tools.libraries.platforms import PLATFORMS, Platform
from yamjit.errors import DependencyError
from yamjit.kernels.lowering_choice import LOWERINGS
from yamjit.kernels.machine_code import sources
from yamjit.kernels.machine_code.platforms import KIT, own_platform
from yamjit.kernels.plan_file.layout import FAMILIES
from yamjit.kernels.vectors.target import TARGETS

ROOT = Path(__file__).resolve().parents[2]
C = Path(yamjit.deploy.__file__).parent / "c"
DISPATCH = (C / "dispatch.c").read_text(encoding="utf-8")


ENTRIES = (*OF_ALL, *OF_THE_LAST)


# -- Platforms --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS)
def test_a_platform_has_lowerings_of_its_machine_best_first_and_one_that_runs_everywhere(platform: Platform) -> None:
    targets = [TARGETS[name] for name in platform.lowerings]
    order = list(TARGETS)
    assert sorted(platform.lowerings, key=order.index) == list(platform.lowerings)
    machines = {"x86": "x86_64", "arm": "aarch64", "wasm": "wasm32"}
    assert {target.machine for target in targets} == {machines[platform.family]}
    assert {target.family for target in targets} == {platform.family}
    assert {target.multiplies_signed_bytes for target in targets} == {platform.family != "x86"}
    assert targets[-1].needs == ()
    assert platform.family in FAMILIES


@pytest.mark.parametrize(
    ("system", "machine", "bits", "name"),
    [
        ("linux", "x86_64", 64, "linux-x86_64"),
        ("linux", "aarch64", 64, "linux-aarch64"),
        ("darwin", "arm64", 64, "macos-arm64"),
        ("win32", "AMD64", 64, "windows-x86_64"),
        ("win32", "ARM64", 64, "windows-arm64"),
        ("linux", "aarch64", 32, "linux-aarch64-of-32-bits"),
        ("linux", "aarch64_be", 64, "linux-aarch64_be"),
        ("freebsd14", "amd64", 64, "freebsd14-x86_64"),
    ],
)
def test_a_process_knows_its_platform(
    system: str, machine: str, bits: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "maxsize", 2 ** (bits - 1) - 1)
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine), raising=False)
    if system == "win32":
        monkeypatch.delattr(os, "uname")
        monkeypatch.setenv("PROCESSOR_ARCHITECTURE", machine)
    found = own_platform()
    monkeypatch.undo()
    assert found == name


def test_c_asks_for_every_feature_that_llvm_may_use() -> None:
    listed = re.findall(r"static const Feature (\w+)\[\] = \{(.*?)\};", DISPATCH, re.DOTALL)
    asked = {name: re.findall(r"/\* (\S+) \*/", body) for name, body in listed}
    above = {"avx2": (), "avxvnni": ("AVXVNNI",), "avx512vnni": ("AVX512VNNI",), "amx": ("AVX512VNNI", "AMX")}
    for name, tables in above.items():
        wanted = {feature.removeprefix("+") for feature in TARGETS[name].features.split(",")}
        found = {*asked["AVX2"], *(feature for table in tables for feature in asked[table])}
        assert found == wanted - {"sse2"}  # which every x86-64 processor has


def test_c_knows_every_entry_and_every_lowering() -> None:
    for entry in ENTRIES:
        assert f'is_same(name, "{entry.name}")' in DISPATCH
    for lowering in LOWERINGS:
        assert f"CHECK int runs_{lowering.replace('-', '_')}(void)" in DISPATCH


# -- Sources ----------------------------------------------------------------------------------------------------


def test_sources_begin_at_the_entries() -> None:
    modules = {entry.module for entry in ENTRIES} | {
        function.entry.module for functions in MODULES.values() for function in functions.values()
    }
    assert sorted(sources._ENTRIES) == sorted(modules)


def test_sources_are_what_entries_import_and_not_what_loads_libraries() -> None:
    files = {path.relative_to(sources._PACKAGE).as_posix() for path in sources._imported_by(*sources._ENTRIES)}
    assert {"kernels/int8/matmul.py", "kernels/vectors/target.py", "kernels/plan_file/layout.py"} <= files
    assert not {"kernels/machine_code/shipped.py", "kernels/backends.py", "model.py"} & files


def test_a_source_in_c_counts_and_a_document_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(sources._PACKAGE, tmp_path / "yamjit", ignore=shutil.ignore_patterns("*.tflite", "__pycache__"))
    monkeypatch.setattr(sources, "_PACKAGE", tmp_path / "yamjit")
    modules = ("yamjit.kernels.steps.run", "yamjit.kernels.plan_file.digest")
    before, steps, digest = sources.sources_digest(), *map(sources.entry_digest, modules)
    (tmp_path / "yamjit/deploy/c/Makefile").write_text("all:\n")
    assert sources.sources_digest() == before
    with (tmp_path / "yamjit/deploy/c/dispatch.c").open("a") as file:
        file.write("\n")
    after = sources.sources_digest()
    assert after != before
    assert tuple(map(sources.entry_digest, modules)) == (steps, digest)
    with (tmp_path / "yamjit/kernels/int8/matmul.py").open("a") as file:
        file.write("\n")
    assert sources.sources_digest() not in (before, after)
    assert sources.entry_digest(modules[0]) != steps
    assert sources.entry_digest(modules[1]) == digest


# -- What accompanies libraries ---------------------------------------------------------------------------------


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, list[str]]]:
    """A folder of files that stand for libraries, and their names."""
    monkeypatch.setattr(kit, "versions", lambda: {"numba": "1", "llvmlite": "2", "ziglang": "3"})
    files = {"linux-x86_64/libyamjit.so": b"shared" * 99, "linux-x86_64/libyamjit.a": b"static"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path, list(files)


def test_the_manifest_says_what_files_are_and_were_made_from(libraries: tuple[Path, list[str]]) -> None:
    folder, names = libraries
    manifest = json.loads(kit.write_manifest(folder, names).read_text())
    assert manifest["sources"] == sources.sources_digest()
    assert manifest["tools"] == {"numba": "1", "llvmlite": "2", "ziglang": "3"}
    content = (folder / names[0]).read_bytes()
    assert manifest["files"][names[0]] == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    assert list(manifest["files"]) == sorted(names)


def test_the_kit_holds_the_libraries_and_nothing_of_this_machine(libraries: tuple[Path, list[str]]) -> None:
    folder, names = libraries
    first = kit.write_kit(folder, names).read_bytes()
    for name in names:
        (folder / name).touch()
        (folder / name).chmod(0o700)
    assert kit.write_kit(folder, reversed(names)).read_bytes() == first
    with tarfile.open(folder / KIT) as archive:
        members = archive.getmembers()
        assert [member.name for member in members] == sorted(names)
        assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
            (0, 0, 0, "", 0o644)
        }
        assert archive.extractfile(names[0]).read() == (folder / names[0]).read_bytes()  # type: ignore[union-attr]


# -- Command line -----------------------------------------------------------------------------------------------


def test_an_unknown_platform_is_told_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["linux-x86"])
    assert stopped.value.code == 2
    assert "there is no platform linux-x86; there are linux-x86_64, linux-aarch64, " in capsys.readouterr().err


def test_a_missing_tool_is_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_PACKAGES", ("no-such-package-of-yamjit",))
    with pytest.raises(DependencyError, match=re.escape("pip install -e '.[libraries]'")):
        tools.versions()


@pytest.mark.parametrize("tool", ["tools.libraries", "tools.wheels", "tools.checks.libraries"])
def test_in_a_bare_checkout_tools_say_what_to_install(tool: str) -> None:
    command = [sys.executable, "-E", "-S", "-m", tool]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("error: yamjit is not installed")
    assert "pip install -e '.[libraries]'" in done.stderr


# -- What proves them -------------------------------------------------------------------------------------------


def test_where_nothing_that_runs_a_library_is_installed_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    from tools.checks.library_proof import WAYS, missing

    monkeypatch.setenv("PATH", "")
    said = {way.title: missing(way) for way in WAYS}
    assert "apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross" in said["Cortex-A76"]
    assert said["glibc"] == "cc not found: apt-get install gcc"
    assert all(said.values())


def test_a_library_that_tells_where_it_was_built_is_not_as_it_is_to_be(tmp_path: Path) -> None:
    library = tmp_path / "libyamjit.a"
    library.write_bytes(b"!<arch>\n")
    assert list(traces(library)) == []
    library.write_bytes(b"!<arch>\n/tmp/zig/dispatch.obj")
    assert list(traces(library)) == ["libyamjit.a tells where it was built: /tmp/"]


def test_where_nothing_can_be_proven_the_status_is_not_that_of_what_was_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prove([str(tmp_path)]) == 1
    assert f"there is no library in {tmp_path}" in capsys.readouterr().err
    (tmp_path / "linux-x86_64").mkdir()
    monkeypatch.setattr("tools.checks.libraries._PACKAGES", ("no_such_package_of_yamjit",))
    assert prove([str(tmp_path)]) == 1
    assert "not installed: no_such_package_of_yamjit; in a checkout, pip install" in capsys.readouterr().err


@pytest.mark.skipif(machine.machine().lower() not in ("x86_64", "amd64"), reason="LLVM assembles for this machine")
def test_avxvnni_is_an_instruction_of_avx512_in_another_encoding() -> None:
    pytest.importorskip("numba")
    from tools.checks import evex

    text = "{vex} vpdpbusd %ymm0, %ymm1, %ymm2\n"
    assert bytes.fromhex("c4e27550d0") in evex._assembled(text, TARGETS[evex.STANDS_FOR])
    assert bytes.fromhex("62f2752850d0") in evex._assembled(text.replace("vex", "evex"), TARGETS[evex.THROUGH])
