"""Workers of Dask: outcomes, failures, workers that die, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest

from tests.support.run_jobs import Job
from tools.checks.kill_runs import compare, make_recordings
from yamjit.cli import main
from yamjit.errors import ClusterError, ModelError
from yamjit.runs import cluster
from yamjit.runs.cluster import dask_client
from yamjit.runs.inputs import Recording
from yamjit.runs.outcomes import outcomes

pytest.importorskip("distributed", reason="Dask is not installed (the extra dask)")

from yamjit.runs import dask_crew, dask_worker

#: Dask leaves sockets and the like to be collected.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.filterwarnings("ignore::pytest.PytestWarning")]

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Give a client of two workers of this machine."""
    with dask_client(None, 2) as found:
        yield found


def recordings(*names: str) -> list[Recording]:
    return [Recording(name, PurePath(name)) for name in names]


@posix
def test_workers_that_die_are_replaced_and_what_kills_them_is_named(tmp_path: Path, client: Any) -> None:
    names = ["slow-1", "a-1", "bad-1", "once-1", "killer-1", *(f"b-{number}" for number in range(20)), "memory-1"]
    todo = [*recordings(*names), Recording("nothing", PurePath("nothing"), "nothing: is empty")]
    found = list(outcomes(todo, Job(tmp_path), client=client))
    assert [outcome.recording for outcome in found] == todo
    failures = {outcome.recording.name: outcome.failure for outcome in found if outcome.failure is not None}
    killed = "killer-1: the worker that read it was killed twice, perhaps by the system for lack of memory"
    enough = "memory-1: there is not enough memory for it"
    assert failures == {
        "bad-1": "bad-1: is bad",
        "killer-1": killed,
        "memory-1": enough,
        "nothing": "nothing: is empty",
    }
    assert all(outcome.value == outcome.recording.name.upper() for outcome in found if outcome.failure is None)
    assert os.getpid() not in {int(line) for path in tmp_path.iterdir() for line in path.read_text().split()}


def test_other_errors_end_the_run(tmp_path: Path, client: Any) -> None:
    with pytest.raises(ModelError, match="is none"):
        list(outcomes(recordings("a-1", "model-1", "a-2"), Job(tmp_path), client=client))


@pytest.mark.parametrize("module", [dask_crew, dask_worker])  # workers that are there, and one that comes later
def test_another_version_is_refused(tmp_path: Path, client: Any, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "own_version", lambda: "0.0.0")
    with pytest.raises(ClusterError, match=r"the worker tcp://.* has yamjit .*0\.0\.0: the same is needed everywhere"):
        list(outcomes(recordings("a-1"), Job(tmp_path), client=client))


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_ANSWER_S", "1s")
    wanted = r"no scheduler of Dask answers at 'tcp://127\.0\.0\.1:9'"
    with pytest.raises(ClusterError, match=wanted), dask_client("tcp://127.0.0.1:9", 1):
        pass


@pytest.mark.slow
def test_the_command_writes_what_one_process_writes(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YAMJIT_MODEL", "starter")
    make_recordings(Path("recordings"), 25, seed=0)
    dask = ["--engine", "dask", "--scheduler", client.scheduler.address]
    for verb in (["classify", "--windows"], ["events"], ["embed"], ["segments", "--on", "0.1"]):
        run = [verb[0], "recordings", "-q", *verb[1:]]
        assert main([*run, "-o", f"{verb[0]}-one"]) == 3
        assert main([*run, "-o", f"{verb[0]}-dask", *dask]) == 3
        assert compare(Path(f"{verb[0]}-one"), Path(f"{verb[0]}-dask")) == []
    assert main(["classify", "recordings", "-q", "--windows", "-o", "one.csv"]) == 3
    assert main(["classify", "recordings", "-q", "--windows", "-o", "dask.csv", *dask]) == 3
    assert Path("one.csv").read_bytes() == Path("dask.csv").read_bytes()
