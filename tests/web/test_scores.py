"""Scores in JavaScript: those of Python, to the bit, whatever the blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import yamjit
from tests.support.javascript import Node
from tests.web.conftest import plan_of
from yamjit.audio import open_audio
from yamjit.calibration import Calibration
from yamjit.learn import ModelCard, export_head
from yamjit.trained.heads import Dense, Head

RATE = 16_000

CLASSIFY = """
const model = await yamjit.load(readFileSync(given.plan), { kernels: given.kernels, ...given.load });
const result = model.classify(floats(given.samples), given.options);
model.heads.forEach((_, head) => write(`scores${head}`, result.windows.map(({ heads }) => heads[head])));
if (given.options.embedding) write("embedding", result.windows.map(({ embedding }) => embedding));
if (given.options.logMel) write("logMel", result.windows.map(({ logMel }) => logMel));
answer({
  times: result.windows.map(({ start }) => start),
  levels: result.windows.map(({ level }) => level),
  clip: result.clipScores.map((scores) => [...scores]),
  top: result.top(),
  first: result.top({ window: 0, top: Infinity }),
  events: result.events({ on: 0.3 }),
  duration: result.duration,
  heads: model.heads,
  lowering: model.lowering,
});
"""


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    """Return noise that comes and goes."""
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.3 * samples * np.sin(np.arange(samples.size) / 9_000) ** 2).astype(np.float32)


def classify(node: Node, plan: bytes, samples: np.ndarray, load: Any = None, **options: Any) -> Any:
    files = {"plan": node.file("plan", plan), "samples": node.file("samples", samples)}
    return node(CLASSIFY, {**files, "kernels": node.kernels, "load": load or {}, "options": options})


@pytest.mark.parametrize(
    ("seconds", "hop"),
    [(0.01, 0.48), (0.975, 0.1), (1.0, 0.3333), (4.32, 0.48), (4.32, 0.1), (4.32, 0.3333), (4.32, 1.7)],
)
def test_scores_times_and_clip_are_those_of_python(
    browser_package: Node, starter: yamjit.Classifier, starter_plan: bytes, seconds: float, hop: float
) -> None:
    samples = noise(seconds)
    found = classify(browser_package, starter_plan, samples, hop=hop, embedding=True, level=True)
    expected = starter.classify(samples, sample_rate=RATE, reading=yamjit.ReadOptions(hop_s=hop), level=True)
    assert browser_package.floats("scores0").tobytes() == expected.scores.tobytes()
    assert browser_package.floats("embedding").tobytes() == expected.embeddings.tobytes()
    assert found["times"] == expected.times_s.tolist()
    assert found["clip"] == [expected.clip_scores.tolist()]
    assert found["duration"] == expected.duration_s
    assert found["levels"] == pytest.approx(expected.level_dbfs.tolist(), abs=1e-9)
    assert [(one["label"], one["score"], one["classIndex"]) for one in found["top"]] == list(map(tuple, expected.top()))
    assert [(one["label"], one["score"]) for one in found["first"]] == [one[:2] for one in expected.top(-1, window=0)]


def test_maximum_threshold_and_number_of_classes(
    browser_package: Node, starter: yamjit.Classifier, starter_plan: bytes
) -> None:
    samples = noise(3)
    found = classify(browser_package, starter_plan, samples, aggregate="max", top=3, threshold=0.01)
    options = yamjit.ClassifierOptions(max_results=3, score_threshold=0.01)
    expected = yamjit.load("starter", options=options).classify(samples, sample_rate=RATE, aggregate="max")
    assert found["clip"] == [expected.clip_scores.tolist()]
    assert [(one["label"], one["score"]) for one in found["top"]] == [one[:2] for one in expected.top()]


def test_events_are_those_of_python(
    browser_package: Node, starter: yamjit.Classifier, starter_plan: bytes, examples: dict[Path, str]
) -> None:
    for path in examples:
        with open_audio(path) as source:
            samples = np.concatenate(list(source.blocks()), axis=1)[0]
        found = classify(browser_package, starter_plan, samples)["events"]
        expected = starter.events(samples, yamjit.EventOptions(on=0.3), sample_rate=RATE)
        assert [(one["label"], one["score"], one["start"], one["end"]) for one in found] == [
            (event.label, event.score, event.start_s, event.end_s) for event in expected
        ]
        assert found


def test_two_heads_with_calibration_and_thresholds(browser_package: Node, two_heads_model: bytes) -> None:
    model = yamjit.load(two_heads_model)
    samples = noise(3)
    found = classify(browser_package, plan_of(model), samples)
    expected = model.classify(samples, sample_rate=RATE)
    for index, head in enumerate(expected.heads):
        assert browser_package.floats(f"scores{index}").tobytes() == head.scores.tobytes()
        assert found["heads"][index]["labels"] == list(head.labels)
        assert found["heads"][index]["threshold"] == head.info.score_threshold
        assert found["heads"][index]["audiosetIds"] == list(head.info.audioset_ids)
    assert found["heads"][1]["translations"]["de"][0] == "Wasserkessel"
    assert [(one["label"], one["score"], one["classIndex"], one["head"]) for one in found["top"]] == [
        (*one, one.head) for one in expected.top()
    ]
    events = model.events(samples, yamjit.EventOptions(on=0.3), sample_rate=RATE)
    assert [(one["label"], one["head"], one["start"]) for one in found["events"]] == [
        (event.label, event.head, event.start_s) for event in events
    ]
    assert {one["head"] for one in found["events"]} == {head.name for head in expected.heads}


def test_floats_that_are_calibrated_are_refused(browser_package: Node) -> None:
    head = Head(("a", "b"), "sigmoid", (Dense(np.eye(2, 9), np.ones(2)),))
    card = ModelCard(head_name="birds", calibration=Calibration(np.ones((2, 4))))
    if not (browser_package.package / "yamjit-family.wasm").exists():
        pytest.skip("the modules for steps of floats were not built")
    plan = plan_of(yamjit.load(export_head(head, card), backend="numpy"))
    found = browser_package(
        "answer(await messageOf(() => yamjit.load(readFileSync(given[0]), { kernels: given[1] })))",
        [browser_package.file("plan", plan), browser_package.kernels],
    )
    assert "calibrate scores that are floats; only Python does so" in found[1]


STREAMS = """
const model = await yamjit.load(readFileSync(given.plan), { kernels: given.kernels });
const samples = floats(given.samples);
const whole = model.classify(samples, given.options).windows;
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
answer(given.blocks.map((sizes) => {
  const stream = model.stream(given.options);
  const windows = [];
  for (let at = 0, i = 0; at < samples.length; at += sizes[i++ % sizes.length]) {
    windows.push(...stream.push(samples.subarray(at, at + sizes[i % sizes.length])));
  }
  return same([...windows, ...stream.flush()], whole) && whole.length;
}));
"""


@pytest.mark.parametrize("options", [{"sampleRate": 16_000, "hop": 0.1}, {"sampleRate": 44_100}, {"hop": 0.3333},
                                     {"sampleRate": 48_000, "hop": 1.3, "logMel": True}])  # fmt: skip
def test_streams_of_any_blocks_equal_the_whole(
    browser_package: Node, starter_plan: bytes, options: dict[str, Any]
) -> None:
    samples = np.tile(noise(2.2), round(options.get("sampleRate", RATE) / RATE))
    random = np.random.default_rng(3)
    blocks = [[1_024], *(random.integers(1, 10**size, 30).tolist() for size in (3, 4, 5))]
    job = {"plan": browser_package.file("plan", starter_plan), "samples": browser_package.file("samples", samples)}
    found = browser_package(STREAMS, {**job, "kernels": browser_package.kernels, "options": options, "blocks": blocks})
    assert all(windows and windows > 1 for windows in found)


def test_samples_of_every_type(browser_package: Node, starter_plan: bytes) -> None:
    found = browser_package(
        """
        const model = await yamjit.load(readFileSync(given[0]), { kernels: given[1] });
        const top = (samples) => JSON.stringify(model.classify(samples).clipScores);
        const integers = Int16Array.from({ length: 20_000 }, (_, i) => Math.round(9_000 * Math.sin(i * i / 3_000)));
        const scaled = Float32Array.from(integers, (value) => value / 32_768);
        const stereo = { numberOfChannels: 2, getChannelData: () => scaled };
        const first = top(integers);
        answer([
          [scaled, Float64Array.from(scaled), Int32Array.from(integers, (value) => value * 65_536), [scaled], stereo,
           [scaled.map((x) => x / 2), scaled.map((x) => 1.5 * x)]].map((samples) => top(samples) === first),
          [[1, 2], new Uint16Array(9), [], [scaled, scaled.subarray(1)], new Float32Array(0), scaled.map(() => NaN),
           scaled.map(() => 32_768)].map((samples) => message(() => model.classify(samples))[1]),
        ]);
        """,
        [browser_package.file("plan", starter_plan), browser_package.kernels],
    )
    assert all(found[0])
    expected = ["accepted are Float32Array", "samples are Uint16Array", "no channels", "the channels differ in length",
                "there are no samples", "sample 0, at 0 s, is NaN; finite samples", "floats in [-1, 1]"]  # fmt: skip
    for sentence, error in zip(expected, found[1], strict=True):
        assert error.startswith("YamjitError: ")
        assert sentence in error


def test_wrong_options_are_refused(browser_package: Node, starter_plan: bytes) -> None:
    found = browser_package(
        """
        const model = await yamjit.load(readFileSync(given[0]), { kernels: given[1] });
        const window = new Float32Array(model.windowSamples);
        const result = model.classify(window);
        const ended = model.stream();
        ended.flush();
        const tried = [
          () => model.classify(window, { rate: 3 }), () => model.classify(window, { hop: 0 }),
          () => model.stream({ sampleRate: 44_100.5 }), () => model.stream({ sampleRate: 10 }),
          () => model.classify(window, { aggregate: "sum" }), () => result.top({ top: 0 }),
          () => result.top({ window: 9 }), () => result.top({ threshold: "high" }), () => ended.push(window),
          () => ended.flush(), () => model.scores(window.subarray(1)), () => model.watcher({ of: 0.5 }),
        ];
        answer([tried.map((one) => message(one)[1]), model.scores(window).length, model.stream().flush()]);
        """,
        [browser_package.file("plan", starter_plan), browser_package.kernels],
    )
    assert all(error.startswith("YamjitError: ") for error in found[0])
    assert found[1:] == [33, []]


# -- The official model, and real recordings -------------------------------------------------------------------


def real_windows(folder: Path, count: int) -> np.ndarray:
    """Return the samples of `count` windows: the first seconds of recordings, one after the other."""
    wanted, parts = 15_600 + 7_680 * (count - 1), []
    for path in sorted((folder / "audio" / "clips").iterdir()):
        with open_audio(path) as source:
            samples = np.concatenate(list(source.blocks()), axis=1)[0]
        parts.append(samples[: 6 * RATE])
    whole = np.concatenate(parts)
    return np.tile(whole, -(-wanted // whole.size))[:wanted]


@pytest.mark.recordings
def test_real_windows(browser_package: Node, real_model_path: Path, test_data: Path) -> None:
    model = yamjit.load(real_model_path)
    samples = real_windows(test_data, 60)
    classify(browser_package, plan_of(model), samples, embedding=True, logMel=True)
    expected = model.classify(samples, sample_rate=RATE)
    assert browser_package.floats("scores0").tobytes() == expected.scores.tobytes()
    assert browser_package.floats("embedding").tobytes() == expected.embeddings.tobytes()
