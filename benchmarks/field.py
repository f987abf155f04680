"""The field: every contender that this machine has, each in a process of its own, and why the others are missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contenders import JUDGE, NAMES, OURS, check
from benchmarks.worker import Absent, OtherProcess
from tools.checks.lowerings import environment, fast_backend

__all__ = ["PYTHONS", "Field", "open_field", "start"]

#: Who may have a Python of its own, and the variable that names it.
PYTHONS = {
    "tflite-runtime xnnpack": "YAMJIT_TFLITE_RUNTIME_PYTHON",
    "OpenVINO": "YAMJIT_OPENVINO_PYTHON",
    "MediaPipe": "YAMJIT_MEDIAPIPE_PYTHON",
}


@dataclass(frozen=True)
class Field:
    """Who takes part, by name, and why others do not."""

    present: dict[str, OtherProcess] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def who_answers(self, question: str, names: Iterable[str] = NAMES) -> list[OtherProcess]:
        """Return the contenders, of these names, that have an answer."""
        return [
            self.present[name] for name in names if name in self.present and question in self.present[name].questions
        ]


def start(name: str, folder: Path, level: str | None = None) -> OtherProcess:
    """Start a contender; yamjit runs the lowering of the level's name.

    Raises
    ------
    Absent
        If it is not installed, or cannot be confined.
    """
    variables = environment(level, fast_backend()) if level and name == OURS else {}
    python = os.environ.get(PYTHONS.get(name, ""), sys.executable)
    try:
        return OtherProcess(name, folder, level, python, variables)
    except Absent as error:
        hint = (
            f"; ${PYTHONS[name]} may name a Python that has it" if name in PYTHONS and python == sys.executable else ""
        )
        raise Absent(f"{error}{hint}") from error


@contextmanager
def open_field(folder: Path, names: Iterable[str] = NAMES) -> Iterator[Field]:
    """Start every contender, and check its answers against the reference kernels', else against NumPy's.

    Raises
    ------
    ValueError
        If an answer is further off than it may be.
    """
    found = Field()
    try:
        for name in names:
            try:
                found.present[name] = start(name, folder)
            except Absent as error:  # noqa: PERF203
                found.absent[name] = str(error)
        judge = found.present.get(JUDGE) or found.present["yamjit numpy"]
        for contender in found.present.values():
            check(contender, judge)
        yield found
    finally:
        for contender in found.present.values():
            contender.end()
