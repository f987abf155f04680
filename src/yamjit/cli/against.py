"""``yamjit bench --against litert``: yamjit's speed beside that of a TFLite runtime, in turns, by public calls."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from yamjit.errors import DependencyError, ModelError
from yamjit.installing import how_to_install

if TYPE_CHECKING:
    from yamjit.classifier import Classifier
    from yamjit.store import ResolvedModel

__all__ = ["CASES", "RUNTIMES", "lines", "measure_against"]

#: Where an interpreter may come from: its module, and what is installed. The first that is there is taken.
RUNTIMES = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "tflite_runtime.interpreter": "tflite-runtime",
    "tensorflow.lite": "tensorflow",
}

#: What is measured, and the call of yamjit's that is.
CASES = {
    "window": "one window, classify(samples, rate)",
    "push": "one hop of a stream, push(samples)",
    "minute": "one minute, classify(samples, rate)",
}

_MINUTE_S = 60
_LEAST_TURNS = 3

#: Seconds of a turn, or one call if that takes longer. The least time of the later half counts: a core comes to its
#: speed, and the other has emptied its caches.
_TURN_S = 0.15

#: Instruction sets that decide, by the names that Linux has for them.
_SETS = {
    "amx_int8": "AMX",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "avx2": "AVX2",
    "asimddp": "dot products",
}


class _Runtime(NamedTuple):
    """What scores a window, and which package that is."""

    score: Callable[[Any], Any]
    package: str


def measure_against(model: ResolvedModel, seconds: float) -> dict[str, Any]:
    """Return figures of both, one thread each.

    Parameters
    ----------
    model : ResolvedModel
    seconds : float
        Time for each case; a turn of each is run at least three times.

    Returns
    -------
    dict
        ``"yamjit"`` and ``"runtime"`` say what ran, ``"instructions"`` with which, and ``"cases"`` holds the median of
        each in ms and of how many times as fast yamjit was in a turn.

    Raises
    ------
    DependencyError
        If no runtime is installed.
    ModelError
        If the model takes no samples, or the runtime refuses it.
    """
    import numpy as np

    import yamjit
    from yamjit.classifier import Classifier

    backend, lowering = _kernels()
    classifier = Classifier(model, backend=backend, threads=1)
    runtime = _runtime(model.data, classifier)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, _MINUTE_S * classifier.sample_rate).astype(np.float32)
    pairs = _pairs(classifier, runtime.score, noise)
    cases = {name: _in_turns(*pairs[name], seconds) for name in CASES}
    window = noise[: classifier.window_samples]
    ours, theirs = classifier.classify(window, classifier.sample_rate).scores[0], runtime.score(window)
    return {
        "yamjit": {"version": yamjit.__version__, "backend": backend, "lowering": lowering},
        "runtime": {"package": runtime.package, "version": importlib.metadata.version(runtime.package)},
        "machine": {"system": platform.platform(), "processor": _cpuinfo("model name") or platform.processor()},
        "instructions": _instructions(lowering),
        "threads": 1,
        "largest_difference": float(np.abs(ours - theirs).max()),
        "cases": cases,
    }


def _runtime(model: bytes, classifier: Classifier) -> _Runtime:
    for name, package in RUNTIMES.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return _Runtime(_interpreted(module, model, classifier), package)
    wanted = "; ".join(how_to_install(package) for package in RUNTIMES.values())
    raise DependencyError(f"there is no TFLite runtime to compare with; one of these installs one: {wanted}")


def _interpreted(module: Any, model: bytes, classifier: Classifier) -> Callable[[Any], Any]:
    """Return what a user of the runtime writes: set_tensor, invoke, get_tensor."""
    try:
        interpreter = module.Interpreter(model_content=model, num_threads=1)
        given = interpreter.get_input_details()[0]
        shape = [int(size) for size in given["shape"]]
        if shape == [1] and classifier.window_samples > 1:  # a model of any length
            shape = [classifier.window_samples]
            interpreter.resize_tensor_input(given["index"], shape)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the runtime refuses the model: {error}") from error
    outputs, scores = interpreter.get_output_details(), classifier.plan.heads[0].name
    answer = next((output["index"] for output in outputs if output["name"] == scores), outputs[0]["index"])

    def score(window: Any) -> Any:
        interpreter.set_tensor(given["index"], window.reshape(shape))
        interpreter.invoke()
        return interpreter.get_tensor(answer)[0]

    return score


def _pairs(
    classifier: Classifier, score: Callable[[Any], Any], noise: Any
) -> Mapping[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return how both answer in each case; what a runtime has no call for is what its user writes."""
    import numpy as np

    from yamjit.reading import ReadOptions

    rate, size, hop = (
        classifier.sample_rate,
        classifier.window_samples,
        ReadOptions().hop(classifier.window_samples, classifier.sample_rate),
    )
    window, block = noise[:size], noise[:hop]
    stream = classifier.stream()
    kept = [noise[: -(-size // hop) * hop - hop]]  # after which every block completes a window
    stream.push(kept[0])

    def push() -> object:
        heard = np.concatenate([kept[0], block])
        kept[0] = heard[hop:]
        return score(heard[:size])

    def minute() -> object:
        return np.stack([score(noise[start : start + size]).copy() for start in range(0, len(noise) - size + 1, hop)])

    last = noise[: (len(noise) - size) // hop * hop + size]  # no window that would have to be padded
    return {
        "window": (lambda: classifier.classify(window, rate), lambda: score(window)),
        "push": (lambda: stream.push(block), push),
        "minute": (lambda: classifier.classify(last, rate), minute),
    }


def _in_turns(ours: Callable[[], object], theirs: Callable[[], object], seconds: float) -> dict[str, float]:
    """Run both in turns; kernels are loaded or compiled in the first, which does not count."""
    ours()
    theirs()
    turns: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(turns) < _LEAST_TURNS or time.perf_counter() < end:
        turns.append((_turn(ours), _turn(theirs)))
    mine, other = (1e3 * statistics.median(column) for column in zip(*turns, strict=True))
    ratio = statistics.median(b / a for a, b in turns)
    return {"yamjit_ms": mine, "runtime_ms": other, "times_as_fast": ratio, "turns": len(turns)}


def _turn(run: Callable[[], object]) -> float:
    """Return how long a call takes, in s."""
    end, times = time.perf_counter() + _TURN_S, [_took(run)]
    while time.perf_counter() < end:
        times.append(_took(run))
    return min(times[len(times) // 2 :])


def _took(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _kernels() -> tuple[str, str]:
    """Return the fastest backend at hand, and what it was compiled for."""
    from yamjit.kernels.diagnosis import diagnose_kernels

    found = diagnose_kernels()
    if found.problem:
        raise DependencyError(found.problem)
    if found.backend == "compiled" and found.library is not None:
        return "compiled", found.library.lowering
    return ("numba", found.numba.lowering) if found.numba is not None else ("numpy", "none")


def _instructions(lowering: str) -> str:
    """Return with which instructions both ran, as far as that is known."""
    flags = (_cpuinfo("flags") or _cpuinfo("Features")).split()
    has = [name for flag, name in _SETS.items() if flag in flags]
    told = (
        f"yamjit ran the lowering {lowering}; the runtime is unconfined, and chooses among all that the processor has"
    )
    if not has:
        return told
    amx = ", AMX as well" if "AMX" in has else "; the processor has no AMX"
    return f"{told}: {', '.join(name for name in has if name != 'AMX')}{amx}"


def _cpuinfo(key: str) -> str:
    """Return what Linux says of the first processor; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            found = [line.partition(":")[2].strip() for line in file if line.partition(":")[0].strip() == key]
    except OSError:
        return ""
    return found[0] if found else ""


def lines(found: Mapping[str, Any]) -> list[str]:
    """Return what is printed."""
    ours, theirs = found["yamjit"], found["runtime"]
    rows = [f"{'one thread each, medians of turns':<38}{'yamjit':>12}{'runtime':>12}{'times as fast':>15}"]
    for name, title in CASES.items():
        one = found["cases"][name]
        times = f"{one['yamjit_ms']:>9.3f} ms{one['runtime_ms']:>9.3f} ms"
        rows.append(f"{title:<38}{times}{one['times_as_fast']:>15.2f}")
    return [
        *rows,
        f"yamjit {ours['version']}, backend {ours['backend']}; runtime {theirs['package']} {theirs['version']}",
        f"processor: {found['machine']['processor']}",
        f"instructions: {found['instructions']}",
        f"scores of one window: at most {found['largest_difference']:.4f} apart",
    ]
