"""What a TFLite runtime's reference kernels compute for a model, and how near yamjit comes to it.

Two questions are kept apart. Given the oracle's quantized patch, no integer after it may differ. The float front
end before it may: there the figures are a largest difference, and how many quantized cells flip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import yamjit
from reference.runtime import Runtime, TensorInfo
from yamjit.plan import Plan, Slot
from yamjit.tflite import Graph, Op

__all__ = [
    "Cells",
    "Chain",
    "Recorded",
    "Scores",
    "compare_chain",
    "compare_outputs",
    "compare_scores",
    "compare_tensors",
    "compare_threads",
    "network_tensors",
    "record",
    "runtime_scores",
]

Float32 = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]


# -- The oracle -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the reference kernels computed for `n` windows.

    Parameters
    ----------
    waveforms : np.ndarray [shape=(n, samples), float32]
    log_mel : np.ndarray [shape=(n, n_frames, n_mels), float32]
    patches : np.ndarray [shape=(n, n_frames, n_mels), int8]
    embeddings, logits, scores : np.ndarray [shape=(n, size), float32]
    tensors : mapping of str to np.ndarray [shape=(n, ...), int8]
        What was asked for, by the names of `yamjit.plan.Plan.slots`.
    """

    waveforms: Float32
    log_mel: Float32
    patches: Int8
    embeddings: Float32
    logits: Float32
    scores: Float32
    tensors: Mapping[str, Int8]

    def __len__(self) -> int:
        return len(self.waveforms)


def network_tensors(model: yamjit.Classifier) -> list[str]:
    """Return the names of the int8 tensors that the network computes: all but the quantized patch."""
    return [name for name, slot in model.plan.slots.items() if slot.step > 0]


def record(model: yamjit.Classifier, waveforms: Iterable[Float32], tensors: Sequence[str] = ()) -> Recorded:
    """Run the reference kernels.

    Parameters
    ----------
    model : Classifier
        Says where its tensors are; the runtime is given the same bytes.
    waveforms : iterable of np.ndarray [shape=(samples,), float32]
    tensors : sequence of str
        Names of int8 tensors to keep, as in `Plan.slots`.
    """
    runtime = Runtime(model.source.data)
    plan, indices = model.plan, _tensor_indices(model.graph)
    quantize = next(operator for operator in model.graph.operators if operator.op == Op.QUANTIZE)
    embedding = indices[_key(plan, plan.embedding)] if plan.embedding else None
    logits = indices[_key(plan, plan.heads[0].logits)]
    fixed = [*quantize.inputs, *quantize.outputs, logits, *([] if embedding is None else [embedding])]
    wanted = [*fixed, runtime.outputs[0].index, *(indices[name] for name in tensors)]
    heard, rows = [], []
    for waveform in waveforms:
        heard.append(waveform)
        rows.append(runtime.record(waveform, names=wanted))

    def stacked(index: int, *shape: int) -> npt.NDArray[Any]:
        return np.stack([row[index].reshape(shape or row[index].shape[1:]) for row in rows])

    def real(index: int) -> Float32:
        return _dequantized(stacked(index, -1), runtime.tensor(index))

    return Recorded(
        waveforms=np.stack(heard),
        log_mel=stacked(quantize.inputs[0], *plan.patch_shape),
        patches=stacked(quantize.outputs[0], *plan.patch_shape),
        embeddings=np.empty((len(rows), 0), np.float32) if embedding is None else real(embedding),
        logits=real(logits),
        scores=stacked(runtime.outputs[0].index, -1),
        tensors={name: stacked(indices[name]) for name in tensors},
    )


def _tensor_indices(graph: Graph) -> dict[str, int]:
    """Return where each int8 activation is, by the name that `Plan.slots` gives it."""
    seen: Counter[str] = Counter()
    indices = {}
    for tensor in graph.tensors:
        if tensor.data is None and tensor.dtype == np.int8:
            copies = seen[tensor.name]
            seen[tensor.name] += 1
            indices[f"{tensor.name}#{copies}" if copies else tensor.name] = tensor.index
    return indices


def _key(plan: Plan, slot: Slot) -> str:
    """Return the name of a slot in `Plan.slots`."""
    return next(name for name, other in plan.slots.items() if other == slot)


def _dequantized(quantized: Int8, info: TensorInfo) -> Float32:
    shifted = (quantized.astype(np.int32) - info.zero_points[0]).astype(np.float32)
    real: Float32 = info.scales[0] * shifted
    return real


