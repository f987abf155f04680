"""``yamjit bench --against litert``, with a runtime that is made up: what it prints, and what it says without one."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import yamjit
from yamjit.cli import against, main


class Interpreter:
    """Scores a window by yamjit, as slowly as it likes."""

    shape: tuple[int, ...] = (1, 15600)

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        assert num_threads == 1
        self._model = yamjit.load(model_content, backend="numpy")

    def allocate_tensors(self) -> None:
        pass

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": np.array(self.shape)}]

    def resize_tensor_input(self, _index: int, shape: list[int]) -> None:
        assert self.shape == (1,)
        self.shape = tuple(shape)

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 2, "name": "embedding"}, {"index": 1, "name": self._model.plan.heads[0].name}]

    def set_tensor(self, _index: int, values: Any) -> None:
        assert values.shape == self.shape
        self._window = np.array(values)

    def invoke(self) -> None:
        self._scores = self._model.score_window(self._window.reshape(-1)).scores

    def get_tensor(self, index: int) -> Any:
        assert index == 1
        return self._scores


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    monkeypatch.setattr(against, "_MINUTE_S", 3)
    monkeypatch.setattr(against, "_TURN_S", 0.01)
    monkeypatch.setattr(against, "_kernels", lambda: ("numpy", "none"))
    module = ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = Interpreter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ai_edge_litert", ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "9.9" if name == "ai-edge-litert" else version(name)
    )


@pytest.mark.usefixtures("runtime")
def test_both_are_measured_in_turns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--against", "litert", "--time", "0.01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["runtime"] == {"package": "ai-edge-litert", "version": "9.9"}
    assert found["largest_difference"] == 0.0
    assert set(found["cases"]) == set(against.CASES)
    for one in found["cases"].values():
        assert one["turns"] >= 3
        assert min(one["yamjit_ms"], one["runtime_ms"], one["times_as_fast"]) > 0


@pytest.mark.usefixtures("runtime")
def test_a_model_of_any_length_is_given_windows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Interpreter, "shape", (1,))
    assert main(["bench", "--against", "litert", "--time", "0.01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["largest_difference"] == 0.0


@pytest.mark.usefixtures("runtime")
def test_what_ran_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--against", "litert", "--time", "0.01"]) == 0
    out = capsys.readouterr().out
    assert "push(samples)" in out
    assert "the runtime is unconfined" in out
    assert "runtime ai-edge-litert 9.9" in out


def test_without_a_runtime_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(against, "RUNTIMES", {"no_such_runtime": "ai-edge-litert"})
    assert main(["bench", "--against", "litert", "--model", "starter"]) != 0
    assert "install ai-edge-litert" in capsys.readouterr().err


def test_it_has_one_thread(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--against", "litert", "--threads", "2", "--model", "starter"]) != 0
    assert "both have one thread" in capsys.readouterr().err


def test_instructions_name_the_lowering_and_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against, "_cpuinfo", lambda key: "avx2 avx512_vnni amx_int8" if key == "flags" else "")
    assert "avx512vnni" in against._instructions("avx512vnni")
    assert "AMX as well" in against._instructions("avx512vnni")
    monkeypatch.setattr(against, "_cpuinfo", lambda key: "")
    assert "unconfined" in against._instructions("neon")
