"""Models of any kind beside LiteRT, one thread each: ``python -m benchmarks.family FILE...``.

Each is asked in turns for a window, and for a recording of ten minutes: yamjit by `classify`, the runtime by its
interpreter's calls, window after window, or once with the whole recording where a model takes any length. Times are the
least of all rounds, and so is their ratio; the one in brackets is the median of the ratios within a round. Memory is
the peak of a process that classifies the recording, less what it has once its libraries are imported.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.contenders import BASELINE, OURS, InProcess
from benchmarks.inputs import RECORDING_S, SAMPLE_RATE, read_wav, sound, write_wav
from benchmarks.memory import peak_mb

__all__ = ["own_peak"]

Float32 = npt.NDArray[np.float32]
Questions = dict[str, Callable[[], Float32]]


class _Asked(NamedTuple):
    """A model, a recording, and how that is cut into windows: their samples, and those from one to the next."""

    model: Path
    recording: Path
    window: int
    hop: int


def _yamjit(asked: _Asked) -> Questions:
    import yamjit
    from tools.checks.lowerings import fast_backend

    model = yamjit.load(asked.model, backend=fast_backend(), threads=1)
    window = sound(asked.window / SAMPLE_RATE)
    return {
        "window": lambda: model.classify(window, SAMPLE_RATE).scores,
        "10 min": lambda: model.classify(asked.recording).scores,
    }


def _runtime(kernels: str, asked: _Asked) -> Questions:
    """Return how a runtime answers; of a model of any length, there is an interpreter for each of the two."""
    from reference.runtime import Runtime

    takes_any_length = False

    @functools.cache
    def scorer(samples: int) -> Callable[[Float32], Float32]:
        nonlocal takes_any_length
        runtime = Runtime(asked.model, kernels=kernels, inner=False)
        interpreter, given, answer = runtime.interpreter, runtime.inputs[0], runtime.outputs[0].index
        shape = given.shape
        if takes_any_length := shape == (1,):
            shape = (samples,)
            interpreter.resize_tensor_input(given.index, shape)
            interpreter.allocate_tensors()

        def score(values: Float32) -> Float32:
            interpreter.set_tensor(given.index, values.reshape(shape))
            interpreter.invoke()
            found: Float32 = interpreter.get_tensor(answer)
            return found

        return score

    def whole() -> Float32:
        heard = read_wav(asked.recording)
        score = scorer(heard.size)
        if takes_any_length:
            return score(heard)
        padded = np.pad(heard, (0, asked.window))
        starts = range(0, heard.size - asked.window + asked.hop, asked.hop)
        return np.concatenate([score(padded[start : start + asked.window]) for start in starts])

    window = sound(asked.window / SAMPLE_RATE)
    return {"window": lambda: scorer(asked.window)(window), "10 min": whole}


_CONTENDERS: dict[str, Callable[[_Asked], Questions]] = {
    OURS: _yamjit,
    BASELINE: functools.partial(_runtime, "xnnpack"),
    "LiteRT optimised": functools.partial(_runtime, "optimised"),
}


def main() -> None:
    """Measure every file, and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--rounds", type=int, default=7, help="default: 7")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording.wav"
        write_wav(recording, RECORDING_S)
        for file in args.files:
            print("\n".join(_measured(file, recording, args.rounds)), flush=True)


def _measured(file: Path, recording: Path, rounds: int) -> Iterator[str]:
    import yamjit
    from yamjit.reading import ReadOptions

    model = yamjit.load(file, backend="numpy")
    if model.sample_rate != SAMPLE_RATE:
        raise ValueError(f"{file} takes {model.sample_rate} Hz; models of {SAMPLE_RATE} Hz are accepted")
    asked = _Asked(file, recording, model.window_samples, ReadOptions().hop(model.window_samples, SAMPLE_RATE))
    all_of_them = [InProcess(name, answers(asked)) for name, answers in _CONTENDERS.items()]
    yield f"\n| {file.name} | {' | '.join(_CONTENDERS)} | times {BASELINE} |\n|---|" + "---:|" * (len(_CONTENDERS) + 1)
    for question in ("window", "10 min"):
        times = [[one.seconds(question) for one in all_of_them] for _ in range(rounds)]
        least = [1e3 * min(column) for column in zip(*times, strict=True)]
        ratio, within = least[1] / least[0], statistics.median(turn[1] / turn[0] for turn in times)
        yield f"| {question}, ms | {' | '.join(f'{one:.4g}' for one in least)} | {ratio:.2f} ({within:.2f}) |"
    yield f"| peak, MB | {' | '.join(f'{_peak_mb(name, asked):.0f}' for name in _CONTENDERS)} | |"


def _peak_mb(name: str, asked: _Asked) -> float:
    """Return the peak of a process of its own."""
    command = [sys.executable, "-c", f"from benchmarks import family; family.own_peak({name!r}, {[*map(str, asked)]})"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def own_peak(name: str, asked: list[str]) -> None:
    """Print by how much this process grows while it classifies the recording, in MB."""
    importlib.import_module("yamjit" if name == OURS else "ai_edge_litert.interpreter")
    libraries = peak_mb()
    _CONTENDERS[name](_Asked(Path(asked[0]), Path(asked[1]), int(asked[2]), int(asked[3])))["10 min"]()
    print(peak_mb() - libraries)


if __name__ == "__main__":
    main()
