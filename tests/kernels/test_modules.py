"""Modules of WebAssembly: what they are made of, how they are built, and what they compute in an engine."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from tests.support.plan_files import written
from tests.support.synthetic import synthetic_yamnet
from tools.checks.binaries import module_faults
from tools.checks.library_jobs import Call, Job, compare, run_in
from tools.checks.module_engines import ENGINES, Engine, unsigned
from tools.checks.plan_jobs import digest_job, turn_job
from tools.libraries import bitcode, building
from tools.libraries.bitcode import MODULES, Function
from tools.libraries.platforms import PLATFORMS
from yamjit.compiled.from_graph import compile_model
from yamjit.kernels.machine_code.offsets import with_offsets
from yamjit.kernels.plan_file.entries import DIGEST, TURN
from yamjit.kernels.plan_file.layout import HEADER_BYTES, Field
from yamjit.kernels.plan_file.turning import make_turn
from yamjit.kernels.prepared.columns import Prepared, Proof, VectorOp
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.program import Column, Program
from yamjit.kernels.vectors.target import TARGETS

pytestmark = pytest.mark.numba

WASM = PLATFORMS["wasm"]


# -- What modules are made of -----------------------------------------------------------------------------------


def test_there_is_a_small_and_a_whole_module_of_every_lowering() -> None:
    assert tuple(MODULES) == WASM.files
    made = {(functions["run_steps"].lowering, functions["run_steps"].entry.name) for functions in MODULES.values()}
    assert made == {(lowering, name) for lowering in WASM.lowerings for name in ("run_steps", "run_int8_steps")}
    for functions in MODULES.values():
        assert len({function.lowering for function in functions.values()}) == 1
        assert ("turn" in functions) == (functions["run_steps"].lowering == "wasm-relaxed")


def test_constants_of_addresses_become_parts_of_instructions() -> None:
    told = with_offsets(
        """
define void @one(i32 %x) {
  %y = add nsw i32 %x, 64
  %below = add i32 %x, -16
  %"a:b" = inttoptr i32 %y to ptr
  %c = inttoptr i32 %below to ptr
  %d = inttoptr i32 %x to ptr
}
define void @other(i32 %y) {
  %e = inttoptr i32 %y to ptr
}
"""
    )
    assert (
        '%"a:b.base" = inttoptr i32 %x to ptr\n  %"a:b" = getelementptr inbounds nuw i8, ptr %"a:b.base", i32 64'
        in told
    )
    for line in ("%c = inttoptr i32 %below to ptr", "%d = inttoptr i32 %x to ptr", "%e = inttoptr i32 %y to ptr"):
        assert f"  {line}\n" in told


# -- Plan files -------------------------------------------------------------------------------------------------


def test_one_plan_file_is_for_both_lowerings_with_proofs_of_its_own() -> None:
    model = compile_model(synthetic_yamnet(seed=3, width=0.25))
    program = model.plan.program
    assert isinstance(program, Program)
    plain, relaxed, arm = (prepare(program, TARGETS[name]) for name in ("wasm", "wasm-relaxed", "neon"))
    np.testing.assert_array_equal(plain.steps, relaxed.steps)
    np.testing.assert_array_equal(plain.constants, relaxed.constants)
    np.testing.assert_array_equal(plain.steps, arm.steps)
    places = [row[Prepared.PROVEN] for row in plain.steps if row[Column.OP] in (VectorOp.CONV, VectorOp.DEPTHWISE)]
    found, of_arm = plain.constants[places], arm.constants[places]
    assert set(found) == {Proof.NONE, Proof.APART}
    assert (found == Proof.APART).mean() > 0.5
    assert set(of_arm) <= {Proof.NONE, Proof.DOWN, Proof.NEAREST}
    # What no kernel reads is zero: of a depthwise step either the factors of float32, or those of the shift.
    depthwise = [row for row in plain.steps if row[Column.OP] == VectorOp.DEPTHWISE]
    for row in depthwise:
        shifts = plain.constants[row[Prepared.PROVEN]] == Proof.NONE
        unread = (Prepared.SCALE, Prepared.REAL_OFFSET) if shifts else (Prepared.MULTIPLIER, Prepared.SHIFT)
        assert not any(plain.constants[row[column] : row[column] + 64].any() for column in unread)
    assert depthwise


def test_a_turned_plan_is_that_of_unsigned_bytes() -> None:
    job, (turned,) = turn_job()
    (content,) = job.buffers
    memory = content.copy()
    # As plain Python does it: a module does the same, below.
    turn = make_turn(TARGETS["wasm"])
    turn(memory.ctypes.data)
    np.testing.assert_array_equal(memory, turned)
    header = content[:HEADER_BYTES].view(np.int64)
    changed = np.flatnonzero(memory != content)
    assert changed.size > 500
    assert changed.min() >= header[Field.STEPS_AT]
    assert changed.max() < header[Field.CONSTANTS_AT] + header[Field.CONSTANTS_SIZE]


def test_plan_files_say_their_family() -> None:
    files = {family: written(synthetic_yamnet(seed=3, width=0.25), family) for family in ("arm", "wasm")}
    assert [np.frombuffer(file, np.int64, 3)[Field.FAMILY] for file in files.values()] == [1, 2]
    assert len({len(file) for file in files.values()}) == 1


# -- In an engine -----------------------------------------------------------------------------------------------


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.title)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    if lacking := found.missing():
        pytest.skip(lacking)
    return found


@pytest.fixture(scope="module")
def small_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A module of the two small functions: those that take time are built by ``test_library_build.py``."""
    pytest.importorskip("ziglang", reason="builds modules: pip install '.[libraries]'")
    place = tmp_path_factory.mktemp("module")
    functions = {"digest": Function(DIGEST, "wasm-relaxed"), "turn": Function(TURN, "wasm-relaxed")}
    platform = dataclasses.replace(WASM, modules=("small.wasm",))
    with pytest.MonkeyPatch.context() as patch:
        for module in (bitcode, building):
            patch.setattr(module, "MODULES", {"small.wasm": functions})
        bitcode.make_bitcode(functions.values(), place / "bitcode")
        building.build(platform, building.kernels(platform, place / "bitcode"), place)
    return place / "small.wasm"


