"""The way of a warm call through the package: how many files it enters, and that it never goes up."""

from __future__ import annotations

import pytest

from tools.trace_call import Entry, report, rooms, trace, trace_classify
from yamjit import labels
from yamjit.workers import in_order

#: Files that a warm ``classify(path).top(1)`` of a FLAC file enters at most, and modules and packages of the ladder.
_MOST_FILES = 30
_MOST_ROOMS = 17


@pytest.mark.parametrize("backend", ["numpy", pytest.param("numba", marks=pytest.mark.numba)])
def test_a_warm_call_enters_few_files_and_never_goes_up(backend: str) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    entries = trace_classify("starter", backend)
    assert not [entry for entry in entries if entry.is_up], report(entries)
    assert len({entry.file for entry in entries}) <= _MOST_FILES, report(entries)
    assert len(rooms(entries)) <= _MOST_ROOMS, report(entries)


def test_what_is_called_back_goes_up() -> None:
    entries = trace(lambda: list(in_order([1], lambda job: labels.count(job, "k"), 1)))
    calls = [(entry.file, entry.function, entry.caller, entry.is_up) for entry in entries]
    assert calls == [
        ("workers.py", "in_order", "", False),
        ("labels.py", "count", "workers.py", False),
        ("checks.py", "index", "labels.py", False),
        ("workers.py", "in_order", "", False),
    ]
    assert Entry("recording.py", "score", "workers.py", "in_order").is_up
    assert "calls up: 1\nup: workers.py in_order -> recording.py score: 1" in report(
        [Entry("recording.py", "score", "workers.py", "in_order")]
    )
