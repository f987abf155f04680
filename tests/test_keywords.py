"""Calls with arguments that nothing takes: each names what was called, and what was perhaps meant."""

from __future__ import annotations

import enum
import inspect
from typing import Any

import numpy as np
import pytest

import yamjit
from tests.house.test_public_names import DOCUMENTED
from yamjit import learn
from yamjit.keywords import explained

#: What users do not make: results, and what the package makes of a model.
MADE_BY_US = (
    *("AudioSetClass", "AudioSource", "Calibration", "Categories", "Category", "ClassificationResult"),
    *("Classifications", "Clip", "Clock", "Embedding", "EmbeddingResult", "EmbeddingTable", "Evaluation", "Event"),
    *("FeatureVector", "Features", "FineEmbeddings", "Format", "FrontEnd", "Graph", "Head", "HeadInfo"),
    *("HeadOutput", "InputDevice", "Isotonic", "Layer", "ListedClass", "Network", "NetworkOutput"),
    *("Overview", "PatchStream", "Patches", "Plan", "Provenance", "PushedAudio", "Quantized"),
    *("ResolvedModel", "Row", "RunningMode", "ScoredLabel", "Segment", "Slot", "Stream", "Summary"),
    *("TrainingClips", "Windows", "FeatureWindows", "Writer"),
)


def callables() -> dict[str, Any]:
    """Return everything public that a user calls with options, by name: functions, classes and their methods."""
    found = {}
    for name, value in DOCUMENTED.items():
        if not callable(value) or {name.rpartition(".")[2], getattr(value, "__name__", "")} & {*MADE_BY_US}:
            continue
        if inspect.isfunction(value):
            found[name] = value
        elif not isinstance(value, type):
            continue
        elif not issubclass(value, (BaseException, enum.Enum)):
            found[name] = value
            for method in vars(value):
                if not method.startswith("_") and inspect.isfunction(getattr(value, method)):
                    found[f"{name}.{method}"] = getattr(value, method)
    return found


def options_of(value: Any) -> list[str]:
    parameters = inspect.signature(value).parameters.values()
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return []
    return [one.name for one in parameters if one.kind is one.KEYWORD_ONLY or one.default is not one.empty]


WITH_OPTIONS = {name: value for name, value in callables().items() if options_of(value)}


@pytest.mark.parametrize("name", sorted(WITH_OPTIONS))
def test_everything_public_knows_its_options(name: str) -> None:
    value, option = WITH_OPTIONS[name], max(options_of(WITH_OPTIONS[name]), key=len)
    with pytest.raises(TypeError) as caught:
        value(**{f"{option}x": None})
    short = value.__name__ if isinstance(value, type) else value.__qualname__
    assert str(caught.value) == f"{short}() got an unexpected keyword argument '{option}x'; did you mean {option!r}?"


@pytest.mark.parametrize("name", sorted(WITH_OPTIONS))
def test_a_keyword_that_is_like_nothing(name: str) -> None:
    with pytest.raises(TypeError, match=r"\(\) got an unexpected keyword argument 'zzz'; accepted are "):
        WITH_OPTIONS[name](zzz=None)


@pytest.fixture(scope="module")
def model() -> yamjit.Classifier:
    return yamjit.load("starter", backend="numpy")


NOISE = np.zeros(16_000, np.float32)


@pytest.mark.parametrize(
    ("call", "name", "strange", "hint"),
    [
        (lambda m: m.classify(NOISE, sr=8000), "Classifier.classify", "sr", "did you mean 'sample_rate'?"),
        (
            lambda m: m.classify(NOISE, top=3),
            "Classifier.classify",
            "top",
            "Classification.top() of the result takes it",
        ),
        (
            lambda m: m.classify(NOISE, max_results=3),
            "Classifier.classify",
            "max_results",
            "Classification.top() of the result takes max_results",
        ),
        (
            lambda m: m.classify(NOISE, top_k=3),
            "Classifier.classify",
            "top_k",
            "Classification.top() of the result takes max_results",
        ),
        (
            lambda m: m.classify(NOISE, threshold=0.2),
            "Classifier.classify",
            "threshold",
            "it is an option of the classifier: with_options(ClassifierOptions(score_threshold=...))",
        ),
        (
            lambda m: m.with_options(top=3),
            "Classifier.with_options",
            "top",
            "it is part of options: options=ClassifierOptions(max_results=...)",
        ),
        (
            lambda m: m.events(NOISE, on=0.3),
            "Classifier.events",
            "on",
            "it is part of options: options=EventOptions(on=...)",
        ),
        (
            lambda m: m.events(NOISE, threshold=0.3),
            "Classifier.events",
            "threshold",
            "it is part of options: options=EventOptions(on=...)",
        ),
        (
            lambda m: m.log_mel(NOISE, hop=0.3),
            "Classifier.log_mel",
            "hop",
            "it is part of reading: reading=ReadOptions(hop_s=...)",
        ),
        (
            lambda m: m.frames(NOISE, colour=1),
            "Classifier.frames",
            "colour",
            "accepted are audio, sample_rate, reading",
        ),
        (
            lambda _: yamjit.load("starter", score_threshold=0.3),
            "load",
            "score_threshold",
            "it is part of options: options=ClassifierOptions(score_threshold=...)",
        ),
        (lambda _: yamjit.ReadOptions(hop=1), "ReadOptions", "hop", "did you mean 'hop_s'?"),
        (lambda _: yamjit.EventOptions(threshold=1), "EventOptions", "threshold", "did you mean 'on'?"),
        (lambda m: learn.embed_clips(m, progres=1), "embed_clips", "progres", "did you mean 'progress'?"),
    ],
)
def test_what_was_meant(model: yamjit.Classifier, call: Any, name: str, strange: str, hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        call(model)
    assert str(caught.value) == f"{name}() got an unexpected keyword argument {strange!r}; {hint}"
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_too_many_arguments(model: yamjit.Classifier) -> None:
    with pytest.raises(TypeError, match=r"^Classifier\.embed\(\) takes .*; accepted by keyword are features, reading$"):
        model.embed(NOISE, 16_000, 2, 3)  # type: ignore[misc]


def test_a_sample_rate_may_follow_the_audio(model: yamjit.Classifier) -> None:
    samples = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1
    assert (model.embed(samples, 48_000) == model.embed(samples, sample_rate=48_000)).all()
    assert model.classify(samples, 48_000).duration_s == model.classify_channels(samples, 48_000)[0].duration_s == 1.0
    with model.windows(samples, 48_000) as windows, model.frames(samples, 48_000) as frames:
        assert windows.source.sample_rate == frames.source.sample_rate == 48_000
    with pytest.raises(yamjit.InputError, match=r"options is 48000; EventOptions is accepted, and sample_rate=48000$"):
        model.events(samples, 48_000)  # type: ignore[arg-type]


def test_errors_from_within_are_left_alone() -> None:
    @explained
    def outer(*, name: str = "") -> None:
        inner(nam=name)  # type: ignore[call-arg]

    def inner(*, name: str = "") -> None:
        pass

    with pytest.raises(TypeError, match=r"inner\(\) got an unexpected keyword argument 'nam'"):
        outer(name="x")


def test_signatures_are_seen() -> None:
    signature = inspect.signature(yamjit.Classifier.classify)
    assert list(signature.parameters)[:4] == ["self", "audio", "sample_rate", "reading"]
    assert yamjit.load.__doc__ is not None
    assert inspect.unwrap(yamjit.load).__module__ == "yamjit.loading"
