"""What is in the wheel and in the source distribution."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="needs the build backend: pip install hatchling")

from tools.wheels import build_wheel
from yamjit.spec import STARTER_MODEL

ROOT = Path(__file__).resolve().parents[2]

#: Of the pure wheel, a third of it the starter model; a platform's library and the kit of all come to as much again.
MOST_WHEEL_BYTES = 1_500_000


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, built by the build backend itself; it needs no network."""
    folder = tmp_path_factory.mktemp("sdist")
    code = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def test_the_pure_wheel_holds_the_package_with_its_model_and_card(sdist: Path, tmp_path: Path) -> None:
    """Built from the source distribution, which holds no libraries of machine code."""
    with tarfile.open(sdist) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", None)  # which Python has from 3.11.4 on
        file.extractall(tmp_path)
    wheel = build_wheel("pure", tmp_path, tmp_path / sdist.name.removesuffix(".tar.gz"))
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < MOST_WHEEL_BYTES
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        model = file.read("yamjit/models/starter.tflite")
        card = file.read("yamjit/models/starter.json")
        classes = file.read("yamjit/data/audioset.tsv")
    assert hashlib.sha256(model).hexdigest() == STARTER_MODEL.sha256
    assert card == (ROOT / "src/yamjit/models/starter.json").read_bytes()
    assert classes == (ROOT / "src/yamjit/data/audioset.tsv").read_bytes()
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src" / "yamjit" / "deploy" / "web").iterdir()]
    assert {path.relative_to(ROOT / "src").as_posix() for path in sources} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"yamjit"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_source_distribution_holds_what_the_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    folders = ("src", "tests", "tools", "reference", "benchmarks")
    wanted = {path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")}
    wanted |= {path.relative_to(ROOT) for path in (ROOT / "examples").iterdir()}
    data = ("models/starter.tflite", "models/starter.json", "data/audioset.tsv")
    wanted |= {Path("README.md"), Path("hatch_build.py"), *(Path("src/yamjit") / name for name in data)}
    assert {path.as_posix() for path in wanted} <= names
