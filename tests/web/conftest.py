"""Node, and modules of WebAssembly that were built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import yamjit
from tests.support.javascript import Node
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.writer import plan_file_bytes
from yamjit.deploy import deploy
from yamjit.kernels.machine_code.platforms import FOLDER, KIT, MANIFEST
from yamjit.kernels.machine_code.sources import sources_digest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Node with the package as it is in the sources, without modules."""
    return Node(tmp_path)


@pytest.fixture(scope="session")
def modules() -> Path:
    """Folder of libraries, with modules of WebAssembly among them."""
    for folder in (FOLDER, ROOT / "build" / "libraries"):
        if (folder / MANIFEST).is_file() and (folder / KIT).is_file():
            manifest = json.loads((folder / MANIFEST).read_bytes())
            if any(name.startswith("wasm/") for name in manifest["files"]):
                if manifest["sources"] != sources_digest():
                    pytest.skip(f"{folder} is of other sources: python -m tools.libraries builds it anew")
                return folder
    pytest.skip("no modules of WebAssembly are built: python -m tools.libraries wasm builds them")


@pytest.fixture(scope="session")
def starter() -> yamjit.Classifier:
    """The starter as Python runs it."""
    return yamjit.load("starter")


@pytest.fixture(scope="session")
def starter_plan(starter: yamjit.Classifier) -> bytes:
    """The starter as a plan file for browsers."""
    return plan_of(starter)


def plan_of(model: yamjit.Classifier) -> bytes:
    """Return a model as a plan file for browsers."""
    return plan_file_bytes(compile_model(model.graph), "wasm", model.source.sha256)


@pytest.fixture(scope="session")
def deployed(starter: yamjit.Classifier, modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its modules, with the starter, as they are exported."""
    folder = tmp_path_factory.mktemp("deployed") / "starter"
    deploy(starter, folder, ["wasm"], libraries=modules)
    return folder


@pytest.fixture
def browser_package(deployed: Path, tmp_path: Path) -> Node:
    """Node with the package as it is exported."""
    return Node(tmp_path, deployed / "wasm")
