"""A model with a trained head as one ``.tflite``: int8 network, labels in several languages, metadata, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from yamjit import checks
from yamjit.classifier import Classifier
from yamjit.deprecation import renamed
from yamjit.errors import InputError
from yamjit.keywords import explained
from yamjit.learn.features import Features
from yamjit.learn.optimizer import minimum
from yamjit.plan import compile_plan
from yamjit.plan.roles import Role, read_roles
from yamjit.provenance import Provenance, read_provenance, with_provenance, without_provenance
from yamjit.spec import own_version
from yamjit.tflite import Graph, read_graph, write_graph
from yamjit.tflite.metadata import (
    AudioProperties,
    Metadata,
    SubgraphMetadata,
    TensorMetadata,
)
from yamjit.tflite.weight_types import dynamic_range, floating
from yamjit.trained.alone import ModelCard, card_for, card_metadata, described_head
from yamjit.trained.grafting import graft, graft_floating, value_ranges
from yamjit.trained.heads import Dense, Head, cross_entropy, sigmoid, softmax
from yamjit.training_clips import TrainingClips

__all__ = ["export_model", "independent"]

Float32 = npt.NDArray[np.float32]


@explained
@renamed("graph", "model")
def export_model(
    model: Classifier | Graph,
    head: Head,
    embeddings: Features | Float32 | None,
    card: ModelCard | None = None,
    *,
    weights: str = "int8",
) -> bytes:
    """Write a model that scores a head's classes.

    What the head does not need is left out, unless the card says to keep it: of the network, all layers after those
    that compute the head's feature. The model says where it comes from: `Classifier.provenance`, once it is loaded.

    Parameters
    ----------
    model : Classifier or Graph
        Model that computed `embeddings`, or its graph.
    head : Head
        Trained head. In int8, one of kind "softmax" is exported as sigmoids that come close to its scores.
    embeddings : Features, np.ndarray [shape=(n, inputs), float32] or None
        Windows of the clips that the head has learned from: they determine the ranges of the int8 layers. With
        `Features`, the model keeps digests of the clips, by which `evaluate_model` finds them again; of clips with a
        split, only those of "train" count. None is accepted for a linear head of kind "sigmoid", and without int8.
    card : ModelCard, optional
        Description of the model.
    weights : {"int8", "mixed", "float32", "dynamic"}
        Integers throughout; or the model's integers with a head in floating point, whose scores are those of `head`; or
        all in floating point, as Model Maker exports models; or float32 activations with int8 weights (dynamic-range
        quantization). In floating point, the weights of the model are the real numbers that its integers stand for.

    Returns
    -------
    bytes
        Content of a ``.tflite`` file; the same for the same arguments.

    Raises
    ------
    InputError
        If display names or calibration do not fit the classes.
    ModelError
        If the model has no feature that fits the head, or the head's weights exceed the range of integers.
    """
    checks.instance(model, "model", Classifier, Graph)
    checks.instance(head, "head", Head)
    graph = model.graph if isinstance(model, Classifier) else model
    ours, graph = read_provenance(graph) is not None, without_provenance(graph)
    card = card_for(head, card)
    origin = _provenance(model, embeddings, card)
    if isinstance(embeddings, Features):
        head.check_features(embeddings.name)
    windows = _taught(embeddings).embeddings if isinstance(embeddings, Features) else embeddings
    roles = read_roles(model.roles) if isinstance(model, Classifier) else None
    how: _How = {"name": card.head_name, "keep": card.keep, "roles": roles}
    grown = _JOINED[checks.choice(weights, "weights", _JOINED)](graph, head, windows, how)
    output, files = described_head(head, card, weights)
    kept = dict(graph.files) if card.keep else {}
    clash = next((name for name in files if name in kept), None)
    if clash is not None:
        raise InputError(f"the model holds a file {clash!r} already; another head_name is accepted")
    described = replace(grown, metadata=_metadata(graph, output, card, ours=ours), files={**kept, **files})
    data = write_graph(with_provenance(read_graph(write_graph(described)), origin))
    # The file must run anywhere: no accumulator may overflow, whatever the head's weights.
    compile_plan(read_graph(data))
    return data


class _How(TypedDict):
    """How a head is joined, see `graft`."""

    name: str
    keep: bool
    roles: Sequence[Role] | None


def _join_mixed(graph: Graph, head: Head, _: Float32 | None, how: _How) -> Graph:
    return graft_floating(graph, head, **how)


def _join_floating(graph: Graph, head: Head, _: Float32 | None, how: _How) -> Graph:
    return graft_floating(floating(graph), head, **how)


def _join_dynamic(graph: Graph, head: Head, _: Float32 | None, how: _How) -> Graph:
    return dynamic_range(graft_floating(floating(graph), head, **how))


def _join_int8(graph: Graph, head: Head, windows: Float32 | None, how: _How) -> Graph:
    if windows is None and (head.kind != "sigmoid" or len(head.layers) > 1):
        raise InputError(
            "a head with a hidden layer, or of kind 'softmax', needs embeddings to be exported as int8; mixed, float32 "
            "or dynamic weights need none"
        )
    if windows is not None:
        windows = checks.array(windows, "embeddings", np.float32)
        if windows.shape[1:] != (head.inputs,) or not np.isfinite(windows).all():
            found = f"shape {windows.shape}"
            raise InputError(f"finite embeddings of shape (n, {head.inputs}) are accepted, found {found}")
        head = independent(head, windows)
    return graft(graph, head, value_ranges(head, windows), **how)


#: How a head is joined to a model's network, by the type of weights.
_JOINED = {"int8": _join_int8, "mixed": _join_mixed, "float32": _join_floating, "dynamic": _join_dynamic}


def _taught(features: Features) -> Features:
    """Return the windows of the clips that a head learns from, as `train_head` chooses them."""
    return features.select(features.dataset.teaching())


def _provenance(model: Classifier | Graph, windows: Features | Float32 | None, card: ModelCard) -> Provenance:
    """Return where a new model comes from; with the clips of the old one, whose outputs it may keep."""
    graph = model.graph if isinstance(model, Classifier) else model
    before = read_provenance(graph) if card.keep else None
    clips, digests = 0, before.digests if before else TrainingClips()
    if isinstance(windows, Features):
        taught = _taught(windows)
        pairs = zip(taught.hashes, taught.dataset.clips, strict=True)
        parts = [(sha256, clip.start_s, clip.end_s) for sha256, clip in pairs]
        clips = len(set(taught.dataset.clips))
        digests |= TrainingClips(parts if card.digests else ())
    return Provenance(
        version=own_version(),
        base=model.name if isinstance(model, Classifier) else graph.metadata.name if graph.metadata else "",
        base_sha256=model.source.sha256 if isinstance(model, Classifier) else "",
        clips=clips,
        date=card.date.isoformat() if card.date else "",
        baked=before.baked if before else (),
        digests=digests,
    )


def independent(head: Head, embeddings: Float32) -> Head:
    """Return a head of kind "sigmoid" that ranks the classes of every window as `head` does.

    One slope and one offset for all logits of a softmax head are fitted so that the sigmoids come close to its scores
    on these embeddings; they need not add up to 1.
    """
    if head.kind == "sigmoid":
        return head
    logits = head.logits(embeddings)
    shares = softmax(logits)
    middle = float(logits.max(axis=1).mean())

    def loss(position: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope = np.exp(position[0])
        x = slope * (logits - middle) + position[1]
        wrong = (sigmoid(x) - shares) / x.size
        gradient = np.array([float((wrong * (logits - middle)).sum()) * slope, float(wrong.sum())])
        return float(cross_entropy(x, shares).mean()), gradient

    position = minimum(loss, np.zeros(2), 1e-7)
    slope, offset = float(np.exp(position[0])), float(position[1])
    *first, (weights, bias) = head.layers
    scaled = Dense(
        weights * np.float32(slope), (slope * (bias.astype(np.float64) - middle) + offset).astype(np.float32)
    )
    return replace(head, kind="sigmoid", layers=(*first, scaled))


def _metadata(graph: Graph, output: TensorMetadata, card: ModelCard, *, ours: bool) -> Metadata:
    described = graph.metadata.subgraphs[0] if graph.metadata and graph.metadata.subgraphs else SubgraphMetadata()
    default = TensorMetadata("audio_clip", "Mono sound, samples in [-1, 1].", audio=AudioProperties(16_000, 1))
    outputs: tuple[TensorMetadata, ...] = (output,)
    if card.keep:
        had = [*described.outputs, *[TensorMetadata()] * len(graph.outputs)][: len(graph.outputs)]
        had[0] = replace(had[0], name=card.base_name or (had[0].name if ours else "") or "yamnet")
        outputs = (*had, *outputs)
    return card_metadata(card, described.inputs or (default,), outputs)