@pytest.mark.slow
def test_small_functions_give_the_bits_of_python(engine: Engine, small_module: Path) -> None:
    for job, expected in (digest_job(), turn_job()):
        assert compare(job, run_in(engine.harness(small_module), job), expected).different == 0


@pytest.mark.slow
def test_what_is_written_beside_a_buffer_is_seen(engine: Engine, small_module: Path) -> None:
    content = np.arange(64, dtype=np.uint8)
    call = Call(3, ((1, 0), (-1, 64), (0, 0)), 0, 1)
    with pytest.raises(RuntimeError, match=r"digest of mine: wrote after \(call 0, buffer 0\)"):
        run_in(engine.harness(small_module), Job("digest of mine", (np.zeros(4, np.uint8), content), (call,)))


@pytest.mark.slow
def test_a_module_of_other_names_or_none_is_told(
    small_module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tools.checks import binaries

    monkeypatch.setattr(
        binaries, "MODULES", {"small.wasm": {"digest": None, "turn": None}, "other.wasm": {"digest": None}}
    )
    assert list(module_faults(small_module)) == []
    other = Path(shutil.copy(small_module, tmp_path / "other.wasm"))
    assert list(module_faults(other)) == ["other.wasm exports __heap_base, digest, turn"]
    other.write_bytes(small_module.read_bytes().replace(b"env", b"our"))
    assert re.match("other.wasm imports something else than env.memory", next(module_faults(other)))
    other.write_bytes(b"\x7fELF")
    assert list(module_faults(other)) == ["other.wasm is not a module of WebAssembly"]


def test_an_engine_says_what_its_relaxed_dot_products_compute(engine: Engine) -> None:
    found = engine.relaxed_dot()
    assert found in ("signed", "unsigned", "short", "lossy")
    assert bool(engine.refuses("wasm-relaxed")) == (found in ("short", "lossy"))
    assert engine.refuses("wasm") == ""
    assert engine.target("wasm") == TARGETS["wasm"]
    relaxed = TARGETS["wasm-relaxed"]
    assert engine.target("wasm-relaxed") == (unsigned(relaxed) if found == "unsigned" else relaxed)
