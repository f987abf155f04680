"""Fixtures of the benchmarks: contenders whose answers are right."""

from __future__ import annotations

import contextlib

import pytest

from benchmarks.contenders import JUDGE, NAMES, InProcess, check, load
from benchmarks.inputs import prepare


@pytest.fixture(scope="session")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, InProcess]:
    """Return all contenders by name, each checked against the reference kernels (else against NumPy)."""
    folder = tmp_path_factory.mktemp("benchmarks")
    prepare(folder)
    found = {}
    for name in NAMES:
        with contextlib.suppress(ImportError):
            found[name] = load(name, folder)[0]
    judge = found.get(JUDGE, found["yamjit numpy"])
    for contender in found.values():
        check(contender, judge)
    return found
