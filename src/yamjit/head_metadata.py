"""What a model's metadata say about its outputs: names of the classes, calibration and threshold of each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from yamjit.calibration import Calibration, parse_calibration
from yamjit.class_map import audioset_id
from yamjit.errors import ModelError
from yamjit.head_names import told_apart
from yamjit.heads import HeadInfo, HeadRecord, NamedBy, official_head, plain_locale
from yamjit.labels import parse_labels
from yamjit.plan import Plan
from yamjit.plan.plan import Head
from yamjit.published_layer import is_published_layer
from yamjit.spec import DEFAULT_SAMPLE_RATE, SAMPLE_RATES
from yamjit.tflite import Graph
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)

if TYPE_CHECKING:
    from yamjit.tflite.patching import Described

__all__ = ["read_head_records", "read_heads", "read_labelled_outputs", "read_sample_rate"]


_Unit = TypeVar("_Unit", ScoreCalibration, ScoreThresholding)


def read_heads(graph: Graph, plan: Plan, locale: str = "en") -> tuple[HeadInfo, ...]:
    """Read what the metadata say about each of ``plan.heads`` in one language, see `read_head_records`.

    Display names are read from the file of the `locale`, such as "de" or "pt-BR", else from one of its language, else
    they are the labels themselves.
    """
    return tuple(record.info(index, locale) for index, record in enumerate(read_head_records(graph, plan)))


def read_head_records(graph: Graph, plan: Plan) -> tuple[HeadRecord, ...]:
    """Read what the metadata, matched by position, say about each of ``plan.heads``, in their order.

    An output without a name, or with that of an earlier one in any case, gets its index added to its name. Raises
    `ModelError` if files are missing or malformed, or do not have a line for each class; those of other languages than
    the first only raise it once they are asked for.
    """
    described = _subgraph(graph).outputs
    tensors = [(*described, *[TensorMetadata()] * (head.output + 1))[head.output] for head in plan.heads]
    names = told_apart([tensor.name or head.name for tensor, head in zip(tensors, plan.heads, strict=True)])
    records = []
    for name, tensor, head in zip(names, tensors, plan.heads, strict=True):
        classes = int(np.prod(head.scores.shape))
        labels, named_by = _labels(graph, head, tensor, classes)
        records.append(
            HeadRecord(
                name=name,
                labels=labels,
                audioset_ids=tuple(audioset_id(label) for label in labels),
                named_by=named_by,
                translations=_translations(graph.files, tensor, classes),
                calibration=_calibration(graph.files, tensor, classes),
                score_threshold=_score_threshold(tensor),
            )
        )
    return tuple(records)


def read_labelled_outputs(described: Described, locale: str = "en") -> tuple[HeadInfo, ...]:
    """Read the names of the classes of a model, which may be one that cannot be run: each output with a label file.

    Calibration and thresholds are left out; `locale` is as for `read_heads`. Raises `ModelError` if a label file is not
    UTF-8.
    """
    heads = []
    for index, (end, tensor) in enumerate(zip(described.outputs, _subgraph(described).outputs, strict=False)):
        listed = _label_files(tensor)
        if listed:
            labels = parse_labels(_content(described.files, listed[0].name))
            ids = tuple(audioset_id(label) for label in labels)
            translations = _translations(described.files, tensor, len(labels))
            record = HeadRecord(tensor.name or end.name, labels, ids, NamedBy.METADATA, translations)
            heads.append(record.info(index, locale))
    return tuple(heads)


def read_sample_rate(graph: Graph) -> int:
    """Return the sample rate that the metadata ask for, in Hz; `DEFAULT_SAMPLE_RATE` if they do not.

    Raises `ModelError` if it is out of range, or more than one channel is wanted.
    """
    audio = next((tensor.audio for tensor in _subgraph(graph).inputs[:1]), None)
    if audio is None or audio == AudioProperties(0, 0):  # both left out
        return DEFAULT_SAMPLE_RATE
    if audio.channels != 1 or audio.sample_rate not in SAMPLE_RATES:
        raise ModelError(
            f"the model wants {audio.channels} channels at {audio.sample_rate} Hz; "
            f"one channel at {SAMPLE_RATES[0]} to {SAMPLE_RATES[-1]} Hz is accepted"
        )
    return audio.sample_rate


def _subgraph(model: Graph | Described) -> SubgraphMetadata:
    subgraphs = model.metadata.subgraphs if model.metadata else ()
    return subgraphs[0] if subgraphs else SubgraphMetadata()


# -- Names ------------------------------------------------------------------------------------------------------


def _labels(graph: Graph, head: Head, tensor: TensorMetadata, classes: int) -> tuple[tuple[str, ...], NamedBy]:
    """Return the names of an output's classes, and what names them."""
    if listed := _label_files(tensor):
        return _read_labels(graph.files, listed[0].name, classes), NamedBy.METADATA
    if is_published_layer(graph, graph.outputs[head.output]):
        return official_head().labels, NamedBy.WEIGHTS
    return tuple(f"class {i}" for i in range(classes)), NamedBy.NOTHING


