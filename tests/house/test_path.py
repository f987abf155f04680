"""The way of a warm call through the package: how many files it enters, and that it never goes up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import yamjit
from tests.support.backends import BACKENDS
from tools.trace_call import RECORDING, Entry, report, rooms, trace, trace_classify
from yamjit import labels
from yamjit.workers import in_order

#: Files that a warm ``classify(path).top(1)`` of a FLAC file enters at most, and modules and packages of the ladder.
_MOST_FILES = 37
_MOST_ROOMS = 18


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_warm_call_enters_few_files_and_never_goes_up(backend: str) -> None:
    entries = trace_classify("starter", backend)
    assert {"classifier.py", "network.py"} <= {entry.file for entry in entries}
    assert not [entry for entry in entries if entry.is_up], report(entries)
    assert len({entry.file for entry in entries}) <= _MOST_FILES, report(entries)
    assert len(rooms(entries)) <= _MOST_ROOMS, report(entries)


def push_and_flush(model: yamjit.Classifier) -> None:
    stream = model.stream(8_000, level=True)
    stream.push(np.zeros(12_000, np.int16))
    stream.flush()


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.embed(RECORDING),
        lambda model: model.log_mel(RECORDING),
        lambda model: model.events(RECORDING),
        lambda model: list(model.classify_channels(RECORDING)[0].rows(windows=True)),
        lambda model: model.score_window(np.zeros(model.window_samples, np.float32)),
        push_and_flush,
    ],
    ids=("embed", "log_mel", "events", "rows", "score_window", "stream"),
)
def test_other_calls_never_go_up(model: yamjit.Classifier, call: Callable[[yamjit.Classifier], object]) -> None:
    call(model)  # the first call imports what the others use
    entries = trace(lambda: call(model))
    assert entries
    assert not [entry for entry in entries if entry.is_up], report(entries)


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
