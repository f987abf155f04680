"""The page for those who come from the Task Library: its examples run, and print what it says."""

from __future__ import annotations

import importlib
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from tests.support.sound_device import pretend

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "coming_from_task_library.md"

TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def output_after(block: str) -> list[str]:
    """Return the lines that the page says a block prints; none if it says nothing."""
    rest = TEXT.split(block, 1)[1].split("```python", 1)[0]
    shown = re.search(r"<!-- output -->\n\n((?:    .*\n)+)", rest)
    return [line.strip() for line in shown[1].splitlines()] if shown else []


def run(
    block: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: dict[str, Any] | None = None,
) -> list[str]:
    """Run a block, which finds and leaves its variables in `names`; return what it prints."""
    monkeypatch.chdir(ROOT)
    exec(compile(block, PAGE.name, "exec"), {} if names is None else names)
    return capsys.readouterr().out.splitlines()


def test_the_page_has_its_examples() -> None:
    assert len(BLOCKS) == 4
    assert [bool(output_after(block)) for block in BLOCKS] == [True, False, True, False]


@pytest.mark.parametrize("index", [0, 2])
def test_examples_print_what_the_page_says(
    index: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(BLOCKS[index], monkeypatch, capsys) == output_after(BLOCKS[index])


def test_the_example_of_a_microphone(
    examples: dict[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It hears a recording, half a second of it whenever the example sleeps."""
    soundfile = pytest.importorskip("soundfile")
    device = pretend(monkeypatch)
    samples, rate = soundfile.read(next(path for path in examples if path.stem == "siren"), dtype="float32")
    halves = iter(np.array_split(np.tile(samples, 2)[: 5 * rate], 10))
    names: dict[str, Any] = {}
    monkeypatch.setattr(time, "sleep", lambda _: device.hear(names["record"], next(halves)))
    printed = run(BLOCKS[1], monkeypatch, capsys, names)
    assert len(printed) == 10
    assert printed[1].startswith("Siren 0.")
    assert not device.streams[-1].active


def test_the_example_of_embeddings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(BLOCKS[3], monkeypatch, capsys) == ["True", "True"]


def test_the_imports_that_the_page_names_work() -> None:
    named = re.findall(r"\| `from (yamjit\.task[\w.]*) import ([\w, ]+)` \|$", TEXT, re.MULTILINE)
    assert len(named) == 5
    for module, names in named:
        run_import(f"from {module} import {names}")


def test_the_names_of_yamjit_that_the_page_gives_exist() -> None:
    named = sorted(set(re.findall(r"\byamjit((?:\.\w+)+)", TEXT)))
    assert len(named) >= 8
    for dotted in named:
        found: Any = yamjit
        for name in dotted.split(".")[1:]:
            found = getattr(found, name, None) or importlib.import_module(f"{found.__name__}.{name}")


def run_import(statement: str) -> None:
    exec(compile(statement, PAGE.name, "exec"), {})
