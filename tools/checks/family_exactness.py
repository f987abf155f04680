"""Compare every output of any model file with a TFLite runtime's, bit for bit, and print what differs.

::

    python -m tools.checks.family_exactness MODEL [MODEL ...] [--data DIR] [--windows 200] [--recordings 29]
        [--backends compiled,numpy] [--seed 0] [--json]

The oracle is chosen by the runtime: its reference kernels (``BUILTIN_REF``) where these load the file, else its
built-in kernels without delegates.

(a) Each output, and the embedding, for windows of real recordings: cells, those whose bits differ, the largest
    difference; for each backend, and of the backends among themselves.
(b) Where the file takes any number of samples: whole recordings, each also cut to 15,600 + 7,680 k samples, heard with
    ``pad_end="original"``: shapes and bits of each output against the runtime fed with all samples at once.

A file that takes log-mel patches is given those of its front end here, in both; one that takes another row of values,
such as a head alone, is given samples. The exit status is 1 if a bit differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from reference.runtime import Runtime, TensorInfo, runtime_available, runtime_version
from tools.checks.lowerings import fast_backend
from tools.recordings import cut_windows, list_recordings, read_waveform
from yamjit.network import Quantized
from yamjit.plan.roles import Output, Role, find_outputs

__all__ = ["Difference", "Report", "check", "choose_oracle"]

Array = npt.NDArray[Any]
Float32 = npt.NDArray[np.float32]

#: The reading that pads a recording as files of any length do.
_WHOLE = yamjit.ReadOptions(pad_end="original")

#: Hops beyond the first window of recordings that end with a window exactly.
_EXACT_HOPS = (0, 1, 2, 5, 12)


@dataclass(frozen=True)
class Difference:
    """How many values of an output were compared, how many have other bits, and by how much."""

    cells: int = 0
    different: int = 0
    largest: float = 0.0
    shapes: int = 0  # arrays of another shape

    def __add__(self, other: Difference) -> Difference:
        return Difference(
            self.cells + other.cells,
            self.different + other.different,
            max(self.largest, other.largest),
            self.shapes + other.shapes,
        )

    @property
    def equal(self) -> bool:
        """Whether every bit is the same."""
        return not (self.different or self.shapes)


@dataclass(frozen=True)
class Report:
    """Figures of one file: for what was heard, by output, by what was compared."""

    model: str
    oracle: str
    heard: Mapping[str, Mapping[str, Mapping[str, Difference]]]

    @property
    def passed(self) -> bool:
        """Whether no bit differs."""
        return all(one.equal for outputs in self.heard.values() for rows in outputs.values() for one in rows.values())


def choose_oracle(model: bytes) -> Runtime:
    """Return a file in the runtime, with its reference kernels, or the built-in ones where these cannot load it."""
    try:
        return Runtime(model)
    except (RuntimeError, ValueError):
        return Runtime(model, kernels="optimised")


def check(path: Path, options: argparse.Namespace) -> Report:
    """Run all comparisons of one file."""
    data = path.read_bytes()
    file = _File(choose_oracle(data), {name: yamjit.load(data, backend=name) for name in options.backends})
    windows = cut_windows(options.data, options.windows, seed=options.seed, window=file.size, sample_rate=file.rate)
    heard = {f"{len(windows)} windows": file.compare(windows)}
    if file.any_length:
        recordings = list(_recordings(options.data, options.recordings, file.rate, file.size))
        heard[f"{len(recordings)} recordings"] = file.compare(recordings)
    return Report(path.name, f"{runtime_version()}, {file.runtime.kernels}", heard)


def _recordings(data: Path, count: int, rate: int, window: int) -> Iterator[Float32]:
    """Yield whole recordings, and a few of them cut to lengths that end with a window."""
    for number, path in enumerate(list_recordings(data)[:count]):
        samples = read_waveform(path, rate)
        yield samples
        exact = window + 7_680 * _EXACT_HOPS[number % len(_EXACT_HOPS)]
        if samples.size > exact:
            yield samples[:exact]


class _File:
    """A file in the runtime, and in each backend."""

    def __init__(self, runtime: Runtime, models: Mapping[str, yamjit.Classifier]) -> None:
        self.runtime, self.models = runtime, models
        model = next(iter(models.values()))
        self._graph, self.rate = model.graph, model.sample_rate
        self._outputs = find_outputs(model.graph)
        self._input = runtime.inputs[0]
        self._takes_patches = model.plan.front_end is not None and len(model.plan.patch_shape) == len(
            [size for size in self._input.shape if size > 1]
        )
        self._is_head = model.plan.takes_embeddings
        self.size = model.plan.patch_shape[0] if self._is_head else model.window_samples
        free = -1 in self._input.signature and max(self._input.signature) <= 1
        self.any_length = free and model.plan.front_end is not None

    def compare(self, heard: Sequence[Float32] | Float32) -> dict[str, dict[str, Difference]]:
        """Compare what the runtime and each backend make of windows, or of whole recordings."""
        total: dict[str, dict[str, Difference]] = {}
        for waveform in heard:
            expected = self._by_the_runtime(waveform)
            found = {name: self._by(model, waveform, expected) for name, model in self.models.items()}
            pairs = [(f"{name} - runtime", found[name], expected) for name in found]
            first, *others = found
            pairs += [(f"{other} - {first}", found[other], found[first]) for other in others]
            for what, ours, theirs in pairs:
                for output, values in theirs.items():
                    rows = total.setdefault(output, {})
                    rows[what] = rows.get(what, Difference()) + _difference(ours[output], values)
        return total

    def _by_the_runtime(self, waveform: Float32) -> dict[str, Array]:
        """Return each output, and the embedding where that is none."""
        names = {self._described(output): info.index for output, info in self._paired()}
        model = next(iter(self.models.values()))
        embedding = model.plan.embedding
        if embedding is not None and not any(output.role == Role.EMBEDDINGS for output in self._outputs):
            same = _named(self.runtime, embedding.name, embedding.shape)
            names |= {f"embedding {embedding.name}": index for index in same[:1]}
        given = self._patch(model, waveform) if self._takes_patches else waveform
        rates = [np.full(info.shape, self.rate, info.dtype) for info in self.runtime.inputs[1:]]
        recorded = self.runtime.record(self._shaped(given), *rates, names=names.values())
        return {name: recorded[index] for name, index in names.items()}

    def _paired(self) -> Iterator[tuple[Output, TensorInfo]]:
        return zip(self._outputs, self.runtime.outputs, strict=True)

    def _patch(self, model: yamjit.Classifier, waveform: Float32) -> Float32:
        return model.front_end.frames(waveform)[: model.plan.patch_shape[0]]

    def _shaped(self, values: Float32) -> Float32:
        """Return values in the shape of the input; of what is not fixed, the last axis has any size."""
        shape = [1 if size < 0 else size for size in self._input.signature]
        if -1 in self._input.signature:
            shape[len(shape) - 1 - self._input.signature[::-1].index(-1)] = -1
        return values.reshape(shape)

    def _by(self, model: yamjit.Classifier, waveform: Float32, expected: Mapping[str, Array]) -> dict[str, Array]:
        """Return the same by a backend."""
        found: Any = None  # of a network or of a recording, which have the same names
        if self._is_head:
            found = model.network.run(waveform[np.newaxis])
            outputs = found.heads
        else:
            found = model.classify(waveform, model.sample_rate, reading=_WHOLE)
            outputs = [one.output for one in found.heads]
        heads = {head.output: output for head, output in zip(model.plan.heads, outputs, strict=True)}
        results: dict[str, Array] = {}
        for position, output in enumerate(self._outputs):
            name = self._described(output)
            if position in heads:
                results[name] = _typed(heads[position].quantized_scores, expected[name])
            elif output.role == Role.EMBEDDINGS:
                results[name] = _typed(found.quantized_embeddings, expected[name])
            elif output.role == Role.LOG_MEL and (model.plan.front_end or model.plan.log_mel):
                results[name] = found.log_mel
            else:
                tensor = self._graph.tensors[output.tensor].name
                results[name] = model.network.run(waveform[np.newaxis], [tensor]).tensors[tensor]
        for name in expected.keys() - results.keys():
            results[name] = _typed(found.quantized_embeddings, expected[name])
        # TFLite's arrays of one patch have axes of size 1 here and there.
        return {name: values.reshape(_like(values, expected[name])) for name, values in results.items()}

    def _described(self, output: Output) -> str:
        return f"{output.role.value} {self._graph.tensors[output.tensor].name}"


def _named(runtime: Runtime, name: str, shape: tuple[int, ...]) -> list[int]:
    """Return the runtime's tensors of a name, and of a shape but for axes of size 1."""
    sizes = [size for size in shape if size > 1]
    return [t.index for t in runtime.tensors if t.name == name and [s for s in t.shape if s > 1] == sizes]


