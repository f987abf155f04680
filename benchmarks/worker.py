"""A contender in a process of its own: ``python -m benchmarks.worker NAME FOLDER [LEVEL]``, and what talks to it.

The process reads a line of JSON for each question from standard input, and answers with one. It needs NumPy and what
the contender needs; its Python may be another one, where there is no yamjit.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.confine import CannotConfine, instructions_run
from benchmarks.contenders import load

__all__ = ["Absent", "OtherProcess"]

#: Distributions whose versions are told.
_TOLD = ("numpy", "numba", "llvmlite", "ai-edge-litert", "tflite-runtime", "openvino", "mediapipe", "soundfile", "soxr")


class Absent(RuntimeError):
    """A contender cannot take part; the message says why."""


class OtherProcess:
    """A contender that another process runs.

    Parameters
    ----------
    name : str
        One of `benchmarks.contenders.NAMES`.
    folder : Path
        See `benchmarks.inputs`.
    level : str, optional
        What a runtime is confined to, see `benchmarks.confine`.
    python : str
        Its interpreter.
    variables : mapping of str to str
        What is added to its environment.

    Attributes
    ----------
    questions : frozenset of str
        What can be asked.
    confinement : str
        How it was confined; empty if it was not asked for.
    versions : mapping of str to str

    Raises
    ------
    Absent
        If it is not installed, or cannot be confined.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        level: str | None = None,
        python: str = sys.executable,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        own = python == sys.executable
        kept = {key: value for key, value in os.environ.items() if own or not key.startswith("PYTHON")}
        self._answer = folder / f"{name} {level}.npy"
        self._said = folder / f"{name} {level}.log"
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", name, str(folder), level or ""],
            env={**kept, **(variables or {})},
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said.open("w"),
            text=True,
        )
        about = self._reply()
        if "absent" in about:
            self.end()
            raise Absent(about["absent"])
        self.questions = frozenset(about["questions"])
        self.confinement: str = about["confinement"]
        self.versions: Mapping[str, str] = about["versions"]

    def answer(self, question: str) -> npt.NDArray[np.float32]:
        """Return the answer."""
        self._ask({"question": question, "answer": str(self._answer)})
        found: npt.NDArray[np.float32] = np.load(self._answer)
        return found

    def seconds(self, question: str, callers: int = 1, idle_s: float = 0.0) -> float:
        """Return how long the answer takes on the other's clock; see `benchmarks.contenders.InProcess.seconds`."""
        return float(self._ask({"question": question, "callers": callers, "idle_s": idle_s})["seconds"])

    def instructions(self, question: str, seconds: float) -> dict[str, dict[str, int]]:
        """Return how often each instruction was found running, by its set and its name."""
        found: dict[str, dict[str, int]] = self._ask({"question": question, "sampled": seconds})["instructions"]
        return found

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, request: Mapping[str, object]) -> Any:
        if self._process.stdin is None:
            raise RuntimeError("the worker has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> Any:
        """Return the next line of JSON: runtimes print lines of their own."""
        if self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        for line in self._process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError(f"{self.name}: its process has ended: {self._said.read_text()[-2000:]}")


def main(name: str, folder: str, level: str) -> None:
    """Answer until there are no more questions."""
    try:
        contender, confinement = load(name, Path(folder), level or None)
    except (ImportError, CannotConfine) as error:
        print(json.dumps({"absent": str(error)}), flush=True)
        return
    installed = {(one.name or "").lower(): one.version for one in distributions()}
    versions = {wanted: installed[wanted] for wanted in _TOLD if wanted in installed}
    about = {"questions": list(contender.questions), "confinement": confinement, "versions": versions}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        question, reply = request["question"], {}
        if "answer" in request:
            np.save(request["answer"], contender.answer(question))
        elif "sampled" in request:
            found: dict[str, dict[str, int]] = {}
            counted = instructions_run(lambda: contender.answer(question), request["sampled"])  # noqa: B023 - called here
            for (kind, instruction), count in counted.items():
                found.setdefault(kind, {})[instruction] = count
            reply = {"instructions": found}
        else:
            reply = {"seconds": contender.seconds(question, request["callers"], request["idle_s"])}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
