"""Every output of a model counts: in each verb, format and method, under each name, with each option."""

from __future__ import annotations

import csv
import inspect
import io
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

import yamjit
from yamjit import ClassifierOptions, EventOptions
from yamjit.calibration import Calibration
from yamjit.cli import main
from yamjit.cli.bars import Bars, ScoreBar
from yamjit.errors import InputError
from yamjit.events import Watcher
from yamjit.head_names import told_apart
from yamjit.learn.describing import find_output, set_calibration, set_labels
from yamjit.learn.export import export_model
from yamjit.output import FORMATS
from yamjit.output.dataframes import to_pandas
from yamjit.plots import draw_overview, survey
from yamjit.spec import DEFAULT_MAX_RESULTS
from yamjit.task import audio, core, processor
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.tflite.patching import read_described, replace_metadata
from yamjit.trained.alone import ModelCard
from yamjit.trained.heads import Dense, Head

pytestmark = pytest.mark.slow

#: Of the second head: one of its own, one that AudioSet and the first head have as well, one that is never heard.
OWN = ("Kettle whistle", "Speech", "Door, front")
OWN_GERMAN = ("Wasserkessel", "Sprache", "Haustür")
ON = EventOptions(on=0.5)
BOTH = ("yamnet", "custom")


@pytest.fixture(scope="module")
def siren(examples: dict[Path, str]) -> Path:
    return next(path for path in examples if path.name == "siren.flac")


@pytest.fixture(scope="module")
def two(examples: dict[Path, str]) -> bytes:
    """The starter with a second head whose first class is what the starter calls a siren."""
    starter = yamjit.load("starter", backend="numpy")
    found = [starter.embed(path) for path in sorted(examples)]
    whistle, speech = found[0].mean(axis=0), found[1].mean(axis=0)
    away = np.concatenate(found[1:]).mean(axis=0)
    weights = np.stack([whistle - away, speech - found[0].mean(axis=0), np.zeros_like(whistle)])
    weights /= np.linalg.norm(weights, axis=1, keepdims=True) + 1e-9
    middle = np.array([(whistle + away) @ weights[0], (whistle + speech) @ weights[1], 0]) / 2
    scale = np.array([12 / ((whistle - away) @ weights[0]), 12 / ((speech - whistle) @ weights[1]), 0])
    head = Head(OWN, "sigmoid", (Dense(weights * scale[:, None], -middle * scale - [0, 0, 6]),))
    return export_model(starter.graph, head, None, ModelCard(keep=True, display_names={"de": OWN_GERMAN}))


@pytest.fixture(scope="module")
def model(two: bytes) -> yamjit.Classifier:
    return yamjit.load(two, backend="numpy")


@pytest.fixture(scope="module")
def three(model: yamjit.Classifier) -> bytes:
    """A third head, of one class."""
    size = int(np.prod(model.plan.embedding.shape))  # type: ignore[union-attr]
    head = Head(("Anything",), "sigmoid", (Dense(np.full((1, size), 0.05), np.array([4.0])),))
    return export_model(model.graph, head, None, ModelCard(keep=True, head_name="third"))


