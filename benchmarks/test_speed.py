"""One window, and a recording of 60 s: ``python -m pytest benchmarks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.contenders import SAMPLE_RATE, WINDOW, Contender, sound

NAMES = ("yamjit numba", "yamjit numpy", "TFLite xnnpack", "TFLite optimised", "TFLite reference")


@pytest.fixture(params=NAMES)
def contender(request: pytest.FixtureRequest, everyone: dict[str, Contender]) -> Contender:
    if request.param not in everyone:
        pytest.skip(f"{request.param} is not installed")
    return everyone[request.param]


@pytest.mark.benchmark(group="one window of 0.975 s, waveform to scores")
def test_window(benchmark: Any, contender: Contender) -> None:
    benchmark(contender.window, sound(WINDOW / SAMPLE_RATE))


@pytest.mark.benchmark(group="file of 60 s, a window every 0.48 s, file to scores")
def test_recording(benchmark: Any, contender: Contender, recording: Path) -> None:
    benchmark.pedantic(contender.recording, (recording,), rounds=5, warmup_rounds=1)