def _typed(found: Quantized, expected: Array) -> Array:
    """Return values as the file's output has them: as they are, or as floats."""
    return found.values if expected.dtype == found.values.dtype else found.real()


def _like(values: Array, expected: Array) -> tuple[int, ...]:
    """Return the expected shape where nothing but axes of size 1 sets it apart."""
    same = [s for s in values.shape if s > 1] == [s for s in expected.shape if s > 1]
    return expected.shape if same else values.shape


def _difference(found: Array, expected: Array) -> Difference:
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return Difference(expected.size, expected.size, np.inf, 1)
    kind = np.dtype(f"u{expected.dtype.itemsize}")
    other = np.ascontiguousarray(found).view(kind) != np.ascontiguousarray(expected).view(kind)
    other &= ~(np.isnan(found) & np.isnan(expected))
    largest = np.abs(found[other].astype(np.float64) - expected[other]).max(initial=0)
    return Difference(expected.size, int(np.count_nonzero(other)), float(largest))


# -- What is printed, and the command line ----------------------------------------------------------------------


def _table(report: Report) -> Iterator[str]:
    yield f"{report.model}: {report.oracle}"
    for heard, outputs in report.heard.items():
        yield f"  {heard + ', output':44}{'compared':22}{'cells':>12}{'differ':>9}{'by at most':>12}{'shapes':>8}"
        for output, rows in outputs.items():
            for what, one in rows.items():
                figures = f"{one.cells:12,}{one.different:9,}{one.largest:12.2g}{one.shapes:8}"
                yield f"    {_short(output):42}{what:22}{figures}"
    yield "  equal" if report.passed else "  DIFFERENT"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:18]}...{text[-19:]}"


def _parser() -> argparse.ArgumentParser:
    name, default = "tools.checks.family_exactness", f"{fast_backend()},numpy"
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=__doc__.splitlines()[0])
    data = os.environ.get("YAMJIT_TEST_DATA") or None
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="a .tflite file")
    parser.add_argument("--data", type=Path, default=data, help="folder of recordings (default: $YAMJIT_TEST_DATA)")
    parser.add_argument("--windows", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--recordings", type=int, default=29, help="heard whole (default: %(default)s)")
    parser.add_argument("--backends", type=lambda text: text.split(","), default=default, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of windows (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as a last line of JSON, too")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; returns the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not runtime_available():
        parser.error("no TFLite runtime is installed: pip install ai-edge-litert")
    if options.data is None:
        parser.error("recordings are wanted: --data FOLDER, or $YAMJIT_TEST_DATA")
    reports = []
    for path in options.models:
        try:
            reports.append(check(path, options))
        except (yamjit.YamjitError, OSError) as error:
            parser.error(f"{path}: {error}")
        print("\n".join(_table(reports[-1])), flush=True)
    if options.json:
        print(json.dumps([dataclasses.asdict(report) | {"passed": report.passed} for report in reports]))
    return 0 if all(report.passed for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
