"""Libraries are built for real: the same bytes again, and other bits where samples are others.

``python -m tools.checks.libraries``, which continuous integration runs, proves the files and every bit.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import yamjit
from tests.support.synthetic import synthetic_yamnet
from yamjit.tflite.writer import write_graph

pytest.importorskip("numba")
pytest.importorskip("ziglang", reason="builds libraries: pip install '.[libraries]'")
pytest.importorskip("lief", reason="looks into libraries: pip install '.[libraries]'")

from tools.checks.library_jobs import compare, log_mel_job, run_here, run_in
from tools.checks.library_proof import WAYS, harness, missing
from tools.libraries.__main__ import main
from yamjit.kernels.vectors.processor import host_target

pytestmark = [pytest.mark.slow, pytest.mark.numba]

ROOT = Path(__file__).resolve().parents[2]
PLATFORM = "linux-aarch64"
#: Another system, whose files have another format, for the same processors.
OTHER = "windows-arm64"
#: Modules in place of libraries.
WASM = "wasm"
A76 = next(way for way in WAYS if way.title == "Cortex-A76")

emulated = pytest.mark.skipif(bool(missing(A76)), reason=missing(A76))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with libraries; what was compiled before from the same sources is taken from this checkout."""
    place = tmp_path_factory.mktemp("built")
    if (ROOT / "build" / "bitcode").is_dir():
        shutil.copytree(ROOT / "build" / "bitcode", place / "bitcode")
    assert main([PLATFORM, OTHER, WASM, "-o", str(place / "libraries")]) == 0
    return place / "libraries"


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load(write_graph(synthetic_yamnet(classes=37, width=0.5)), backend="numba")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("umask")
def test_another_folder_and_order_have_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "zig"))
    place = tmp_path / "another folder"
    place.mkdir()
    shutil.copytree(folder.parent / "bitcode", place / "bitcode")
    assert main([WASM, OTHER, PLATFORM, "-o", str(place / "libraries")]) == 0
    assert "compiled in" not in capsys.readouterr().out
    first = contents(folder)
    assert len(first) == 10
    assert contents(place / "libraries") == first


@pytest.mark.parametrize("settings", [{"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "LC_ALL": "C"}])
def test_bitcode_is_what_was_compiled_before(settings: dict[str, str], folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "digest.bc"
    environment = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tools.libraries.bitcode", "digest", "neon", str(made)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    before = next((folder.parent / "bitcode").glob("yamjit_digest_neon-*.bc"))
    assert made.read_bytes() == before.read_bytes()


@emulated
def test_other_samples_give_other_bits_and_a_short_buffer_is_overrun(
    folder: Path, model: yamjit.Classifier, tmp_path: Path
) -> None:
    command, job = harness(A76, tmp_path, folder / PLATFORM / "libyamjit.so", "neon-dot"), log_mel_job(model)
    tables, samples, scratch, out = job.buffers
    louder = dataclasses.replace(job, buffers=(tables, (samples.view(np.float32) * 2).view(np.uint8), scratch, out))
    assert compare(job, run_in(command, louder), run_here(job, host_target())).different > 1000
    short = dataclasses.replace(job, buffers=(tables, samples, scratch, out[:-4]))
    with pytest.raises(RuntimeError, match=r"log_mel: wrote behind \(call 3, buffer 3\)"):
        run_in(command, short)
