"""What a model's outputs mean: names and ids of the classes, calibration and threshold of each output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from yamjit import checks
from yamjit.calibration import Calibration, parse_calibration
from yamjit.class_map import audioset_classes, audioset_id
from yamjit.errors import ModelError
from yamjit.head_names import told_apart
from yamjit.keywords import explained
from yamjit.labels import parse_labels
from yamjit.plan import Plan
from yamjit.reprs import brief_repr
from yamjit.text import folded
from yamjit.tflite import Graph
from yamjit.tflite.metadata import (
    AssociatedFile,
    FileType,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)

if TYPE_CHECKING:
    from yamjit.tflite.patching import Described

__all__ = [
    "DEFAULT_SAMPLE_RATE",
    "HeadInfo",
    "ListedClass",
    "list_classes",
    "official_head",
    "read_heads",
    "read_labelled_outputs",
    "read_sample_rate",
]

#: Sample rate of models that do not say theirs, in Hz: YAMNet's.
DEFAULT_SAMPLE_RATE = 16_000

_Unit = TypeVar("_Unit", ScoreCalibration, ScoreThresholding)


@brief_repr
@dataclass(frozen=True, slots=True, eq=False)
class HeadInfo:
    """What one output of a model means.

    Parameters
    ----------
    name : str
        Name in the metadata, else that of the tensor; all outputs have different names, see `read_heads`.
    index : int
        Position among the outputs, from 0.
    labels : tuple of str
        Names of the classes: the first label file; "class 0", "class 1", ... where there is none.
    display_names : tuple of str
        Names to be shown: the label file of the language that was asked for, else `labels`.
    audioset_ids : tuple of str
        Ids of AudioSet's classes with these names; empty where there is none.
    calibration : Calibration or None
        Calibration of scores that the metadata ask for.
    score_threshold : float or None
        Score below which results are to be dropped, by the metadata.
    """

    name: str
    index: int
    labels: tuple[str, ...]
    display_names: tuple[str, ...]
    audioset_ids: tuple[str, ...]
    calibration: Calibration | None = None
    score_threshold: float | None = None


def read_heads(graph: Graph, plan: Plan, locale: str = "en") -> tuple[HeadInfo, ...]:
    """Read what the metadata, matched by position, say about each of ``plan.heads``, in their order.

    Display names are read from the file of the `locale`, such as "de" or "pt-BR", else from one of its language, else
    they are the labels themselves. An output without a name, or with that of an earlier one in any case, gets its index
    added to its name. Raises `ModelError` if files are missing or malformed, or do not have a line for each class.
    """
    described = _subgraph(graph).outputs
    tensors = [described[index] if index < len(described) else TensorMetadata() for index in range(len(plan.heads))]
    names = told_apart([tensor.name or head.name for tensor, head in zip(tensors, plan.heads, strict=True)])
    heads = []
    for index, head in enumerate(plan.heads):
        tensor = tensors[index]
        classes = int(np.prod(head.scores.shape))
        labels, display_names = _names(graph.files, tensor, classes, locale)
        heads.append(
            HeadInfo(
                name=names[index],
                index=index,
                labels=labels,
                display_names=display_names,
                audioset_ids=tuple(audioset_id(label) for label in labels),
                calibration=_calibration(graph.files, tensor, classes),
                score_threshold=_score_threshold(tensor),
            )
        )
    return tuple(heads)


def read_labelled_outputs(described: Described, locale: str = "en") -> tuple[HeadInfo, ...]:
    """Read the names of the classes of a model, which may be one that cannot be run: each output with a label file.

    Calibration and thresholds are left out; `locale` is as for `read_heads`. Raises `ModelError` if a label file is not
    UTF-8.
    """
    heads = []
    for index, (end, tensor) in enumerate(zip(described.outputs, _subgraph(described).outputs, strict=False)):
        listed = _of_type(tensor, FileType.TENSOR_AXIS_LABELS)
        if not listed:
            continue
        labels = parse_labels(_content(described.files, listed[0].name))
        shown = _of_locale(listed, locale)
        display_names = labels if shown is None else _read_labels(described.files, shown.name, len(labels))
        ids = tuple(audioset_id(label) for label in labels)
        heads.append(HeadInfo(tensor.name or end.name, index, labels, display_names, ids))
    return tuple(heads)


def read_sample_rate(graph: Graph) -> int:
    """Return the sample rate that the metadata ask for, in Hz; `DEFAULT_SAMPLE_RATE` if they do not.

    Raises `ModelError` if it is out of range, or more than one channel is wanted.
    """
    audio = next((tensor.audio for tensor in _subgraph(graph).inputs[:1]), None)
    if audio is None:
        return DEFAULT_SAMPLE_RATE
    if audio.channels != 1 or not 1000 <= audio.sample_rate <= 768_000:
        raise ModelError(
            f"the model wants {audio.channels} channels at {audio.sample_rate} Hz; "
            "one channel at 1000 to 768000 Hz is accepted"
        )
    return audio.sample_rate


def _subgraph(model: Graph | Described) -> SubgraphMetadata:
    subgraphs = model.metadata.subgraphs if model.metadata else ()
    return subgraphs[0] if subgraphs else SubgraphMetadata()


# -- Names ------------------------------------------------------------------------------------------------------


def _names(
    files: Mapping[str, bytes], tensor: TensorMetadata, classes: int, locale: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return labels and display names."""
    listed = _of_type(tensor, FileType.TENSOR_AXIS_LABELS)
    if not listed:
        numbered = tuple(f"class {index}" for index in range(classes))
        return numbered, numbered
    labels = _read_labels(files, listed[0].name, classes)
    shown = _of_locale(listed, locale)
    return labels, labels if shown is None else _read_labels(files, shown.name, classes)


