"""Events out of scores: against a plain twin, however the windows are cut into pushes."""

from __future__ import annotations

import itertools
import math
import pickle
import statistics
import tracemalloc
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import yamjit
from yamjit.errors import InputError
from yamjit.events import Event, EventDetector, EventOptions, Watcher, by_start
from yamjit.results import Row

Scores = npt.NDArray[np.float32]

NAMES = ("Dog", "Speech", "Alarms")
INDICES = (69, 0, -1)
IDS = ("/m/0bt9lr", "/m/09x0r", "")


def plain_events(
    times: list[float],
    scores: Scores,
    options: EventOptions,
    window_s: float,
    hop_s: float,
    duration_s: float,
    levels: npt.NDArray[np.float64] | None = None,
) -> list[Event]:
    """Return the events of a whole recording, class by class, each step over all windows."""
    found = []
    for k, name in enumerate(NAMES):
        curve = [float(score) for score in scores[:, k]]
        gate = of(options.min_dbfs, name, -math.inf)
        if levels is not None:
            curve = [score if level >= gate else 0.0 for score, level in zip(curve, levels, strict=True)]
        curve = smoothed(curve, times, options)
        stretches = merged(heard_stretches(curve, times, options, name), times, options, name, window_s)
        for first, last in stretches:
            start, end = times[first], times[last] + window_s
            if min(end, duration_s) - start < of(options.min_duration_s, name, 0.0) - 1e-6:
                continue
            part = curve[first : last + 1]
            end = min(end + of(options.hold_s, name, 0.0), duration_s)
            mean = sum(part) / len(part)
            found.append(Event(name, INDICES[k], IDS[k], max(part), mean, start, end))
    return sorted(found, key=lambda e: (e.start_s, e.class_index, e.label))


def of(option: Any, name: str, default: float) -> float:
    if isinstance(option, dict):
        return option.get(name, option.get("*", default))
    return default if option is None else option


def smoothed(curve: list[float], times: list[float], options: EventOptions) -> list[float]:
    middle = statistics.median if options.smoothing == "median" else statistics.fmean
    reach = options.smoothing_s / 2 + 1e-6
    return [
        middle([score for other, score in zip(times, curve, strict=True) if abs(other - time) <= reach])
        for time in times
    ]


def heard_stretches(curve: list[float], times: list[float], options: EventOptions, name: str) -> list[tuple[int, int]]:
    """Return (first, last) window of each time that the class is on: hysteresis and hold, nothing else."""
    on = of(options.on, name, 0.5)
    off = on * 0.6 if options.off is None else of(options.off, name, on * 0.6)
    hold = of(options.hold_s, name, 0.0)
    stretches: list[tuple[int, int]] = []
    last = None
    for i, score in enumerate(curve):
        if last is not None and last != i - 1 and times[i] - times[last] > hold + 1e-6:
            last = None
        if last is not None and score >= off:
            stretches[-1] = (stretches[-1][0], i)
            last = i
        elif last is None and score >= on:
            stretches.append((i, i))
            last = i
    return stretches


def merged(
    stretches: list[tuple[int, int]], times: list[float], options: EventOptions, name: str, window_s: float
) -> list[tuple[int, int]]:
    reach = window_s + of(options.hold_s, name, 0.0) + of(options.max_gap_s, name, 0.0) + 1e-6
    result: list[tuple[int, int]] = []
    for first, last in stretches:
        if result and times[first] - times[result[-1][1]] <= reach:
            result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result


def detect(
    times: list[float],
    scores: Scores,
    options: EventOptions,
    *,
    window_s: float = 0.975,
    hop_s: float = 0.48,
    duration_s: float | None = None,
    cuts: list[int] | None = None,
    levels: npt.NDArray[np.float64] | None = None,
) -> list[Event]:
    """Return what a detector says, in the order in which it says it."""
    detector = EventDetector(NAMES, INDICES, IDS, options, window_s, hop_s)
    found = []
    for a, b in itertools.pairwise([0, *sorted(cuts or []), len(times)]):
        found += detector.push(times[a:b], scores[a:b], None if levels is None else levels[a:b])
    return found + detector.flush(duration_s)


