"""Plan files are proven before they run: what is damaged, foreign or wrong is refused, and what is not, runs safely."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from tests.support.backends import NO_COMPILER
from tests.support.damaged_plans import Found, changed, damaged_plans
from tests.support.two_heads import two_heads
from tests.support.zoo import float_zoo, zoo
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.record import CompiledModel
from yamjit.compiled.writer import plan_file_bytes
from yamjit.kernels.machine_code.loading import LoadedEntry
from yamjit.kernels.memory import aligned_bytes
from yamjit.kernels.plan_file.entries import CHECK_PLAN
from yamjit.kernels.plan_file.layout import Fault, Field
from yamjit.kernels.vectors.processor import host_target
from yamjit.spec import DEFAULT_LIMITS

ZOOS = {"zoo": zoo, "float zoo": float_zoo}

pytestmark = [pytest.mark.numba, pytest.mark.skipif(NO_COMPILER, reason="Numba does not compile")]

check_plan = LoadedEntry(CHECK_PLAN)


def family() -> str:
    return "arm" if host_target().multiplies_signed_bytes else "x86"


def written(model: CompiledModel, family: str) -> bytes:
    return plan_file_bytes(model, family, hashlib.sha256(b"a model").hexdigest())


@pytest.fixture(scope="module")
def models() -> dict[str, CompiledModel]:
    return {"zoo": zoo(4), "float zoo": float_zoo(4), "two heads": compile_model(two_heads(classes=9, width=0.125))}


@pytest.fixture(scope="module")
def files(models: dict[str, CompiledModel]) -> dict[str, bytes]:
    return {name: written(model, family()) for name, model in models.items()}


def checked(content: bytes | bytearray, shift: int = 0) -> Found:
    memory = aligned_bytes(len(content) + 64)[shift:]
    memory[: len(content)] = np.frombuffer(content, np.uint8)
    found = np.zeros(4, np.int64)
    check_plan(memory.ctypes.data, len(content), found.ctypes.data)
    return tuple(found.tolist())


def field_of(content: bytes, field: int) -> int:
    return int(np.frombuffer(content, np.int64)[field])


def test_what_was_written_is_accepted(files: dict[str, bytes]) -> None:
    for content in files.values():
        assert checked(content) == (Fault.NONE, 0, 0, 0)


def test_what_is_damaged_or_wrong_is_refused_and_named(files: dict[str, bytes]) -> None:
    for content, found in damaged_plans(files["two heads"]):
        assert checked(content) == found


def test_another_family_and_a_place_that_is_not_aligned_are_refused(
    models: dict[str, CompiledModel], files: dict[str, bytes]
) -> None:
    other = written(models["zoo"], "x86" if family() == "arm" else "arm")
    assert checked(other)[0] == Fault.OTHER_FAMILY
    assert checked(files["zoo"], shift=8) == (Fault.NOT_ALIGNED, 0, 0, 8)


def test_every_97th_byte_counts(files: dict[str, bytes]) -> None:
    data = bytearray(files["zoo"])
    for place in range(0, len(data), 97):
        data[place] ^= 0x10
        assert checked(data)[0] != Fault.NONE
        data[place] ^= 0x10


def test_every_model_within_the_limits_is_small_enough() -> None:
    from yamjit.kernels.plan_file.step_check import MOST_WORK

    assert 8 * DEFAULT_LIMITS.multiply_adds == MOST_WORK


# -- Wrong numbers with a right digest --------------------------------------------------------------------------


def tried(content: bytes, folder: Path, kind: str, count: int, seed: int) -> tuple[int, int]:
    """Return how many changed files were refused and how many ran, in a process that a step outside would end."""
    path = folder / "plan"
    path.write_bytes(content)
    command = [sys.executable, "-m", "tests.support.guarded_plans", str(path), kind, str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=300)
    assert done.returncode == 0, f"{done.stdout[-200:]} {done.stderr[-2000:]}"
    found = re.search(r"(\d+) refused, (\d+) run\n$", done.stdout)
    assert found is not None
    return int(found[1]), int(found[2])


guarded = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guards pages as Linux does")


@guarded
@pytest.mark.parametrize("offset", [-1, 64])
def test_guards_guard(offset: int) -> None:
    """A byte behind the memory ends the process; one before it is seen."""
    code = (
        "import ctypes; from tests.support.guarded_plans import Guarded; memory = Guarded(64);"
        f"ctypes.memset(memory.address + {offset}, 0, 1); assert memory.is_whole()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=Path(__file__).parents[2], timeout=60)
    assert done.returncode == (1 if offset < 0 else -signal.SIGSEGV)


@guarded
@pytest.mark.parametrize(("name", "seed"), [("zoo", 0), ("two heads", 1), ("float zoo", 0), ("float zoo", 1)])
@pytest.mark.parametrize(("kind", "count"), [("numbers", 1500), ("shapes", 300)])
def test_wrong_numbers_are_refused_or_harmless(
    files: dict[str, bytes], name: str, kind: str, count: int, seed: int, tmp_path: Path
) -> None:
    refused, ran = tried(files[name], tmp_path, kind, count, seed)
    assert refused > count // 2
    assert ran > 10


@guarded
@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("zoo", 0), ("two heads", 0), ("float zoo", 6000)])
def test_each_wrong_number_is_refused_or_harmless(
    files: dict[str, bytes], name: str, count: int, tmp_path: Path
) -> None:
    """A count of 0 is that of all numbers; the steps of floats have too many."""
    refused, ran = tried(files[name], tmp_path, "numbers", count, 0)
    assert refused > (count or 20_000) // 2
    assert ran > 30


@guarded
@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in ZOOS for seed in (1, 2, 3)])
def test_other_shapes_hold_as_well(name: str, seed: int, tmp_path: Path) -> None:
    """What runs needs no more scratch memory than the check wants."""
    refused, ran = tried(written(ZOOS[name](seed), family()), tmp_path, "shapes", 1500, seed)
    assert refused > 800
    assert ran > 80


def test_python_finds_the_same(files: dict[str, bytes], tmp_path: Path) -> None:
    """The same functions, not compiled, stop at the same numbers."""
    steps = field_of(files["zoo"], Field.STEPS_AT)
    places = [*(8 * field for field in range(Field.STEPS_AT, Field.MODEL, 7)), *range(steps, steps + 5_000, 8 * 101)]
    contents = [files["zoo"], *(changed(files["zoo"], place, -64) for place in places)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}").write_bytes(content)
    command = [sys.executable, "-W", "ignore", "-m", __name__, str(tmp_path), str(len(contents))]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2], timeout=120
    )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == [str(checked(content)) for content in contents]


if __name__ == "__main__":
    for index in range(int(sys.argv[2])):
        sys.stdout.write(f"{checked((Path(sys.argv[1]) / str(index)).read_bytes())}\n")
