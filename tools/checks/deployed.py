"""Hold what `yamjit export --deploy` wrote against Python, to the bit; then damage it, under sanitizers.

::

    yamjit export MODEL --deploy FOLDER --target linux-x86_64 linux-aarch64 windows-x86_64
    python -m tools.checks.deployed FOLDER MODEL [--windows 100] [--damaged 5000] [--data FOLDER]

Builds the program for every platform in the folder that can be run here, and runs it once for each lowering: the scores
of all windows, of a file and of standard input, must be those of Python. Platforms that cannot be built or run here are
listed with the reason. Then plan files are damaged at random, every second one with a digest that is right again, and
run by ``deployed_harness.c`` between pages that may not be touched; and WAV files are damaged and read by the program,
both built with the sanitizers for addresses and undefined behaviour. The exit status is 1 if a bit differs, a damaged
file with a wrong digest is opened, or anything crashes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

import yamjit
from tests.support.synthetic import probe_signals
from tools.recordings import cut_windows
from yamjit.kernels.workspace import PREPARED_COLUMNS

__all__ = ["Program", "Unusable", "build", "damage_inputs", "damage_plans", "main", "programs", "scores_of"]

Float32 = npt.NDArray[np.float32]

_HARNESS = Path(__file__).with_name("deployed_harness.c")

#: Variables of what is run: the end of a process frees its memory.
_QUIET = {"WINEDEBUG": "-all", "ASAN_OPTIONS": "detect_leaks=0"}

_SANITIZED = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

#: Libraries that a program is linked with.
_STATIC = ("{library}/libyamjit.a",)
_SHARED = ("{library}/libyamjit.so", "-Wl,-rpath,{library}")

_ZIG = (sys.executable, "-m", "ziglang", "cc")

#: How programs for a platform are built and run here: name, compiler, library, emulator.
_WAYS: Mapping[str, Sequence[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "linux-x86_64": (
        ("static library", ("cc",), _STATIC, ()),
        ("shared library", ("cc",), _SHARED, ()),
        ("musl", ("musl-gcc", "-static"), _STATIC, ()),
    ),
    "linux-aarch64": (
        ("any processor", ("aarch64-linux-gnu-gcc", "-static"), _STATIC, ("qemu-aarch64", "-cpu", "max")),
        ("Cortex-A72", ("aarch64-linux-gnu-gcc", "-static"), _STATIC, ("qemu-aarch64", "-cpu", "cortex-a72")),
    ),
    "windows-x86_64": (("wine", (*_ZIG, "-target", "x86_64-windows-gnu"), _STATIC, ("wine",)),),
}


class Unusable(Exception):
    """A platform's program cannot be built or run here."""