def one(curve: list[float], hop_s: float = 1.0, window_s: float = 1.0, **options: Any) -> list[tuple[float, float]]:
    """Return start and end of the events of one class."""
    detector = EventDetector(["Dog"], [0], [""], EventOptions(**options), window_s, hop_s)
    found = detector.push(np.arange(len(curve)) * hop_s, np.array(curve)[:, None])
    found += detector.flush((len(curve) - 1) * hop_s + window_s)
    return [(round(e.start_s, 6), round(e.end_s, 6)) for e in found]


scores_of_yamnet = st.sampled_from([0, 1, 11, 38, 67, 85, 106, 128, 150, 189, 228, 255])
times_up_to_3_s = st.sampled_from([0.0, 0.3, 0.48, 0.975, 1.44, 3.0])


@st.composite
def by_name(draw: st.DrawFn, values: st.SearchStrategy[float]) -> float | dict[str, float]:
    if draw(st.booleans()):
        return draw(values)
    return {name: draw(values) for name in draw(st.sets(st.sampled_from([*NAMES, "*"])))}


@st.composite
def problems(draw: st.DrawFn) -> dict[str, Any]:
    hop = draw(st.sampled_from([0.1, 0.48, 0.975, 2.0]))
    count = draw(st.integers(0, 60))
    cells = draw(st.lists(scores_of_yamnet, min_size=3 * count, max_size=3 * count))
    gated = draw(st.booleans())
    options = EventOptions(
        on=draw(by_name(st.sampled_from([0.25, 0.5, 0.75]))),
        off=draw(st.none() | by_name(st.sampled_from([0.05, 0.15, 0.2]))),
        smoothing_s=draw(st.sampled_from([0.0, 2.0, 2.4, 5.0])) * hop,
        smoothing=draw(st.sampled_from(["mean", "median"])),
        min_duration_s=draw(by_name(times_up_to_3_s)),
        max_gap_s=draw(by_name(times_up_to_3_s)),
        hold_s=draw(by_name(times_up_to_3_s)),
        min_dbfs=draw(by_name(st.sampled_from([-60.0, -40.0]))) if gated else None,
    )
    start = draw(st.sampled_from([0.0, 17.5]))
    levels = draw(st.lists(st.sampled_from([-math.inf, -70.0, -50.0, -20.0]), min_size=count, max_size=count))
    times = (start + np.arange(count) * hop).tolist()
    return {
        "times": times,
        "scores": np.array(cells, np.float32).reshape(count, 3) / 256,
        "options": options,
        "window_s": 0.975,
        "hop_s": hop,
        "duration_s": (times[-1] if times else start) + draw(st.sampled_from([0.0001, 0.3, 0.975])),
        "levels": np.array(levels) if gated else None,
    }


def told(events: list[Event]) -> list[tuple[object, ...]]:
    return [astuple(event) for event in by_start(events)]


def about(events: list[Event]) -> list[tuple[object, ...]]:
    """Return events whose numbers may be off by rounding."""
    return [
        tuple(pytest.approx(value, abs=1e-9) if isinstance(value, float) else value for value in astuple(event))
        for event in events
    ]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(problems())
def test_as_the_plain_twin(problem: dict[str, Any]) -> None:
    assert told(detect(**problem)) == about(plain_events(**problem))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(problems(), st.data())
def test_any_chopping_gives_the_same(problem: dict[str, Any], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(problem["times"])), max_size=20))
    assert detect(**problem, cuts=cuts) == detect(**problem)  # to the bit, and in the same order


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(problems())
def test_what_is_true_of_all_events(problem: dict[str, Any]) -> None:
    options = problem["options"]
    events = detect(**problem)
    for event in events:
        assert 0 < event.mean_score <= event.score <= 1
        assert event.score >= of(options.on, event.label, 0.5)
        assert event.start_s < event.end_s <= problem["duration_s"] or problem["duration_s"] < 0.975
        assert event.start_s in problem["times"]
    for name in NAMES:
        mine = by_start(e for e in events if e.label == name)
        for earlier, later in itertools.pairwise(mine):
            assert later.start_s - earlier.end_s > of(options.max_gap_s, name, 0.0)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_what_is_open_becomes_an_event(problem: dict[str, Any]) -> None:
    """At any time, what is over and what is open are the events of a recording that ends there, smoothing aside."""
    problem["options"] = EventOptions(**{**{f: getattr(problem["options"], f) for f in OPTIONS}, "smoothing_s": 0.0})
    detector = EventDetector(NAMES, INDICES, IDS, problem["options"], problem["window_s"], problem["hop_s"])
    over: list[Event] = []
    for i, time in enumerate(problem["times"]):
        levels = None if problem["levels"] is None else problem["levels"][i : i + 1]
        over += detector.push([time], problem["scores"][i : i + 1], levels)
        past = {
            **problem,
            "times": problem["times"][: i + 1],
            "scores": problem["scores"][: i + 1],
            "levels": None if problem["levels"] is None else problem["levels"][: i + 1],
            "duration_s": time + problem["window_s"],
        }
        assert told([*over, *detector.open]) == about(plain_events(**past))


