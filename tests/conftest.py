"""Fixtures shared by all tests; what is missing on this machine is skipped, and the reason says what to set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def official_model_path() -> Path:
    """Path of the official model, from ``$YAMJIT_MODEL``."""
    path = os.environ.get("YAMJIT_MODEL")
    if not path:
        pytest.skip("the official model is not at hand (set YAMJIT_MODEL)")
    return Path(path)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real recordings, from ``$YAMJIT_TEST_DATA``."""
    path = os.environ.get("YAMJIT_TEST_DATA")
    if not path:
        pytest.skip("real recordings are not at hand (set YAMJIT_TEST_DATA)")
    return Path(path)