@dataclass(frozen=True)
class Program:
    """A program that was built: what runs it, and the plan for its processor."""

    name: str
    command: tuple[str, ...]
    plan: Path

    def run(self, *arguments: str | Path, lowering: str = "", given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run it with arguments after the plan."""
        environment = {**os.environ, **_QUIET, "YAMJIT_LOWERING": lowering}
        command = [*self.command, str(self.plan), *map(str, arguments)]
        return subprocess.run(command, input=given, capture_output=True, env=environment, timeout=600)

    def lowerings(self) -> list[str]:
        """Return the lowerings that it can run here."""
        said = self.run("-", lowering="?").stderr.decode().split("there are:")[-1]
        return [line.strip() for line in said.splitlines() if line.strip() and "not here" not in line]


def programs(folder: Path, work: Path) -> Iterator[Program | Unusable]:
    """Yield the programs of a folder that run here, and why others do not."""
    for platform in sorted(path.name for path in folder.iterdir() if path.is_dir()):
        if platform not in _WAYS:
            yield Unusable(f"{platform}: nothing here runs it")
        for name, compiler, linked, emulator in _WAYS.get(platform, ()):
            family = "x86" if platform.endswith("x86_64") else "arm"
            out = work / f"{platform} {name}.exe"
            try:
                if emulator and not shutil.which(emulator[0]):
                    raise Unusable(f"{emulator[0]} is not installed")
                build(folder, platform, compiler, out, linked=linked)
                yield Program(f"{platform}, {name}", (*emulator, str(out)), folder / f"model-{family}.plan")
            except Unusable as error:
                yield Unusable(f"{platform}, {name}: {error}")


def build(
    folder: Path,
    platform: str,
    compiler: Sequence[str],
    out: Path,
    *,
    source: Path | None = None,
    linked: Sequence[str] = _STATIC,
) -> None:
    """Compile the program of a folder, or another one on its library; raises `Unusable` if that fails."""
    if not shutil.which(compiler[0]):
        raise Unusable(f"{compiler[0]} is not installed")
    libraries = [option.format(library=folder / platform) for option in linked]
    command = [*compiler, "-O2", f"-I{folder}", str(source or folder / "main.c"), "-o", str(out), *libraries]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Unusable(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


def scores_of(model: yamjit.Classifier, path: Path, hop_s: float) -> Float32:
    """Return what Python gives for a file: the scores of all heads side by side, (n, classes)."""
    with model.windows(path, reading=yamjit.ReadOptions(hop_s=hop_s)) as stream:
        parts = [np.concatenate([head.scores for head in windows.heads], axis=1) for windows in stream]
    return np.concatenate(parts)


def compare(program: Program, model: yamjit.Classifier, windows: Float32, work: Path) -> tuple[int, int]:
    """Run a program with each lowering over windows, over some of them at other hops as well.

    Returns how many scores were compared, and how many differ.
    """
    compared = different = 0
    recording, found = work / "windows.wav", work / "scores"
    whole_s = windows.shape[1] / model.sample_rate
    for hop_s, samples in ((whole_s, windows), (0.48, windows[:10]), (0.1234, windows[:10])):
        soundfile.write(recording, samples.ravel(), model.sample_rate, subtype="PCM_16")
        integers = soundfile.read(recording, dtype="int16")[0].astype("<i2").tobytes()
        expected = scores_of(model, recording, hop_s)
        for lowering in program.lowerings():
            for source, given in ((recording, b""), ("-", integers)):
                done = program.run(source, "--hop", repr(hop_s), "--all", found, lowering=lowering, given=given)
                got = np.fromfile(found, np.float32) if found.exists() else np.zeros(0, np.float32)
                wrong = done.returncode or got.size != expected.size
                different += (
                    expected.size if wrong else int((got.view(np.int32) != expected.ravel().view(np.int32)).sum())
                )
                compared += expected.size
                found.unlink(missing_ok=True)
                if wrong:
                    print(f"  {lowering}: exit status {done.returncode}: {done.stderr.decode()[-300:]}")
    return compared, different


# -- Damage -----------------------------------------------------------------------------------------------------


def damage_plans(folder: Path, platform: str, plan: Path, count: int, work: Path, compiler: str = "cc") -> bool:
    """Run damaged plan files in the harness; return whether all went well."""
    harness = work / "harness"
    options = (compiler, *_SANITIZED, "-Wno-unused-result", f"-DSTEP_COLUMNS={PREPARED_COLUMNS}")
    build(folder, platform, options, harness, source=_HARNESS)
    done = subprocess.run(
        [harness, plan, str(count), "1"], capture_output=True, text=True, env={**os.environ, **_QUIET}
    )
    print("\n".join(f"  {line}" for line in done.stdout.splitlines()))
    if done.returncode:
        print(f"  exit status {done.returncode}:", *done.stderr.splitlines()[-30:], sep="\n  ")
    return not done.returncode and done.stdout.endswith("unrepaired 0\n")


def damage_inputs(program: Program, model: yamjit.Classifier, count: int, work: Path) -> bool:
    """Let a sanitized program read damaged WAV files; return whether all went well."""
    dice, path, found = np.random.default_rng(1), work / "damaged.wav", work / "scores"
    sounds = (0.1 * dice.standard_normal((model.sample_rate * 3, 2))).astype(np.float32)
    outcomes: dict[str, int] = {}
    for _ in range(count):
        kind = str(dice.choice(["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"]))
        soundfile.write(path, sounds[: dice.integers(1, len(sounds)), : dice.integers(1, 3)], model.sample_rate, kind)
        data = bytearray(path.read_bytes())
        for _ in range(dice.integers(0, 4)):
            data[dice.integers(0, 60 if dice.random() < 0.8 else len(data))] = dice.integers(0, 256)
        if dice.random() < 0.2:
            del data[dice.integers(0, len(data)) :]
        path.write_bytes(data)
        found.unlink(missing_ok=True)
        done = program.run(path, "--all", found)
        said = done.stderr.decode(errors="replace")
        outcome = f"exit status {done.returncode}"
        if done.returncode not in (0, 1) or "Sanitizer" in said or "runtime error" in said:
            print(f"  {outcome}: {said[-2000:]}")
            return False
        if done.returncode and not said.startswith("classify: "):
            outcome += " without a sentence"
        if not done.returncode:
            outcome += _beside_python(model, path, np.fromfile(found, np.float32))
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print("\n".join(f"  {outcomes[outcome]} {outcome}" for outcome in sorted(outcomes)))
    return not any("without" in outcome or "differ" in outcome for outcome in outcomes)


def _beside_python(model: yamjit.Classifier, path: Path, got: Float32) -> str:
    try:
        expected = scores_of(model, path, 0.48).ravel()
    except yamjit.YamjitError:
        return ", refused by Python"
    return ", as Python" if got.tobytes() == expected.tobytes() else ", scores differ from Python's"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="what yamjit export --deploy wrote")
    parser.add_argument("model", help="the model that was exported")
    parser.add_argument("--windows", type=int, default=100)
    parser.add_argument("--damaged", type=int, default=5000, help="number of plan files, and a tenth of it WAV files")
    parser.add_argument("--data", type=Path, default=os.environ.get("YAMJIT_TEST_DATA"), help="recordings")
    options = parser.parse_args(arguments)
    model = yamjit.load(options.model, backend="numpy")
    windows = cut_windows(Path(options.data), options.windows) if options.data else _invented(options.windows)
    is_well = True
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for program in programs(options.folder, work):
            if isinstance(program, Unusable):
                print(f"left out: {program}")
                continue
            start = time.perf_counter()
            compared, different = compare(program, model, windows, work)
            took = time.perf_counter() - start
            lowerings = ", ".join(program.lowerings())
            print(f"{program.name} ({lowerings}): {different} of {compared} scores differ, {took:.0f} s", flush=True)
            is_well &= compared > 0 and not different
        platform, plan = "linux-x86_64", options.folder / "model-x86.plan"
        if (options.folder / platform).is_dir() and options.damaged:
            print(f"{options.damaged} damaged plan files:", flush=True)
            is_well &= damage_plans(options.folder, platform, plan, options.damaged, work)
            print(f"{options.damaged // 10} damaged WAV files:", flush=True)
            build(options.folder, platform, ("cc", *_SANITIZED), work / "sanitized")
            sanitized = Program("sanitized", (str(work / "sanitized"),), plan)
            is_well &= damage_inputs(sanitized, model, options.damaged // 10, work)
    print("nothing wrong" if is_well else "WRONG")
    return 0 if is_well else 1


def _invented(count: int) -> Float32:
    signals = list(probe_signals().values())
    return np.stack([signals[index % len(signals)] for index in range(count)])


if __name__ == "__main__":
    sys.exit(main())
