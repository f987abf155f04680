"""What a plan file says to Python alone, as JSON: inner tensors, names in every language, calibration, provenance."""

from __future__ import annotations

import binascii
import json
from typing import Any

from yamjit.calibration import Calibration
from yamjit.compiled.record import CompiledModel
from yamjit.heads import HeadRecord
from yamjit.plan.plan import Slot
from yamjit.provenance import Provenance

__all__ = ["describe"]


def describe(model: CompiledModel) -> bytes:
    """Return the description of a model."""
    plan = model.plan
    document = {
        "name": model.name,
        "quantized_patch": _slot(plan.quantized_patch),
        "embedding": plan.embedding and _slot(plan.embedding),
        "slots": {name: _slot(slot) for name, slot in plan.slots.items()},
        "heads": [
            {"tensor": head.name, "scores": _slot(head.scores), "logits": _slot(head.logits), **_record(record)}
            for head, record in zip(plan.heads, model.heads, strict=True)
        ],
        "provenance": model.provenance and _provenance(model.provenance),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _slot(slot: Slot) -> list[Any]:
    return [slot.name, slot.shape, slot.offset, slot.step, slot.scale, slot.zero_point]


def _record(record: HeadRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "labels": record.labels,
        "audioset_ids": record.audioset_ids,
        "is_labelled": record.is_labelled,
        "translations": record.translations,
        "calibration": record.calibration and _calibration(record.calibration),
        "score_threshold": record.score_threshold,
    }


def _calibration(calibration: Calibration) -> list[Any]:
    # Rows of NaN, and scores of -inf that must be exceeded, are what Python's JSON writes and reads.
    transformation = calibration.score_transformation.name
    return [calibration.parameters.tolist(), transformation, calibration.default_score]


def _provenance(provenance: Provenance) -> dict[str, Any]:
    digests = binascii.b2a_base64(provenance.digests.to_bytes(), newline=False).decode()
    return provenance.as_dict() | {"digests": digests}
