"""Compare yamjit with a TFLite runtime over many windows, and print what differs.

::

    python -m tools.checks.exactness [--model yamnet.tflite|starter] [--data DIR] [--windows 1000] [--inner 20]
        [--backends compiled,numpy] [--batch 1,7,16] [--threads 1,2] [--lowerings all] [--seed 0] [--json]

The oracle is the runtime's reference kernels (``OpResolverType.BUILTIN_REF``).

(a) Every int8 tensor of the network, given the quantized patch of the oracle: no cell may differ.
(b) Embeddings, logits and scores, given the same, in batches of several sizes: no cell may differ.
(c) The whole chain from samples to scores, where the float front end has a say: the share of windows whose
    scores are all identical must reach `ACCEPTED_SHARE`. TFLite's own faster kernels are held against its reference
    on the same windows.
(d) All windows as one recording, computed by several threads, against the windows one by one: no cell may differ.

``--lowerings`` does all that for compiled kernels in several lowerings, in a process each, and prints a line for each:
those of the library where there is one, else as Numba compiles them.

The exit status is 1 if one of them is missed. ``$YAMJIT_TEST_DATA`` is the default of ``--data``; without recordings,
invented signals are taken.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from reference.runtime import runtime_available, runtime_version
from tests.support.synthetic import probe_signals
from tools.checks.comparison import (
    Cells,
    Chain,
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
from tools.checks.lowerings import compiled_lowering, environment, fast_backend, runnable_lowerings
from tools.recordings import cut_windows

__all__ = ["ACCEPTED_SHARE", "Report", "check", "synthetic_windows"]

Float32 = npt.NDArray[np.float32]

#: Share of windows whose scores are all identical to the oracle's.
ACCEPTED_SHARE = 0.995

_OTHER_KERNELS = {"optimised": "TFLite, optimised kernels", "xnnpack": "TFLite, XNNPACK (default)"}


@dataclass(frozen=True)
class Report:
    """All figures of a check."""

    model: str
    model_sha256: str
    windows: str
    oracle: str
    machine: str
    tensors: Mapping[str, Cells]
    outputs: Mapping[str, Cells]
    chain: Mapping[str, Chain]
    tflite: Mapping[str, Scores]
    threads: Mapping[str, Cells]

    @property
    def passed(self) -> bool:
        """Whether every integer is equal, and the front end disturbs few enough windows."""
        integers = (*self.tensors.values(), *self.outputs.values(), *self.threads.values())
        equal = all(cells.different == 0 for cells in integers)
        return equal and all(chain.scores.share >= ACCEPTED_SHARE for chain in self.chain.values())


def check(options: argparse.Namespace) -> Report:
    """Run all comparisons that the command line asks for."""
    models = {backend: yamjit.load(options.model, backend=backend) for backend in options.backends}
    model = next(iter(models.values()))
    waveforms, kind = _windows(options, model)
    inner = record(model, _progress(waveforms[: options.inner], "inner tensors"), network_tensors(model))
    recorded = record(model, _progress(waveforms, "reference kernels"))
    return Report(
        model=repr(model),
        model_sha256=hashlib.sha256(model.source.data).hexdigest(),
        windows=f"{len(waveforms)} of {kind}, seed {options.seed}",
        oracle=f"{runtime_version()}, reference kernels",
        machine=_machine(options.backends),
        tensors={name: compare_tensors(model, inner) for name, model in models.items()},
        outputs={
            f"{name}, {batch} at a time": compare_outputs(model, recorded, batch)
            for name, model in models.items()
            for batch in options.batch
        },
        chain={name: compare_chain(model, recorded) for name, model in models.items()},
        tflite={
            name: compare_scores(runtime_scores(model, _progress(waveforms, name), kernels), recorded.scores)
            for kernels, name in _OTHER_KERNELS.items()
        },
        threads={
            f"{name}, {threads} thread{'s' if threads > 1 else ''}": compare_threads(
                model, yamjit.load(options.model, backend=name, threads=threads), waveforms
            )
            for name, model in models.items()
            for threads in options.threads
        },
    )


def check_lowerings(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Run the check in a process for each lowering; returns the figures of each."""
    found = {}
    backend = _fast(options.backends)
    for lowering in options.lowerings:
        arguments = [f"--windows={options.windows}", f"--inner={options.inner}", f"--seed={options.seed}"]
        arguments += [f"--batch={_joined(options.batch)}", f"--threads={_joined(options.threads)}"]
        arguments += [f"--{name}={value}" for name in ("model", "data") if (value := getattr(options, name))]
        command = [sys.executable, "-m", "tools.checks.exactness", f"--backends={backend}", *arguments, "--json"]
        told = os.environ | environment(lowering, backend)
        run = subprocess.run(command, env=told, stdout=subprocess.PIPE, text=True)
        if not run.stdout:
            raise ChildProcessError(f"the check of {lowering} ended with status {run.returncode}")
        found[lowering] = json.loads(run.stdout.splitlines()[-1])
        if f"{backend} {lowering}," not in found[lowering]["machine"]:
            raise ChildProcessError(f"the check of {lowering} ran on {found[lowering]['machine']}")
    return found