def runtime_scores(model: yamjit.Classifier, waveforms: Iterable[Float32], kernels: str) -> Float32:
    """Return the scores [shape=(n, classes)] that one of the runtime's kernel sets gives."""
    runtime = Runtime(model.source.data, kernels=kernels)
    return np.concatenate([runtime.run(waveform)[0] for waveform in waveforms])


# -- Comparisons ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """How many cells of integer results were compared, and which differ."""

    windows: int
    compared: int
    different: int
    first: str = ""  # tensor with a difference


@dataclass(frozen=True)
class Scores:
    """How near scores are to those of the reference kernels."""

    windows: int
    identical: int  # windows in which every score is the same
    same_top: int  # windows in which the same class is the first
    largest: float  # difference of a score

    @property
    def share(self) -> float:
        """Share of windows in which every score is the same."""
        return self.identical / self.windows


@dataclass(frozen=True)
class Chain:
    """How near the whole chain is to the reference kernels."""

    scores: Scores
    cells: int  # of the quantized patches
    flipped: int  # that differ
    flipped_windows: int  # that have one or more of them
    log_mel: float  # largest absolute difference


def compare_tensors(model: yamjit.Classifier, recorded: Recorded) -> Cells:
    """Compare the int8 tensors that were recorded, given the oracle's quantized patches."""
    found = model.network.run(recorded.patches, recorded.tensors).tensors
    return _count_cells(len(recorded), found, recorded.tensors)


def compare_outputs(model: yamjit.Classifier, recorded: Recorded, batch: int) -> Cells:
    """Compare embeddings, logits and scores, given the oracle's quantized patches, `batch` at a time."""
    starts = range(0, len(recorded), batch)
    outputs = [model.network.run(recorded.patches[start : start + batch]) for start in starts]
    names = ("embeddings", "logits", "scores")
    found = {name: np.concatenate([getattr(output, name) for output in outputs]) for name in names}
    return _count_cells(len(recorded), found, {name: getattr(recorded, name) for name in names})


def _count_cells(
    windows: int, found: Mapping[str, npt.NDArray[Any]], expected: Mapping[str, npt.NDArray[Any]]
) -> Cells:
    different = {name: int(np.count_nonzero(found[name] != values)) for name, values in expected.items()}
    compared = sum(values.size for values in expected.values())
    first = next((name for name, count in different.items() if count), "")
    return Cells(windows, compared, sum(different.values()), first)


def compare_scores(found: Float32, expected: Float32) -> Scores:
    """Compare scores [shape=(n, classes)]; of equal scores the first class counts as the top."""
    return Scores(
        windows=len(expected),
        identical=int(np.count_nonzero((found == expected).all(axis=1))),
        same_top=int(np.count_nonzero(found.argmax(axis=1) == expected.argmax(axis=1))),
        largest=float(np.abs(found - expected).max()),
    )


def compare_chain(model: yamjit.Classifier, recorded: Recorded) -> Chain:
    """Compare what `Classifier.classify` makes of each window."""
    rate = model.sample_rate
    heard = [model.classify(waveform, sample_rate=rate) for waveform in recorded.waveforms]
    log_mel = np.stack([window.log_mel for window in heard])
    patch = _key(model.plan, model.plan.quantized_patch)
    quantized = model.network.run(log_mel, [patch]).tensors[patch].reshape(recorded.patches.shape)
    flipped = (quantized != recorded.patches).reshape(len(recorded), -1)
    return Chain(
        scores=compare_scores(np.concatenate([window.scores for window in heard]), recorded.scores),
        cells=flipped.size,
        flipped=int(np.count_nonzero(flipped)),
        flipped_windows=int(np.count_nonzero(flipped.any(axis=1))),
        log_mel=float(np.abs(log_mel - recorded.log_mel).max()),
    )


def compare_threads(model: yamjit.Classifier, threaded: yamjit.Classifier, waveforms: Float32) -> Cells:
    """Compare windows heard one by one with the same windows heard as one recording, by several threads.

    Parameters
    ----------
    model, threaded : Classifier
        The same model with one thread, and with several.
    waveforms : np.ndarray [shape=(n, samples), float32]
    """
    alone = [model.score_window(waveform) for waveform in waveforms]
    hop_s = waveforms.shape[1] / model.sample_rate
    names = ("scores", "embeddings")
    together = threaded.classify(
        waveforms.reshape(-1), sample_rate=model.sample_rate, reading=yamjit.ReadOptions(hop_s=hop_s)
    )
    expected = {name: np.concatenate([getattr(window, name) for window in alone]) for name in names}
    return _count_cells(len(waveforms), {name: getattr(together, name) for name in names}, expected)
