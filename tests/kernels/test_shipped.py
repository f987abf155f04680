"""The library of a wheel: which file, which lowering, and what is said where it cannot be used."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy._core import _multiarray_umath

from tests.support.backends import wants_library
from yamjit.errors import DependencyError, InputError
from yamjit.kernels import load_backend, lowering_choice
from yamjit.kernels.backends import CompiledBackend, NumpyBackend
from yamjit.kernels.lowering_choice import choose_lowering
from yamjit.kernels.machine_code import shipped
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.platforms import library_file, own_platform
from yamjit.kernels.vectors.target import TARGETS

LOWERINGS = {"avx512vnni": False, "avx2": True, "plain": True}


def test_every_lowering_has_a_target() -> None:
    of_modules = {name for name, target in TARGETS.items() if target.machine == "wasm32"}
    assert set(lowering_choice.LOWERINGS) == TARGETS.keys() - of_modules


# -- Which lowering ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("", "avx2"), ("plain", "plain"), ("-avx2", "plain"), ("-avx512vnni, -plain", "avx2"), (" , ", "avx2")],
)
def test_the_best_lowering_that_runs_unless_another_is_asked_for(wanted: str, chosen: str) -> None:
    assert choose_lowering(wanted, LOWERINGS) == chosen


@pytest.mark.parametrize(
    ("wanted", "chosen", "asked"),
    [
        ("", "avx512vnni", ["amx", "avx512vnni"]),
        ("-amx", "avx512vnni", ["avx512vnni"]),
        ("plain", "plain", ["plain"]),
        ("-amx, -avx512vnni", "plain", ["plain"]),
    ],
)
def test_the_system_is_asked_for_no_lowering_that_would_not_run(wanted: str, chosen: str, asked: list[str]) -> None:
    seen: list[str] = []

    def refused(name: str) -> str:
        seen.append(name)
        return "no tiles" if name == "amx" else ""

    assert choose_lowering(wanted, dict.fromkeys(("amx", "avx512vnni", "plain"), True), refused) == chosen
    assert seen == asked


def test_a_lowering_that_is_forced_and_refused_is_an_error_that_says_why() -> None:
    with pytest.raises(InputError, match="is 'amx': the system refuses what amx needs: no tiles; there are amx, plain"):
        choose_lowering("amx", {"amx": True, "plain": True}, lambda name: "no tiles")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("avx512vnni", "this machine does not run avx512vnni"),
        ("sse9", "the library has no lowering 'sse9'"),
        ("-sse9", "the library has no lowering 'sse9'"),
        ("avx2,plain", "one name is accepted, or names that begin with '-'"),
        ("avx2,-plain", "one name is accepted"),
        ("-avx2,-plain", "none is left that this machine runs"),
    ],
)
def test_a_lowering_that_cannot_be_had_is_an_error_that_lists_all(wanted: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        choose_lowering(wanted, LOWERINGS)
    assert str(error.value).startswith(f"$YAMJIT_LOWERING is {wanted!r}: ")
    assert str(error.value).endswith("; there are avx512vnni (not on this machine), avx2, plain")


# -- Which file -------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder where an installed library would be, and no variable."""
    for variable in ("YAMJIT_LIBRARY", "YAMJIT_LOWERING"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    shipped._warn_once.cache_clear()
    return tmp_path


def install(folder: Path, content: bytes = b"no machine code", **changes: Any) -> Path:
    """Put a file where the library is to be, with a manifest."""
    path = folder / library_file(own_platform())
    path.write_bytes(content)
    described = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"sources": "12ab", "files": {f"{own_platform()}/{path.name}": described}}
    (folder / "manifest.json").write_text(json.dumps(manifest | changes))
    return path


