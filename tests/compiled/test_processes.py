"""Plan files between processes and threads: what is imported to run one, and who may run it at once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.support.backends import wants_library
from yamjit import Classifier, load

pytestmark = wants_library

ROOT = Path(__file__).resolve().parents[2]
SIREN = ROOT / "examples" / "siren.flac"

CLASSIFY = f"""
import sys, yamjit
result = yamjit.load("starter", backend="compiled").classify({str(SIREN)!r})
print(result.scores.tobytes().hex())
print(*sys.modules)
"""

#: What only a model without a plan file needs.
UNNEEDED = {
    *("yamjit.compiled.from_graph", "yamjit.compiled.writer", "yamjit.head_metadata", "yamjit.plan.compiler"),
    *("yamjit.tflite.graph", "yamjit.tflite.metadata", "yamjit.tflite.reader", "yamjit.tflite.verifier", "tflite"),
    *(f"yamjit.kernels.prepared.{name}" for name in ("packing", "preparation", "preparation_proof")),
    *("yamjit.kernels.program_proof", "yamjit.kernels.plan_file.xxh64", "llvmlite", "numba", "importlib.metadata"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "plans"


@pytest.fixture
def model(folder: Path) -> Classifier:
    return load("starter", backend="compiled")


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return load("starter", backend="numpy").classify(SIREN).scores


def started() -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CLASSIFY], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def finished(process: subprocess.Popen[str]) -> tuple[bytes, set[str]]:
    """Return scores, and the names of all modules."""
    scores, modules = process.communicate(timeout=120)[0].splitlines()
    return bytes.fromhex(scores), set(modules.split())


def test_processes_that_find_nothing_make_one_file_at_once(folder: Path, expected: np.ndarray) -> None:
    """The next one then needs neither reader nor planner nor packing."""
    for scores, modules in map(finished, [started() for _ in range(3)]):
        assert scores == expected.tobytes()
        assert "yamjit.plan.compiler" in modules or len(list(folder.iterdir())) == 1
    assert [path.suffix for path in folder.iterdir()] == [".plan"]
    scores, modules = finished(started())
    assert scores == expected.tobytes()
    assert not modules & UNNEEDED


def test_a_pickled_classifier_runs_from_the_same_file(model: Classifier, folder: Path, expected: np.ndarray) -> None:
    pickled = pickle.dumps(model)
    assert np.array_equal(pickle.loads(pickled).classify(SIREN).scores, expected)
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.load(sys.stdin.buffer).classify(sys.argv[1]).scores)"
    run = subprocess.run([sys.executable, "-c", code, str(SIREN)], input=pickled, capture_output=True, check=True)
    assert run.stdout == expected.tobytes()
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_is_removed_while_it_runs_goes_on(model: Classifier, folder: Path, expected: np.ndarray) -> None:
    (path,) = folder.iterdir()
    model = load("starter", backend="compiled")  # which is mapped
    path.unlink()
    assert np.array_equal(model.classify(SIREN).scores, expected)
    path.parent.rmdir()
    assert np.array_equal(load("starter", backend="compiled").classify(SIREN).scores, expected)


def test_threads_share_a_mapped_model(model: Classifier, expected: np.ndarray) -> None:
    model = load("starter", backend="compiled")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.classify(SIREN).scores, range(8)))
    assert all(np.array_equal(scores, expected) for scores in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_goes_on_with_what_was_mapped(model: Classifier, expected: np.ndarray) -> None:
    model = load("starter", backend="compiled")
    context = multiprocessing.get_context("fork")
    there, here = context.Pipe(duplex=False)
    child = context.Process(target=lambda: here.send_bytes(model.classify(SIREN).scores.tobytes()))
    child.start()
    assert there.poll(60)
    assert there.recv_bytes() == expected.tobytes()
    child.join(60)
    assert child.exitcode == 0
    assert np.array_equal(model.classify(SIREN).scores, expected)