OPTIONS = ("on", "off", "smoothing_s", "smoothing", "min_duration_s", "max_gap_s", "hold_s", "min_dbfs")


class TestOneRuleAtATime:
    """A second is a window and a hop."""

    def test_hysteresis(self) -> None:
        curve = [0.4, 0.5, 0.3, 0.29, 0.4, 0.9]
        assert one(curve, on=0.5) == [(1, 3), (5, 6)]  # off is 0.3
        assert one(curve, on=0.5, off=0.5) == [(1, 2), (5, 6)]
        assert one(curve, on=0.5, off=0.29) == [(1, 6)]

    def test_stretches_that_touch_or_overlap_are_one(self) -> None:
        assert one([1, 0, 1], hop_s=0.48, window_s=0.975) == [(0, 1.935)]
        assert one([1, 0, 0, 1], hop_s=0.48, window_s=0.975) == [(0, 0.975), (1.44, 2.415)]
        assert one([1, 0, 1], hop_s=0.5) == [(0, 2)]

    def test_gap(self) -> None:
        curve = [1, 0, 0, 1, 0, 0, 0, 1]
        assert one(curve) == [(0, 1), (3, 4), (7, 8)]
        assert one(curve, max_gap_s=2) == [(0, 4), (7, 8)]
        assert one(curve, max_gap_s=3) == [(0, 8)]
        # 0.1 + 0.3 + 0.3 is less than 7 * 0.1 in binary fractions, but not in seconds.
        assert one([0, 1, 0, 0, 0, 0, 0, 1], hop_s=0.1, window_s=0.3, max_gap_s=0.3) == [(0.1, 1.0)]

    def test_min_duration_comes_after_merging_and_does_not_count_the_hold(self) -> None:
        curve = [1, 0, 0, 1, 1, 0, 0]
        assert one(curve, min_duration_s=2) == [(3, 5)]
        assert one(curve, min_duration_s=2.1) == []
        assert one(curve, min_duration_s=2.1, max_gap_s=2) == [(0, 5)]
        assert one(curve, min_duration_s=2.1, hold_s=1) == []

    def test_hold(self) -> None:
        curve = [1, 0.2, 0.4, 0, 0, 0, 0, 1]
        assert one(curve, hold_s=1) == [(0, 2), (7, 8)]
        assert one(curve, hold_s=2) == [(0, 5), (7, 8)]  # 0.4 is not below off: it goes on
        assert one(curve, hold_s=30) == [(0, 8)]

    def test_smoothing(self) -> None:
        curve = [0, 0, 1, 0, 1, 1, 0.1, 1, 0, 0]
        assert one(curve, smoothing_s=2, smoothing="median") == [(3, 7)]
        assert one([0, 0, 1, 0, 0], smoothing_s=2) == []
        assert one([1, 0, 0], smoothing_s=2) == [(0, 2)]  # half a neighbourhood at the ends
        assert one([0.9, 0, 0.9], smoothing_s=2, on=0.6) == [(1, 3)]

    def test_level_gate(self) -> None:
        options = EventOptions(min_dbfs={"Dog": -40})
        scores = np.ones((3, 3))
        found = detect([0, 1, 2], scores, options, hop_s=1, levels=np.array([-50, -39, -math.inf]))
        assert [(e.label, e.start_s) for e in by_start(found)] == [("Alarms", 0), ("Speech", 0), ("Dog", 1)]
        with pytest.raises(InputError, match=r"min_dbfs needs the level of each window.*none were given"):
            detect([0, 1, 2], scores, options, hop_s=1)

    def test_rules_by_name(self) -> None:
        scores = np.full((1, 3), 0.4)
        for on, labels in (
            ({"Dog": 0.4}, {"Dog"}),
            ({"Alarms": 0.4, "*": 0.3}, {"Dog", "Speech", "Alarms"}),
            ({"*": 0.4, "Speech": 0.41}, {"Dog", "Alarms"}),
        ):
            assert {e.label for e in detect([0], scores, EventOptions(on=on))} == labels

    def test_ends_are_cut_to_the_duration(self) -> None:
        assert detect([0], np.ones((1, 3)), EventOptions(hold_s=9), duration_s=0.25)[0].end_s == 0.25
        assert detect([0], np.ones((1, 3)), EventOptions(hold_s=9))[0].end_s == 9.975
        assert detect([0], np.ones((1, 3)), EventOptions(min_duration_s=0.3), duration_s=0.25) == []

    def test_scores_are_those_of_the_windows(self) -> None:
        (event,) = detect([0, 0.48, 0.96, 1.44], np.array([[0.5, 0, 0], [1, 0, 0], [0.3, 0, 0], [0, 0, 0]]), OFF_03)
        assert (event.score, round(event.mean_score, 9)) == (1.0, 0.6)
        assert event.row("a.wav", "scores") == Row(
            "a.wav", 0.0, pytest.approx(1.935), "Dog", 1.0, 69, "/m/0bt9lr", None, "scores"
        )


