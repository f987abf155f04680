"""Where a model comes from: the record that yamjit keeps in the models that it writes.

The record is a file in the model, ``yamjit.json``, which other tools leave alone. A digest in it stands for everything
else in it and in the model: operators, weights, metadata, labels, calibration. It tells whether the model is as yamjit
wrote it; it is a digest, not a signature. Digests of the training clips are a second file, ``yamjit_training_clips``.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from yamjit.errors import InputError
from yamjit.training_clips import TrainingClips

if TYPE_CHECKING:
    from yamjit.tflite.graph import Graph

__all__ = [
    "Provenance",
    "read_provenance",
    "renewed",
    "with_provenance",
    "without_digests",
    "without_provenance",
]

_RECORD, _CLIPS = "yamjit.json", "yamjit_training_clips"

_DESCRIPTIONS = {
    _RECORD: "What yamjit made this model from, and a digest of the rest of it.",
    _CLIPS: "Digests of the recordings that the model has learned from.",
}

#: The texts of a record, under their names in the file.
_TEXTS = ("version", "base", "base_sha256", "date")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from that yamjit wrote.

    Parameters
    ----------
    version : str
        Version of yamjit.
    base : str
        Name of the model whose network it has; empty if it is not known.
    base_sha256 : str
        SHA-256 of that model's file, in hexadecimal; empty if it is not known.
    clips : int
        Number of clips that the model has learned from; 0 if it is not known.
    date : str
        Day on which it was made, such as "2026-05-12"; empty unless it was given.
    baked : tuple of int
        Places, from 0, of the outputs whose calibration is in the network.
    unchanged : bool
        Whether the model is as yamjit wrote it.
    digests : TrainingClips
        Digests of the clips.
    """

    version: str
    base: str = ""
    base_sha256: str = ""
    clips: int = 0
    date: str = ""
    baked: tuple[int, ...] = ()
    unchanged: bool = True
    digests: TrainingClips = field(default_factory=TrainingClips, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return what is known as plain values for JSON."""
        known = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)[:-1]}
        return known | {"baked": list(self.baked), "digests": len(self.digests)}


def read_provenance(graph: Graph) -> Provenance | None:
    """Return where a model comes from; None if yamjit did not write it, or its record is damaged."""
    try:
        document = json.loads(graph.files[_RECORD])
        return _read(document, TrainingClips.from_bytes(graph.files.get(_CLIPS, b"")), graph)
    except (KeyError, ValueError, TypeError, RecursionError):  # ValueError: also what is not JSON, and `InputError`
        return None


def _read(document: Any, digests: TrainingClips, graph: Graph) -> Provenance:
    if not isinstance(document, dict):
        raise InputError("not a record of yamjit")
    texts = {name: document.get(name, "") for name in _TEXTS}
    clips, baked = document.get("clips", 0), document.get("baked", [])
    counts = [type(count) is int and 0 <= count < 2**63 for count in (clips, *baked)]
    if not all(counts) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError("not a record of yamjit")
    said = {key: value for key, value in document.items() if key != "digest"}
    unchanged = document.get("digest") == _digest(graph, said)
    return Provenance(**texts, clips=clips, baked=tuple(baked), unchanged=unchanged, digests=digests)


def with_provenance(graph: Graph, provenance: Provenance) -> Graph:
    """Return a graph, with metadata as they are read from a file, that says where it comes from."""
    from yamjit.tflite.metadata import AssociatedFile, Metadata

    plain = without_provenance(graph)
    contents = {_CLIPS: provenance.digests.to_bytes()} if len(provenance.digests) else {}
    listed = tuple(AssociatedFile(name, _DESCRIPTIONS[name]) for name in (_RECORD, *contents))
    metadata = plain.metadata or Metadata()
    metadata = replace(metadata, associated_files=(*metadata.associated_files, *listed))
    whole = replace(plain, metadata=metadata, files={**plain.files, _RECORD: b"", **contents})
    known = {name: value for name, value in provenance.as_dict().items() if value and name not in _DERIVED}
    record = json.dumps(known | {"digest": _digest(whole, known)}, indent=1).encode() + b"\n"
    return replace(whole, files={**whole.files, _RECORD: record})


def renewed(before: Graph, after: Graph, **changes: Any) -> Graph:
    """Return a changed graph whose record holds for it, if it held before; with `changes` of the record."""
    provenance = read_provenance(before)
    if provenance is None or not provenance.unchanged:
        return after
    return with_provenance(after, replace(provenance, **changes))


#: What is not written: it is found out when the record is read.
_DERIVED = ("unchanged", "digests")


def without_provenance(graph: Graph) -> Graph:
    """Return a graph that does not say where it comes from."""
    return _without(graph, _RECORD, _CLIPS)


def without_digests(graph: Graph) -> Graph:
    """Return a graph that does not say which clips it has learned from, and else what it said before."""
    return renewed(graph, _without(graph, _CLIPS), digests=TrainingClips())


def _without(graph: Graph, *names: str) -> Graph:
    metadata = graph.metadata
    if metadata is not None:
        kept = tuple(file for file in metadata.associated_files if file.name not in names)
        metadata = replace(metadata, associated_files=kept)
    return replace(graph, metadata=metadata, files={n: data for n, data in graph.files.items() if n not in names})


def _digest(graph: Graph, record: dict[str, Any]) -> str:
    """Return the SHA-256 of all that a model is and says, and of its record but for the digest.

    It is taken of values, not of bytes of the file, so that it does not depend on how tables are laid out. Fields that
    say nothing are omitted: a new one in the schema does not change the digests of older models.
    """
    files = {name: hashlib.sha256(data).hexdigest() for name, data in graph.files.items() if name != _RECORD}
    values = _plain(replace(graph, files={})) | {"files": files, "record": record}
    if values["arithmetic"] == "reference":
        del values["arithmetic"]  # the digests of older models were taken without it
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


#: An option that counts only if it is set: the digests of older models were taken without it.
_LATER = "asymmetric_quantize_inputs"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        found = {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
        if found.get(_LATER) is False:
            del found[_LATER]
        return {"": type(value).__name__} | {name: item for name, item in found.items() if item not in ("", [], None)}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        little = value.astype(value.dtype.newbyteorder("<"), copy=False)
        return [value.dtype.name, list(value.shape), hashlib.sha256(little.tobytes()).hexdigest()]
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, enum.Enum):
        return value.value
    return value
