"""The cases: what `benchmarks.paired` measures, each a table."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cold
from benchmarks.contenders import BASELINE, NAMES, OURS, InProcess
from benchmarks.field import Field
from benchmarks.inputs import FORMATS, prepare_stereo
from benchmarks.jobs import measure_jobs
from benchmarks.processes import import_ms, memory_mb
from benchmarks.scaling import measure_scaling
from benchmarks.tables import Row, Table, ratio_table
from tools.checks.lowerings import compiled_lowering, fast_backend

__all__ = ["CASES", "Setting"]

#: Who is given recordings of ten minutes; the others take up to 20 s for one.
_QUICK = (OURS, BASELINE, "tflite-runtime xnnpack", "OpenVINO", "MediaPipe")

#: Patches that the network is given at once where it is held against the machine's limit.
BATCH = 16


@dataclass(frozen=True)
class Setting:
    """What a case is measured with."""

    folder: Path
    field: Field
    rounds: int


def _latency(question: str, title: str, idle_s: float = 0.0) -> Callable[[Setting], Table]:
    def measure(setting: Setting) -> Table:
        times = _turns(setting.field, dict.fromkeys(NAMES, question), setting.rounds, idle_s)
        return ratio_table(f"idle {question}" if idle_s else question, title, times)

    return measure


def _turns(
    field: Field, asked: Mapping[str, str], rounds: int, idle_s: float = 0.0, shown: Mapping[str, str] | None = None
) -> dict[str, list[float]]:
    """Return seconds by contender: each round asks one after the other."""
    able = {name: question for name, question in asked.items() if field.who_answers(question, [name])}
    found: dict[str, list[float]] = {name: [] for name in able}
    for _ in range(rounds):
        for name, question in able.items():
            found[name].append(field.present[name].seconds(question, idle_s=idle_s))
    return {(shown or {}).get(name, name): times for name, times in found.items()}


def _recording(threads: int) -> Callable[[Setting], Table]:
    def measure(setting: Setting) -> Table:
        title = f"file of 10 min, a window every 0.48 s, {threads} thread{'s' if threads > 1 else ''}"
        question, rounds = f"recording {threads}", max(3, setting.rounds // 6)
        times = _turns(setting.field, dict.fromkeys(_QUICK, question), rounds)
        if threads > 1:
            apart = f"{BASELINE}, two interpreters"
            times |= _turns(setting.field, {BASELINE: "recording apart"}, rounds, shown={BASELINE: apart})
        return ratio_table(question, title, times)

    return measure


def _files(setting: Setting) -> Table:
    """Files as people have them; LiteRT's are read by soundfile, mixed, and resampled by soxr."""
    rows = []
    prepare_stereo(setting.folder)
    for kind in FORMATS:
        times = _turns(setting.field, {OURS: f"{kind} 1", BASELINE: f"{kind} 1"}, 3)
        two = _turns(setting.field, {OURS: f"{kind} 2"}, 3)
        found = ratio_table("files", "", times | {f"{OURS}, 2 threads": two[OURS]}).rows
        rows += [Row(f"{kind.upper()}, {row.contender}", row.median, row.ratio) for row in found]
    return Table("files", "file of 10 min, 44.1 kHz, stereo, from its path", "ms", rows)


