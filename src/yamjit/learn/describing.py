"""Labels, calibration and texts of any TFLite audio model, changed without a change to its network."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from yamjit import checks
from yamjit.audio.limits import DEFAULT_AUDIO_LIMITS, check_channels, check_rate
from yamjit.calibration import Calibration
from yamjit.errors import InputError, LimitError, ModelError
from yamjit.head_names import choose_heads, describe_heads, told_apart
from yamjit.heads import HeadInfo
from yamjit.provenance import Provenance, read_provenance, renewed, with_provenance, without_digests
from yamjit.tflite import read_graph
from yamjit.tflite.metadata import (
    AudioProperties,
    FileType,
    Metadata,
    ProcessUnit,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.metadata_tables import MIN_PARSER_VERSION
from yamjit.tflite.patching import Described, replace_metadata
from yamjit.trained.attached import Attached, attached_calibration, attached_labels

__all__ = [
    "TEXTS",
    "as_document",
    "drop_digests",
    "find_output",
    "set_audio",
    "set_calibration",
    "set_labels",
    "set_provenance",
    "set_texts",
]

#: Texts in the metadata of a model.
TEXTS = ("name", "description", "version", "author", "license")

#: Most classes that are counted: the shape of an output in a file may be anything.
_MOST_CLASSES = 2**20


def set_texts(described: Described, **texts: str) -> bytes:
    """Return a model with other texts, by their names in `TEXTS`."""
    strange = [name for name in texts if name not in TEXTS]
    if strange:
        raise InputError(f"there is no text {strange[0]!r}; use one of {', '.join(TEXTS)}")
    for name, text in texts.items():
        checks.text(text, name)
    changes: dict[str, Any] = {**texts}
    return _replaced(described, replace(_metadata(described), **changes), described.files)


def set_audio(described: Described, sample_rate: int, channels: int = 1) -> bytes:
    """Return a model whose metadata has this sample rate, in Hz, and number of channels for its first input."""
    sample_rate = check_rate(sample_rate, "sample_rate", DEFAULT_AUDIO_LIMITS)
    channels = check_channels(channels, DEFAULT_AUDIO_LIMITS)
    metadata = _metadata(described)
    subgraph = metadata.subgraphs[0]
    first, *others = subgraph.inputs
    inputs = (replace(first, audio=AudioProperties(sample_rate, channels)), *others)
    return _replaced(described, _with(metadata, replace(subgraph, inputs=inputs)), described.files)


def set_provenance(described: Described, provenance: Provenance) -> bytes:
    """Return a model that says where it comes from; one that yamjit cannot run is a `ModelError`."""
    graph = with_provenance(read_graph(described.data), provenance)
    return replace_metadata(described, graph.metadata or _metadata(described), graph.files)


def drop_digests(described: Described) -> bytes:
    """Return a model without the digests of the clips that it has learned from; without any, an `InputError`."""
    graph = read_graph(described.data)
    record = read_provenance(graph)
    if record is None or not len(record.digests):
        raise InputError("the model keeps no digests of recordings")
    graph = without_digests(graph)
    return replace_metadata(described, graph.metadata or _metadata(described), graph.files)


def set_labels(
    described: Described,
    labels: Sequence[str],
    *,
    display_names: Mapping[str, Sequence[str]] | None = None,
    output: int | str | None = None,
) -> bytes:
    """Return a model with other names of the classes of an output, which `find_output` finds.

    There is a name for each class, or any number if the shape of the output leaves it open; and the same by language.
    """
    tensor, place = _output(described, output, (len(labels),))
    classes = described.outputs[place].classes
    files = attached_labels(_file_stem(tensor), labels, display_names or {}, len(labels) if classes < 0 else classes)
    return _with_files(described, place, tensor, FileType.TENSOR_AXIS_LABELS, files)


def set_calibration(
    described: Described,
    calibration: Calibration | None,
    *,
    score_threshold: float | None = None,
    output: int | str | None = None,
) -> bytes:
    """Return a model with another calibration of an output, or none; `find_output` finds the output.

    A `score_threshold` in [0, 1] is one below which other tools drop results; without one, that of the model stays.
    """
    tensor, place = _output(described, output, () if calibration is None else (calibration.classes,))
    classes = described.outputs[place].classes
    files = attached_calibration(_file_stem(tensor), calibration, classes)
    units: list[ProcessUnit] = [u for u in tensor.process_units if not isinstance(u, ScoreCalibration)]
    if score_threshold is not None:
        score_threshold = checks.number(score_threshold, "score_threshold", 0, 1)
        units = [u for u in units if not isinstance(u, ScoreThresholding)] + [ScoreThresholding(score_threshold)]
    if calibration is not None:
        units.insert(0, ScoreCalibration(calibration.score_transformation, calibration.default_score))
    changed = replace(tensor, process_units=tuple(units))
    return _with_files(described, place, changed, FileType.TENSOR_AXIS_SCORE_CALIBRATION, files)


def _file_stem(tensor: TensorMetadata) -> str:
    """Return an output's name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", tensor.name).strip("._")[:64] or "scores"


