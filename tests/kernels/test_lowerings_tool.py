"""Lowerings by name: each that this machine runs is what Numba then compiles for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("numba")

from tools.checks.lowerings import compiled_lowering, environment, own_lowering, runnable_lowerings


@pytest.mark.slow
@pytest.mark.numba
@pytest.mark.parametrize("lowering", runnable_lowerings())
def test_the_environment_gives_the_lowering(lowering: str) -> None:
    code = "from tools.checks.lowerings import compiled_lowering; print(compiled_lowering())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment(lowering),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.split() == [lowering]


@pytest.mark.numba
def test_the_own_lowering_needs_nothing() -> None:
    assert runnable_lowerings()[0] == own_lowering()
    assert environment(own_lowering()) == {}
    assert compiled_lowering() in runnable_lowerings()


@pytest.mark.numba
def test_what_does_not_run_here_is_refused() -> None:
    with pytest.raises(ValueError, match="'neon' does not run here; accepted: "):
        environment("neon")