OFF_03 = EventOptions(off=0.3)


def test_an_event_is_told_as_soon_as_it_is_over() -> None:
    detector = EventDetector(["Dog"], [0], [""], EventOptions(max_gap_s=1), 1.0, 1.0, channel=1)
    told = [[e.start_s for e in detector.push([t], [[float(t == 0)]])] for t in range(5)]
    assert told == [[], [], [], [0.0], []]
    assert detector.flush(5.0) == []


def test_open_events_end_now() -> None:
    detector = EventDetector(["Dog"], [0], [""], EventOptions(hold_s=10, min_duration_s=1.5), 1.0, 1.0, channel=1)
    detector.push([0.0], [[1.0]])
    assert detector.open == []  # not yet long enough
    detector.push([1.0], [[1.0]])
    detector.push([2.0], [[0.0]])
    (event,) = detector.open
    assert (event.start_s, event.end_s, event.channel) == (0.0, 3.0, 1)


def test_memory_does_not_grow() -> None:
    rng = np.random.default_rng(0)
    detector = EventDetector(NAMES, INDICES, IDS, EventOptions(smoothing_s=4, hold_s=1, max_gap_s=1))
    block = rng.random((500, 3))

    def minutes(first: int) -> int:
        for part in range(first, first + 3):  # of 4 minutes each
            detector.push((np.arange(500) + 500 * part) * 0.48, block)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = minutes(0)
        late = [minutes(3 * n) for n in range(1, 8)][-1]
    finally:
        tracemalloc.stop()
    assert late < early + 4096


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on": 0}, "on is 0; scores above 0 and up to 1 are accepted"),
        ({"on": 1.5}, "on is 1.5"),
        ({"on": math.nan}, "on is nan"),
        ({"on": "loud"}, "on is 'loud'"),
        ({"on": True}, "on is True"),
        ({"on": None}, "on is None"),
        ({"on": {"Dog": 2}}, r"on\['Dog'\] is 2"),
        ({"off": 0}, "off is 0"),
        ({"off": {"Dog": None}}, r"off\['Dog'\] is None"),
        ({"min_duration_s": -1}, "min_duration_s is -1; seconds from 0 up are accepted"),
        ({"max_gap_s": math.inf}, "max_gap_s is inf"),
        ({"max_gap_s": 10**400}, "max_gap_s is 1000"),
        ({"hold_s": None}, "hold_s is None"),
        ({"smoothing_s": {"Dog": 1}}, "smoothing_s is"),
        ({"smoothing": "mode"}, "smoothing is 'mode'; accepted are mean, median"),
        ({"smoothing": {"Dog": "mean"}}, "smoothing is"),
        ({"min_dbfs": -math.inf}, "min_dbfs is -inf"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        EventOptions(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on": {"Dgo": 0.5}}, r"on names 'Dgo', which is not a class or group here; did you mean 'Dog'\?$"),
        ({"hold_s": {"": 1}}, "hold_s names ''"),
        ({"on": 0.5, "off": 0.6}, "off is 0.6 for 'Dog'; at most what on is, 0.5, is accepted"),
        ({"off": {"Speech": 0.6}}, "off is 0.6 for 'Speech'"),
        ({"smoothing_s": 0.5}, "smoothing_s is 0.5; 0, or at least two hops of 0.48 s, are accepted"),
    ],
)
def test_nonsense_for_these_classes_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        EventDetector(NAMES, INDICES, IDS, EventOptions(**options))


