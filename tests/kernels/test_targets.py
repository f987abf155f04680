"""Targets as values: one process compiles for several machines, and importing asks about none."""

from __future__ import annotations

import dataclasses
import importlib.util
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest

pytest.importorskip("numba")

import yamjit.kernels
from tests.support.synthetic import probe_signals, synthetic_yamnet
from tools.checks.object_files import compiled, instructions, undefined
from tools.libraries.bitcode import OF_ALL, Function
from yamjit.kernels.backends import NumpyBackend
from yamjit.kernels.int8.kernel_set import KernelSet
from yamjit.kernels.log_mel import numpy as twin
from yamjit.kernels.log_mel.compiled import log_mel
from yamjit.kernels.machine_code import native
from yamjit.kernels.machine_code.compiler import compile_object
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.native import ObjectCode
from yamjit.kernels.plan_file.entries import DIGEST
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.steps.compiled import RUN_STEPS, run
from yamjit.kernels.vectors.processor import host_features, host_target
from yamjit.kernels.vectors.target import TARGETS, Target
from yamjit.network import Network
from yamjit.plan import Plan, compile_plan

pytestmark = pytest.mark.numba

NAMES = ("avx512vnni", "avx2", "neon-dot", "plain")

#: Instructions that a target's network is made of, and those that no target but it has.
TELLING = {"avx512vnni": "vpdpbusd", "avx2": "vpmaddwd", "neon-dot": "sdot", "plain": None}

#: What a freestanding program brings along; the plain lowering rounds numbers in floating point by calls.
LIBRARY = {"memset", "memcpy", "memmove"}
ROUNDING = {"trunc", "truncf"}


needs_tools = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="wants what libraries are built with: pip install '.[libraries]'",
)


# -- Both entries, by value -------------------------------------------------------------------------------------


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("name", NAMES)
def test_an_object_holds_what_the_target_has(name: str) -> None:
    for entry in OF_ALL:
        code = compiled(entry, TARGETS[name])
        assert undefined(code) <= LIBRARY | (ROUNDING if name == "plain" else set())
    found = instructions(compiled(RUN_STEPS, TARGETS[name]))
    wanted = TELLING[name]
    assert all((found[other] > 100) == (other == wanted) for other in TELLING.values() if other in found)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(synthetic_yamnet(seed=3, width=0.5))


class ByValue(NumpyBackend):
    """Runs object code of any target that this machine can run."""

    def __init__(self, target: Target) -> None:
        run_steps, frames = (
            native.load(ObjectCode(compiled(entry, target)), Function(entry, target.name).symbol, entry.arguments)
            for entry in OF_ALL
        )
        self.run = lambda program, *rest: run(prepare(program, target), *rest, run_steps)  # type: ignore[method-assign]
        self.log_mel = lambda *what: log_mel(*what, frames)  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def expected(plan: Plan) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """What the NumPy twins give: log-mel patches of the probe signals, and all tensors of the network for them."""
    front_end = plan.front_end
    assert front_end is not None
    patches = np.empty((len(probe_signals()), front_end.n_frames, len(front_end.mel_basis)), np.float32)
    for signal, patch in zip(probe_signals().values(), patches, strict=True):
        twin.log_mel(front_end, signal, patch)
    return patches, Network(plan, "numpy").run(patches, plan.slots).tensors


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("name", NAMES)
def test_an_object_gives_the_bits_of_the_numpy_twin(
    name: str, plan: Plan, expected: tuple[np.ndarray, Mapping[str, np.ndarray]]
) -> None:
    if not TARGETS[name].runs_on(host_features(), platform.machine()):
        pytest.skip("this machine does not run it")
    backend, (patches, tensors) = ByValue(TARGETS[name]), expected
    assert plan.front_end is not None
    for signal, patch in zip(probe_signals().values(), patches, strict=True):
        found = np.empty_like(patch)
        backend.log_mel(plan.front_end, signal, found)
        np.testing.assert_array_max_ulp(found, patch, maxulp=1)
    given = Network(plan, backend).run(patches, plan.slots).tensors
    for tensor in plan.slots:
        np.testing.assert_array_equal(given[tensor], tensors[tensor], tensor)


@pytest.mark.slow
def test_one_process_compiles_for_several_machines() -> None:
    """A small entry: those above take half a minute for each target, and a process for each."""
    objects = [compile_object(DIGEST, TARGETS[name]) for name in ("avx2", "neon-dot")]
    assert all(code.is_free and set(code.needs) <= undefined(code.code) <= LIBRARY for code in objects)
    assert [int.from_bytes(code.code[18:20], "little") for code in objects] == [62, 183]  # ELF's numbers of machines


# -- Targets ----------------------------------------------------------------------------------------------------


def test_tiles_are_whole_blocks_or_divide_one() -> None:
    for columns in (1, 2, 4, 8):
        dataclasses.replace(TARGETS["plain"], columns=columns)
    with pytest.raises(ValueError, match="a tile of 12 channels neither divides"):
        dataclasses.replace(TARGETS["plain"], columns=3)


def test_this_machines_target_is_what_numba_compiles_for() -> None:
    from numba.core.registry import cpu_target

    here = host_target()
    assert cpu_target.target_context.codegen().magic_tuple() == (here.triple, here.cpu, here.features)
    code = (
        "from yamjit.kernels.vectors.processor import host_target as t; import sys; print('numba' in sys.modules, t())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == f"False {here}"


def test_importing_asks_about_no_machine() -> None:
    modules = [module.name for module in pkgutil.walk_packages(yamjit.kernels.__path__, "yamjit.kernels.")]
    code = f"""
import importlib
from yamjit.kernels.vectors import processor
def refuse(*_):
    raise AssertionError("asked")
processor.host_target = processor.host_features = refuse
for name in {modules}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert "yamjit.kernels.steps.run" in modules


def test_an_instruction_set_brings_its_own_kernel() -> None:
    kernels = KernelSet(TARGETS["plain"], matmul=lambda ops: ("matmul of my own", ops.target.name))
    assert kernels.matmul == ("matmul of my own", "plain")
    assert callable(kernels.depthwise)


def test_an_entry_is_made_for_a_target() -> None:
    seen = []
    sys.modules["made"] = type(sys)("made")
    sys.modules["made"].make_it = lambda target: seen.append(target) or len  # type: ignore[attr-defined]
    try:
        assert Entry("made", "it", (int,)).function(TARGETS["neon"]) is len
    finally:
        del sys.modules["made"]
    assert seen == [TARGETS["neon"]]
