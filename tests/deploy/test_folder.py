"""The folder that `deploy` writes: what it holds, what is refused, and nothing is left of what failed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import yamjit
from yamjit.calibration import Calibration
from yamjit.cli import main
from yamjit.deploy import deploy, kit
from yamjit.errors import DependencyError, InputError, ModelError, OutputError
from yamjit.kernels.machine_code.platforms import own_platform
from yamjit.kernels.machine_code.sources import sources_digest
from yamjit.kernels.plan_file.layout import FAMILIES, MAGIC, Field
from yamjit.learn import ModelCard, export_head
from yamjit.trained.heads import Dense, Head

LIBRARIES = {
    f"{own_platform()}/libyamjit.a": b"static",
    "linux-aarch64/libyamjit.so": b"shared",
    "linux-aarch64/libyamjit.a": b"static",
    "ios-arm64/libyamjit.a": b"phone",
}
COMMON = {"yamjit.h", "yamjit.c", "main.c", "Makefile", "README.md"}


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A kit of libraries that cannot be linked."""
    return write_kit(tmp_path / "libraries", LIBRARIES)


def write_kit(folder: Path, libraries: Mapping[str, bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    files = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in libraries.items()}
    manifest = {"sources": sources_digest(), "tools": {}, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with tarfile.open(folder / "platforms.tar.xz", "w:xz") as archive:
        for name, data in libraries.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def header(plan: Path) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.frombuffer(plan.read_bytes()[:512], np.int64)


def test_a_folder_has_what_its_platforms_need(starter: yamjit.Classifier, libraries: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    written = deploy(starter, out, ["linux-aarch64", "ios-arm64"], libraries=libraries)
    assert names(out) == COMMON | {
        "model-arm.plan",
        "linux-aarch64/libyamjit.so",
        "linux-aarch64/libyamjit.a",
        "ios-arm64/libyamjit.a",
        "examples/ios/Sounds.swift",
        "examples/ios/module.modulemap",
    }
    assert {path.relative_to(out).as_posix() for path in written} == names(out)
    assert (out / "ios-arm64" / "libyamjit.a").read_bytes() == b"phone"
    fields = header(out / "model-arm.plan")
    assert fields[Field.MAGIC] == MAGIC
    assert FAMILIES[fields[Field.FAMILY]] == "arm"
    assert fields[Field.SIZE] == (out / "model-arm.plan").stat().st_size


def test_the_library_for_android_fits_pages_of_16_kb(library_files: Mapping[str, bytes]) -> None:
    """What the system maps is aligned to them, in the file and in memory."""
    library = library_files.get("android-arm64/libyamjit.so")
    if library is None:
        pytest.skip("the libraries were built without android-arm64")
    (at,), (count,) = struct.unpack_from("<Q", library, 32), struct.unpack_from("<H", library, 56)
    segments = [struct.unpack_from("<IIQQQQQQ", library, at + 56 * index) for index in range(count)]
    loaded = [(offset, address, align) for kind, _, offset, address, *_, align in segments if kind == 1]
    assert loaded
    for offset, address, align in loaded:
        assert align % 2**14 == 0
        assert (address - offset) % align == 0


def test_floats_that_are_calibrated_are_refused(libraries: Path, tmp_path: Path) -> None:
    head = Head(("a", "b"), "sigmoid", (Dense(np.eye(2, 9), np.ones(2)),))
    card = ModelCard(head_name="birds", calibration=Calibration(np.ones((2, 4))))
    model = yamjit.load(export_head(head, card), backend="numpy")
    with pytest.raises(ModelError, match="the scores of 'birds' are floats, which the model's metadata calibrate"):
        deploy(model, tmp_path / "out", libraries=libraries)
    assert not (tmp_path / "out").exists()


def test_this_platform_is_the_default(starter: yamjit.Classifier, libraries: Path, tmp_path: Path) -> None:
    deploy(starter, tmp_path / "out", libraries=libraries)
    assert f"{own_platform()}/libyamjit.a" in names(tmp_path / "out")


def test_an_empty_folder_is_filled_and_another_one_refused(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    deploy(starter, out, libraries=libraries)
    before = names(out)
    with pytest.raises(OutputError, match="is there already, and not an empty folder"):
        deploy(starter, out, libraries=libraries)
    assert names(out) == before
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(OutputError, match="is there already"):
        deploy(starter, tmp_path / "file", libraries=libraries)


def test_a_link_to_an_empty_folder_leads_to_it(starter: yamjit.Classifier, libraries: Path, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    (tmp_path / "link").symlink_to("card", target_is_directory=True)
    written = deploy(starter, tmp_path / "link", libraries=libraries)
    assert (tmp_path / "link").is_symlink()
    assert len(written) == len(names(tmp_path / "card"))
    assert all(path.is_file() for path in written)


def test_nothing_is_left_of_a_folder_that_cannot_be_written(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    before = names(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left"):
        deploy(starter, tmp_path / "out", libraries=libraries)
    assert names(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_an_unknown_platform_is_told_with_those_that_there_are(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"'linux-aarch46'.*ios-arm64.*did you mean 'linux-aarch64'\?"):
        deploy(starter, tmp_path / "out", ["linux-aarch46"], libraries=libraries)
    with pytest.raises(InputError, match=r"'linux-arm64'.*did you mean 'linux-aarch64'\?"):
        deploy(starter, tmp_path / "out", ["linux-arm64"], libraries=libraries)
    for targets in ("linux-aarch64", None, 5):
        with pytest.raises(InputError, match="a list of platforms is accepted"):
            deploy(starter, tmp_path / "out", targets, libraries=libraries)  # type: ignore[arg-type]
    for target in (None, 5, ["linux-aarch64"]):
        with pytest.raises(InputError, match=r"a target is .*; accepted are .*ios-arm64"):
            deploy(starter, tmp_path / "out", [target], libraries=libraries)  # type: ignore[list-item]
    assert not (tmp_path / "out").exists()


def test_missing_libraries_are_told_with_where_they_come_from(
    starter: yamjit.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "FOLDER", tmp_path / "nowhere")
    with pytest.raises(DependencyError, match=r"nowhere.*wheels.*python -m tools\.libraries.*--libraries"):
        deploy(starter, tmp_path / "out")


@pytest.mark.parametrize("damage", ["manifest", "archive", "library"])
def test_damaged_libraries_are_refused(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path, damage: str
) -> None:
    manifest, archive = libraries / "manifest.json", libraries / "platforms.tar.xz"
    if damage == "manifest":
        manifest.write_text("[]", encoding="utf-8")
    elif damage == "archive":
        archive.write_bytes(archive.read_bytes()[:90])
    else:
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace(hashlib.sha256(b"phone").hexdigest(), "0" * 64), encoding="utf-8")
    with pytest.raises(InputError, match="libraries: "):
        deploy(starter, tmp_path / "out", libraries=libraries)


@pytest.mark.parametrize(
    "name", ["linux-x86_64/../../evil", "linux-x86_64/..", "../evil", "linux-x86_64\\..\\evil", "/evil"]
)
def test_files_that_would_lie_elsewhere_are_refused(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path, name: str
) -> None:
    write_kit(libraries, {**LIBRARIES, name: b"evil"})
    with pytest.raises(InputError, match="which is not the name of a platform's library"):
        deploy(starter, tmp_path / "out", ["linux-x86_64"], libraries=libraries)
    assert not (tmp_path / "out").exists()


def test_libraries_of_other_sources_are_refused(
    starter: yamjit.Classifier, libraries: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "sources_digest", lambda: "0" * 64)
    with pytest.raises(InputError, match=r"other sources than this yamjit's: run python -m tools\.libraries again"):
        deploy(starter, tmp_path / "out", libraries=libraries)


# -- The verb ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [["starter"], ["--model", "starter"]], ids=["by place", "by name"])
def test_the_verb_writes_a_folder_and_lists_it(
    model: list[str], libraries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["--target", "linux-aarch64", "ios-arm64", "--libraries", str(libraries)]
    assert main(["export", *model, "--deploy", str(out), *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"{out / 'yamjit.h'}: {(out / 'yamjit.h').stat().st_size} bytes" in lines
    assert len(lines) == len(names(out))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["starter", "--model", "starter"], "two models were given"),
        (["starter", "--bake"], "--deploy FOLDER is by itself"),
        (["starter", "-o", "x.tflite"], "--deploy FOLDER is by itself"),
    ],
)
def test_the_verb_refuses_what_does_not_fit(
    given: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *given, "--deploy", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_verb_wants_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["export", "starter", "--deploy", str(tmp_path / "file")]) == 1
    assert "the files of a deployment are written to a folder" in capsys.readouterr().err


def test_a_target_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "starter", "--target", "linux-aarch64"]) == 1
    assert "--deploy FOLDER" in capsys.readouterr().err
