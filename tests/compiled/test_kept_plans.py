"""Plan files of the cache: made once, private, and never in the way, whatever is found in their place."""

from __future__ import annotations

import functools
import logging
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.plan_files import check_in_python, digest_of
from yamjit import Classifier, ClassifierOptions, load
from yamjit.compiled import loading
from yamjit.compiled.record import CompiledModel
from yamjit.compiled.writer import plan_file_bytes
from yamjit.errors import DependencyError
from yamjit.kernels import backends
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.plan_file.entries import CHECK_PLAN
from yamjit.kernels.plan_file.layout import Field
from yamjit.kernels.vectors.target import TARGETS
from yamjit.store import plans, resolve_model
from yamjit.store.plans import PlanFile

FAMILY = "x86"


def refuse_to_run(*arguments: int) -> None:
    raise AssertionError("nothing is to be run")


class Library:
    """What is asked of a library while a model is loaded."""

    family, package = FAMILY, ""

    def entry(self, entry: Entry) -> Callable[..., object]:
        return {CHECK_PLAN: check_in_python}.get(entry, refuse_to_run)

    def target(self) -> Any:
        return TARGETS["plain"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of plan files, in a cache of this test's own, and a library whose kernels are not called."""
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("yamjit.model.load_backend", lambda name: backends.CompiledBackend(Library()))  # type: ignore[arg-type]
    monkeypatch.setattr(loading._FromPlanFile, "_digest", staticmethod(lambda data: digest_of(bytes(data))))
    monkeypatch.setattr("yamjit.compiled.writer.plan_file_bytes", written_once)
    plans._warn_once.cache_clear()
    return tmp_path / "cache" / "plans"


#: Contents by the SHA-256 of their models: packing takes longer than all else here.
CONTENTS: dict[str, bytes] = {}


def written_once(model: CompiledModel, family: str, sha256: str, digest: Callable[[memoryview], int]) -> bytes:
    if sha256 not in CONTENTS:
        CONTENTS[sha256] = plan_file_bytes(model, family, sha256, digest)
    return CONTENTS[sha256]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were compiled from their graphs, one after the other."""
    found: list[str] = []
    compile_graph = loading._compiled

    def compiled(source: Any, roles: Any) -> Any:
        found.append(source.sha256)
        return compile_graph(source, roles)

    monkeypatch.setattr(loading, "_compiled", compiled)
    return found


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


# -- Made once --------------------------------------------------------------------------------------------------


def test_a_model_is_compiled_once(folder: Path, made: list[str]) -> None:
    first = load("starter")
    path = only(folder)
    assert path.name.startswith(f"{first.source.sha256[:16]}-x86-")
    assert path.suffix == ".plan"
    before = path.stat()
    second = load("starter")
    assert made == [first.source.sha256]
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert [head.labels for head in first.heads] == [head.labels for head in second.heads]
    if hasattr(os, "geteuid"):
        assert [stat.S_IMODE(place.stat().st_mode) for place in (folder, path)] == [0o700, 0o600]


def test_a_loaded_plan_file_is_a_whole_model(two_heads_model: bytes, made: list[str]) -> None:
    load(two_heads_model)
    model = load(two_heads_model, options=ClassifierOptions(display_names_locale="de"))
    assert len(made) == 1
    slow = Classifier(resolve_model(two_heads_model), options=model.options)
    for head, other in zip(model.heads, slow.heads, strict=True):
        assert (head.name, head.labels, head.display_names) == (other.name, other.labels, other.display_names)
        assert (head.audioset_ids, head.score_threshold) == (other.audioset_ids, other.score_threshold)
    assert model.sample_rate == 16_000
    assert model.name == slow.name
    assert "graph" not in model.__dict__
    assert len(model.graph.outputs) == 2
    weights, expected = model.weights(), slow.weights()
    assert all(np.array_equal(weights[name], expected[name]) for name in expected)


def test_what_it_depends_on_changes_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load("starter")
    monkeypatch.setattr("yamjit.__version__", "99")
    load("starter")
    monkeypatch.setattr(loading, "FORMAT_VERSION", 99)
    load("starter")
    monkeypatch.setattr(plans, "_imported_state", lambda: "edited")
    monkeypatch.setattr(plans, "_state_of_sources", lambda package: "edited")
    load("starter")
    assert len(list(folder.iterdir())) == 4


def test_another_build_of_the_package_makes_its_own(folder: Path) -> None:
    for package in ("", "34cd", "56ef"):
        PlanFile("12ab", "x86", "0.1", package).keep(b"plan")
    assert len(list(folder.iterdir())) == 3


def test_what_an_installed_package_makes_is_kept_whatever_the_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "_state_of_sources", lambda package: pytest.fail("it was looked at"))
    PlanFile("12ab", "x86", "0.1", "34cd").keep(b"plan")
    assert len(list(folder.iterdir())) == 1


def test_edited_sources_are_other_sources(tmp_path: Path) -> None:
    source = tmp_path / "yamjit" / "deep" / "a.py"
    source.parent.mkdir(parents=True)
    source.write_text("a = 1")
    before = plans._state_of_sources(tmp_path / "yamjit")
    source.write_text("a = 12")
    assert plans._state_of_sources(tmp_path / "yamjit") != before
    assert plans._state_of_sources(tmp_path / "archive.zip" / "yamjit") == ""


def test_what_imported_code_makes_is_not_kept_once_that_is_edited(
    folder: Path, made: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(plans, "_state_of_sources", lambda package: "edited")
    for _ in range(2):
        assert load("starter").labels
    assert len(made) == 2
    assert not folder.exists()
    assert not caplog.records


def test_the_newest_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "_MOST_KEPT", 3)
    folder.mkdir(parents=True, mode=0o700)
    for age in range(5):
        (folder / f"{age}.plan").write_bytes(b"old")
        os.utime(folder / f"{age}.plan", (1000 - age, 1000 - age))
    abandoned, fresh = folder / ".yamjit-partial-1-ab", folder / ".yamjit-partial-2-cd"
    for path in (abandoned, fresh):
        path.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    load("starter")
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 4
    assert names[:3] == [fresh.name, "0.plan", "1.plan"]


def test_threads_may_load_at_once(folder: Path) -> None:
    models: list[Classifier] = []
    threads = [threading.Thread(target=lambda: models.append(load("starter"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(models) == 4
    only(folder)


# -- What is found in their place -------------------------------------------------------------------------------


def falsified(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize(
    "change",
    [
        falsified,
        lambda content: b"",
        lambda content: b"junk",
        lambda content: content[:-64],
        lambda content: content + bytes(64),
        lambda content: bytes(len(content)),
        lambda content: content[: 8 * Field.MODEL] + bytes(8) + content[8 * Field.MODEL + 8 :],
    ],
)
def test_a_damaged_file_is_made_anew_and_replaced(
    folder: Path, made: list[str], change: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    load("starter")
    path = only(folder)
    content = path.read_bytes()
    path.write_bytes(change(content))
    caplog.set_level(logging.INFO)
    model = load("starter")
    assert len(made) == 2
    assert path.read_bytes() == content
    assert model.labels
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_file_of_another_model_is_not_used(folder: Path, made: list[str], two_heads_model: bytes) -> None:
    load("starter")
    content = only(folder).read_bytes()
    load(two_heads_model)
    (other,) = [path for path in folder.iterdir() if path.read_bytes() != content]
    other.write_bytes(content)
    assert len(load(two_heads_model).heads) == 2
    assert len(made) == 3


def test_a_folder_in_its_place_is_replaced(folder: Path, made: list[str]) -> None:
    load("starter")
    path = only(folder)
    path.unlink()
    path.mkdir()
    load("starter")
    assert path.is_file()
    load("starter")
    assert len(made) == 2


def close_to_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def be_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.parent.write_bytes(b"")


def be_full_of_something(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load("starter")
    path = only(folder)
    path.unlink()
    (path / "deep").mkdir(parents=True)


def be_anothers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: 4711)


def lead_to_anothers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = folder.parent.parent / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)


def be_unknown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise DependencyError("the cache directory needs platformdirs")

    monkeypatch.setattr(plans, "cache_directory", fail)


def be_mapped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where a file that is mapped can be neither replaced nor removed."""
    monkeypatch.setattr(Path, "replace", functools.partialmethod(_refuse))
    load("starter")


def _refuse(path: Path, target: Path) -> Path:
    raise PermissionError(13, "the process cannot access the file because it is being used", str(target))


OBSTACLES = [close_to_others, be_a_file, be_full_of_something, be_anothers, lead_to_anothers, be_unknown, be_mapped]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other permissions")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_without_a_cache_each_process_makes_its_own_and_says_so_once(
    folder: Path,
    made: list[str],
    obstacle: Callable[[Path, pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    obstacle(folder, monkeypatch)
    before = len(made)
    models = [load("starter") for _ in range(3)]
    assert len(made) == before + 3
    assert {model.labels for model in models} == {models[0].labels}
    (said,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    beginning, _, reason = said.partition(", every process makes its own from the model: ")
    assert beginning == "plan files cannot be kept" + ("" if "platformdirs" in reason else f" in {str(folder)!r}")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other permissions")
def test_a_file_that_others_may_write_is_not_used(folder: Path, made: list[str]) -> None:
    load("starter")
    only(folder).chmod(0o666)
    load("starter")
    assert len(made) == 2
    assert stat.S_IMODE(only(folder).stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_in_its_place_does_not_block(folder: Path, made: list[str]) -> None:
    load("starter")
    path = only(folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    load("starter")
    assert len(made) == 2
    assert path.is_file()


# -- What has no plan file --------------------------------------------------------------------------------------


def test_a_front_end_that_no_kernel_computes_runs_from_the_graph(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made: list[str]
) -> None:
    monkeypatch.setattr("yamjit.compiled.writer.is_transformed", lambda constants: False)
    for _ in range(2):
        model = load("starter")
    assert len(made) == 2
    assert not folder.exists()
    assert model.front_end.patch_shape == (96, 64)


def test_other_backends_have_no_plan_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yamjit.model.load_backend", lambda name: backends.NumpyBackend())
    load("starter")
    assert not folder.exists()


# -- What the doctor says ---------------------------------------------------------------------------------------


def test_the_doctor_counts_what_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yamjit.cli.doctor import _plan_files

    assert _plan_files() == f"0 in {folder}"
    load("starter")
    assert _plan_files() == f"1 in {folder}"
    if hasattr(os, "geteuid"):
        folder.chmod(0o777)
        assert _plan_files() == f"not kept: others may write to {str(folder)!r}"
    monkeypatch.setenv("YAMJIT_CACHE", str(only(folder)))
    assert _plan_files().endswith(" is not a folder")
    be_unknown(folder, monkeypatch)
    assert _plan_files() == "not kept: the cache directory needs platformdirs"
