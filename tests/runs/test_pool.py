"""Runs over many recordings: order, failures, killed processes, the end of all of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePath

import pytest

from tests.support.run_jobs import Job
from yamjit.errors import ModelError
from yamjit.runs.inputs import Recording
from yamjit.runs.outcome import Outcome
from yamjit.runs.outcomes import outcomes
from yamjit.runs.starting import signals_held

pytestmark = pytest.mark.slow

posix = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def recordings(*names: str) -> list[Recording]:
    return [Recording(name, PurePath(name)) for name in names]


def shown(outcome: Outcome[str]) -> str | None:
    return outcome.value if outcome.failure is None else f"! {outcome.failure}"


@pytest.mark.parametrize("processes", [1, 3])
def test_outcomes_come_in_order_and_failures_alone(tmp_path: Path, processes: int) -> None:
    names = ["slow-1", *(f"a-{number}" for number in range(20)), "bad-1", "memory-1", "slow-2", "a-20"]
    todo = [*recordings(*names), Recording("nothing", PurePath("nothing"), "nothing: is empty")]
    found = list(outcomes(todo, Job(tmp_path), processes))
    assert [outcome.recording for outcome in found] == todo
    wanted = [name.upper() for name in names]
    wanted[21:23] = ["! bad-1: is bad", "! memory-1: there is not enough memory for it"]
    assert [shown(outcome) for outcome in found] == [*wanted, "! nothing: is empty"]
    who = {path.read_text() for path in tmp_path.iterdir()}
    assert (who == {f"{os.getpid()}\n"}) == (processes == 1)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("name", "kind"), [("model-1", ModelError), ("bug-1", RuntimeError)])
def test_other_errors_end_the_run(tmp_path: Path, name: str, kind: type[Exception], processes: int) -> None:
    with pytest.raises(kind):
        list(outcomes(recordings("a-1", name, "a-2"), Job(tmp_path), processes))


@posix
def test_killed_processes_are_replaced(tmp_path: Path) -> None:
    names = ["a-1", "once-1", "a-2", "killer-1", "killer-2", "a-3", "once-2", *(f"b-{n}" for n in range(5)), "killer-3"]
    found = list(outcomes(recordings(*names), Job(tmp_path), 2))
    assert [outcome.recording.name for outcome in found] == names
    for name, outcome in zip(names, found, strict=True):
        if name.startswith("killer"):
            assert outcome.failure is not None
            assert outcome.failure.startswith(f"{name}: the process that read it was killed twice")
            # Alone, twice; before that, as one of several that were under way, unless it had not begun.
            assert 2 <= len((tmp_path / name).read_text().splitlines()) <= 3
        else:
            assert outcome.value == name.upper()


def test_nothing_to_do(tmp_path: Path) -> None:
    assert list(outcomes([], Job(tmp_path), 2)) == []


_UNGUARDED = """
import sys
from pathlib import Path, PurePath

if __name__ != "__main__":
    sys.exit(1)  # in a process that is to do the job
from tests.support.run_jobs import Job
from yamjit.runs.inputs import Recording
from yamjit.runs.outcomes import outcomes

job = Job(Path(sys.argv[1]))
object.__setattr__(job, "large", bytes(2**20))
print([one.failure for one in outcomes([Recording("a", PurePath("a"))], job, 2)])
"""


def test_processes_that_end_at_once_are_not_waited_for(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_UNGUARDED)
    root = str(Path(__file__).resolve().parents[2])
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, script, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path]), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert "a: the process that read it was killed twice" in done.stdout
    assert list(temporary.iterdir()) == []


_SCRIPT = """
import sys
from pathlib import Path, PurePath
from tests.support.run_jobs import Job
from yamjit.runs.inputs import Recording
from yamjit.runs.outcomes import outcomes

if __name__ == "__main__":
    todo = [Recording(f"stuck-{n}", PurePath(str(n))) for n in range(4)]
    list(outcomes(todo, Job(Path(sys.argv[1])), 2))
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_processes_end_with_the_run(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    log = tmp_path / "log"
    log.mkdir()
    root = str(Path(__file__).resolve().parents[2])
    run = subprocess.Popen(
        [sys.executable, script, log],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([root, *sys.path])},
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    while len(list(log.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [int(path.read_text()) for path in log.iterdir()]
    assert len(workers) == 2
    start = time.monotonic()
    run.send_signal(number)
    run.communicate(timeout=20)
    while any(_lives(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert time.monotonic() - start < 5
    assert not any(_lives(worker) for worker in workers)


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@posix
def test_interruptions_are_held_back_until_processes_have_started_or_ended() -> None:
    held, steps = threading.Event(), []
    # One to the process is taken by any thread, also while the main thread blocks it.
    another = threading.Thread(target=lambda: [held.wait(), signal.raise_signal(signal.SIGINT)])
    another.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with signals_held():
            held.set()
            another.join()
            steps.append("done")
        steps.append("not reached")
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
