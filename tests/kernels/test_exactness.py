"""The whole model against a TFLite runtime's reference kernels, and against what is kept of their answers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import yamjit
from reference.runtime import runtime_available
from reference.waveforms import golden_waveforms
from tests.support.backends import BACKENDS, FAST_BACKENDS
from tests.support.synthetic import synthetic_yamnet
from tools.checks import exactness as check_exactness
from tools.checks.comparison import (
    Cells,
    Chain,
    Recorded,
    Scores,
    compare_chain,
    compare_outputs,
    compare_scores,
    compare_tensors,
    compare_threads,
    network_tensors,
    record,
    runtime_scores,
)
from tools.checks.exactness import Report, synthetic_windows
from tools.make_goldens import GOLDENS, digest, golden_model
from tools.recordings import cut_windows, list_recordings
from yamjit.audio import open_audio
from yamjit.tflite.writer import write_graph

pytestmark = pytest.mark.slow

Array = npt.NDArray[Any]

MODELS = [
    "starter",
    "synthetic",
    "synthetic, small",
    pytest.param("official", marks=[pytest.mark.model, pytest.mark.recordings]),
]

runtime = pytest.mark.runtime
needs_runtime = pytest.mark.skipif(not runtime_available(), reason="no TFLite runtime is installed (ai-edge-litert)")


# Against a runtime.


@dataclass(frozen=True, eq=False)
class Case:
    """A model, and what the runtime's reference kernels answer."""

    content: bytes
    inner: Recorded  # every tensor
    recorded: Recorded


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    """What was recorded so far, by model."""
    return {}


@pytest.fixture(params=MODELS)
def case(cases: dict[str, Case], request: pytest.FixtureRequest) -> Case:
    name = request.param
    if name == "official":
        path, data = (request.getfixturevalue(fixture) for fixture in ("official_model_path", "test_data"))
        if name not in cases:
            cases[name] = record_case(path.read_bytes(), cut_windows(data, 60, seed=1))
    elif name == "starter" and name not in cases:
        heard = example_windows(request.getfixturevalue("examples"), 60)
        waveforms = np.concatenate([heard, synthetic_windows(40, seed=11)])
        cases[name] = record_case(request.getfixturevalue("small_model_path").read_bytes(), waveforms)
    elif name not in cases:
        content = write_graph(synthetic_yamnet(seed=1, width=0.125 if "small" in name else 1.0))
        invented = np.concatenate([synthetic_windows(13, seed=11), np.stack(list(golden_waveforms().values()))])
        cases[name] = record_case(content, invented)
    return cases[name]


