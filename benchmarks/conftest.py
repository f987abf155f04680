"""Fixtures of the benchmarks: contenders whose answers are right."""

from __future__ import annotations

import pytest

from benchmarks.contenders import Contender, check, load_all
from benchmarks.inputs import prepare


@pytest.fixture(scope="session")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contender]:
    """Return all contenders by name, each checked against the reference kernels (else against NumPy)."""
    folder = tmp_path_factory.mktemp("benchmarks")
    prepare(folder)
    found = {contender.name: contender for contender in load_all(folder)}
    judge = found.get("LiteRT reference", found["yamjit numpy"])
    for contender in found.values():
        check(contender, judge)
    return found
