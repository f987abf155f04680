"""The examples of the folder's README: what compiles here gives the score of Python."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import yamjit
from yamjit.deploy import deploy
from yamjit.kernels.machine_code.platforms import own_platform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(starter: yamjit.Classifier, built_libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or own_platform() != "linux-x86_64":
        pytest.skip("the examples name the library of linux-x86_64")
    out = tmp_path_factory.mktemp("languages") / "starter"
    deploy(starter, out, libraries=built_libraries)
    return out


def blocks(folder: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def first_score(starter: yamjit.Classifier) -> str:
    silence = starter.score_window(np.zeros(starter.window_samples, np.float32))
    return f"{starter.heads[0].labels[0]} {silence.scores[0, 0]:.3f}"


def output(*command: str | Path, where: Path) -> str:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_c(folder: Path, starter: yamjit.Classifier) -> None:
    needs("cc")
    main = """
    #include <string.h>
    int main(int count, char **names) {
        FILE *file = fopen(names[count - 1], "rb");
        static _Alignas(64) char plan[1 << 24];
        return name_one(plan, fread(plan, 1, sizeof plan, file));
    }
    """
    (folder / "one.c").write_text(blocks(folder, "c")[0] + main, encoding="utf-8")
    output("cc", "-Wall", "-Wextra", "-Werror", "one.c", "linux-x86_64/libyamjit.a", "-o", "one", where=folder)
    assert output("./one", "model-x86.plan", where=folder) == first_score(starter)


def test_cpp_takes_the_header(folder: Path) -> None:
    needs("c++")
    (folder / "one.cpp").write_text(
        '#include "yamjit.h"\nint main() { return yamjit_heads(nullptr); }\n', encoding="utf-8"
    )
    output("c++", "-Wall", "-Wextra", "-Werror", "one.cpp", "linux-x86_64/libyamjit.a", "-o", "cpp", where=folder)
    assert output("./cpp", where=folder) == ""


def test_go(folder: Path, starter: yamjit.Classifier) -> None:
    needs("go")
    place = folder / "go"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("*.c", "*.cpp", "go"))
    (place / "main.go").write_text(blocks(folder, "go")[0], encoding="utf-8")
    (place / "go.mod").write_text("module sounds\n\ngo 1.19\n", encoding="utf-8")
    output("go", "build", "-o", "sounds", ".", where=place)
    label, _, score = output("./sounds", "model-x86.plan", where=place).rpartition(" ")
    assert f"{label} {float(score):.3f}" == first_score(starter)


def test_rust(folder: Path, starter: yamjit.Classifier) -> None:
    needs("cargo")
    place = folder / "rust"
    build, main = blocks(folder, "rust")
    shutil.copytree(folder / "linux-x86_64", place / "linux-x86_64")
    (place / "src").mkdir()
    (place / "build.rs").write_text(build, encoding="utf-8")
    (place / "src" / "main.rs").write_text(main, encoding="utf-8")
    (place / "Cargo.toml").write_text(
        '[package]\nname = "sounds"\nversion = "0.1.0"\nedition = "2021"\n', encoding="utf-8"
    )
    output("cargo", "build", "-q", "--offline", where=place)
    assert output("target/debug/sounds", "../model-x86.plan", where=place) == first_score(starter)
