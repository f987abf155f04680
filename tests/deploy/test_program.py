"""The program that names sounds, built from what `deploy` wrote: what it prints, and what it says is wrong."""

from __future__ import annotations

import dataclasses
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

import yamjit
from yamjit.compiled.from_graph import compile_model
from yamjit.compiled.writer import plan_file_bytes
from yamjit.deploy import deploy
from yamjit.kernels.machine_code.platforms import own_platform

Float32 = npt.NDArray[np.float32]

RATE = 16_000


@pytest.fixture(scope="module")
def deployed(starter: yamjit.Classifier, built_libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform == "win32" or not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("make and a C compiler, cc, are needed")
    folder = tmp_path_factory.mktemp("deployed") / "starter"
    deploy(starter, folder, libraries=built_libraries)
    subprocess.run(["make", "-s", f"PLATFORM={own_platform()}"], cwd=folder, check=True)
    return folder


class Run:
    """What the program did."""

    def __init__(self, folder: Path, *arguments: object, given: bytes = b"", **environment: str) -> None:
        plan = next(folder.glob("*.plan"))
        command = [str(folder / "classify"), str(plan), *map(str, arguments)]
        done = subprocess.run(command, input=given, capture_output=True, env=environment, timeout=60)
        self.status, self.out, self.error = done.returncode, done.stdout.decode(), done.stderr.decode()


def noise(seconds: float, channels: int = 1, seed: int = 1) -> Float32:
    shape = (round(seconds * RATE), channels)
    return (0.2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def write(path: Path, samples: Float32, subtype: str = "PCM_16", rate: int = RATE, form: str = "WAV") -> Path:
    soundfile.write(path, samples, rate, subtype=subtype, format=form)
    return path


def scores(deployed: Path, *arguments: object, given: bytes = b"") -> bytes:
    out = deployed / "scores"
    run = Run(deployed, *arguments, "--all", out, given=given)
    assert (run.status, run.error) == (0, "")
    return out.read_bytes()


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_wavs_have_the_scores_of_python(
    deployed: Path, starter: yamjit.Classifier, tmp_path: Path, subtype: str, channels: int
) -> None:
    path = write(tmp_path / "x.wav", noise(2.3, channels), subtype)
    assert scores(deployed, path) == starter.classify(path).scores.tobytes()


@pytest.mark.parametrize("form", ["WAVEX", "RF64"])
def test_other_headers(deployed: Path, starter: yamjit.Classifier, tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "x.wav", noise(1.5, 2), "PCM_24", form=form)
    assert (
        scores(deployed, path, "--hop", 0.1)
        == starter.classify(path, reading=yamjit.ReadOptions(hop_s=0.1)).scores.tobytes()
    )


def test_samples_from_standard_input(deployed: Path, starter: yamjit.Classifier) -> None:
    integers = (noise(3.21)[:, 0] * 32_767).astype("<i2")
    assert (
        scores(deployed, "-", given=integers.tobytes()) == starter.classify(integers, sample_rate=RATE).scores.tobytes()
    )


def test_a_line_for_each_window_and_one_for_all(
    deployed: Path, starter: yamjit.Classifier, examples: dict[Path, str], tmp_path: Path
) -> None:
    recording, label = next((path, label) for path, label in examples.items() if label == "Siren")
    path = write(tmp_path / "siren.wav", soundfile.read(recording, dtype="float32")[0])
    lines = Run(deployed, path, "--top", 2).out.splitlines()
    expected = starter.classify(path)
    assert len(lines) == len(expected.scores) + 1
    assert lines[1].startswith("    0.48  ")
    assert all(len(re.findall(r" \d\.\d{3}", line)) <= 2 for line in lines)
    assert lines[-1].startswith(f"    mean  {label} {expected.top(1)[0].score:.3f}  ")


def test_what_cannot_be_read_is_a_sentence(deployed: Path, tmp_path: Path) -> None:
    def error(content: bytes | Float32, *arguments: object, **how: object) -> str:
        path = tmp_path / "x.wav"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write(path, content, **how)  # type: ignore[arg-type]
        run = Run(deployed, path, *arguments)
        assert run.status == 1
        assert run.error.startswith("classify: ")
        assert run.error.count("\n") == 1
        return run.error

    assert "is at 44100 Hz, the model takes 16000: ffmpeg -i " in error(noise(1), rate=44_100)
    assert "holds format 3 of 64 bits" in error(noise(1), subtype="DOUBLE")
    assert "is not a WAV file" in error(b"")
    assert "is not a WAV file" in error(b"fLaC" + bytes(100))
    assert "ends before its samples begin" in error(b"RIFF\0\0\0\0WAVE")
    assert "holds no samples" in error(np.zeros((0, 1), np.float32))
    assert "a sample is not finite" in error(np.full((100, 1), np.nan, np.float32), subtype="FLOAT")
    assert "cannot be read" in Run(deployed, tmp_path / "missing.wav").error
    whole = write(tmp_path / "whole.wav", noise(2)).read_bytes()
    assert "ends after 16000 of 32000 samples" in error(whole[: 44 + 32_000])
    shorter = whole[:40] + struct.pack("<I", 1_000) + whole[44:]
    assert "has a wrong header: more follows than the 500 samples" in error(shorter)
    assert "samples before it says their format" in error(b"RIFF\0\0\0\0WAVEdata\4\0\0\0\0\0\0\0")
    assert "cannot be written" in error(noise(1), "--all", tmp_path / "no" / "folder")
    assert "--hop" in error(noise(1), "--hop", 1e-9)
    assert "holds no samples" in Run(deployed, "-").error
    assert "cannot be read: Is a directory" in Run(deployed, tmp_path).error


def run_in_shell(deployed: Path, line: str) -> tuple[int, str, str]:
    """Run a line of the shell in a folder, where ``$PLAN`` is the plan."""
    plan = next(deployed.glob("*.plan"))
    done = subprocess.run(["sh", "-c", line], cwd=deployed, capture_output=True, env={"PLAN": plan.name}, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_standard_streams_that_are_closed_or_fail_are_told(deployed: Path, tmp_path: Path) -> None:
    write(deployed / "x.wav", noise(2))
    none, full = "Bad file descriptor", "No space left on device"
    wrong = "classify: standard input: cannot be read: "
    assert run_in_shell(deployed, './classify "$PLAN" - <&-') == (1, "", f"{wrong}{none}\n")
    assert run_in_shell(deployed, './classify "$PLAN" - <.') == (1, "", f"{wrong}Is a directory\n")
    wrong = "classify: standard output: cannot be written: "
    assert run_in_shell(deployed, './classify "$PLAN" x.wav --all all >&-') == (1, "", f"{wrong}{none}\n")
    assert (deployed / "all").stat().st_size % (4 * 33) == 0
    if Path("/dev/full").exists():
        assert run_in_shell(deployed, "./classify --help >/dev/full") == (1, "", f"{wrong}{full}\n")


def test_a_size_that_was_left_open_is_no_limit(deployed: Path, starter: yamjit.Classifier, tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", noise(1.3))
    expected, whole = starter.classify(path).scores.tobytes(), path.read_bytes()
    for size in (0, 0xFFFFFFFF):
        path.write_bytes(whole[:40] + struct.pack("<I", size) + whole[44:])
        assert scores(deployed, path) == expected


@pytest.mark.parametrize(
    "arguments", [[], ["x.wav", "y.wav"], ["x.wav", "--top"], ["x.wav", "--top", "0"], ["x.wav", "--hop", "-1"],
                  ["x.wav", "--hop", "nan"], ["x.wav", "--speed", "3"]],
)  # fmt: skip
def test_wrong_usage(deployed: Path, arguments: list[str]) -> None:
    run = Run(deployed, *arguments)
    assert run.status == 2
    assert "usage: classify PLAN" in run.error


def test_a_plan_that_is_none(deployed: Path, tmp_path: Path) -> None:
    for content in (b"", bytes(10_000)):
        (tmp_path / "x.plan").write_bytes(content)
        done = subprocess.run(
            [deployed / "classify", tmp_path / "x.plan", "-"], capture_output=True, text=True, input=""
        )
        assert done.returncode == 1
        assert "not a plan file" in done.stderr or "cannot be read" in done.stderr


def test_names_in_a_model_do_not_control_a_terminal(
    deployed: Path, starter: yamjit.Classifier, family: str, tmp_path: Path
) -> None:
    model = compile_model(starter.graph)
    hostile = dataclasses.replace(
        model.heads[0], labels=("\x1b[31mB\xe4r\x7f\x9b31m\xa0",) * len(model.heads[0].labels)
    )
    plan = tmp_path / "x.plan"
    plan.write_bytes(plan_file_bytes(model._replace(heads=(hostile,)), family, starter.source.sha256))
    done = subprocess.run(
        [deployed / "classify", plan, write(tmp_path / "x.wav", noise(1)), "--top", "1"],
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().splitlines()[0].startswith("    0.00  ?[31mB\xe4r??31m\xa0 0.")


def test_a_lowering_that_is_not_there_is_told_with_those_that_are(deployed: Path) -> None:
    run = Run(deployed, "-", YAMJIT_LOWERING="sse9")
    assert run.status == 1
    assert run.error.startswith("classify: YAMJIT_LOWERING: sse9: the library does not hold this lowering")


def test_a_reader_that_is_gone(deployed: Path, tmp_path: Path) -> None:
    path, plan = write(tmp_path / "x.wav", noise(60)), next(deployed.glob("*.plan"))
    with subprocess.Popen(
        [deployed / "classify", plan, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read().decode()
        assert process.wait(60) == 1
    assert "standard output: cannot be written" in error
