"""Four persons get to their results by the commands of ``tools/journeys``, once yamjit is installed."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from pathlib import Path

import pytest

from tools.journeys.__main__ import HERE, commands_of, travel
from tools.journeys.world import make_world

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the journeys are made in a Unix shell"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    make_world(folder, season_s=60)
    tools = folder / "bin"
    tools.mkdir()
    for name, arguments in (("python", ""), ("yamjit", "-m yamjit ")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("developer", r"975 ms  0\.\d+  Siren"),
        ("ecologist", r"05 h   11  #{11}"),
        ("engineer", r"accuracy 100\.00%"),
        ("tinkerer", r"200 Smoke detector, smoke alarm at \d{4}-\d\d-\d\dT"),
    ],
)
def test_a_person_gets_to_the_result(world: Path, name: str, result: str) -> None:
    if name == "engineer" and importlib.util.find_spec("ai_edge_litert") is None:
        pytest.skip("ai-edge-litert is not installed")
    install, *commands = commands_of(HERE / f"{name}.sh")
    assert "pip install" in install
    variables = {"PATH": f"{world / 'bin'}:{os.environ['PATH']}", "YAMJIT_MODEL": "starter"}
    steps = list(travel(commands, world, variables))
    said = "\n".join(step[1] for step in steps)
    assert [step[3] for step in steps] == [0] * len(commands), said
    assert re.search(result, said), said
