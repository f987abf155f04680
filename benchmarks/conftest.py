"""Fixtures of the benchmarks: the model, the sounds, and contenders whose answers are right."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from benchmarks.contenders import SAMPLE_RATE, WINDOW, Contender, check, contenders, model_bytes, sound

RECORDING_S = 60.0


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file of 60 s, 16 kHz, mono, 16 bits."""
    path = tmp_path_factory.mktemp("benchmarks") / "recording.wav"
    soundfile.write(path, sound(RECORDING_S), SAMPLE_RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="session")
def everyone(recording: Path) -> dict[str, Contender]:
    """Return all contenders by name, each checked against the reference kernels (else against NumPy)."""
    found = {contender.name: contender for contender in contenders(model_bytes())}
    judge = found.get("TFLite reference", found["yamjit numpy"])
    for contender in found.values():
        check(contender, judge, sound(WINDOW / SAMPLE_RATE), recording)
    return found
