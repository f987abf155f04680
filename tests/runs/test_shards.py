"""Parts of a run, side by side in one folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.test_files import Write
from tools.checks.kill_runs import compare
from yamjit.errors import InputError
from yamjit.runs.folder import ResultFolder
from yamjit.runs.inputs import Recording, find_recordings
from yamjit.runs.naming import Shard


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    monkeypatch.chdir(tmp_path)
    Path("day").mkdir()
    for number in range(20):
        Path("day", f"{number}.wav").touch()
    return find_recordings(["day"])


def part(shard: Shard | None, folder: str = "parts", **how: bool) -> ResultFolder:
    return ResultFolder(folder, ".csv", {"model": "abc"}, shard=shard, **how)


def do(folder: ResultFolder, recordings: list[Recording]) -> None:
    job = folder.keeping(lambda place: Write(folder.places))
    for one in folder.todo(recordings):
        job(one)


def test_every_recording_belongs_to_one_part() -> None:
    names = [f"day/{number}.wav" for number in range(1000)]
    counts = [sum(Shard(number, 3).has(name) for name in names) for number in (1, 2, 3)]
    assert sum(counts) == 1000
    assert min(counts) > 250
    # The same everywhere, and ever.
    assert [name for name in names[:10] if Shard(2, 3).has(name)] == ["day/1.wav", "day/2.wav", "day/9.wav"]


def test_parts_at_a_time_leave_what_one_run_leaves(recordings: list[Recording]) -> None:
    with part(None, "whole") as folder:
        do(folder, recordings)
    first, second = part(Shard(1, 2)), part(Shard(2, 2))
    with first:
        with second:
            with pytest.raises(InputError, match="another run is writing part 2/2 of it"), part(Shard(2, 2)):
                pass
            do(second, recordings)
            do(first, recordings)
        journals = ["yamjit-run.1-of-2.journal", "yamjit-run.2-of-2.journal", "yamjit-run.journal"]
        assert compare(Path("whole"), Path("parts")) == journals
    assert compare(Path("whole"), Path("parts")) == []
    with part(Shard(1, 3)) as third:  # another division goes on with it
        assert third.todo(recordings) == []


def test_what_parts_leave_unfinished_is_done_by_any_run(recordings: list[Recording]) -> None:
    with part(Shard(1, 2)) as folder, part(Shard(2, 2)):
        do(folder, recordings)
    done = [one for one in recordings if Shard(1, 2).has(one.name)]
    with pytest.raises(InputError, match="--resume continues it"), part(None):
        pass
    with part(None, resume=True) as whole:
        assert whole.todo(recordings) == [one for one in recordings if one not in done]
        do(whole, recordings)
    assert sorted(path.name for path in Path("parts").iterdir() if path.suffix != ".csv") == [
        "yamjit-run.journal",
        "yamjit-run.json",
    ]


def test_parts_do_not_overwrite(recordings: list[Recording]) -> None:
    with pytest.raises(InputError, match="remove the folder first"):
        part(Shard(1, 2), overwrite=True)
