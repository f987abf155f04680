"""What a message about a missing package says to run: true for pip, pipx and uv, with the environment active or not."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import yamjit
from yamjit.installing import how_to_install

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an environment that runs, with a pip of its own that is not on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("python", "pip"):
        (programs / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PATHEXT", "")
    return tmp_path


def test_an_environment_that_is_not_active_is_named(environment: Path) -> None:
    assert how_to_install("soxr") == f"{environment / 'bin' / 'python'} -m pip install soxr"


def test_a_path_with_a_space_is_quoted(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/a b/python")
    assert how_to_install("soxr") == '"/a b/python" -m pip install soxr'


@pytest.mark.skipif(sys.platform == "win32", reason="what is a program there depends on its suffix")
def test_an_active_environment_is_not(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(environment / "bin"))
    assert how_to_install("yamjit[plot]") == 'pip install "yamjit[plot]"'


def test_what_pipx_and_uv_made_is_changed_by_them(environment: Path) -> None:
    (environment / "uv-receipt.toml").touch()
    assert how_to_install("yamjit[mic]") == f'uv pip install --python "{environment}" "yamjit[mic]"'
    (environment / "pipx_metadata.json").touch()
    assert how_to_install("yamjit[mic]") == 'pipx runpip yamjit install "yamjit[mic]"'


def test_the_extras_that_messages_and_pages_name_exist() -> None:
    """With one wording in the code, and one on the pages."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(
        r"^(\w+) = \[", project.split("[project.optional-dependencies]")[1].split("\n[")[0], re.MULTILINE
    )
    package = Path(yamjit.__file__).parent
    code = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))}
    named = [name for text in code.values() for name in re.findall(r"""how_to_install\(["']yamjit\[(\w+)\]""", text)]
    assert len(named) >= 5
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    installed = [
        line
        for page in pages
        for line in re.findall(r"(?:pip|pipx|uv tool) install [^`\n]*", page.read_text(encoding="utf-8"))
    ]
    assert len(installed) >= 5
    for line in installed:
        named += [name for names in re.findall(r"\[([\w,]+)\]", line) for name in names.split(",")]
        assert not re.search(r"yamjit\[|'yamjit", line), f"the package is on no registry: {line}"
    assert set(named) <= set(extras)
    assert not [path.name for path, text in code.items() if "pip install 'yamjit" in text]
