"""The command line: results on stdout, the rest on stderr, exit codes, pipes and Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import yamjit
from tests.support.synthetic import probe_signals, synthetic_yamnet
from yamjit.cli import main
from yamjit.tflite import write_graph


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.tflite"
    path.write_bytes(write_graph(synthetic_yamnet(seed=0, width=0.125)))
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sounds")
    paths = []
    for name, waveform in list(probe_signals(1).items())[1:4]:
        path = folder / f"{name}.wav"
        soundfile.write(path, waveform, 16_000)
        paths.append(path)
    return paths


@pytest.fixture(autouse=True)
def environment(model: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMJIT_MODEL", str(model))
    seen = tmp_path_factory.mktemp("seen")  # no model is known yet
    monkeypatch.setattr("yamjit.cli.model_notes.cache_directory", lambda: seen)


def command(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "yamjit", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_text(sounds: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", *map(str, sounds), "--top", "3"]) == 0
    out, err = capsys.readouterr()
    paragraphs = out.strip().split("\n\n")
    assert [p.splitlines()[0] for p in paragraphs] == [f"{path}  (0.97 s, 1 window)" for path in sounds]
    wanted = yamjit.load(os.environ["YAMJIT_MODEL"]).classify(sounds[0]).top(3)
    assert paragraphs[0].splitlines()[1:] == [f"  {score:.3f}  {label}" for label, score, _ in wanted]
    assert "is not one of the published files; it runs all the same" in err.splitlines()[0]
    assert "faint_noise.wav" in err.splitlines()[1]  # which is too quiet
    assert len(err.splitlines()) == 2
    assert main(["classify", *map(str, sounds), "--top", "3"]) == 0
    assert "published" not in capsys.readouterr().err  # said once
    assert main(["classify", *map(str, sounds), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_warnings_of_one_kind_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5):
        soundfile.write(tmp_path / f"{number}.wav", np.full(8000, 1e-4), 16_000)
    assert main(["classify", str(tmp_path), "--model", "starter", "--backend", "numpy"]) == 0
    err = capsys.readouterr().err
    assert err.count(".wav: too quiet: RMS") == 3
    assert err.endswith("yamjit: warning: 2 more recordings: too quiet (--format jsonl has the warnings of each)\n")


def test_json(sounds: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--format", "json", "--windows", "--hop", "0.1", "--top", "2"]
    assert main(["classify", str(sounds[0]), "nowhere.wav", *arguments]) == 3
    document = json.loads(capsys.readouterr().out)
    result = yamjit.load(os.environ["YAMJIT_MODEL"]).classify(sounds[0], reading=yamjit.ReadOptions(hop_s=0.1))
    assert document[0]["file"] == str(sounds[0])
    assert document[0]["duration_s"] == result.duration_s
    assert document[0]["windows"] == len(result)
    assert [(row["start_s"], row["label"], row["score"]) for row in document[0]["rows"]] == [
        (round(time, 6), label, round(score, 6))
        for window, time in enumerate(result.times_s.tolist())
        for label, score, _ in result.top(2, window=window)
    ]
    assert document[1]["file"] == "nowhere.wav"
    assert "No such file" in document[1]["error"]


def test_threads_change_nothing(sounds: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", *map(str, sounds), "--hop", "0.01", "--format", "json"]
    printed = []
    for threads in ("1", "3"):
        assert main([*arguments, "--threads", threads]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


def test_failures_do_not_stop_the_others(
    sounds: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("not audio")
    empty = tmp_path / "empty.wav"
    empty.touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    files = [text, sounds[0], folder, empty, tmp_path / "missing.wav", sounds[1]]
    assert main(["classify", *map(str, files)]) == 3
    out, err = capsys.readouterr()
    assert str(sounds[0]) in out
    assert str(sounds[1]) in out
    assert "4 of 6 files failed" in err
    lines = err.splitlines()
    assert lines[-4:] == [f"  {path}" for path in (text, folder, empty, tmp_path / "missing.wav")]
    for path in (text, folder, empty, tmp_path / "missing.wav"):
        assert sum(line.startswith(f"yamjit: {path}:") for line in lines) == 1


@pytest.mark.slow
def test_stdin(sounds: list[Path]) -> None:
    process = command("classify", "-", stdin=subprocess.PIPE)
    out, err = process.communicate(sounds[0].read_bytes(), timeout=60)
    assert process.returncode == 0, err.decode()
    assert out.decode().splitlines()[0].startswith("<stdin>")
    process = command("classify", sounds[0])
    assert process.communicate(timeout=60)[0].splitlines()[1:] == out.splitlines()[1:]


def test_a_model_that_is_none_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"TFL3" * 100)
    for verb in (["info", str(broken)], ["classify", "x.wav", "--model", str(broken)], ["info", "nowhere.tflite"]):
        assert main(verb) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("yamjit: error: ")
        assert len(err.splitlines()) == 1
    with pytest.raises(yamjit.ModelError):
        main(["--debug", "info", str(broken)])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sing"],
        ["classify"],
        ["classify", "x.wav", "--top", "0"],
        ["classify", "x.wav", "--top", "many"],
        ["classify", "x.wav", "--hop", "-1"],
        ["classify", "x.wav", "--hop", "nan"],
        ["classify", "x.wav", "--format", "xml"],
        ["classify", "x.wav", "--threads", "0"],
        ["classify", "x.wav", "--threads", "257"],
        ["classify", "x.wav", "--threads", "all"],
        ["classify", "x.wav", "--jobs", "0"],
        ["classify", "x.wav", "--channel", "-1"],
        ["classify", "x.wav", "--start", "1:2:3:4"],
        ["classify", "x.wav", "--end", "-3"],
        ["classify", "x.wav", "--hop", "1", "--overlap", "0.5"],
        ["classify", "x.wav", "--overlap", "1"],
        ["classify", "x.wav", "--threshold", "Dog=2"],
        ["classify", "x.wav", "--threshold", "=0.2"],
        ["classify", "x.wav", "--allow", "Dog", "--deny", "Cat"],
        ["classify", "x.wav", "--group", "Pets="],
        ["classify", "x.wav", "--resume", "--overwrite"],
        ["events", "x.wav", "--on", "Dog=high"],
        ["events", "x.wav", "--hold", "-1"],
        ["segments", "x.wav"],
        ["completion", "csh"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "usage: yamjit" in err or err.startswith(f"yamjit {arguments[0]}: error: argument -")


def test_info(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    brief = capsys.readouterr().out
    assert main(["info", "--full"]) == 0
    described = capsys.readouterr().out
    loaded = yamjit.load(model)
    assert len(brief.splitlines()) < 25
    assert "0.975 s of mono audio" in brief
    assert "--full describes the network" in brief
    assert "--full describes" not in described
    assert set(brief.splitlines()[:-1]) <= set(described.splitlines())
    for text in (brief, described):
        assert loaded.source.sha256 in text
        assert "not one of the published files; it runs all the same" in text
    assert sum(op in described for op in ("RFFT2D", "DEPTHWISE_CONV_2D", "LOGISTIC")) == 3
    assert f"labels ({len(loaded.labels)})" in described
    assert main(["info", str(model), "--labels"]) == 0
    assert all(label in capsys.readouterr().out for label in loaded.labels[-1:])


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in ((["--version"], yamjit.__version__), (["--help"], "classify"), (["info", "-h"], "MODEL")):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
        assert said in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")
class TestInterruptions:
    """The end of a run that is cut off is quiet and quick."""

    @pytest.fixture
    def long(self, tmp_path: Path) -> Path:
        path = tmp_path / "long.wav"
        noise = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000 * 600)
        soundfile.write(path, noise, 16_000)
        return path

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["text", "json"])
    def test_closed_pipe(self, sounds: list[Path], form: str, tmp_path: Path) -> None:
        """What is written is more than a pipe holds."""
        copies = [shutil.copy(sounds[0], tmp_path / f"{number}.wav") for number in range(100)]
        with command("classify", *copies, "--top", "100", "--format", form) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            process.stdout.close()
            err = process.stderr.read().decode()
            assert process.wait(30) == 141
        assert "Traceback" not in err
        assert "error" not in err

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("number", "form", "more"),
        [
            (signal.SIGINT, "text", []),
            (signal.SIGINT, "json", []),
            (signal.SIGINT, "json", ["--threads", "3"]),
            (signal.SIGTERM, "json", []),
            (signal.SIGTERM, "json", ["--jobs", "2"]),
            (signal.SIGINT, "json", ["--jobs", "2"]),
        ],
    )
    def test_signals(
        self, sounds: list[Path], long: Path, tmp_path: Path, number: signal.Signals, form: str, more: list[str]
    ) -> None:
        results = tmp_path / "results"
        # Whoever runs the tests in the background may have taught their children to ignore it.
        heed = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
        for copy in range(12):
            shutil.copy(long, tmp_path / f"{copy}.wav")
        arguments = ["classify", str(sounds[0]), str(tmp_path), "--hop", "0.02", "--format", form, *more]
        with results.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "yamjit", *arguments], stdout=file, stderr=subprocess.PIPE, **heed
            )
        deadline = time.monotonic() + 60
        while results.stat().st_size < 40 and time.monotonic() < deadline:  # beyond an opening bracket
            time.sleep(0.02)
        process.send_signal(number)
        start = time.monotonic()
        _, err = process.communicate(timeout=20)
        assert time.monotonic() - start < 5  # 1 s, where nobody else computes
        assert process.returncode == 128 + number
        assert "Traceback" not in err.decode()
        if form == "json":
            content = results.read_text()
            assert [o["file"] for o in json.loads(content)][:1] == [str(sounds[0])], (content[:300], err)

    @pytest.mark.slow
    def test_a_terminal_that_closes_ends_all_processes(self, long: Path, tmp_path: Path) -> None:
        for copy in range(4):
            shutil.copy(long, tmp_path / f"{copy}.wav")
        arguments = ["classify", str(tmp_path), "--hop", "0.005", "--jobs", "2", "-o", str(tmp_path / "x.csv")]
        with command(*arguments, start_new_session=True) as process:
            assert process.stderr is not None
            time.sleep(2.5)
            os.killpg(process.pid, signal.SIGHUP)
            _, err = process.communicate(timeout=20)
        assert process.returncode in (129, 143)  # 129 before anything is loaded
        assert b"Traceback" not in err
        assert not (tmp_path / "x.csv").exists()

    @pytest.mark.slow
    def test_a_file_that_ctrl_c_cuts_short_says_so(self, sounds: list[Path], long: Path, tmp_path: Path) -> None:
        results = tmp_path / "results.json"
        log = tmp_path / "log"
        arguments = ["classify", str(sounds[0]), "missing.wav", str(long), "--hop", "0.01", "-o", str(results)]
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "yamjit", *arguments],
                stderr=file,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        deadline = time.monotonic() + 60
        while b"missing.wav" not in log.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not results.exists()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert not results.exists()
        partial = tmp_path / "results.partial.json"
        assert str(partial) in log.read_text()
        objects = json.loads(partial.read_text())
        assert [one["file"] for one in objects] == [str(sounds[0]), "missing.wav", str(long)]
        assert "interrupted" in objects[-1]["error"], objects[-1]
