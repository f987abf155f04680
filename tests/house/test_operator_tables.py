"""The page on models names every operator that is read, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.int8_graphs import INT8_GRAPHS
from yamjit.tflite.operators import OPERATORS

PAGE = Path(__file__).parents[2] / "docs" / "models.md"


def test_the_page_names_every_operator() -> None:
    table = PAGE.read_text().split("## Operators")[1].split("##")[0].split("|---|---|")[1].split("\n\n")[0]
    named = re.findall(r"(\*\*)?\b([A-Z][A-Z0-9_]+)\b", table)
    assert sorted(name for _, name in named) == sorted(op.name for op in OPERATORS)
    in_bold = {name for bold, name in named if bold}
    assert {graph.operators[0].op.name for graph in INT8_GRAPHS.values()} <= in_bold
