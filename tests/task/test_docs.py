"""The page for those who come from the Task Library: its examples run, and print what it says."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
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
    assert [bool(output_after(block)) for block in BLOCKS] == [True, False, True, True, False, True]


@pytest.mark.parametrize("index", [0, 2, 3, 5])
def test_examples_print_what_the_page_says(
    index: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(BLOCKS[index], monkeypatch, capsys) == output_after(BLOCKS[index])


def test_the_example_of_a_microphone(
    examples: dict[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It hears a recording, half a window of it whenever the example sleeps."""
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
    assert run(BLOCKS[4], monkeypatch, capsys) == ["True", "True"]


def test_the_imports_that_the_page_names_work() -> None:
    named = re.findall(r"\| `from (yamjit\.task[\w.]*) import ([\w, ]+)` \|$", TEXT, re.MULTILINE)
    assert len(named) == 7
    for module, names in named:
        run_import(f"from {module} import {names}")


#: How programs import what the page is about.
IMPORTS = """\
import numpy as np
import mediapipe as mp
from mediapipe.tasks import python
from mediapipe.tasks.python import audio as clips
from mediapipe.tasks.python.audio.core import audio_record
from mediapipe import tasks
from mediapipe.tasks.python.audio import audio_embedder
from mediapipe.tasks.python.components import containers, processors
from mediapipe.tasks.python.components.containers import audio_data
from mediapipe.tasks.python.components.utils import cosine_similarity
import mediapipe.tasks.python.core.base_options as base
from tflite_support.task import audio
from tflite_support.task import core, processor
from tensorflow_lite_support.python.task.audio import audio_classifier
from tensorflow_lite_support.python.task.audio.core import tensor_audio
from tensorflow_lite_support.python.task.core import base_options
from tensorflow_lite_support.python.task.processor.proto import embedding_options_pb2
def main():
    import mediapipe as again
    return again.tasks is mp.tasks is tasks and mp.tasks.audio is clips
print(main())
"""


def test_the_command_that_changes_imports(tmp_path: Path) -> None:
    if os.name == "nt" or shutil.which("sed") is None or shutil.which("bash") is None:
        pytest.skip("wants bash and sed")
    (command,) = re.findall(r"^```sh\n(sed .*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(IMPORTS, encoding="utf-8")
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, check=True, timeout=20)
    changed = program.read_text(encoding="utf-8")
    assert not re.search(
        r"\b(tflite|tensorflow_lite)_support\b|(?<!task\.)\bmediapipe[. ](?!as\b)|^ *import mediapipe",
        changed,
        re.MULTILINE,
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_the_names_of_yamjit_that_the_page_gives_exist() -> None:
    named = sorted(set(re.findall(r"\byamjit((?:\.\w+)+)", TEXT)))
    assert len(named) >= 8
    for dotted in named:
        found: Any = yamjit
        for name in dotted.split(".")[1:]:
            found = getattr(found, name, None) or importlib.import_module(f"{found.__name__}.{name}")


def run_import(statement: str) -> None:
    exec(compile(statement, PAGE.name, "exec"), {})