def test_wrong_pushes_are_refused() -> None:
    detector = EventDetector(NAMES, INDICES, IDS)
    for times, scores, said in (
        ([0.0], np.zeros((1, 2)), r"\(n, 3\) are accepted"),
        ([0.0, 0.48], np.zeros((1, 3)), r"\(2,\) and scores of shape \(1, 3\)"),
        ([[0.0]], np.zeros((1, 3)), "shape"),
        ([1.0, 1.0], np.zeros((2, 3)), "do not ascend"),
        ([math.nan], np.zeros((1, 3)), "do not ascend"),
        ([0.0], np.full((1, 3), np.nan), "not finite"),
        (["now"], np.zeros((1, 3)), "times_s: .*an array of numbers is accepted"),
    ):
        with pytest.raises(InputError, match=said):
            detector.push(times, scores)
    detector.push([5.0], np.ones((1, 3)))
    with pytest.raises(InputError, match="do not ascend from 5 s on"):
        detector.push([4.0], np.zeros((1, 3)))
    with pytest.raises(InputError, match=r"duration_s is 1\.0, but a window starts at 5 s"):
        detector.flush(1.0)
    for wrong in (math.nan, math.inf, "the end"):
        with pytest.raises(InputError, match="duration_s is"):
            detector.flush(wrong)  # type: ignore[arg-type]
    assert len(detector.flush(5.5)) == 3
    for late in (lambda: detector.push([6.0], np.ones((1, 3))), lambda: detector.flush(9.0)):
        with pytest.raises(InputError, match="were flushed"):
            late()


def test_wrong_detectors_are_refused() -> None:
    with pytest.raises(InputError, match="3 names, 1 indices and 3 ids"):
        EventDetector(NAMES, [0], IDS)
    with pytest.raises(InputError, match="hop_s is 0"):
        EventDetector(NAMES, INDICES, IDS, EventOptions(), 0.975, 0)


def test_options_do_not_change_afterwards_and_travel() -> None:
    on = {"Dog": 0.3}
    options = EventOptions(on=on)
    on["Dog"] = 0.9
    assert options.on == {"Dog": 0.3}
    assert pickle.loads(pickle.dumps(options)) == options


def test_a_watcher_has_a_detector_for_each_channel(small_model_path: Path) -> None:
    model = yamjit.load(small_model_path, backend="numpy")
    rng = np.random.default_rng(0)
    sound = rng.uniform(-0.5, 0.5, (32_000, 2)).astype(np.float32)
    options = EventOptions(on=1e-3)
    with model.windows(sound, sample_rate=16_000, reading=yamjit.ReadOptions(channel="each")) as stream:
        watcher = Watcher(stream.listing, options, window_s=0.975, hop_s=0.48, channels=stream.channels)
        found = [event for windows in stream for event in watcher.push(windows)]
        assert {event.channel for event in watcher.open} == {0, 1}
        found += watcher.flush(stream.duration_s)
    assert by_start(found) == model.events(
        sound, options, sample_rate=16_000, reading=yamjit.ReadOptions(channel="each")
    )
    with pytest.raises(InputError, match=r"the windows are of channel None; accepted are 0, 1"):
        watcher.push(model.score_window(sound[:15_600, 0]))