def record_case(content: bytes, waveforms: Array) -> Case:
    model = yamjit.load(content, backend="numpy")
    some = waveforms[:: len(waveforms) // 5][:5]
    return Case(content, record(model, some, network_tensors(model)), record(model, waveforms))


def example_windows(examples: Mapping[Path, str], count: int, window: int = 15_600) -> Array:
    """Return windows spread evenly over recordings."""
    found = []
    for path in examples:
        with open_audio(path, None, target_rate=16_000) as source:
            samples = np.concatenate(list(source.blocks()), axis=1)[0]
        starts = np.linspace(0, max(samples.size - window, 0), count // len(examples)).astype(int)
        padded = np.pad(samples, (0, window))
        found += [padded[start : start + window] for start in starts]
    return np.stack(found)


@pytest.fixture(params=BACKENDS)
def model(case: Case, request: pytest.FixtureRequest) -> yamjit.Classifier:
    return yamjit.load(case.content, backend=request.param)


@runtime
@needs_runtime
def test_every_integer_of_the_network_is_equal(case: Case, model: yamjit.Classifier) -> None:
    cells = compare_tensors(model, case.inner)
    assert len(case.inner.tensors) == 30
    assert cells == Cells(5, sum(values.size for values in case.inner.tensors.values()), 0)


@runtime
@needs_runtime
@pytest.mark.parametrize("batch", [1, 7, 16])
def test_outputs_are_equal_however_many_windows_run_at_a_time(case: Case, model: yamjit.Classifier, batch: int) -> None:
    recorded = case.recorded
    compared = recorded.embeddings.size + recorded.logits.size + recorded.scores.size
    assert compare_outputs(model, recorded, batch) == Cells(len(recorded), compared, 0)


@runtime
@needs_runtime
def test_the_front_end_is_near_and_alone_decides_which_scores_differ(case: Case, model: yamjit.Classifier) -> None:
    chain = compare_chain(model, case.recorded)
    assert chain.log_mel < 1e-5
    assert chain.flipped <= 1
    assert chain.scores.windows - chain.scores.identical <= chain.flipped_windows


@runtime
@needs_runtime
def test_signals_are_told_apart(case: Case) -> None:
    """Equal answers to everything would make every comparison worthless."""
    scores = case.recorded.scores
    assert len(np.unique(scores, axis=0)) > 0.8 * len(scores)
    assert len(np.unique(scores)) > 20


@runtime
@needs_runtime
def test_one_wrong_cell_is_found(case: Case, model: yamjit.Classifier) -> None:
    name = network_tensors(model)[3]
    tensors = {name: case.inner.tensors[name].copy()}
    tensors[name].flat[12345] ^= 1
    scores = case.inner.scores.copy()
    scores[2, 7] += 1 / 256
    wrong = dataclasses.replace(case.inner, tensors=tensors, scores=scores)
    assert compare_tensors(model, wrong) == Cells(5, tensors[name].size, 1, name)
    assert (compare_outputs(model, wrong, 2).different, compare_outputs(model, wrong, 2).first) == (1, "scores")
    assert compare_chain(model, wrong).scores.identical == compare_chain(model, case.inner).scores.identical - 1


@runtime
@needs_runtime
@pytest.mark.parametrize("case", ["synthetic, small"], indirect=True)
def test_tflites_other_kernels_can_be_asked(case: Case) -> None:
    model = yamjit.load(case.content, backend="numpy")
    waveforms = case.inner.waveforms
    assert np.array_equal(runtime_scores(model, waveforms, "reference"), case.inner.scores)
    assert runtime_scores(model, waveforms, "xnnpack").shape == case.inner.scores.shape


# Against what was kept of a runtime's answers.


@pytest.fixture(scope="module")
def chain() -> Mapping[str, Array]:
    with np.load(GOLDENS / "chain.npz") as file:
        return dict(file)


@pytest.fixture(scope="module", params=BACKENDS)
def golden(request: pytest.FixtureRequest) -> yamjit.Classifier:
    return yamjit.load(golden_model(), backend=request.param)


def test_every_integer_is_the_golden_one(golden: yamjit.Classifier, chain: Mapping[str, Array]) -> None:
    names = network_tensors(golden)
    found = golden.network.run(chain["patch"][..., 0], names).tensors
    columns = {name: chain["digests"][:, at] for at, name in enumerate(chain["tensors"])}
    for name in names:
        hashes = [digest(values) for values in found[name]]
        assert hashes == [row.tobytes().hex() for row in columns[name]], name


def test_outputs_mean_the_golden_integers(golden: yamjit.Classifier, chain: Mapping[str, Array]) -> None:
    output = golden.network.run(chain["patch"][..., 0])
    count = len(chain["patch"])
    for found, name in ((output.scores, "scores/int8"), (output.logits, "logits"), (output.embeddings, "embedding")):
        quantization = golden.graph.tensor(name).quantization
        assert quantization is not None
        key = {"scores/int8": "scores", "embedding": "embeddings"}.get(name, name)
        shifted = chain[key].reshape(count, -1).astype(np.float32) - np.float32(quantization.zero_point[0])
        assert np.array_equal(found, quantization.scale[0] * shifted), name


def test_the_whole_chain_gives_the_golden_scores(golden: yamjit.Classifier, chain: Mapping[str, Array]) -> None:
    waveforms = golden_waveforms()
    assert chain["waveforms"].tolist() == list(waveforms)
    for waveform, patch, scores in zip(waveforms.values(), chain["patch"], chain["scores"], strict=True):
        heard = golden.classify(waveform, sample_rate=16_000)
        quantized = golden.network.run(heard.log_mel[None], ["patch"]).tensors["patch"][0]
        assert np.array_equal(quantized, patch)
        assert np.array_equal(heard.scores[0], (scores + np.float32(128)) / 256)


@pytest.mark.model
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_official_model_gives_the_golden_hashes(official_model_path: Path, backend: str) -> None:
    model = yamjit.load(official_model_path, backend=backend)
    plan = model.plan
    assert plan.embedding is not None
    slots = {
        "patch": plan.quantized_patch,
        "embeddings": plan.embedding,
        "logits": plan.heads[0].logits,
        "scores": plan.heads[0].scores,
    }
    expected = json.loads((GOLDENS / "official.json").read_text(encoding="utf-8"))["int8_sha256"]
    for name, waveform in golden_waveforms().items():
        log_mel = model.front_end.frames(waveform)
        tensors = model.network.run(log_mel[None], [slot.name for slot in slots.values()]).tensors
        assert {key: digest(tensors[slot.name]) for key, slot in slots.items()} == expected[name], name


# The check itself.


def scores(identical: int, windows: int = 1000) -> Scores:
    return Scores(windows, identical, windows, 0.0)


@pytest.fixture
def report() -> Report:
    cells = {"numpy": Cells(10, 1000, 0)}
    chain = {"numpy": Chain(scores(1000), 1000, 0, 0, 0.0)}
    return Report("model", "00", "10", "oracle", "machine", cells, cells, chain, {"XNNPACK": scores(0)}, cells)


def test_a_report_passes_if_all_integers_are_equal_and_few_windows_differ(report: Report) -> None:
    different = {"numpy": Cells(10, 1000, 0), "numba": Cells(10, 1000, 1, "layer1")}
    assert report.passed
    assert not dataclasses.replace(report, tensors=different).passed
    assert not dataclasses.replace(report, outputs=different).passed
    assert not dataclasses.replace(report, threads=different).passed
    for identical, passed in ((995, True), (994, False)):
        chain = {"numpy": Chain(scores(identical), 1000, 9, 9, 0.0)}
        assert dataclasses.replace(report, chain=chain).passed is passed


def test_the_exit_status_says_whether_it_passed(
    report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_exactness, "runtime_available", lambda: True)
    monkeypatch.setattr(check_exactness, "check", lambda options: report)
    assert check_exactness.main([]) == 0
    assert capsys.readouterr().out.endswith("\npassed\n")
    wrong = dataclasses.replace(report, tensors={"numpy": Cells(10, 1000, 1, "layer7")})
    monkeypatch.setattr(check_exactness, "check", lambda options: wrong)
    assert check_exactness.main([]) == 1
    printed = capsys.readouterr().out
    assert "first in layer7" in printed
    assert printed.endswith("\nFAILED\n")


@runtime
@needs_runtime
@pytest.mark.parametrize(("name", "values"), [("starter", 33 + 256), ("model.tflite", 521 + 128)])
def test_the_command_line_checks_a_model(
    name: str, values: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("YAMJIT_TEST_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(golden_model())
    arguments = f"--model {name} --windows 12 --inner 2 --backends numpy --batch 5 --json".split()
    assert check_exactness.main(arguments) == 0
    printed = capsys.readouterr()
    table, _, document = printed.out.rstrip().rpartition("\n")
    figures = json.loads(document)
    assert figures["passed"] is True
    assert figures["outputs"]["numpy, 5 at a time"]["windows"] == 12
    assert figures["threads"].keys() == {"numpy, 1 thread", "numpy, 2 threads"}
    assert figures["threads"]["numpy, 2 threads"]["compared"] == 12 * values
    assert figures["tflite"].keys() == {"TFLite, optimised kernels", "TFLite, XNNPACK (default)"}
    assert "12 of invented signals" in table
    assert printed.err == ""


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_lowerings_are_checked_in_processes_of_their_own(
    backend: str, report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools.checks.lowerings import environment, runnable_lowerings

    asked = []

    def run(command: list[str], env: Mapping[str, str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append((command, env))
        chain = {backend: report.chain["numpy"]}
        ran = ", ".join(f"{backend} {lowering}" for lowering in runnable_lowerings(backend)) + ", a machine"
        figures = dataclasses.asdict(dataclasses.replace(report, chain=chain, machine=ran))
        figures["passed"] = len(asked) == 1
        return subprocess.CompletedProcess(command, 0, f"a table\n{json.dumps(figures)}\n")

    monkeypatch.setattr(check_exactness, "runtime_available", lambda: True)
    monkeypatch.setattr(subprocess, "run", run)
    lowerings, told = runnable_lowerings(backend), f"--backends={backend},numpy"
    assert check_exactness.main([told, "--lowerings", lowerings[0], "--windows", "7", "--threads", "3,4"]) == 0
    assert {"--windows=7", "--threads=3,4", f"--backends={backend}", "--json"} <= set(asked[0][0])
    assert check_exactness.main([told, "--lowerings", "all"]) == 1
    for (_, env), lowering in zip(asked[1:], lowerings, strict=True):
        assert dict(env).items() >= environment(lowering, backend).items()
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "lowering"
    assert lines[0].split()[1:] == ["1,000", "0", "1,000", "0", "100.00%", "1,000", "0", "passed"]
    assert lines[-1].endswith("FAILED")


def test_threads_are_held_against_windows_alone() -> None:
    content = golden_model()
    model, threaded = (yamjit.load(content, backend="numpy", threads=threads) for threads in (1, 2))
    waveforms = synthetic_windows(20)
    compared = 20 * (521 + 128)
    assert compare_threads(model, threaded, waveforms) == Cells(20, compared, 0)
    other = yamjit.load(write_graph(synthetic_yamnet(seed=5, width=0.125)), backend="numpy")
    assert compare_threads(model, other, waveforms).different > 0


@pytest.mark.parametrize("backend", FAST_BACKENDS)
def test_unknown_lowerings_are_refused(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_exactness, "runtime_available", lambda: True)
    with pytest.raises(SystemExit):
        check_exactness.main([f"--backends={backend}", "--lowerings", "plain,sse9"])
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", ["--windows 0", "--threads 0", "--batch 1,x", "--backends gpu", "--model missing.tflite"]
)
def test_bad_arguments_are_refused(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_exactness, "runtime_available", lambda: True)
    monkeypatch.delenv("YAMJIT_MODEL", raising=False)
    if "model" not in arguments:
        arguments += " --model missing.tflite"
    with pytest.raises(SystemExit) as caught:
        check_exactness.main(arguments.split())
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_scores_are_compared_window_by_window() -> None:
    expected = np.array([[0.5, 0.5, 0.0], [0.25, 0.0, 0.0]], np.float32)
    found = np.array([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]], np.float32)
    assert compare_scores(found, expected) == Scores(2, 1, 1, 0.75)
    assert compare_scores(found, expected).share == 0.5


# Recordings.


def write_wav(path: Path, samples: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.astype("<i2").tobytes())


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A ramp of 4,000 samples within silence, and one of a single sample, in two folders."""
    ramp = np.pad(np.arange(1, 4001), (500, 700))
    write_wav(tmp_path / "audio/clips/ramp.wav", ramp)
    write_wav(tmp_path / "audio/esc10/01/one.WAV", np.array([7]))
    (tmp_path / "audio/clips/notes.txt").write_text("no recording")
    return tmp_path


def test_recordings_are_listed_by_name(recordings: Path) -> None:
    found = [path.relative_to(recordings).as_posix() for path in list_recordings(recordings)]
    assert found == ["audio/clips/ramp.wav", "audio/esc10/01/one.WAV"]


def test_windows_are_pieces_of_recordings(recordings: Path) -> None:
    windows = cut_windows(recordings, 20, window=1000) * 32768
    assert windows.shape == (20, 1000)
    of_the_sample = windows.max(axis=1) == 7
    assert np.count_nonzero(of_the_sample) == 10
    for row in windows[~of_the_sample]:
        held = row[row > 0]
        assert held.size >= 500
        assert np.array_equal(held, np.arange(held[0], held[0] + held.size))


def test_the_seed_chooses_the_windows(recordings: Path) -> None:
    first, again, other = (cut_windows(recordings, 6, seed=seed, window=1000) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no recordings in audio/clips or audio/esc10"):
        cut_windows(tmp_path, 1)
