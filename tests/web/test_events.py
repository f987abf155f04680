"""Events in JavaScript: those of Python, of the same scores, to the bit."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from tests.support.javascript import Node
from yamjit.errors import InputError
from yamjit.events import EventDetector, EventOptions

NAMES = ("Speech", "Dog", "Siren", "Türklingel", "speech")

DETECT = """
const rows = floats(given.scores);
const count = given.names.length;
answer(given.options.map((options) => message(() => {
  const threshold = (classIndex) => given.thresholds?.[classIndex];
  const classes = given.names.map((label, classIndex) => ({ label, classIndex, threshold: threshold(classIndex) }));
  const detector = new yamjit.EventDetector(classes, options, { window: 0.975, hop: given.hop });
  const over = [];
  const open = [];
  given.times.forEach((time, i) => {
    over.push(...detector.push(time, rows.subarray(i * count, (i + 1) * count), given.levels[i]));
    if (i % 5 === 0) open.push(detector.open);
  });
  return [[...over, ...detector.flush(given.duration ?? undefined)], open];
})));
"""

#: What Python calls the options.
OPTIONS = {
    "smoothing": "smoothing_s",
    "smoother": "smoothing",
    "minDuration": "min_duration_s",
    "maxGap": "max_gap_s",
    "hold": "hold_s",
    "minDbfs": "min_dbfs",
}

CASES: list[dict[str, Any]] = [
    {},
    {"on": 0.3},
    {"on": 0.8, "off": 0.1},
    {"on": {"Speech": 0.2, "DOG": 0.9, "*": 0.6}, "off": {"Dog": 0.05}},
    {"smoothing": 2.0, "on": 0.45},
    {"smoothing": 3.1, "smoother": "median", "on": 0.4, "off": 0.39},
    {"minDuration": 2.0, "maxGap": 1.0},
    {"minDuration": {"Siren": 5.0}, "maxGap": {"*": 0.3, "siren": 2}, "hold": 1.5},
    {"minDbfs": -40, "on": 0.4, "hold": {"türklingel": 0.7}},
    {"minDbfs": {"Dog": -20}, "smoothing": 1.0},
]


def rows(seed: int, count: int = 300) -> np.ndarray:
    """Return scores that rise and fall, many of them the same."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.15, (count, len(NAMES)))
    return (np.abs((steps.cumsum(axis=0) + 0.5 + 1) % 2 - 1) * 256).round().astype(np.float32) / 256


def in_javascript(node: Node, scores: np.ndarray, options: list[dict[str, Any]], **given: Any) -> list[Any]:
    times = (0.48 * np.arange(len(scores))).tolist()
    levels = np.random.default_rng(9).uniform(-60, -10, len(scores)).tolist()
    job = {"scores": node.file("scores", scores), "names": NAMES, "times": times, "levels": levels, "hop": 0.48}
    found: list[Any] = node(DETECT, {**job, "options": options, **given})
    return found


def in_python(
    scores: np.ndarray, options: dict[str, Any], duration: float | None, thresholds: list[float] | None
) -> tuple[list[Any], list[list[Any]]]:
    how = EventOptions(**{OPTIONS.get(name, name): value for name, value in options.items()})
    count = len(NAMES)
    detector = EventDetector(NAMES, range(count), ("",) * count, how, 0.975, 0.48, score_thresholds=thresholds)
    levels = np.random.default_rng(9).uniform(-60, -10, len(scores))
    over, still = [], []
    for index, row in enumerate(scores):
        over += detector.push([0.48 * index], row[np.newaxis], levels[index : index + 1])
        if index % 5 == 0:
            still.append(detector.open)
    return [*over, *detector.flush(duration)], still


def as_javascript(events: Any) -> list[dict[str, Any]]:
    return [
        {
            "label": event.label,
            "classIndex": event.class_index,
            "head": event.head,
            "score": event.score,
            "meanScore": event.mean_score,
            "start": event.start_s,
            "end": event.end_s,
        }
        for event in events
    ]


@pytest.mark.parametrize("seed", range(4))
def test_events_are_those_of_python(node: Node, seed: int) -> None:
    scores = rows(seed)
    duration = None if seed % 2 else 0.48 * 299 + 0.3
    thresholds = None if seed < 2 else [0.1, 0.7, 0.95, 0.7, 0.0]
    found = in_javascript(node, scores, CASES, duration=duration, thresholds=thresholds)
    heard = 0
    for options, (result, error) in zip(CASES, found, strict=True):
        assert error is None
        over, still = in_python(scores, options, duration, thresholds)
        assert result[0] == as_javascript(over), options
        assert result[1] == [as_javascript(events) for events in still]
        heard += len(over)
    assert heard > 200


REFUSED: dict[str, dict[str, Any]] = {
    "on is 0; a number from": {"on": 0},
    "on is 1.5; a number from": {"on": 1.5},
    'on is "0.5"; a number from': {"on": "0.5"},
    'off is 0.6 for "Speech"; at most what on is, 0.5, is accepted': {"off": 0.6},
    'on names "Cat", which is not a class here': {"on": {"Cat": 0.5}},
    'maxGap["Dog"] is -1; a number of at least 0': {"maxGap": {"Dog": -1}},
    'on is given twice for "Dog": 0.5 and 0.4': {"on": {"Dog": 0.5, "DOG": 0.4}},
    "smoothing is 0.5; 0, or at least two hops of 0.48 s, are accepted": {"smoothing": 0.5},
    "smoothing is 1000000": {"smoothing": 1e6},
    'smoother is "mode"; "mean" and "median" are accepted': {"smoother": "mode"},
    'there is no option "threshold"; there are on, off,': {"threshold": 0.5},
}


def test_what_is_refused_is_a_sentence(node: Node) -> None:
    found = in_javascript(node, rows(0, 3), list(REFUSED.values()))
    for sentence, (result, error) in zip(REFUSED, found, strict=True):
        assert result is None, sentence
        assert re.match(f"YamjitError: {re.escape(sentence)}", error), error


def test_windows_that_do_not_follow_are_refused(node: Node) -> None:
    found = node(
        """
        const detector = () => new yamjit.EventDetector([{ label: "Dog" }], given, {});
        const after = (work) => { const one = detector(); one.push(1, [0.5]); return message(() => work(one))[1]; };
        answer([
          after((one) => one.push(1, [0.5])), after((one) => one.push(2, [0.5, 0.5])),
          after((one) => one.push(2, [NaN])),
          after((one) => one.flush(0.5)), after((one) => { one.flush(); one.push(2, [0.5]); }),
          message(() => new yamjit.EventDetector([{ label: "Dog" }], { minDbfs: -40 }).push(0, [1]))[1],
        ]);
        """,
        {},
    )
    expected = ["accepted are times after 1 s", "scores of 2 classes", "not finite", "a window starts at 1 s",
                "the events were flushed", "minDbfs needs the level"]  # fmt: skip
    for sentence, error in zip(expected, found, strict=True):
        assert sentence in error


def test_options_of_python_are_all_there() -> None:
    """Those that are called otherwise are in `OPTIONS`."""
    fields = {field.name for field in dataclasses.fields(EventOptions)}
    assert {"on", "off", *OPTIONS.values()} == fields
    with pytest.raises(InputError):
        EventOptions(on=0)