def _translations(files: Mapping[str, bytes], tensor: TensorMetadata, classes: int) -> dict[str, tuple[str, ...] | str]:
    """Return the names of each locale, of the first file that has it, or why that file cannot be used."""
    first: dict[str, AssociatedFile] = {}
    for file in _label_files(tensor):
        first.setdefault(plain_locale(file.locale), file)
    found: dict[str, tuple[str, ...] | str] = {}
    for locale, file in first.items():
        if locale:
            try:
                found[file.locale] = _read_labels(files, file.name, classes)
            except ModelError as error:
                found[file.locale] = str(error)
    return found


def _label_files(tensor: TensorMetadata) -> list[AssociatedFile]:
    return _of_type(tensor, FileType.TENSOR_AXIS_LABELS)


def _of_type(tensor: TensorMetadata, kind: FileType) -> list[AssociatedFile]:
    return [file for file in tensor.associated_files if file.type == kind]


def _read_labels(files: Mapping[str, bytes], name: str, classes: int) -> tuple[str, ...]:
    labels = parse_labels(_content(files, name))
    if len(labels) != classes:
        raise ModelError(f"the label file {name!r} has {len(labels)} lines for {classes} classes")
    return labels


def _content(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise ModelError(f"the metadata list a file {name!r} that the model does not hold")
    return files[name]


# -- Process units ----------------------------------------------------------------------------------------------


def _calibration(files: Mapping[str, bytes], tensor: TensorMetadata, classes: int) -> Calibration | None:
    unit = _only_unit(tensor, ScoreCalibration)
    if unit is None:
        return None
    listed = _of_type(tensor, FileType.TENSOR_AXIS_SCORE_CALIBRATION)
    if not listed:
        raise ModelError(f"the metadata of output {tensor.name!r} ask for score calibration and list no file for it")
    try:
        return parse_calibration(
            _content(files, listed[0].name), classes, unit.score_transformation, unit.default_score
        )
    except ModelError as error:
        raise ModelError(f"the score calibration file {listed[0].name!r}: {error}") from error


def _score_threshold(tensor: TensorMetadata) -> float | None:
    unit = _only_unit(tensor, ScoreThresholding)
    if unit is None:
        return None
    if not math.isfinite(unit.global_score_threshold):
        raise ModelError(f"the score threshold of output {tensor.name!r} is {unit.global_score_threshold}")
    return unit.global_score_threshold


def _only_unit(tensor: TensorMetadata, kind: type[_Unit]) -> _Unit | None:
    units = [unit for unit in tensor.process_units if isinstance(unit, kind)]
    if len(units) > 1:
        raise ModelError(f"output {tensor.name!r} has {len(units)} {kind.__name__} units; at most one is accepted")
    return units[0] if units else None