def _of_type(tensor: TensorMetadata, kind: FileType) -> list[AssociatedFile]:
    return [file for file in tensor.associated_files if file.type == kind]


def languages_of(graph: Graph) -> tuple[str, ...]:
    """Return the locales in which a model has names for its classes, such as "de" or "pt-BR", in order."""
    described = graph.metadata.subgraphs[0].outputs if graph.metadata and graph.metadata.subgraphs else ()
    return tuple(sorted({file.locale for tensor in described for file in tensor.associated_files if file.locale}))


def speaks(graph: Graph, locale: str) -> bool:
    """Return whether a model has names for a locale, or for another one of the same language."""
    wanted = _plain_locale(locale).partition("-")[0]
    return any(_plain_locale(known).partition("-")[0] == wanted for known in languages_of(graph))


def _of_locale(files: Iterable[AssociatedFile], locale: str) -> AssociatedFile | None:
    """Return the file of a locale, else the first one of its language, without a region before those with one."""
    wanted = _plain_locale(locale)
    language = wanted.partition("-")[0]
    by_locale: dict[str, AssociatedFile] = {}
    for file in files:
        by_locale.setdefault(_plain_locale(file.locale), file)
    near = [found for found in sorted(by_locale) if language and found.partition("-")[0] == language]
    return next((by_locale[found] for found in (wanted, *near) if found and found in by_locale), None)


def _plain_locale(locale: str) -> str:
    return locale.strip().replace("_", "-").casefold()


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


# -- For listing ------------------------------------------------------------------------------------------------


class ListedClass(NamedTuple):
    """A class of a head, as lists of classes show it.

    Parameters
    ----------
    class_index : int
        Position in the head.
    audioset_id : str
        Empty if AudioSet does not have the class.
    name, display_name : str
    parents : tuple of str
        Names of the AudioSet classes that it is a kind of.
    """

    class_index: int
    audioset_id: str
    name: str
    display_name: str
    parents: tuple[str, ...]


def official_head() -> HeadInfo:
    """Return what the output of the official YAMNet means, without the model: its classes are in AudioSet's table."""
    known = [one for one in audioset_classes().values() if one.yamnet_index is not None]
    known.sort(key=lambda one: one.yamnet_index or 0)
    names = tuple(one.name for one in known)
    return HeadInfo("scores", 0, names, names, tuple(one.id for one in known))


@explained
def list_classes(head: HeadInfo, text: str = "") -> tuple[ListedClass, ...]:
    """List the classes of a head.

    Parameters
    ----------
    head : HeadInfo
    text : str
        Text that the name, display name, id or a parent's name contains, in any case; empty for all classes.

    Returns
    -------
    tuple of ListedClass
        Sorted by index.
    """
    checks.text(text, "text")
    known = audioset_classes()
    rows = []
    for index, identifier in enumerate(head.audioset_ids):
        parents = tuple(known[parent].name for parent in known[identifier].parents) if identifier else ()
        rows.append(ListedClass(index, identifier, head.labels[index], head.display_names[index], parents))
    wanted = folded(text)
    return tuple(row for row in rows if any(wanted in folded(word) for word in (*row[1:4], *row.parents)))
