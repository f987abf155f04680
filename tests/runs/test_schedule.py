"""Which recordings are begun when: in order, but for large ones; small ones together."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from yamjit.errors import OutputError
from yamjit.runs import settling
from yamjit.runs.schedule import MOST_AT_ONCE, Schedule

_LARGE = 2**22


def bundles(sizes: list[int], processes: int, limit: int | None = None) -> list[list[int]]:
    schedule, found = Schedule(sizes, processes), []
    while bundle := schedule.next(len(sizes) if limit is None else limit):
        found.append(bundle)
    return found


@pytest.mark.parametrize("processes", [2, 16])
@pytest.mark.parametrize("sizes", [[0] * 400, [50_000] * 400, [_LARGE] * 96, [1], [], [50_000, _LARGE] * 30])
def test_each_recording_is_given_out_once(sizes: list[int], processes: int) -> None:
    found = bundles(sizes, processes)
    assert sorted(index for bundle in found for index in bundle) == list(range(len(sizes)))
    assert all(sum(sizes[index] for index in bundle) <= 2**20 for bundle in found if len(bundle) > 1)


def test_small_ones_go_together_and_fewer_towards_the_end() -> None:
    found = bundles([1000] * 400, 4)
    assert [index for bundle in found for index in bundle] == list(range(400))
    counts = [len(bundle) for bundle in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == MOST_AT_ONCE
    assert counts[-4:] == [1] * 4


def test_the_largest_is_begun_before_it_would_be_waited_for() -> None:
    sizes = [_LARGE] * 30 + [10 * _LARGE]
    order = [index for bundle in bundles(sizes, 4) for index in bundle]
    # The rest are 10 for each of the three other processes, as it is itself.
    assert order == [30, *range(30)]
    order = [index for bundle in bundles([_LARGE] * 80 + [10 * _LARGE], 4) for index in bundle]
    assert order == [*range(50), 80, *range(50, 80)]


def test_nothing_beyond_the_limit_is_begun() -> None:
    assert bundles([_LARGE] * 8 + [100 * _LARGE], 4, limit=3) == [[0], [1], [2]]


def test_results_are_noted_once_they_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, may_go, noted = tmp_path / "result", threading.Event(), []
    result.write_text("x")
    monkeypatch.setattr(os, "fsync", lambda _: may_go.wait(10))
    settling.settle(result, lambda: noted.append(1))
    settling.settle(tmp_path / "removed", lambda: noted.append(2))
    assert noted == []
    may_go.set()
    settling.finish()
    assert noted == [1]


def test_a_disk_that_cannot_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = tmp_path / "result"
    result.write_text("x")

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    settling.settle(result, lambda: pytest.fail("noted"))
    with pytest.raises(OutputError, match="Input/output error"):
        settling.finish()
