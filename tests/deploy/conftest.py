"""Libraries that were built, and models as plan files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

import yamjit
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.writer import plan_file_bytes
from yamjit.deploy import kit
from yamjit.kernels.machine_code.platforms import FOLDER, KIT, MANIFEST, own_platform
from yamjit.kernels.machine_code.sources import sources_digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def built_libraries() -> Path:
    """Folder of the libraries of this installation or clone."""
    for folder in (FOLDER, ROOT / "build" / "libraries"):
        if (folder / MANIFEST).is_file() and (folder / KIT).is_file():
            manifest = json.loads((folder / MANIFEST).read_bytes())
            if manifest["sources"] != sources_digest():
                pytest.skip(f"{folder} is of other sources: python -m tools.libraries builds it anew")
            if not any(name.startswith(f"{own_platform()}/") for name in manifest["files"]):
                pytest.skip(f"{folder} has no library for {own_platform()}")
            return folder
    pytest.skip("no libraries are built: python -m tools.libraries builds them")


@pytest.fixture(scope="session")
def library_files(built_libraries: Path) -> Mapping[str, bytes]:
    """The libraries by name."""
    return kit.read_kit(built_libraries)


@pytest.fixture(scope="session")
def family() -> str:
    """How constants are packed for this machine."""
    return "x86" if own_platform().endswith("x86_64") else "arm"


@pytest.fixture(scope="session")
def starter() -> yamjit.Classifier:
    """The starter as Python runs it."""
    return yamjit.load("starter", backend="numpy")


@pytest.fixture(scope="session")
def starter_plan(starter: yamjit.Classifier, family: str) -> bytes:
    """The starter as a plan file for this machine."""
    return plan_file_bytes(compile_model(starter.graph), family, starter.source.sha256)