def find_output(described: Described, output: int | str | None, classes: Collection[int] = ()) -> HeadInfo:
    """Return the output with an index, counted from the last if negative, or name; its labels are left empty.

    None stands for the only output, or the only one of several whose number of classes is among `classes`. If there is
    no such output, or several are possible, an `InputError` lists them.
    """
    tensors = _metadata(described).subgraphs[0].outputs
    names = told_apart([tensor.name or end.name for tensor, end in zip(tensors, described.outputs, strict=False)])
    heads = [
        HeadInfo(name, index, ("",) * min(end.classes, _MOST_CLASSES), (), ())
        for index, (name, end) in enumerate(zip(names, described.outputs, strict=True))
    ]
    if output is not None or len(heads) == 1:
        return choose_heads(heads, output)[0]
    fitting = [head for head in heads if not (classes and head.labels) or len(head.labels) in classes]
    if len(fitting) != 1:
        wanted = f" of {' or '.join(map(str, classes))} classes" if classes else ""
        known = describe_heads(heads)
        raise InputError(f"the model has {len(fitting)} outputs{wanted}; name one of {known}")
    return fitting[0]


def _output(described: Described, output: int | str | None, classes: Collection[int]) -> tuple[TensorMetadata, int]:
    """Return the metadata of an output, and its place."""
    place = find_output(described, output, classes).index
    return _metadata(described).subgraphs[0].outputs[place], place


def _metadata(described: Described) -> Metadata:
    """Return the metadata with an entry for every input and output."""
    metadata = described.metadata or Metadata(min_parser_version=MIN_PARSER_VERSION)
    subgraph = metadata.subgraphs[0] if metadata.subgraphs else SubgraphMetadata()
    inputs, outputs = list(subgraph.inputs), list(subgraph.outputs)
    inputs += [TensorMetadata("audio_clip")] * (len(described.inputs) - len(inputs))
    while len(outputs) < len(described.outputs):
        outputs.append(TensorMetadata(f"scores{len(outputs) or ''}"))
    filled = replace(subgraph, inputs=tuple(inputs), outputs=tuple(outputs))
    return _with(metadata, filled)


def _with(metadata: Metadata, subgraph: SubgraphMetadata) -> Metadata:
    return replace(metadata, subgraphs=(subgraph, *metadata.subgraphs[1:]))


def _with_files(described: Described, place: int, tensor: TensorMetadata, kind: FileType, files: Attached) -> bytes:
    """Return a model whose output has these files in place of those of their kind."""
    dropped = {file.name for file in tensor.associated_files if file.type == kind}
    kept = tuple(file for file in tensor.associated_files if file.name not in dropped)
    metadata = _metadata(described)
    subgraph = metadata.subgraphs[0]
    outputs = list(subgraph.outputs)
    outputs[place] = replace(tensor, associated_files=(*kept, *files.described))
    others = {f.name for k, t in enumerate(outputs) if k != place for f in t.associated_files}
    clash = next((name for name in files.contents if name in others), None)
    if clash is not None:
        raise InputError(f"another output has a file {clash!r}")
    contents = {n: data for n, data in described.files.items() if n not in dropped or n in others} | files.contents
    return _replaced(described, _with(metadata, replace(subgraph, outputs=tuple(outputs))), contents)


def _replaced(described: Described, metadata: Metadata, files: Mapping[str, bytes]) -> bytes:
    """Return a model with other metadata and files; what yamjit keeps about a model of its own holds for it again."""
    data = replace_metadata(described, metadata, files)
    try:
        before = read_graph(described.data)
    except (ModelError, LimitError):  # a model that yamjit cannot run, and did not write
        return data
    if read_provenance(before) is None:
        return data
    whole = renewed(before, read_graph(data))
    return replace_metadata(described, whole.metadata or metadata, whole.files)


def as_document(described: Described) -> dict[str, Any]:
    """Return the metadata of a model as plain values for JSON."""
    document: dict[str, Any] = {} if described.metadata is None else _plain(described.metadata)
    document["tensors"] = {
        "inputs": [{"name": end.name, "shape": list(end.shape)} for end in described.inputs],
        "outputs": [{"name": end.name, "shape": list(end.shape)} for end in described.outputs],
    }
    document["files"] = {name: len(data) for name, data in described.files.items()}
    return document


def _plain(value: Any) -> Any:
    """Return a record as a mapping, without its empty fields."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        found = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        kind = type(value).__name__
        unit = {"kind": kind} if kind in ("Normalization", "ScoreCalibration", "ScoreThresholding") else {}
        return unit | {name: item for name, item in found.items() if item not in ("", [], None)}
    if hasattr(value, "name"):
        return value.name
    return None if isinstance(value, float) and not math.isfinite(value) else value
