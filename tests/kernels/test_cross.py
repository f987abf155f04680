"""The kernels for 64-bit Arm, compiled here: the instructions they are made of, and their results under emulation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("ziglang", reason="wants what libraries are built with: pip install '.[libraries]'")

import yamjit
from tests.support.synthetic import synthetic_yamnet
from tools.checks.cross import check, compare, link, log_mel_job, main, missing, run_emulated, run_here
from tools.checks.cross_compile import compile_for, instructions, undefined
from yamjit.kernels.vectors.target import TARGETS, Target
from yamjit.tflite.writer import write_graph

pytestmark = [pytest.mark.slow, pytest.mark.numba]

ARM = [TARGETS["neon-dot"], TARGETS["neon"]]

emulated = pytest.mark.skipif(bool(missing()), reason=f"not installed: {' '.join(missing())}")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[Target, Path]:
    return compile_for(ARM, tmp_path_factory.mktemp("cross"))


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load(write_graph(synthetic_yamnet(classes=37, width=0.5)), backend="numba")


def test_each_processor_gets_its_instructions(places: dict[Target, Path]) -> None:
    code = {target.cpu: (place / "run_steps.o").read_bytes() for target, place in places.items()}
    found = {processor: instructions(data) for processor, data in code.items()}
    assert found["cortex-a76"]["sdot"] > 100
    assert found["cortex-a72"]["sdot"] == 0
    assert found["cortex-a72"]["smull"] > found["cortex-a76"]["smull"] + 100
    assert all(counts["fmla"] > 0 for counts in found.values())
    assert all(undefined(data) <= {"memcpy", "memmove", "memset"} for data in code.values())


@emulated
def test_every_bit_is_the_same(places: dict[Target, Path], model: yamjit.Classifier) -> None:
    found = dict(check(model, places))
    assert len(found) == len(ARM)
    for outcomes in found.values():
        assert len(outcomes) >= 4
        assert all(outcome.cells > 0 for outcome in outcomes)
        assert [outcome for outcome in outcomes if outcome.different] == []


@emulated
def test_other_samples_give_other_bits_and_a_short_buffer_is_overrun(
    places: dict[Target, Path], model: yamjit.Classifier
) -> None:
    target, place = next(iter(places.items()))
    program, job = link(place, target), log_mel_job(model)
    tables, samples, scratch, out = job.buffers
    louder = dataclasses.replace(job, buffers=(tables, (samples.view(np.float32) * 2).view(np.uint8), scratch, out))
    assert compare(job, run_emulated(louder, program, target.cpu), run_here(job)).different > 1000
    short = dataclasses.replace(job, buffers=(tables, samples, scratch, out[:-4]))
    with pytest.raises(RuntimeError, match=r"log_mel: wrote behind \(call 3, buffer 3\)"):
        run_emulated(short, program, target.cpu)


def test_the_tool_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert "apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross" in capsys.readouterr().err
