"""The old forms of version 0.1: each still works, says what replaces it, and gives what the new form gives."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import yamjit
from yamjit import deprecation, plots

RATE = 16_000
SOUND = (np.sin(np.arange(2 * RATE) * 0.2) * 0.3).astype(np.float32)
STEREO = np.stack([SOUND, SOUND[::-1] / 2], axis=1)
ON = yamjit.EventOptions(on=0.01)


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


def plain(result: Any) -> Any:
    """Return a result as something that can be compared."""
    if isinstance(result, (yamjit.Classification, yamjit.Windows)):
        return [result.scores.tolist(), result.times_s.tolist(), getattr(result, "channel", None)]
    if isinstance(result, np.ndarray):
        return result.tolist()
    if dataclasses.is_dataclass(result) or isinstance(result, str):
        return repr(result)
    return [plain(one) for one in result] if hasattr(result, "__iter__") else result


def classify(model: yamjit.Classifier, **how: Any) -> Any:
    return model.classify(STEREO, sample_rate=RATE, **how)


Reading = yamjit.ReadOptions
Form = Callable[[yamjit.Classifier], Any]


def pushed(model: yamjit.Classifier) -> list[yamjit.Event]:
    """Find events as 0.1 did."""
    detector, stream = model.detector(ON, hop_s=0.2, channel=1), model.stream(reading=Reading(hop_s=0.2))
    windows = stream.push(SOUND)
    return detector.push(windows.times_s, model.listed_scores(windows)) + detector.flush(stream.duration_s)


def watched(model: yamjit.Classifier) -> list[yamjit.Event]:
    """Find them as it is done today."""
    watcher = model.watcher(ON, reading=Reading(hop_s=0.2))
    stream = model.stream(reading=Reading(hop_s=0.2))
    found = watcher.push(stream.push(SOUND)) + watcher.flush(stream.duration_s)
    return [dataclasses.replace(event, channel=1) for event in found]


FORMS: dict[str, tuple[str, Form, Form]] = {
    "hop_s": ("ReadOptions", lambda m: classify(m, hop_s=0.1), lambda m: classify(m, reading=Reading(hop_s=0.1))),
    "overlap": (
        "ReadOptions",
        lambda m: classify(m, overlap=0.5, start_s=0.5),
        lambda m: classify(m, reading=Reading(overlap=0.5, start_s=0.5)),
    ),
    "channel": ("ReadOptions", lambda m: classify(m, channel=1), lambda m: classify(m, reading=Reading(channel=1))),
    "each channel": (
        "classify_channels",
        lambda m: classify(m, channel="each", end_s=1),
        lambda m: m.classify_channels(STEREO, sample_rate=RATE, reading=Reading(end_s=1)),
    ),
    "windows": (
        "ReadOptions",
        lambda m: m.windows(SOUND, sample_rate=RATE, hop_s=1),
        lambda m: m.windows(SOUND, sample_rate=RATE, reading=Reading(hop_s=1)),
    ),
    "embed": (
        "ReadOptions",
        lambda m: m.embed(SOUND, sample_rate=RATE, hop_s=1),
        lambda m: m.embed(SOUND, sample_rate=RATE, reading=Reading(hop_s=1)),
    ),
    "log_mel": (
        "ReadOptions",
        lambda m: m.log_mel(SOUND, sample_rate=RATE, end_s=1),
        lambda m: m.log_mel(SOUND, sample_rate=RATE, reading=Reading(end_s=1)),
    ),
    "frames": (
        "ReadOptions",
        lambda m: [part for _, part in m.frames(SOUND, sample_rate=RATE, end_s=1)],
        lambda m: [part for _, part in m.frames(SOUND, sample_rate=RATE, reading=Reading(end_s=1))],
    ),
    "events": (
        "ReadOptions",
        lambda m: m.events(SOUND, ON, sample_rate=RATE, non_finite="zero"),
        lambda m: m.events(SOUND, ON, sample_rate=RATE, reading=Reading(non_finite="zero")),
    ),
    "watch": (
        "ReadOptions",
        lambda m: m.watch(SOUND, ON, sample_rate=RATE, hop_s=0.2),
        lambda m: m.watch(SOUND, ON, sample_rate=RATE, reading=Reading(hop_s=0.2)),
    ),
    "stream": (
        "ReadOptions",
        lambda m: m.stream(RATE, 2, channel=1, hop_s=0.2).push(STEREO),
        lambda m: m.stream(RATE, 2, reading=Reading(channel=1, hop_s=0.2)).push(STEREO),
    ),
    "integers": (
        "Quantized.values",
        lambda m: m.score_window(SOUND[:15_600]).quantized_embeddings.integers,
        lambda m: m.score_window(SOUND[:15_600]).quantized_embeddings.values,
    ),
    "keep scores": ("always there", lambda m: classify(m, keep="scores"), classify),
    "keep nothing": (
        "windows=False",
        lambda m: classify(m, keep=()).clip_scores,
        lambda m: classify(m, windows=False).clip_scores,
    ),
    "keep levels": (
        "level=True",
        lambda m: classify(m, keep=("scores", "level_dbfs"), hop_s=0.2).level_dbfs,
        lambda m: classify(m, level=True, reading=Reading(hop_s=0.2)).level_dbfs,
    ),
    "keep log_mel": (
        "always there",
        lambda m: m.classify(iter([SOUND]), sample_rate=RATE, keep="log_mel").log_mel,
        lambda m: m.log_mel(SOUND, sample_rate=RATE),
    ),
    "keep log_mel of each": (
        "always there",
        lambda m: [one.log_mel for one in classify(m, keep="log_mel", channel="each")],
        lambda m: [m.log_mel(one, sample_rate=RATE) for one in STEREO.T],
    ),
    "log_mel of a head": (
        "without it",
        lambda m: m.log_mel(SOUND, sample_rate=RATE, head=0, aggregate="max"),
        lambda m: m.log_mel(SOUND, sample_rate=RATE),
    ),
    "detector": ("watcher", pushed, watched),
    "watch_windows": (
        "watcher",
        lambda m: m.watch_windows(m.windows(SOUND, sample_rate=RATE), ON),
        lambda m: m.watch(SOUND, ON, sample_rate=RATE),
    ),
    "with_options": (
        "ClassifierOptions",
        lambda m: m.with_options(max_results=2, roll_up=True).with_options(roll_up=False).options,
        lambda m: m.with_options(yamjit.ClassifierOptions(max_results=2)).options,
    ),
    "top": ("max_results", lambda m: classify(m).top(k=2), lambda m: classify(m).top(2)),
    "rows": ("max_results", lambda m: classify(m).rows(k=2), lambda m: classify(m).rows(max_results=2)),
    "a head's top": ("max_results", lambda m: classify(m).heads[0].top(k=2), lambda m: classify(m).top(2)),
    "to_hf": ("max_results", lambda m: str(classify(m).to_hf(k=1)), lambda m: str(classify(m).to_hf(1))),
    "survey": (
        "max_results",
        lambda m: plots.survey(m, SOUND, sample_rate=RATE, top=3, end_s=1)[0].labels,
        lambda m: plots.survey(m, SOUND, sample_rate=RATE, max_results=3, reading=Reading(end_s=1))[0].labels,
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_an_old_form_warns_and_works(model: yamjit.Classifier, name: str) -> None:
    instead, old, new = FORMS[name]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = plain(old(model))
    assert any(instead in str(warning.message) for warning in told)
    assert {warning.category for warning in told} == {DeprecationWarning}
    assert {warning.filename for warning in told} == {__file__}, "the warning shows the line that is to be changed"
    assert found == plain(new(model))


def test_old_and_new_together_are_refused(model: yamjit.Classifier) -> None:
    with pytest.warns(DeprecationWarning, match="hop_s"), pytest.raises(yamjit.InputError, match="reading alone"):
        classify(model, hop_s=0.1, reading=Reading())


def test_a_name_that_moved_is_found_where_it_was() -> None:
    find = deprecation.moved("yamjit.somewhere", {"InputError": "yamjit.errors"})
    with pytest.warns(DeprecationWarning, match=r"yamjit\.somewhere\.InputError .* yamjit\.errors\.InputError"):
        assert find("InputError") is yamjit.InputError
    with pytest.raises(AttributeError, match=r"'yamjit.somewhere' has no attribute 'nothing'"):
        find("nothing")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("yamjit.figures", "yamjit.plots", ("draw_confusion", "draw_learning_curve", "draw_reliability")),
        ("yamjit.output.frames", "yamjit.output.dataframes", ("to_arrow", "to_hf", "to_pandas", "to_polars")),
    ],
)
def test_moved_functions_are_found_where_they_were(old: str, new: str, names: tuple[str, ...]) -> None:
    before, now = importlib.import_module(old), importlib.import_module(new)
    for name in names:
        with pytest.warns(DeprecationWarning, match=rf"{old}\.{name} is deprecated; use {new}\.{name}"):
            assert getattr(before, name) is getattr(now, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = before.nothing