def _threads(setting: Setting) -> Table:
    """Hold two threads against one, a pair of runs after the other."""
    pairs = [(OURS, OURS, "recording 1", "recording 2"), (BASELINE, BASELINE, "recording 1", "recording 2")]
    pairs += [(f"{BASELINE}, two interpreters", BASELINE, "recording 1", "recording apart")]
    if (setting.folder / f"stereo.{FORMATS[0]}").exists():
        pairs += [(f"{OURS}, {kind.upper()} of 44.1 kHz, stereo", OURS, f"{kind} 1", f"{kind} 2") for kind in FORMATS]
    rows = []
    for title, name, one, two in pairs:
        for contender in setting.field.who_answers(two, [name]):
            ratios = [contender.seconds(one) / contender.seconds(two) for _ in range(max(3, setting.rounds // 5))]
            rows.append(Row(title, statistics.median(ratios)))
    return Table("threads", "file of 10 min: speed of two threads", "times that of one", rows)


def _scaling(setting: Setting) -> Table:
    return measure_scaling(setting.folder)


def _jobs(setting: Setting) -> Table:
    with tempfile.TemporaryDirectory(dir=setting.folder) as folder:
        (Path(folder) / "model.tflite").symlink_to(setting.folder / "model.tflite")
        return measure_jobs(Path(folder), 1)


def _cold(setting: Setting) -> Table:
    """Run commands in new processes, as `benchmarks.cold` does."""
    import sys

    wav = setting.folder / "ten seconds.wav"
    cold.write_sound(wav)
    model = str(setting.folder / "model.tflite")
    everyone = cold.contenders(sys.executable, wav, setting.folder, model, None)
    wanted = [name for name in everyone if "starter" not in name and "--version" not in name]
    if not setting.field.who_answers("window", [BASELINE]):
        wanted.remove(cold.BASELINE)
    runs = cold.measure({name: everyone[name] for name in wanted}, max(3, setting.rounds // 4))
    rows = []
    for name, own in runs.items():
        ratios = [b.wall_ms / a.wall_ms for a, b in zip(own, runs.get(cold.BASELINE, []), strict=False)]
        ratio = statistics.median(ratios) if ratios else None
        rows.append(Row(name, statistics.median(one.wall_ms for one in own), ratio))
    return Table("cold", "new process, ten seconds of sound to the highest scores", "ms", rows)


def _import(setting: Setting) -> Table:
    names = [one.name for one in setting.field.who_answers("window", (OURS, BASELINE))]
    rows = [Row(name.split()[0], import_ms(name, max(5, setting.rounds // 4))) for name in names]
    return Table("import", "import, beyond NumPy's", "ms", rows)


def _memory(setting: Setting) -> Table:
    rows = []
    asked = [(one.name, 1) for one in setting.field.who_answers("recording 1", _QUICK)] + [(OURS, 2)]
    for contender, threads in asked:
        whole, more = memory_mb(contender, setting.folder, f"recording {threads}")
        name = contender + (f", {threads} threads" if threads > 1 else "")
        rows += [Row(name, more), Row(f"{name}, with interpreter and libraries", whole)]
    return Table("memory", "peak memory for the file of 10 min, beyond libraries", "MB", rows)


def _roofline(setting: Setting) -> Table:
    """Alternate bare dot products and the network at a batch of 16."""
    try:
        from benchmarks.roofline import limit_loop, multiply_adds
    except ImportError as error:
        return Table("roofline", f"the limit of multiply-adds: {error}", "G/s", [])
    import numpy as np

    import yamjit

    classifier = yamjit.load(setting.folder / "model.tflite", backend=fast_backend())
    patches = np.repeat(np.load(setting.folder / "patch.npy")[None], BATCH, axis=0)
    loop, products = limit_loop(compiled_lowering(fast_backend()))
    steps = yamjit.load(setting.folder / "model.tflite", backend="numpy").plan  # as the graph has them, not prepared
    work = {"limit": products / 1e9, "network": BATCH * multiply_adds(steps) / 1e9}
    runner = InProcess("limit", {"limit": loop, "network": lambda: classifier.network.run(patches).scores})
    for name in work:
        runner.answer(name)
    turns = [{name: work[name] / runner.seconds(name) for name in work} for _ in range(setting.rounds)]
    rows = [
        Row("bare dot products", statistics.median(turn["limit"] for turn in turns)),
        Row(f"network, batches of {BATCH}", statistics.median(turn["network"] for turn in turns)),
        Row("share of the limit in %", 100 * statistics.median(turn["network"] / turn["limit"] for turn in turns)),
    ]
    return Table("roofline", f"int8 multiply-adds, lowering {compiled_lowering(fast_backend())}", "G/s", rows)


CASES: dict[str, Callable[[Setting], Table]] = {
    "window": _latency("window", "one window of 0.975 s, `classify(window, 16000)`"),
    "score_window": _latency("score_window", "one window, `score_window(window)`"),
    "push": _latency("push", "one hop of a stream, `push(7,680 samples)`"),
    "idle": _latency("window", "one window, `classify(window, 16000)`, after 50 ms of sleep", idle_s=0.05),
    "network": _latency("network", "network alone, patch to scores"),
    "front-end": _latency("front end", "front end alone, waveform to patch"),
    "recording-1": _recording(1),
    "recording-2": _recording(2),
    "files": _files,
    "threads": _threads,
    "scaling": _scaling,
    "jobs": _jobs,
    "roofline": _roofline,
    "cold": _cold,
    "import": _import,
    "memory": _memory,
}
