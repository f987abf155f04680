"""A calibration written into the network, for interpreters that do not read metadata."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.classifier import Classifier
from yamjit.errors import AudioError, InputError, LimitError
from yamjit.head_metadata import read_heads
from yamjit.head_names import choose_heads
from yamjit.heads import HeadInfo
from yamjit.keywords import explained
from yamjit.learn.dataset import Dataset
from yamjit.learn.describing import set_calibration
from yamjit.plan import compile_plan
from yamjit.provenance import Provenance, read_provenance, renewed, with_provenance
from yamjit.spec import own_version
from yamjit.text import plural
from yamjit.tflite import Graph, Quantization, Tensor, read_graph, write_graph
from yamjit.tflite.graph import Op
from yamjit.tflite.metadata import ScoreTransformation
from yamjit.tflite.patching import read_described
from yamjit.trained.grafting import Range, clipped_range, with_line
from yamjit.trained.heads import Dense

__all__ = ["Difference", "bake_calibration", "difference_of"]

Float64 = npt.NDArray[np.float64]

#: Logit of the highest score that an int8 sigmoid gives, 255/256: greater logits are not told apart by their scores.
_HIGHEST_LOGIT = float(np.log(255))

#: Largest error of a slope, as a share of it, by which it is rounded to one of 127 parts of the largest one.
_SLOPE_TOLERANCE = 1 / 16


@explained
def bake_calibration(data: bytes, *, head: int | str = -1) -> bytes:
    """Write the calibration of an output into the network, and take it out of the metadata.

    The sigmoid over the logit of a score is a slope and an offset of the logit. They become a small dense layer before
    the sigmoid, so that every interpreter gives calibrated scores. The logits of the network stay as they are, up to
    that of the highest score; what differs from scores that are calibrated afterwards is rounding, once less.

    Parameters
    ----------
    data : bytes
        Content of a ``.tflite`` file.
    head : int or str
        Output of the model, by index or name; the last one by default.

    Returns
    -------
    bytes
        Content of a ``.tflite`` file; the same for the same model.

    Raises
    ------
    InputError
        If the output has no calibration, or one that is not a slope and an offset of each logit: one over the score or
        its logarithm, with a scale other than 1, a least score, or classes without parameters; if the slopes are too
        different for one scale; or if the output is not computed by a dense layer and a sigmoid.
    ModelError
        If the model cannot be run.
    """
    graph = read_graph(checks.instance(data, "data", bytes))
    (info,) = choose_heads(read_heads(graph, compile_plan(graph)), head)
    slopes, offsets = _lines(info)
    logits = _clamped(_logits_of(graph, info))
    written = write_graph(_calibrated(graph, info.index, logits, slopes, offsets))
    plain = read_graph(set_calibration(read_described(written), None, output=info.index))
    written = write_graph(_recorded(graph, plain, info.index, data))
    compile_plan(read_graph(written))  # no accumulator may overflow
    return written


def _recorded(before: Graph, after: Graph, place: int, data: bytes) -> Graph:
    """Return a graph whose record says that the calibration of an output is in the network."""
    record = read_provenance(before)
    if record is not None:
        return renewed(before, after, baked=tuple(sorted({*record.baked, place})))
    base, sha256 = before.metadata.name if before.metadata else "", hashlib.sha256(data).hexdigest()
    return with_provenance(after, Provenance(own_version(), base, sha256, baked=(place,)))


class Difference(NamedTuple):
    """Absolute differences of two models' scores: their number, their mean and the largest one."""

    scores: int
    mean: float
    largest: float