def answers(**changes: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """What a library says about itself."""
    names = list(LOWERINGS)
    return {
        "lowering_count": lambda: len(names),
        "lowering_name": lambda index: names[index].encode(),
        "lowering_runs": lambda index: LOWERINGS[names[index]],
        "lowering_refused": lambda index: 0,
        "entry": lambda index, name: None,
        "sources": lambda: b"12ab",
        "family": lambda: b"x86",
        **changes,
    }


def test_without_a_library_only_its_name_asks_for_one(nothing: Path) -> None:
    assert isinstance(load_backend("auto"), NumpyBackend)
    with pytest.raises(DependencyError, match=r"no library .*python -m tools.libraries .*yamjit\[compile\]"):
        load_backend("compiled")
    with pytest.raises(DependencyError, match=r"numba backend needs Numba: .*yamjit\[compile\]"):
        load_backend("numba")


def test_none_is_as_if_there_were_none(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(nothing)
    monkeypatch.setenv("YAMJIT_LIBRARY", "none")
    assert isinstance(load_backend("auto"), NumpyBackend)
    with pytest.raises(DependencyError, match=r"\(\$YAMJIT_LIBRARY is 'none'\)"):
        load_backend("compiled")


@pytest.mark.parametrize("backend", ["auto", "compiled"])
def test_a_library_that_is_named_is_never_replaced(
    backend: str, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMJIT_LIBRARY", str(nothing / "absent.so"))
    with pytest.raises(
        DependencyError, match=r"\$YAMJIT_LIBRARY is .*: there is no file .*absent.so.*; the path .* or 'none'"
    ):
        load_backend(backend)
    (nothing / "absent.so").write_bytes(b"no machine code")
    with pytest.raises(DependencyError, match=r"absent.so cannot be loaded as a library of yamjit: "):
        load_backend(backend)
    monkeypatch.setenv("YAMJIT_LIBRARY", _multiarray_umath.__file__)
    with pytest.raises(DependencyError, match=r"cannot be loaded as a library of yamjit: .*yamjit_"):
        load_backend(backend)


@pytest.mark.parametrize("backend", ["auto", "compiled"])
def test_a_lowering_that_is_named_is_never_replaced(
    backend: str, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMJIT_LOWERING", "plain")
    with pytest.raises(DependencyError, match="no library of compiled kernels"):
        load_backend(backend)
    install(nothing)
    monkeypatch.setattr(shipped, "_load", lambda path: answers())
    monkeypatch.setenv("YAMJIT_LOWERING", "avx512vnni")
    with pytest.raises(InputError, match="does not run"):
        load_backend(backend)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "cannot be loaded as a library of yamjit: "),
        ({"content": b""}, "cannot be loaded as a library of yamjit: "),
        ({"files": {}}, "or its manifest cannot be read"),
        ({"sources": "34cd"}, "was built from other sources than its manifest says"),
    ],
)
def test_an_installed_library_that_is_unusable_is_told_once_and_done_without(
    changes: dict[str, Any],
    reason: str,
    nothing: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    install(nothing, **changes)
    if changes.keys() & {"files", "sources"}:
        monkeypatch.setattr(shipped, "_load", lambda path: answers())
    with pytest.raises(DependencyError, match=reason):
        load_backend("compiled")
    with caplog.at_level(logging.WARNING):
        assert isinstance(load_backend("auto"), NumpyBackend)
        assert isinstance(load_backend("auto"), NumpyBackend)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("the compiled kernels are not used: ")


@pytest.mark.parametrize("content", [b"", b"no machine cod", b"no machine code.", b"no_machine code"])
def test_a_file_that_is_not_whole_is_not_loaded(content: bytes, nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(nothing).write_bytes(content)
    monkeypatch.setattr(shipped, "_load", lambda path: pytest.fail("was loaded"))
    with pytest.raises(DependencyError, match="is damaged: it is not the file of its manifest; install the wheel"):
        load_backend("compiled")


@pytest.mark.parametrize("manifest", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"sources": "12ab", "files": {}}'])
def test_a_manifest_that_is_none_is_told(manifest: bytes, nothing: Path) -> None:
    install(nothing).with_name("manifest.json").write_bytes(manifest)
    with pytest.raises(DependencyError, match="or its manifest cannot be read"):
        load_backend("compiled")


def test_a_library_that_may_not_be_looked_at_is_told(nothing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    install(nothing)
    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DependencyError, match="Permission denied"):
        load_backend("compiled")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lowering_count": lambda: 0}, "of another version"),
        ({"lowering_name": lambda index: b"sse9"}, "of another version: its lowerings are sse9"),
        ({}, "has no function run_steps for avx2"),
    ],
)
def test_a_library_of_another_version_is_refused(
    changes: dict[str, Any], reason: str, nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(nothing)
    monkeypatch.setattr(shipped, "_load", lambda path: answers(**changes))
    with pytest.raises(DependencyError, match=reason):
        load_backend("compiled")


def test_a_library_of_other_sources_is_told(
    nothing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("YAMJIT_LIBRARY", str(install(nothing)))
    monkeypatch.setattr(shipped, "_load", lambda path: answers())
    monkeypatch.setattr(shipped, "_sources_here", lambda: "34cd")
    with caplog.at_level(logging.WARNING):
        assert shipped.load_library().lowering == "avx2"
    assert (
        f"{library_file(own_platform())} was built from other sources than these, and is used as it is: python -m"
        in caplog.text
    )


@wants_library
def test_the_library_of_this_installation_is_whole() -> None:
    backend = load_backend("compiled")
    assert isinstance(backend, CompiledBackend)
    library = backend.library
    assert library.lowerings[library.lowering]
    assert library.target().name == library.lowering
    assert library.family == ("arm" if library.target().multiplies_signed_bytes else "x86")
    with pytest.raises(DependencyError, match="has no function pray for"):
        library.entry(Entry("", "pray", ()))
    assert backend.is_ready()
