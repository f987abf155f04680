"""A head and a model as one ``.tflite``: the network in int8, labels in several languages, metadata, calibration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.learn.grafting import graft, value_ranges
from yamjit.learn.heads import Dense, Head, checked_labels, sigmoid, softmax
from yamjit.learn.optimizer import minimize
from yamjit.plan import compile_plan
from yamjit.tflite import Graph, read_graph, write_graph
from yamjit.tflite.metadata import (
    AssociatedFile,
    AudioProperties,
    FileType,
    Metadata,
    ProcessUnit,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)

__all__ = ["ModelCard", "export_model", "independent"]

Float32 = npt.NDArray[np.float32]

#: The first version of the metadata schema that knows audio.
_MIN_PARSER_VERSION = "1.3.0"

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What an exported model says about itself.

    Parameters
    ----------
    name, description, version, author, license : str
    head_name : str
        Name of the new output and prefix of its files' names: letters, digits, '_', '-' and '.'.
    base_name : str
        Name of the output that the model had, if it is kept.
    display_names : mapping of str to sequence of str
        Names of the classes by language, such as ``{"de": ("Amsel", "Meise")}``.
    keep : bool
        Whether the model keeps the outputs that it had, before the new one.
    calibration : Calibration, optional
        Calibration of the new output's scores.
    score_threshold : float, optional
        Score below which other tools drop results.

    Raises
    ------
    InputError
        If a name is not valid for a file or a locale.
    """

    name: str = "yamjit/custom"
    description: str = "Names sounds by YAMNet's embedding and a head that was trained on recordings of one's own."
    version: str = "v1"
    author: str = ""
    license: str = ""
    head_name: str = "custom"
    base_name: str = "yamnet"
    display_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keep: bool = False
    calibration: Calibration | None = None
    score_threshold: float | None = None

    def __post_init__(self) -> None:
        for name in ("name", "description", "version", "author", "license", "base_name"):
            checks.text(getattr(self, name), name)
        if not (isinstance(self.head_name, str) and _FILE_NAME.fullmatch(self.head_name)):
            found = checks.shown(self.head_name)
            raise InputError(f"head_name is {found}; 1 to 64 letters, digits, '_', '-' and '.' are accepted")
        for locale in checks.instance(self.display_names, "display_names", Mapping):
            if not (isinstance(locale, str) and _LOCALE.fullmatch(locale)):
                raise InputError(f"{checks.shown(locale)} is not a locale such as 'de' or 'pt-BR'")
        checks.flag(self.keep, "keep")
        checks.instance(self.calibration, "calibration", Calibration, type(None))
        if self.score_threshold is not None:
            checks.number(self.score_threshold, "score_threshold", 0, 1)


def export_model(graph: Graph, head: Head, embeddings: Float32 | None, card: ModelCard | None = None) -> bytes:
    """Write a model that scores a head's classes.

    Parameters
    ----------
    graph : Graph
        Graph of the model that `embeddings` come from, such as ``yamjit.load().graph``.
    head : Head
        A head of kind "softmax" is exported as `independent` makes it: every output of the network is a sigmoid.
    embeddings : np.ndarray [shape=(n, inputs), float32] or None
        Embeddings of many windows, best those of the training: they give the range of values of the int8 layers. A
        linear head of kind "sigmoid" does not need them.
    card : ModelCard, optional

    Returns
    -------
    bytes
        A ``.tflite``; the same for the same arguments.

    Raises
    ------
    InputError
        If display names or calibration do not fit the classes.
    ModelError
        If the model has no embedding that fits the head, or the head's weights are beyond what integers can hold.
    """
    checks.instance(graph, "graph", Graph)
    checks.instance(head, "head", Head)
    card = checks.instance(ModelCard() if card is None else card, "card", ModelCard)
    if embeddings is None and (head.kind != "sigmoid" or len(head.layers) > 1):
        raise InputError("a head with a hidden layer, or of kind 'softmax', needs embeddings to be exported")
    if embeddings is not None:
        embeddings = checks.array(embeddings, "embeddings", np.float32)
        if embeddings.shape[1:] != (head.inputs,) or not np.isfinite(embeddings).all():
            found = f"shape {embeddings.shape}"
            raise InputError(f"embeddings of shape (n, {head.inputs}), finite, are accepted, found {found}")
        head = independent(head, embeddings)
    grown = graft(graph, head, value_ranges(head, embeddings), name=card.head_name, keep=card.keep)
    files = _files(head, card)
    if card.keep:
        clash = next((name for name in files if name in graph.files), None)
        if clash is not None:
            raise InputError(f"the model holds a file {clash!r} already; another head_name is accepted")
    kept = {name: data for name, data in graph.files.items() if card.keep}
    data = write_graph(replace(grown, metadata=_metadata(graph, head, card), files={**kept, **files}))
    # The file can be run by anyone: whatever the head's weights, no accumulator may overflow.
    compile_plan(read_graph(data))
    return data


