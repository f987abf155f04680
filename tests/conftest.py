"""Fixtures shared by all tests; what is missing on this machine is skipped, and the reason says what to set."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.two_heads import two_heads
from yamjit.spec import PACKAGED_MODELS
from yamjit.store import resolve_model
from yamjit.tflite import Graph, write_graph

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def pytest_configure() -> None:
    """Heed signals also where a shell in the background, or ``nohup``, has had them ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def small_model_path() -> Path:
    """Path of the starter, a small trained model that is always there."""
    path = resolve_model("starter").path
    assert path is not None
    return path


@pytest.fixture(scope="session")
def examples() -> dict[Path, str]:
    """Recordings of the repository, and the class that the starter is to name first in each."""
    labels = {"siren.flac": "Siren", "speech.flac": "Speech", "telephone.flac": "Telephone bell ringing"}
    return {EXAMPLES / name: label for name, label in labels.items()}


@pytest.fixture(scope="session")
def official_model_path() -> Path:
    """Path of the official model, from ``$YAMJIT_MODEL``."""
    path = os.environ.get("YAMJIT_MODEL")
    if not path or path in PACKAGED_MODELS:
        pytest.skip("the official model is not at hand (set YAMJIT_MODEL)")
    return Path(path)


@pytest.fixture(scope="session", params=["starter", pytest.param("official", marks=pytest.mark.model)])
def real_model_path(request: pytest.FixtureRequest) -> Path:
    """Path of a trained model: of the starter, and of the official one where it is at hand."""
    name = "small_model_path" if request.param == "starter" else "official_model_path"
    path: Path = request.getfixturevalue(name)
    return path


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real recordings, from ``$YAMJIT_TEST_DATA``."""
    path = os.environ.get("YAMJIT_TEST_DATA")
    if not path:
        pytest.skip("real recordings are not at hand (set YAMJIT_TEST_DATA)")
    return Path(path)


@pytest.fixture(scope="session")
def two_heads_graph() -> Graph:
    """A synthetic model with two outputs, labels in several languages, calibration and thresholds."""
    return two_heads()


@pytest.fixture(scope="session")
def two_heads_model(two_heads_graph: Graph) -> bytes:
    """The bytes of `two_heads_graph`."""
    return write_graph(two_heads_graph)
