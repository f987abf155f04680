"""What is in the wheel and in the source distribution."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from yamjit.spec import STARTER_MODEL

ROOT = Path(__file__).resolve().parents[2]
MOST_WHEEL_BYTES = 950_000


def build(kind: str, folder: Path) -> Path:
    """Return a distribution, built by the build backend itself; it needs no network."""
    pytest.importorskip("hatchling", reason="needs the build backend: pip install hatchling")
    code = f"import sys; from hatchling.build import build_{kind}; print(build_{kind}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def test_the_wheel_holds_the_package_with_its_model_and_card(tmp_path: Path) -> None:
    wheel = build("wheel", tmp_path)
    assert wheel.stat().st_size < MOST_WHEEL_BYTES
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        model = file.read("yamjit/models/starter.tflite")
        card = file.read("yamjit/models/starter.json")
        classes = file.read("yamjit/data/audioset.tsv")
    assert hashlib.sha256(model).hexdigest() == STARTER_MODEL.sha256
    assert card == (ROOT / "src/yamjit/models/starter.json").read_bytes()
    assert classes == (ROOT / "src/yamjit/data/audioset.tsv").read_bytes()
    sources = (ROOT / "src").rglob("*.py")
    assert {path.relative_to(ROOT / "src").as_posix() for path in sources} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"yamjit"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_source_distribution_holds_what_the_tests_need(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    folders = ("src", "tests", "tools", "reference", "benchmarks")
    wanted = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    wanted |= {path.relative_to(ROOT) for path in (ROOT / "examples").iterdir()}
    data = ("models/starter.tflite", "models/starter.json", "data/audioset.tsv")
    wanted |= {Path("README.md"), *(Path("src/yamjit") / name for name in data)}
    assert {path.as_posix() for path in wanted} <= names