def difference_of(
    one: Classifier, other: Classifier, dataset: Dataset, *, head: int, most_clips: int = 64
) -> Difference:
    """Return how the scores of an output differ in the windows of at most `most_clips` clips, evenly chosen."""
    found = [np.empty((0, len(one.heads[head].labels)))]
    for clip in dataset.clips[:: -(-len(dataset) // most_clips)]:
        try:
            first, second = (
                model.classify(clip.path, reading=clip.reading()).heads[head].scores for model in (one, other)
            )
        except (AudioError, InputError, LimitError):  # reported by what reads all clips
            continue
        found.append(np.abs(first.astype(np.float64) - second))
    joined = np.concatenate(found)
    return Difference(joined.size, *((float(joined.mean()), float(joined.max())) if joined.size else (0.0, 0.0)))


def _lines(info: HeadInfo) -> tuple[Float64, Float64]:
    """Return slope and offset of each class's logit."""
    if info.calibration is None:
        raise InputError(f"the output {info.name!r} has no calibration that could be written into the network")
    if problem := _why_not(info.calibration):
        raise InputError(
            f"the calibration of {info.name!r} cannot be written into the network, and stays in the metadata: {problem}"
        )
    _, slopes, offsets, _ = info.calibration.parameters.T.astype(np.float64)
    return slopes, offsets


def _why_not(calibration: Calibration) -> str | None:
    """Return why a calibration is not a slope and an offset of each logit."""
    scale, slopes, _, least = calibration.parameters.T
    if calibration.score_transformation != ScoreTransformation.INVERSE_LOGISTIC:
        return f"it is one of {calibration.score_transformation.name}; one of INVERSE_LOGISTIC is accepted"
    if np.isnan(scale).any():
        return f"{plural(int(np.isnan(scale).sum()), 'class')} without parameters"
    if (scale != 1).any():
        return f"the scale of a class is {scale[scale != 1][0]:g}; 1 is accepted"
    if not slopes.any():
        return "all its slopes are 0: it gives each class one score, whatever is heard"
    if (least > 0).any() or (calibration.default_score and (least == 0).any()):
        return f"scores up to {least.max():g} become {calibration.default_score:g}"
    parts = slopes / max(float(np.abs(slopes).max()) / 127, 1e-30)
    if (np.abs(parts - np.rint(parts)) > _SLOPE_TOLERANCE * np.abs(parts)).any():
        return f"its slopes, {slopes.min():g} to {slopes.max():g}, are too different for one scale"
    return None


def _logits_of(graph: Graph, info: HeadInfo) -> Tensor:
    """Return the logits of an output, which nothing else uses."""
    producers = {output: operator for operator in graph.operators for output in operator.outputs}
    index = graph.outputs[info.index]
    for op in (Op.DEQUANTIZE, Op.LOGISTIC):
        if index not in producers or producers[index].op != op:
            break
        index = producers[index].inputs[0]
    else:
        uses = sum(operator.inputs.count(index) for operator in graph.operators) + graph.outputs.count(index)
        if uses == 1 and index in producers and producers[index].op == Op.FULLY_CONNECTED:
            return graph.tensors[index]
    raise InputError(
        f"the output {info.name!r} is not that of a dense layer and a sigmoid alone: its calibration stays in the "
        "metadata"
    )


def _clamped(logits: Tensor) -> Tensor:
    """Return logits whose greatest value is that of the highest score; the others stay as they are."""
    quantization = logits.quantization
    assert quantization is not None  # as in every model that was compiled
    top = 127 - round(_HIGHEST_LOGIT / float(quantization.scale[0]))
    zero_point = np.maximum(quantization.zero_point, np.int64(max(top, -128)))
    return replace(logits, quantization=Quantization(quantization.scale, zero_point))


def _calibrated(graph: Graph, place: int, logits: Tensor, slopes: Float64, offsets: Float64) -> Graph:
    """Return a graph with a slope and an offset between the logits and the sigmoid of an output."""
    assert logits.quantization is not None
    scale, zero_point = float(logits.quantization.scale[0]), int(logits.quantization.zero_point[0])
    ends = (np.array([-128, 127]) - zero_point) * scale
    step = max(float(np.abs(slopes).max()), 1e-8) / 127
    rounded = np.rint(slopes / step) * step
    # A slope that is rounded is right where the score is 0.5, or as near to it as logits come.
    middle = np.clip(-offsets / np.where(slopes == 0, np.inf, slopes), *ends)
    line = Dense(np.diag(rounded).astype(np.float32), (offsets + (slopes - rounded) * middle).astype(np.float32))
    values = slopes[:, None] * ends + offsets[:, None]
    return with_line(graph, place, logits, line, _range_of(values))


def _range_of(values: Float64) -> Range:
    return clipped_range(float(values.min()), float(values.max()))
