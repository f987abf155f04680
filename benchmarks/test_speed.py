"""One window, its two parts, and a recording of 20 s: ``python -m pytest benchmarks``."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.contenders import NAMES, InProcess


@pytest.fixture(params=NAMES)
def contender(request: pytest.FixtureRequest, everyone: dict[str, InProcess]) -> InProcess:
    found = everyone.get(request.param)
    if found is None:
        pytest.skip(f"{request.param} is not installed")
    return found


@pytest.mark.parametrize("question", ["window", "push", "network", "front end"])
def test_window(benchmark: Any, contender: InProcess, question: str) -> None:
    benchmark.group = f"{question}, of 0.975 s"
    _skip_without(contender, question)
    benchmark(contender.questions[question])


@pytest.mark.parametrize("threads", [1, 2])
def test_recording(benchmark: Any, contender: InProcess, threads: int) -> None:
    benchmark.group = f"file of 20 s, a window every 0.48 s, threads: {threads}"
    _skip_without(contender, f"short {threads}")
    benchmark.pedantic(contender.questions[f"short {threads}"], rounds=3, warmup_rounds=1)


def _skip_without(contender: InProcess, question: str) -> None:
    if question not in contender.questions:
        pytest.skip(f"{contender.name} has no answer to {question!r}")
