"""What heads on inner layers hear that those on the embedding do not: digits, and words that espeak-ng speaks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.fine_sounds import BEFORE, NOW, measure, stream
from benchmarks.spoken_words import keywords
from yamjit.classifier import Classifier
from yamjit.learn.tables import from_csv
from yamjit.loading import load

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(official_model_path: Path) -> Classifier:
    return load(official_model_path, threads=2)


@pytest.fixture
def spoken() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")


@pytest.mark.model
@pytest.mark.recordings
def test_digits_of_speakers_that_were_held_out(model: Classifier, test_data: Path) -> None:
    table = test_data / "audio" / "digits.csv"
    if not table.exists():
        pytest.skip("spoken digits are not at hand")
    digits = from_csv(table)
    found = measure(model, digits, NOW, digits.groups())
    assert found.aligned >= 0.80
    assert found.anywhere >= 0.80
    assert abs(found.exported - found.aligned) <= 0.01
    assert abs(found.exported_anywhere - found.anywhere) <= 0.02
    assert "embedding" not in found.features


@pytest.mark.model
@pytest.mark.usefixtures("spoken")
def test_keywords_of_voices_that_were_held_out(model: Classifier, tmp_path: Path) -> None:
    words = keywords(tmp_path)
    before, now = (measure(model, words, setting) for setting in (BEFORE, NOW))
    assert now.aligned >= 0.98 > 0.9 > before.aligned
    assert now.anywhere >= 0.97 > 0.7 > before.anywhere
    assert abs(now.exported - now.aligned) <= 0.0125  # one of 80 recordings
    assert abs(now.exported_anywhere - now.anywhere) <= 0.0125


@pytest.mark.usefixtures("spoken")
def test_words_of_the_starter_model(small_model_path: Path, tmp_path: Path) -> None:
    words = keywords(tmp_path, ("stop", "left", "yes"))
    before, now = (measure(load(small_model_path), words, setting) for setting in (BEFORE, NOW))
    assert now.anywhere >= before.anywhere
    assert now.anywhere >= 0.9


@pytest.mark.model
@pytest.mark.usefixtures("spoken")
def test_words_in_noise_are_found(model: Classifier, tmp_path: Path) -> None:
    before, now = (stream(model, tmp_path / "words", setting, 0.8) for setting in (BEFORE, NOW))
    assert now.found >= 76 > 60 > before.found
    assert now.wanted == before.wanted == 80
    assert now.false_alarms_per_hour < before.false_alarms_per_hour / 4