@pytest.fixture
def path(two: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "two.tflite"
    path.write_bytes(two)
    monkeypatch.setenv("YAMJIT_MODEL", str(path))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def run(path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: object) -> str:
        capsys.readouterr()
        code = main([*map(str, arguments), *([] if arguments[0] in ("metadata", "info", "labels") else ["--quiet"])])
        captured = capsys.readouterr()
        assert (code, captured.err) == (0, "")
        return captured.out

    return call


def heard(events: Any) -> set[tuple[str, str]]:
    return {(event.head, event.label) for event in events}


# -- Events -----------------------------------------------------------------------------------------------------


def test_events_of_every_head_are_found(model: yamjit.Classifier, siren: Path) -> None:
    found = model.events(siren, ON)
    assert {("yamnet", "Siren"), ("custom", "Kettle whistle")} <= heard(found)
    assert found == yamjit.events.by_start(model.watch(siren, ON))
    with model.windows(siren) as stream:
        assert found == yamjit.events.by_start(Watcher.of(stream, ON).watch(stream))
    for name in BOTH:
        only = tuple(replace(event, head="") for event in found if event.head == name)
        assert (
            model.events(siren, ON, head=name)
            == model.with_options(ClassifierOptions(head=name)).events(siren, ON)
            == only
        )


def test_events_of_each_channel(model: yamjit.Classifier, siren: Path, examples: dict[Path, str]) -> None:
    sounds = [soundfile.read(path, dtype="float32")[0][:40_000] for path in sorted(examples)[:2]]
    found = model.events(np.stack(sounds, axis=1), ON, sample_rate=16_000, reading=yamjit.ReadOptions(channel="each"))
    assert {(e.channel, e.head, e.label) for e in found} >= {
        (0, "yamnet", "Siren"),
        (0, "custom", "Kettle whistle"),
        (1, "yamnet", "Speech"),
        (1, "custom", "Speech"),
    }


def test_a_watcher_takes_what_is_pushed_to_a_stream(model: yamjit.Classifier, siren: Path) -> None:
    sound = soundfile.read(siren, dtype="int16")[0]
    for head in (None, "custom", 0):
        watcher, found = model.watcher(ON, head=head), []
        with model.stream(head=head) as stream:
            blocks = [stream.push(part) for part in np.array_split(sound, 9)]
            for windows in (*blocks, stream.flush()):
                found += watcher.push(windows)
            found += watcher.flush(stream.duration_s)
        assert yamjit.events.by_start(found) == model.events(siren, ON, head=head)


def test_scores_of_one_head_are_not_taken_for_all(model: yamjit.Classifier, siren: Path) -> None:
    windows = model.score_window(soundfile.read(siren, dtype="float32")[0][: model.window_samples])
    with pytest.warns(DeprecationWarning, match="watcher"):
        detector = model.detector(ON)
    with pytest.raises(
        InputError, match=r"\(n, 36\) are accepted: a Watcher takes windows with the scores of all heads"
    ):
        detector.push(windows.times_s, windows.scores)
    with pytest.raises(InputError, match="windows of 2 heads were given; 1 are accepted"):
        model.watcher(ON, head="custom").push(windows)


def test_an_event_below_its_score_threshold_is_not_listed(model: yamjit.Classifier, siren: Path) -> None:
    found = model.events(siren, ON)
    assert {
        e.label for e in model.with_options(ClassifierOptions(score_threshold={"Siren": 1.0})).events(siren, ON)
    } == {e.label for e in found if e.label != "Siren"}
    highest = max(event.score for event in found)
    assert model.with_options(ClassifierOptions(score_threshold=highest)).events(siren, ON)


# -- Verbs and formats ------------------------------------------------------------------------------------------


def test_rows_say_which_head(run: Callable[..., str], siren: Path) -> None:
    text = run("events", siren)
    assert "Siren  (yamnet)\n" in text
    assert "Kettle whistle  (custom)\n" in text
    (document,) = json.loads(run("events", siren, "--format", "json"))
    assert {("yamnet", "Siren"), ("custom", "Kettle whistle")} <= {(r["head"], r["label"]) for r in document["rows"]}
    raven = list(csv.DictReader(io.StringIO(run("events", siren, "--format", "raven")), delimiter="\t"))
    assert {("yamnet", "Siren"), ("custom", "Kettle whistle")} <= {(r["Head"], r["Annotation"]) for r in raven}
    assert "\tKettle whistle (1.00, custom)\n" in run("events", siren, "--format", "audacity")
    for form, told in (("srt", "[Siren (yamnet)]"), ("vtt", "[Kettle whistle (custom)]"), ("dcase", "Siren (yamnet)")):
        assert told in run("events", siren, "--format", form)
    assert "Kettle whistle,1.0" not in run("events", siren, "--head", "yamnet", "--format", "csv")


@pytest.mark.parametrize(
    ("verb", "form"), [("classify", "text"), *(("events", form) for form in FORMATS if form != "parquet")]
)
def test_one_head_is_written_as_ever(
    run: Callable[..., str], siren: Path, verb: str, form: str, small_model_path: Path
) -> None:
    """The first head alone gives, but for its name, what the model gives that has no other."""
    chosen = run(verb, siren, "--format", form, "--head", 0)
    alone = run(verb, siren, "--format", form, "--model", small_model_path)
    name = yamjit.load(small_model_path, backend="numpy").heads[0].name
    assert chosen.replace("yamnet", name) == alone
    assert "custom" in run(verb, siren, "--format", form)


def test_processes_and_folders_give_the_same(run: Callable[..., str], examples: dict[Path, str]) -> None:
    sounds = sorted(examples)
    assert run("events", *sounds, "--format", "raven") == run("events", *sounds, "--format", "raven", "--jobs", 2)
    run("events", *sounds, "--format", "raven", "-o", "one/")
    run("events", *sounds, "--format", "raven", "-o", "two/", "--jobs", 2)
    results = [{p.name: p.read_bytes() for p in Path(folder).rglob("*.raven.txt")} for folder in ("one", "two")]
    assert results[0] == results[1]
    assert any(b"Kettle whistle\t" in data for data in results[0].values())


def test_segments_are_cut_for_every_head(run: Callable[..., str], examples: dict[Path, str]) -> None:
    run("segments", *sorted(examples)[:2], "-o", "cut/", "--most", 1)
    found = {path.name for path in Path("cut").rglob("*.flac")}
    assert {name.partition(".")[2][4:] for name in found} >= {
        "Siren_yamnet.flac",
        "Kettle_whistle_custom.flac",
        "Speech_yamnet.flac",
        "Speech_custom.flac",
    }
    run("segments", sorted(examples)[0], "-o", "own/", "--head", "custom")
    assert [path.name for path in Path("own").rglob("*.flac")] == ["siren_000000.000_Kettle_whistle.flac"]


def test_listening_tells_events_of_every_head(
    run: Callable[..., str], siren: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(*arguments: object) -> str:
        data = soundfile.read(siren, dtype="int16")[0].astype("<i2").tobytes()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return run("listen", "--raw", "s16le", "-", *arguments)

    lines = [json.loads(line) for line in listen("--events").splitlines()]
    for kind in ("begin", "end"):
        told = {(line["head"], line["label"]) for line in lines if line["type"] == kind}
        assert {("yamnet", "Siren"), ("custom", "Kettle whistle")} <= told
    assert "Kettle whistle  (custom)" in listen("--events", "--format", "text")
    assert "\tcustom\n" in listen("--events", "--format", "raven")
    for arguments in (["--top", 1], ["--top", 1, "--events"]):
        shown = listen("--format", "bars", *arguments)
        assert shown.index("  yamnet") < shown.index("  Siren ") < shown.index("  custom")
        assert "  Kettle whistle " in shown
    assert "  custom" not in listen("--format", "bars", "--head", 1)


def test_bars_have_room_for_every_head() -> None:
    stream = io.StringIO()
    rows = [ScoreBar(label, 0.5, head=head) for head in BOTH for label in ("Dog", "Cat")]
    Bars(stream, several_heads=True).draw((0.0, "0:00:00.0"), 0.0, rows, 6, [])
    lines = stream.getvalue().split("\n")[1:7]
    assert [re.findall("[A-Za-z]{3,}", line) for line in lines] == [
        ["yamnet"],
        ["Dog"],
        ["Cat"],
        ["custom"],
        ["Dog"],
        ["Cat"],
    ]


def test_a_picture_shows_every_head(model: yamjit.Classifier, siren: Path) -> None:
    pytest.importorskip("matplotlib", reason="wants matplotlib: pip install 'yamjit[plot]'")
    overview, _ = survey(model, siren, max_results=2)
    assert overview.heads == ("yamnet", "yamnet", "custom", "custom")
    assert overview.labels[::2] == ("Siren", "Kettle whistle")
    assert overview.scores.shape[1] == 4
    axes = draw_overview(overview).axes[2]
    assert [text.get_text() for text in axes.get_yticklabels()][:4:3] == ["yamnet", "custom"]
    alone, _ = survey(model, siren, max_results=2, head="custom")
    assert alone.heads == ("", "")
    assert [text.get_text() for text in draw_overview(alone).axes[2].get_yticklabels()] == list(alone.labels)


def test_a_picture_is_drawn_of_each_head(run: Callable[..., str], siren: Path) -> None:
    pytest.importorskip("matplotlib", reason="wants matplotlib: pip install 'yamjit[plot]'")
    run("plot", siren, "-o", "all.svg")
    run("plot", siren, "-o", "own.svg", "--head", "CUSTOM")
    assert [b"Kettle whistle" in Path(name).read_bytes() for name in ("all.svg", "own.svg")] == [True, True]
    assert [b"yamnet" in Path(name).read_bytes() for name in ("all.svg", "own.svg")] == [True, False]


# -- Classifications --------------------------------------------------------------------------------------------


def test_the_highest_of_every_head_are_listed(model: yamjit.Classifier, siren: Path) -> None:
    result = model.classify(siren)
    assert [(one.label, one.head) for one in result.top(1)] == [("Siren", "yamnet"), ("Kettle whistle", "custom")]
    assert result.top(1, head="custom") == result.top(1, head=1) == result.top(1, head=-1) == result.heads[1].top(1)
    assert {one.head for one in result.top(-1, window=0)} == set(BOTH)
    assert [row.head for row in result.rows(1)] == list(BOTH)
    assert [row.label for row in result.rows(1, head="custom")] == ["Kettle whistle"]
    assert [one["head"] for one in result.to_hf(1)] == list(BOTH)
    assert "head='custom'" in repr(result.top(1)[1])
    assert "Kettle whistle  (custom)" in repr(result)
    label, _, index = result.top(1)[1]
    assert (label, index) == ("Kettle whistle", 0)


def test_rows_of_windows_are_in_the_order_of_time(model: yamjit.Classifier, siren: Path) -> None:
    with model.windows(siren) as stream:
        rows = [row for windows in stream for row in stream.rows(windows, 1)]
    assert rows == list(model.classify(siren).rows(1, windows=True))
    assert [(row.start_s, row.head) for row in rows] == [(row.start_s, h) for row in rows[::2] for h in BOTH]
    assert [row.start_s for row in rows] == sorted(row.start_s for row in rows)


def test_a_chosen_head_is_all_there_is(model: yamjit.Classifier, siren: Path) -> None:
    own = model.with_options(ClassifierOptions(head="custom"))
    assert own.labels == OWN
    result = own.classify(siren)
    both = model.classify(siren)
    np.testing.assert_array_equal(result.scores, both.heads[1].scores)
    np.testing.assert_array_equal(result.logits, both.heads[1].logits)
    assert [one.head for one in result.top()] == [""] * 3
    assert result.to_hf(1)[0].keys() == {"score", "label"}
    assert "3 classes" in repr(own)
    assert "33 + 3 classes" in repr(model)
    with model.windows(siren, head="custom") as stream:
        for _ in stream:
            pass
        assert stream.top(1) == result.top(1)
        assert [row.label for row in stream.summary(1).top] == ["Kettle whistle"]


# -- Names ------------------------------------------------------------------------------------------------------

SPELLINGS = [
    *((locale, name) for locale in ("en", "de", "fr") for name in ("kettle WHISTLE", " Kettle whistle ")),
    *(("de", name) for name in ("Wasserkessel", "wasserkessel ", "WASSERKESSEL")),
    ("en", "kettle   whistle"),
]


@pytest.mark.parametrize(("locale", "name"), SPELLINGS)
def test_a_name_is_taken_everywhere(model: yamjit.Classifier, siren: Path, locale: str, name: str) -> None:
    base = model.with_options(ClassifierOptions(display_names_locale=locale))
    shown = "Wasserkessel" if locale == "de" else "Kettle whistle"
    for asked in ({"category_allowlist": [name]}, {"groups": {"Own": [name]}, "category_allowlist": ["own"]}):
        assert [e.label for e in base.with_options(replace(base.options, **asked)).events(siren, ON)] == [
            "Own" if "groups" in asked else shown
        ]
    assert shown not in {
        e.label for e in base.with_options(replace(base.options, category_denylist=[name])).events(siren, ON)
    }
    assert shown not in {
        e.label for e in base.with_options(replace(base.options, score_threshold={name: 1})).events(siren, ON)
    }
    for rules in (
        {"on": {name: 1.0}, "off": 0.5},
        {"on": 1.0, "off": {name: 1.0}},
        {"min_duration_s": {name: 99}},
        {"min_dbfs": {name: 0.0}},
    ):
        assert shown not in {e.label for e in base.events(siren, EventOptions(**rules))}, rules
    held = base.events(
        siren, EventOptions(hold_s={name: 9}, max_gap_s={name: 9}), reading=yamjit.ReadOptions(end_s=2.0)
    )
    assert next(e.end_s for e in held if e.label == shown) == 2.0


@pytest.mark.parametrize("name", ["Haustür", "HAUSTÜR", unicodedata.normalize("NFD", "Haustür"), "Door,  front"])
def test_accents_and_spaces_make_no_other_name(model: yamjit.Classifier, name: str) -> None:
    german = model.with_options(
        ClassifierOptions(display_names_locale="de", category_allowlist=[name], score_threshold={name: 0.0})
    )
    assert german.categories[1].names == ("Haustür",)
    german.watcher(EventOptions(on={name: 0.5}))
    assert (
        german.with_options(replace(german.options, category_allowlist=(), groups={name.upper(): [name]}))
        .categories[1]
        .class_indices[0]
        == -1
    )


def test_a_name_counts_in_every_head_that_has_it(model: yamjit.Classifier, examples: dict[Path, str]) -> None:
    speech = next(path for path in examples if path.name == "speech.flac")
    assert heard(model.events(speech, EventOptions(on={"speech": 0.5, "*": 1.0}))) == {(h, "Speech") for h in BOTH}
    assert not heard(model.events(speech, EventOptions(on={"/m/09x0r": 1.0}))) & {(h, "Speech") for h in BOTH}
    listed = model.with_options(ClassifierOptions(category_allowlist=["Speech"])).classify(speech).top()
    assert [(one.head, one.label) for one in listed] == [(h, "Speech") for h in BOTH]


def test_a_group_is_named_by_its_name(model: yamjit.Classifier, siren: Path) -> None:
    grouped = model.with_options(ClassifierOptions(groups={"Alarms": ["Siren", "Kettle whistle"]}))
    assert heard(grouped.events(siren, EventOptions(on={"ALARMS": 0.5, "*": 1.0}))) == {(h, "Alarms") for h in BOTH}
    with pytest.raises(InputError, match="on: 'Siren' is not listed on its own: it is left out, or in a group"):
        grouped.watcher(EventOptions(on={"Siren": 0.5}))


LISTING_OPTIONS = (
    ["--allow", "Ketle whistle"],
    ["--deny", "Ketle whistle"],
    ["--threshold", "Ketle whistle=0.5"],
    ["--group", "Own=Ketle whistle"],
)
EVENT_OPTIONS = [
    [f"--{name}", "Ketle whistle=1"] for name in ("on", "off", "hold", "max-gap", "min-duration", "min-dbfs")
]


@pytest.mark.parametrize("verb", ["events", "segments", "classify", "plot"])
def test_an_unknown_name_is_refused_with_the_nearest_of_all_heads(
    path: Path, siren: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    where = {"plot": ["-o", "a.png"], "segments": ["-o", "cut/"]}.get(verb, [])
    for option in (*LISTING_OPTIONS, *(EVENT_OPTIONS if verb == "events" else ())):
        assert main([verb, str(siren), *option, *where]) == 1
        assert "'Ketle whistle' (did you mean 'Kettle whistle'?)" in capsys.readouterr().err, option


def test_what_names_no_class_is_refused_in_rules_of_events(model: yamjit.Classifier) -> None:
    for entry in (99, np.int64(99), "99", -1, 1.5, None, b"Siren", "", True, 10**400):
        with pytest.raises(InputError, match=r"^on: "):
            model.watcher(EventOptions(on={entry: 0.5}))
    for entry in (1, np.int64(1), "1", " 1 "):
        model.watcher(EventOptions(on={entry: 0.5}))


def test_two_values_for_one_class_are_refused(model: yamjit.Classifier) -> None:
    with pytest.raises(InputError, match=r"on is given twice for 'Siren': 0.5 and 0.25"):
        model.watcher(EventOptions(on={"Siren": 0.5, "siren": 0.25}))


# -- Which head -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["classify", "events", "segments", "plot"])
def test_an_unknown_head_is_refused_with_those_there_are(
    path: Path, siren: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    where = {"plot": ["-o", "a.png"], "segments": ["-o", "cut/"]}.get(verb, [])
    for wanted in ("2", "-3", "yam", ""):
        assert main([verb, str(siren), "--head", wanted, *where]) == 1
        assert "the model has 2: 0 'yamnet' (33 classes), 1 'custom' (3 classes)" in capsys.readouterr().err
    assert not Path("a.png").exists()


@pytest.mark.parametrize("wanted", [2, -3, "yam"])
def test_an_unknown_head_is_refused_by_every_method(model: yamjit.Classifier, siren: Path, wanted: Any) -> None:
    result = model.classify(siren, reading=yamjit.ReadOptions(end_s=1.0))
    for call in (
        lambda: model.with_options(ClassifierOptions(head=wanted)),
        lambda: model.windows(siren, head=wanted),
        lambda: model.classify(siren, head=wanted),
        lambda: model.events(siren, head=wanted),
        lambda: model.watcher(head=wanted),
        lambda: model.stream(head=wanted),
        lambda: result.top(head=wanted),
        lambda: list(result.rows(head=wanted)),
        lambda: survey(model, siren, head=wanted),
    ):
        with pytest.raises(InputError, match=r"no output .*; the model has 2: 0 'yamnet' \(33 classes\)"):
            call()
    for wrong in (True, 1.0, ["custom"], b"custom"):
        with pytest.raises(InputError, match=r"head is .*; the name or index of an output"):
            model.with_options(ClassifierOptions(head=wrong))


def test_three_heads_and_one_class(three: bytes, siren: Path) -> None:
    model = yamjit.load(three, backend="numpy")
    assert [(head.name, len(head.labels)) for head in model.heads] == [("yamnet", 33), ("custom", 3), ("third", 1)]
    assert {("custom", "Kettle whistle"), ("third", "Anything")} <= heard(model.events(siren, ON))
    assert [e.label for e in model.events(siren, ON, head="third")] == ["Anything"]
    assert [one.head for one in model.classify(siren).top(1)] == ["yamnet", "custom", "third"]
    with pytest.raises(InputError, match=r"2 'third' \(1 class\)$"):
        model.with_options(ClassifierOptions(head=3))


def test_heads_without_a_name_of_their_own_are_told_apart(two: bytes, siren: Path) -> None:
    described = read_described(two)
    assert described.metadata is not None
    (subgraph,) = described.metadata.subgraphs
    for names, told in (
        (("a", "a"), ["a", "a 1"]),
        (("A", "a"), ["A", "a 1"]),
        (("  ", " "), ["output 0", "output 1"]),
        (("\x1b[31m\n", "1"), ["\x1b[31m", "1"]),
    ):
        outputs = tuple(replace(t, name=n) for t, n in zip(subgraph.outputs, names, strict=True))
        metadata = replace_subgraph(described, replace(subgraph, outputs=outputs))
        model = yamjit.load(metadata, backend="numpy")
        assert [head.name for head in model.heads] == told
        assert {e.head for e in model.events(siren, ON)} == set(told)
        assert model.with_options(ClassifierOptions(head=told[1])).labels == OWN
    assert told_apart(["a", "a 2", "a"]) == ["a", "a 2", "a 2 2"]
    assert told_apart([""]) == [""]


def replace_subgraph(described: Any, subgraph: Any) -> bytes:
    metadata = described.metadata
    changed = type(metadata)(
        **{f.name: getattr(metadata, f.name) for f in fields(metadata) if f.name != "subgraphs"}, subgraphs=(subgraph,)
    )
    return replace_metadata(described, changed, described.files)


def test_labels_and_calibration_are_of_the_same_head(
    two: bytes, run: Callable[..., str], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("names").write_text("a\nb\nc\n", encoding="utf-8")
    Path("sigmoids").write_text("1,1,0\n1,1,0\n1,1,0\n", encoding="utf-8")
    for action, file in (("set-labels", "names"), ("set-calibration", "sigmoids")):
        assert run("metadata", action, path, file, "-o", "m.tflite") == (
            f"m.tflite: {action}, output 1 'custom' (3 classes)\n"
        )
        for head in ("custom", "1", "-1"):
            run("metadata", action, path, file, "-o", "m.tflite", "--head", head)
        for head in ("yamnet", "0"):
            assert main(["metadata", action, str(path), file, "-o", "n.tflite", "--head", head]) == 1
        assert main(["metadata", action, str(path), file, "-o", "n.tflite", "--head", "2"]) == 1
        assert "no output 2; the model has 2: 0 'yamnet' (33 classes)" in capsys.readouterr().err
    assert main(["metadata", "set-calibration", str(path), "none", "-o", "n.tflite"]) == 1
    assert "the model has 2 outputs; name one of" in capsys.readouterr().err
    run("metadata", "set-calibration", path, "none", "-o", "m.tflite", "--head", "custom")
    described = read_described(two)
    assert find_output(described, None, (2, 3)).name == "custom"
    with pytest.raises(InputError, match="has 0 outputs of 4 classes; name one of 0 'yamnet'"):
        set_labels(described, ["a", "b", "c", "d"])
    with pytest.raises(InputError, match="name one of"):
        set_calibration(described, None)


# -- Options that do something ----------------------------------------------------------------------------------


def methods(path: Path) -> Iterator[tuple[str, Callable[[yamjit.Classifier], Any]]]:
    """Yield what lists classes; each returns (head, label) by window, if there are several."""

    def of_stream(list_rows: Callable[[Any, Any], Any]) -> Callable[[yamjit.Classifier], Any]:
        def call(model: yamjit.Classifier) -> Any:
            with model.windows(path, reading=yamjit.ReadOptions(end_s=0.9)) as stream:
                (windows,) = [windows for windows in stream if len(windows)]
                return [(row.label, row.score) for row in list_rows(stream, windows)]

        return call

    def of_clip(list_rows: Callable[[Any], Any]) -> Callable[[yamjit.Classifier], Any]:
        return lambda model: [
            (row.label, row.score) for row in list_rows(model.classify(path, reading=yamjit.ReadOptions(end_s=0.9)))
        ]

    yield "top", of_clip(lambda found: found.top())
    yield "top of a window", of_clip(lambda found: found.top(window=0))
    yield "top of each head", of_clip(lambda found: [row for head in found.heads for row in head.top()])
    yield "rows", of_clip(lambda found: found.rows())
    yield "rows of windows", of_clip(lambda found: found.rows(windows=True))
    yield "frames", of_clip(lambda found: found.to_pandas().itertuples())
    yield "hf", of_clip(lambda found: [SimpleNamespace(**one) for one in found.to_hf()])
    yield "top of a stream", of_stream(lambda stream, _: stream.top())
    yield "rows of a stream", of_stream(lambda stream, windows: stream.rows(windows))
    yield "summary", of_stream(lambda stream, _: stream.summary().top)
    yield (
        "picture",
        lambda model: (lambda o: [*zip(o.labels, o.scores[0], strict=True)])(
            survey(model, path, reading=yamjit.ReadOptions(end_s=0.9))[0]
        ),
    )


LISTING = dict(methods(Path()))


@pytest.mark.parametrize("name", LISTING)
def test_max_results_counts_everywhere_for_each_head(model: yamjit.Classifier, siren: Path, name: str) -> None:
    if name == "frames":
        pytest.importorskip("pandas")
    method = dict(methods(siren))[name]
    assert len(method(model)) == DEFAULT_MAX_RESULTS + len(OWN)
    for most, count in ((1, 2), (2, 4), (4, 7), (-1, 36)):
        assert len(method(model.with_options(ClassifierOptions(max_results=most)))) == count
    assert len(method(model.with_options(ClassifierOptions(max_results=2, head="custom")))) == 2


def test_there_is_one_default(monkeypatch: pytest.MonkeyPatch) -> None:
    from yamjit.cli.command import _parser as make_parser

    assert ClassifierOptions().max_results == DEFAULT_MAX_RESULTS
    for method in (
        yamjit.Classification.top,
        yamjit.Classification.rows,
        yamjit.Classification.to_pandas,
        yamjit.Classification.to_hf,
        yamjit.WindowStream.top,
        yamjit.WindowStream.rows,
        yamjit.WindowStream.summary,
    ):
        assert inspect.signature(method).parameters["max_results"].default is None
    for arguments in (["classify", "a"], ["listen"], ["plot", "a", "-o", "b"]):
        assert make_parser().parse_args(arguments).top == DEFAULT_MAX_RESULTS


#: A change of every field, under which something else is listed of a siren.
CHANGES: dict[str, Any] = {
    "max_results": 1,
    "score_threshold": {"Kettle whistle": 1.0},
    "category_allowlist": ("Kettle whistle",),
    "category_denylist": ("Kettle whistle",),
    "display_names_locale": "de",
    "calibration": None,
    "roll_up": True,
    "groups": {"Kitchen": ("Kettle whistle", "Door, front")},
    "head": "custom",
}


@pytest.mark.parametrize("option", [field.name for field in fields(ClassifierOptions)])
def test_every_option_does_something_everywhere(two: bytes, siren: Path, option: str) -> None:
    """Events are not counted, so `max_results` is none of theirs."""
    halved = Calibration(np.array([[0.6, 1, 0, -np.inf]] * 3), ScoreTransformation.IDENTITY)
    model = yamjit.load(set_calibration(read_described(two), halved), backend="numpy")
    before = model.with_options(ClassifierOptions(category_allowlist=("Sine wave",))) if option == "roll_up" else model
    after = before.with_options(replace(before.options, **{option: CHANGES[option]}))
    finding = {"events": lambda m: [(e.head, e.label, e.score) for e in m.events(siren, EventOptions(on=0.3))]}
    for name, method in (*methods(siren), *finding.items()):
        if (option, name) != ("max_results", "events"):
            assert method(after) != method(before), name


def test_the_task_library_counts_in_its_own_way(path: Path) -> None:
    base = core.BaseOptions(file_name=str(path))
    for asked, counts in ((None, [33, 3]), (-1, [33, 3]), (2, [2, 2])):
        options = audio.AudioClassifierOptions(base, processor.ClassificationOptions(max_results=asked))
        classifier = audio.AudioClassifier.create_from_options(options)
        found = classifier.classify(classifier.create_input_tensor_audio()).classifications
        assert [(one.head_name, len(one.categories)) for one in found] == list(zip(BOTH, counts, strict=True))


def test_a_writer_of_several_heads_is_asked_for() -> None:
    row = yamjit.Row("a", 0.0, 1.0, "Dog", 0.5, 0, head="custom")
    for name, form in FORMATS.items():
        assert form.of_heads(["one"]) is form
        stream: Any = io.BytesIO() if form.binary else io.StringIO()
        if name == "parquet":
            pytest.importorskip("pyarrow")
        with form.of_heads(BOTH).open(stream) as writer:
            writer.begin("a")
            writer.rows([row])
            writer.end(yamjit.results.Summary("a", 1.0, 1, 0.975))
        assert form.binary or "custom" in stream.getvalue()
    assert to_pandas([row])["head"].tolist() == ["custom"]
