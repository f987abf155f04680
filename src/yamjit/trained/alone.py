"""A head by itself as a model, from embeddings to scores; and what a model says about itself and its head."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from yamjit import checks
from yamjit.calibration import Calibration
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.reprs import brief_repr
from yamjit.spec import EMBEDDING
from yamjit.text import printable
from yamjit.tflite.metadata import (
    Metadata,
    ProcessUnit,
    ScoreCalibration,
    ScoreThresholding,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.metadata_tables import MIN_PARSER_VERSION
from yamjit.tflite.weight_types import dynamic_range
from yamjit.tflite.writer import write_graph
from yamjit.trained.attached import attached_calibration, attached_labels
from yamjit.trained.grafting import head_alone
from yamjit.trained.heads import Head

__all__ = ["ModelCard", "card_for", "card_metadata", "described_head", "export_head"]

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


@explained
@brief_repr
@dataclass(frozen=True, slots=True, repr=False)
class ModelCard:
    """Description of an exported model.

    Parameters
    ----------
    name, version, author, license : str
        Texts in the metadata.
    description : str, optional
        Another text in the metadata; by default it says what the head takes.
    head_name : str
        Name of the new output, and beginning of its files' names: letters, digits, '_', '-' and '.'.
    base_name : str
        Name of the model's previous output, if that is kept; by default the one that yamjit gave it, else "yamnet".
    display_names : mapping of str to sequence of str
        Names of the classes by language, such as ``{"de": ("Amsel", "Meise")}``.
    keep : bool
        Whether the model keeps its previous outputs, before the new one.
    calibration : Calibration, optional
        Calibration of the new output's scores.
    score_threshold : float in [0, 1], optional
        Score below which other tools drop results.
    digests : bool
        Whether the model keeps digests of the clips that it has learned from.
    date : datetime.date, optional
        Day on which the model was made; without it, the same arguments give the same file on every day.

    Raises
    ------
    InputError
        If a name cannot be that of a file, or of a locale.
    """

    name: str = "yamjit/custom"
    description: str | None = None
    version: str = "v1"
    author: str = ""
    license: str = ""
    head_name: str = "custom"
    base_name: str = ""
    display_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    keep: bool = False
    calibration: Calibration | None = None
    score_threshold: float | None = None
    digests: bool = True
    date: datetime.date | None = None

    def __post_init__(self) -> None:
        for name in ("name", "description", "version", "author", "license", "base_name"):
            if name != "description" or self.description is not None:
                checks.text(getattr(self, name), name)
        if not (isinstance(self.head_name, str) and _FILE_NAME.fullmatch(self.head_name)):
            found = checks.shown(self.head_name)
            raise InputError(f"head_name is {found}; 1 to 64 letters, digits, '_', '-' and '.' are accepted")
        for locale in checks.instance(self.display_names, "display_names", Mapping):
            if not (isinstance(locale, str) and _LOCALE.fullmatch(locale)):
                raise InputError(f"{checks.shown(locale)} is not a locale; names such as 'de' or 'pt-BR' are accepted")
        checks.flag(self.keep, "keep")
        checks.flag(self.digests, "digests")
        checks.instance(self.calibration, "calibration", Calibration, type(None))
        if self.score_threshold is not None:
            checks.number(self.score_threshold, "score_threshold", 0, 1)
        checks.instance(self.date, "date", datetime.date, type(None))


@explained
def export_head(head: Head, card: ModelCard | None = None, *, weights: str = "float32") -> bytes:
    """Write a head by itself: a model from embeddings, any number of rows, to scores.

    Parameters
    ----------
    head : Head
        Trained head.
    card : ModelCard, optional
        Description of the model.
    weights : {"float32", "dynamic"}
        Floating point; or int8 weights where a layer has 1024 or more, with float32 activations.

    Returns
    -------
    bytes
        Content of a ``.tflite`` file; the same for the same arguments.

    Raises
    ------
    InputError
        If display names or calibration do not fit the classes, or the head takes another feature than the embedding.
    """
    checks.instance(head, "head", Head)
    if head.features != EMBEDDING:
        raise InputError(
            f"the head takes the feature {printable(head.features)!r} of a model, not its embedding: export_model, or "
            "yamjit export, writes it together with the network that computes that"
        )
    checks.choice(weights, "weights", ("float32", "dynamic"))
    card = card_for(head, card)
    output, files = described_head(head, card, weights)
    source = TensorMetadata("embedding", "Embeddings of windows.")
    graph = head_alone(head, name=card.head_name)
    graph = replace(graph, metadata=card_metadata(card, (source,), (output,)), files=files)
    return write_graph(dynamic_range(graph) if weights == "dynamic" else graph)


def card_for(head: Head, card: ModelCard | None) -> ModelCard:
    """Return a card, or the default one, with a description."""
    card = checks.instance(ModelCard() if card is None else card, "card", ModelCard)
    if card.description is not None:
        return card
    source = "YAMNet's embedding" if head.features == EMBEDDING else f"an inner layer of YAMNet, {head.features},"
    text = f"Names sounds by {source} and a head that was trained on recordings of one's own."
    return replace(card, description=text)


def card_metadata(card: ModelCard, inputs: tuple[TensorMetadata, ...], outputs: tuple[TensorMetadata, ...]) -> Metadata:
    """Return the metadata of a model with the texts of a card."""
    return Metadata(
        name=card.name,
        description=card.description or "",
        version=card.version,
        author=card.author,
        license=card.license,
        min_parser_version=MIN_PARSER_VERSION,
        subgraphs=(SubgraphMetadata(inputs=inputs, outputs=outputs),),
    )


def described_head(head: Head, card: ModelCard, weights: str) -> tuple[TensorMetadata, dict[str, bytes]]:
    """Return the metadata of the new output, and its files."""
    classes = len(head.labels)
    labels = attached_labels(card.head_name, head.labels, dict(sorted(card.display_names.items())), classes)
    calibration = attached_calibration(card.head_name, card.calibration, classes)
    named = [f if not f.locale else replace(f, description=f"Names of the classes in {f.locale!r}.") for f in labels[0]]
    units: list[ProcessUnit] = []
    if card.calibration is not None:
        units.append(ScoreCalibration(card.calibration.score_transformation, card.calibration.default_score))
    if card.score_threshold is not None:
        units.append(ScoreThresholding(card.score_threshold))
    together = head.kind == "softmax" and weights != "int8"
    tensor = TensorMetadata(
        card.head_name,
        "Score of each class; they add up to 1." if together else "Score of each class, independent of the others.",
        process_units=tuple(units),
        stats_min=(0.0,),
        stats_max=(1.0,),
        associated_files=(*named, *calibration.described),
    )
    return tensor, labels.contents | calibration.contents
