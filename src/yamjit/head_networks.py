"""Heads alone: models from embeddings to scores, which run in place of another model's own outputs."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from yamjit.announcing import logger
from yamjit.class_map import audioset_id
from yamjit.compiled.loading import load_compiled
from yamjit.disk import describe, read_regular
from yamjit.errors import ModelError, of_model_file
from yamjit.head_names import told_apart
from yamjit.heads import HeadRecord, NamedBy
from yamjit.kernels.backends import Backend
from yamjit.labels import parse_labels
from yamjit.network import Network, Quantized
from yamjit.store import ResolvedModel
from yamjit.text import plural
from yamjit.wrapped import wrapped_kind

if TYPE_CHECKING:
    from yamjit.compiled.record import CompiledModel
    from yamjit.plan.plan import Plan

__all__ = ["HeadNetworks"]

Float32 = npt.NDArray[np.float32]

#: Most bytes of a file of labels.
_MOST_BYTES = 2**20


class HeadNetworks:
    """Networks that a model's embeddings are given to, each on its own.

    Parameters
    ----------
    sources : sequence of ResolvedModel
        Files of the heads.
    network : Network
        Network of the model that computes the embeddings.
    backend : Backend

    Raises
    ------
    ModelError
        If the model has no embeddings, or a head does not take them or cannot be run exactly.
    InputError, LimitError
        If a head of arrays is not one that yamjit wrote, or is too large.
    """

    def __init__(self, sources: Sequence[ResolvedModel], network: Network, backend: Backend) -> None:
        self.sources = tuple(sources)
        self._network = network
        self._heads: list[Network] = []
        records: list[HeadRecord] = []
        for source in self.sources:
            with of_model_file(source.name):
                head = load_compiled(_as_model(source), backend)
                _check_input(head.plan, network.plan)
                records += _named_by_file(head, source)
            self._heads.append(Network(head.plan, backend))
        names = told_apart([record.name for record in records])
        #: What the files say about each output of the heads, in order.
        self.records = tuple(
            dataclasses.replace(record, name=name) for record, name in zip(records, names, strict=True)
        )

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plan of each head."""
        return tuple(head.plan for head in self._heads)

    def warm_up(self) -> None:
        """Do what `Network.warm_up` does, for all networks."""
        for network in (self._network, *self._heads):
            network.warm_up()

    def answers(self, patches: Float32) -> list[Quantized]:
        """Return scores and logits of each output of the heads, and the embeddings, see `Network.answers`."""
        embeddings = self._network.answers(patches)[-1]
        values = embeddings.real()
        return [*(found for head in self._heads for found in head.answers(values)[:-1]), embeddings]


def _as_model(source: ResolvedModel) -> ResolvedModel:
    """Return the file of a head as a model: one that training kept as arrays is written as such."""
    if not source.data.startswith(b"PK") or wrapped_kind(source.data) is not None:
        return source
    from yamjit.trained.alone import export_head
    from yamjit.trained.heads import Head

    head = Head.from_bytes(source.data, name=source.name or "the head")
    data = export_head(head)
    return dataclasses.replace(source, data=data, sha256=hashlib.sha256(data).hexdigest(), known=None)


def _check_input(head: Plan, model: Plan) -> None:
    """Check that a head takes what a model computes."""
    if model.embedding is None:
        raise ModelError("a head takes embeddings, and the model has none: an output of them, or a mean over positions")
    size, given = math.prod(model.embedding.shape), "x".join(map(str, head.patch_shape))
    if not head.takes_embeddings:
        what = "sound, samples or log-mel patches" if head.takes_samples else f"patches of {given}"
        raise ModelError(
            f"a head takes embeddings, {size} values; this model takes {what}: it is used by itself, as the model"
        )
    if head.patch_shape != (size,):
        raise ModelError(f"the head takes embeddings of {given} values; those of the model have {size}")


# -- Names of classes -------------------------------------------------------------------------------------------


def _named_by_file(head: CompiledModel, source: ResolvedModel) -> list[HeadRecord]:
    """Return what a head says of its outputs; of a file without metadata, with names from the files around it."""
    records = list(head.heads)
    if len(records) == 1 and source.path is not None:
        (record,) = records
        if record.name == head.plan.heads[0].name:  # of the tensor, which a converter called as it liked
            record = dataclasses.replace(record, name=source.path.stem)
        records = [record if record.is_labelled else _labelled(record, source.path)]
    for record in records:
        if record.named_by == NamedBy.NOTHING:
            beside = "" if source.path is None else f", and no {_label_files(source.path)[0].name} is beside it"
            logger(__name__).warning(
                "the head %r names no classes%s: they are called class 0 to class %d",
                *(source.name or record.name, beside, len(record.labels) - 1),
            )
    return records


def _label_files(path: Path) -> tuple[Path, ...]:
    """Return the files beside a head in which its classes may be named, a line each."""
    return path.with_suffix(".txt"), path.with_name(f"{path.stem}_labels.txt"), path.with_name("labels.txt")


def _labelled(record: HeadRecord, path: Path) -> HeadRecord:
    for file in _label_files(path):
        try:
            labels = parse_labels(read_regular(file, _MOST_BYTES))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise ModelError(f"the label file {str(file)!r} cannot be read: {describe(error)}") from error
        if len(labels) != len(record.labels):
            found = f"{plural(len(labels), 'line')}; the head has {plural(len(record.labels), 'class')}"
            raise ModelError(f"the label file {str(file)!r} has {found}")
        ids = tuple(map(audioset_id, labels))
        return dataclasses.replace(record, labels=labels, audioset_ids=ids, named_by=NamedBy.FILE)
    return record