# -- What is heard ----------------------------------------------------------------------------------------------


def synthetic_windows(count: int, seed: int = 0) -> Float32:
    """Return invented signals, one window each [shape=(count, 15600), float32]."""
    sets = range(seed, seed + -(-count // len(probe_signals())))
    return np.stack([signal for number in sets for signal in probe_signals(number).values()][:count])


def _windows(options: argparse.Namespace, model: yamjit.Classifier) -> tuple[Float32, str]:
    """Return windows, and what they are of."""
    if options.data is None:
        return synthetic_windows(options.windows, options.seed), "invented signals"
    samples = model.front_end.constants.window_samples
    cut = cut_windows(options.data, options.windows, seed=options.seed, window=samples, sample_rate=model.sample_rate)
    return cut, "real recordings"


def _progress(windows: Float32, what: str) -> Iterator[Float32]:
    """Yield windows, and count them where standard error is a terminal."""
    shown = sys.stderr.isatty()
    for done, window in enumerate(windows, 1):
        if shown and done % 10 == 0:
            print(f"\r{what}: {done} of {len(windows)}\033[K", end="", file=sys.stderr, flush=True)
        yield window
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _machine(backends: Sequence[str]) -> str:
    """Return what computed: processor, system, versions."""
    versions = [f"{name} {version(name)}" for name in ("numpy", "numba") if name == "numpy" or name in backends]
    parts = [
        _processor(),
        *(f"{name} {compiled_lowering(name)}" for name in backends if name in ("compiled", "numba")),
        platform.platform(),
        f"Python {platform.python_version()}",
    ]
    return ", ".join([*parts, *versions])


def _processor() -> str:
    """Return the processor's name, as far as the system tells."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


# -- What is printed --------------------------------------------------------------------------------------------


def _table(report: Report) -> Iterator[str]:
    yield f"model    {report.model}"
    yield f"windows  {report.windows}"
    yield f"oracle   {report.oracle}"
    yield f"machine  {report.machine}"
    yield ""
    yield from _cells_table("(a) every int8 tensor", report.tensors)
    yield from _cells_table("(b) embeddings, logits, scores", report.outputs)
    yield f"{'(c) scores from samples':32}{'windows':>9}{'identical':>11}{'same top':>11}{'largest difference':>20}"
    rows = {f"yamjit, {name}": chain.scores for name, chain in report.chain.items()} | dict(report.tflite)
    for name, scores in rows.items():
        top = scores.same_top / scores.windows
        yield f"  {name:30}{scores.windows:9,}{scores.share:11.2%}{top:11.2%}{scores.largest:20.6f}"
    yield ""
    yield f"{'    front end':32}{'cells':>13}{'flipped':>9}{'in windows':>12}{'log-mel off by':>18}"
    for name, chain in report.chain.items():
        counts = f"{chain.cells:13,}{chain.flipped:9,}{chain.flipped_windows:12,}"
        yield f"  {f'yamjit, {name}':30}{counts}{chain.log_mel:18.2e}"
    yield ""
    yield from _cells_table("(d) as one recording", report.threads)
    yield "passed" if report.passed else "FAILED"


def _lowerings_table(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    a, b, d = (f"{title:>15}{'differ':>8}" for title in ("(a) cells", "(b) cells", "(d) cells"))
    yield f"{'lowering':14}{a}{b}{'(c) identical':>15}{d}"
    for lowering, report in found.items():
        counts = [_total(report[part]) for part in ("tensors", "outputs", "threads")]
        scores = next(iter(report["chain"].values()))["scores"]
        share = scores["identical"] / scores["windows"]
        a, b, d = (f"{compared:15,}{different:8,}" for compared, different in counts)
        yield f"{lowering:14}{a}{b}{share:15.2%}{d}  {'passed' if report['passed'] else 'FAILED'}"


def _total(cells: Mapping[str, Mapping[str, int]]) -> tuple[int, int]:
    return sum(row["compared"] for row in cells.values()), sum(row["different"] for row in cells.values())


def _cells_table(title: str, rows: Mapping[str, Cells]) -> Iterator[str]:
    yield f"{title:32}{'windows':>9}{'cells':>16}{'different':>11}"
    for name, cells in rows.items():
        first = f"  first in {cells.first}" if cells.different else ""
        yield f"  {name:30}{cells.windows:9,}{cells.compared:16,}{cells.different:11,}{first}"
    yield ""


# -- Command line -----------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.checks.exactness", description="Compare yamjit with a TFLite runtime."
    )
    data = os.environ.get("YAMJIT_TEST_DATA") or None
    default = f"{fast_backend()},numpy"
    parser.add_argument("--model", help="the .tflite file, or starter (default: as yamjit.load finds it)")
    parser.add_argument(
        "--data",
        type=Path,
        default=data,
        help="folder of audio/clips and audio/esc10 (default: $YAMJIT_TEST_DATA; without: invented signals)",
    )
    parser.add_argument("--windows", type=_count, default=1000, help="for outputs and scores (default: 1000)")
    parser.add_argument("--inner", type=_count, default=20, help="windows for every tensor (default: 20)")
    parser.add_argument("--backends", type=_backends, default=default, help=f"default: {default}")
    parser.add_argument("--batch", type=_counts, default="1,7,16", help="windows at a time (default: 1,7,16)")
    parser.add_argument("--threads", type=_counts, default="1,2", help="of one recording (default: 1,2)")
    parser.add_argument(
        "--lowerings",
        help="check compiled kernels alone, in these lowerings: all, or names such as avx2,plain",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of windows (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the figures as a last line of JSON, too")
    return parser


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in text.split(",")]


def _lowerings(text: str, backend: str) -> list[str]:
    names = runnable_lowerings(backend) if text == "all" else text.split(",")
    for name in names:
        environment(name, backend)
    return names


def _fast(backends: Sequence[str]) -> str:
    """Return the backend, among several, whose kernels are compiled."""
    return next((name for name in backends if name != "numpy"), fast_backend())


def _joined(counts: Sequence[int]) -> str:
    return ",".join(map(str, counts))


def _backends(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not runtime_available():
        parser.error("no TFLite runtime is installed: pip install ai-edge-litert")
    if options.lowerings:
        try:
            options.lowerings = _lowerings(options.lowerings, _fast(options.backends))
        except (ValueError, yamjit.YamjitError) as error:
            parser.error(str(error))
        found = check_lowerings(options)
        print("\n".join(_lowerings_table(found)))
        return 0 if all(report["passed"] for report in found.values()) else 1
    try:
        report = check(options)
    except (yamjit.YamjitError, FileNotFoundError) as error:
        parser.error(str(error))
    print("\n".join(_table(report)))
    if options.json:
        print(json.dumps(dataclasses.asdict(report) | {"passed": report.passed}))
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