def independent(head: Head, embeddings: Float32) -> Head:
    """Return a head of kind "sigmoid" that ranks the classes of every window as `head` does.

    One slope and one offset for all logits of a softmax head are fitted so that their sigmoids are close to its shares.
    Where the shares of several classes are far apart, so are the sigmoids; they need not add up to 1.

    Parameters
    ----------
    head : Head
    embeddings : np.ndarray [shape=(n, inputs), float32]
    """
    if head.kind == "sigmoid":
        return head
    logits = head.logits(embeddings)
    shares = softmax(logits)
    middle = float(logits.max(axis=1).mean())

    def loss(position: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope = np.exp(position[0])
        x = slope * (logits - middle) + position[1]
        each = np.maximum(x, 0) - x * shares + np.log1p(np.exp(-np.abs(x)))
        wrong = (sigmoid(x) - shares) / x.size
        gradient = np.array([float((wrong * (logits - middle)).sum()) * slope, float(wrong.sum())])
        return float(each.mean()), gradient

    position = np.zeros(2)
    for point in minimize(loss, position, 1e-7):
        position = point.position
    slope, offset = float(np.exp(position[0])), float(position[1])
    *first, (weights, bias) = head.layers
    scaled = Dense(
        weights * np.float32(slope), (slope * (bias.astype(np.float64) - middle) + offset).astype(np.float32)
    )
    return Head(head.labels, "sigmoid", (*first, scaled))


# -- What it says about itself ----------------------------------------------------------------------------------


def _label_file(card: ModelCard, locale: str = "") -> str:
    return f"{card.head_name}_labels{'_' if locale else ''}{locale}.txt"


def _calibration_file(card: ModelCard) -> str:
    return f"{card.head_name}_score_calibration.csv"


def _files(head: Head, card: ModelCard) -> dict[str, bytes]:
    """Return the files of the new output."""
    files = {_label_file(card): _lines(head.labels)}
    for locale, names in sorted(card.display_names.items()):
        names = checks.elements(names, f"display_names of {locale!r}", "names")
        try:
            checked_labels(tuple(dict.fromkeys(names)))  # several classes may be shown under one name
        except InputError as error:
            raise InputError(f"display names of {locale!r}: {error}") from error
        if len(names) != len(head.labels):
            raise InputError(f"{len(names)} display names of {locale!r} for {len(head.labels)} classes")
        files[_label_file(card, locale)] = _lines(names)
    if card.calibration is not None:
        if card.calibration.classes != len(head.labels):
            raise InputError(f"a calibration of {card.calibration.classes} classes for {len(head.labels)}")
        files[_calibration_file(card)] = card.calibration.to_csv().encode()
    return files


def _lines(names: Sequence[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode("utf-8")


def _metadata(graph: Graph, head: Head, card: ModelCard) -> Metadata:
    described = graph.metadata.subgraphs[0] if graph.metadata and graph.metadata.subgraphs else SubgraphMetadata()
    default = TensorMetadata("audio_clip", "Mono sound, samples in [-1, 1].", audio=AudioProperties(16_000, 1))
    outputs: tuple[TensorMetadata, ...] = (_head_metadata(head, card),)
    if card.keep:
        had = [*described.outputs, *[TensorMetadata()] * len(graph.outputs)][: len(graph.outputs)]
        had[0] = replace(had[0], name=card.base_name)
        outputs = (*had, *outputs)
    return Metadata(
        name=card.name,
        description=card.description,
        version=card.version,
        author=card.author,
        license=card.license,
        min_parser_version=_MIN_PARSER_VERSION,
        subgraphs=(SubgraphMetadata(inputs=described.inputs or (default,), outputs=outputs),),
    )


def _head_metadata(head: Head, card: ModelCard) -> TensorMetadata:
    files = [AssociatedFile(_label_file(card), "Names of the classes.", FileType.TENSOR_AXIS_LABELS)]
    for locale in sorted(card.display_names):
        description = f"Names of the classes in {locale!r}."
        files.append(AssociatedFile(_label_file(card, locale), description, FileType.TENSOR_AXIS_LABELS, locale))
    units: list[ProcessUnit] = []
    if card.calibration is not None:
        units.append(ScoreCalibration(card.calibration.score_transformation, card.calibration.default_score))
        description = "Scale, slope and offset of each class."
        files.append(AssociatedFile(_calibration_file(card), description, FileType.TENSOR_AXIS_SCORE_CALIBRATION))
    if card.score_threshold is not None:
        units.append(ScoreThresholding(card.score_threshold))
    return TensorMetadata(
        card.head_name,
        "Score of each class, independent of the others.",
        process_units=tuple(units),
        stats_min=(0.0,),
        stats_max=(1.0,),
        associated_files=tuple(files),
    )
