"""What a plan file says to Python alone, as JSON: inner tensors, names in every language, calibration, provenance.

The file's digest tells that nothing has changed since it was written, not who wrote it: what is read is checked.
"""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from yamjit.calibration import Calibration
from yamjit.compiled.record import CompiledModel
from yamjit.errors import InputError, ModelError
from yamjit.heads import HeadRecord, NamedBy
from yamjit.plan.plan import Head, LogMel, Slot
from yamjit.tflite.score_transformation import ScoreTransformation

if TYPE_CHECKING:
    from yamjit.provenance import Provenance

__all__ = ["Bounds", "Description", "describe", "read_description"]

#: More axes than a tensor of a model has.
_MOST_AXES = 8
#: Most samples of a window.
_MOST_SAMPLES = 2**30
#: Types of values, by their names.
_TYPES = {dtype.name: dtype for dtype in map(np.dtype, ("int8", "float32", "complex64"))}
#: More outputs than a model has.
_MOST_OUTPUTS = 2**10


class Description(NamedTuple):
    """What a description says, see `yamjit.plan.plan.Plan` and `CompiledModel`."""

    name: str
    quantized_patch: Slot | None
    embedding: Slot | None
    slots: Mapping[str, Slot]
    log_mel: LogMel | None
    heads: tuple[Head, ...]
    records: tuple[HeadRecord, ...]
    provenance: Provenance | None


class Bounds(NamedTuple):
    """What the numbers of a description must keep to: the bytes of a patch's activations, and the number of steps."""

    arena: int
    steps: int


def describe(model: CompiledModel) -> bytes:
    """Return the description of a model."""
    plan = model.plan
    document = {
        "name": model.name,
        "quantized_patch": plan.quantized_patch and _of_slot(plan.quantized_patch),
        "embedding": plan.embedding and _of_slot(plan.embedding),
        "slots": {name: _of_slot(slot) for name, slot in plan.slots.items()},
        "log_mel": plan.log_mel,
        "heads": [
            {
                "tensor": head.name,
                "scores": _of_slot(head.scores),
                "logits": _of_slot(head.logits),
                "output": head.output,
                "name": record.name,
                "labels": record.labels,
                "audioset_ids": record.audioset_ids,
                "named_by": record.named_by.value,
                "translations": record.translations,
                "calibration": record.calibration and _of_calibration(record.calibration),
                "score_threshold": record.score_threshold,
            }
            for head, record in zip(plan.heads, model.heads, strict=True)
        ],
        "provenance": model.provenance and _of_provenance(model.provenance),
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _of_slot(slot: Slot) -> list[Any]:
    return [slot.name, slot.shape, slot.offset, slot.step, slot.scale, slot.zero_point, slot.dtype.name]


def _of_calibration(calibration: Calibration) -> list[Any]:
    # Rows of NaN, and -inf where no score must be exceeded, are what Python's JSON writes and reads.
    transformation = calibration.score_transformation.name
    return [calibration.parameters.tolist(), transformation, calibration.default_score]


def _of_provenance(provenance: Provenance) -> dict[str, Any]:
    digests = binascii.b2a_base64(provenance.digests.to_bytes(), newline=False).decode()
    return provenance.as_dict() | {"digests": digests}


# -- Reading ----------------------------------------------------------------------------------------------------


def read_description(data: bytes, bounds: Bounds) -> Description:
    """Read what `describe` wrote; raises `ModelError` if it is something else, or a number is out of bounds."""
    try:
        return _description(json.loads(data), bounds)
    # ValueError: `InputError` too; OverflowError: an integer beyond every float.
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise ModelError(f"the description in the plan file is not one that yamjit wrote: {error}") from error


def _description(document: dict[str, Any], bounds: Bounds) -> Description:
    heads = document["heads"]
    return Description(
        name=_text(document["name"]),
        quantized_patch=_slot_or_none(document["quantized_patch"], bounds),
        embedding=_slot_or_none(document["embedding"], bounds),
        slots={name: _slot(slot, bounds) for name, slot in document["slots"].items()},
        log_mel=_log_mel(document["log_mel"], document["slots"]),
        heads=tuple(
            Head(
                _text(head["tensor"]),
                _slot(head["scores"], bounds),
                _slot(head["logits"], bounds),
                _whole(head["output"], 0, _MOST_OUTPUTS),
            )
            for head in heads
        ),
        records=tuple(map(_record, heads)),
        provenance=_provenance(document["provenance"]) if document["provenance"] is not None else None,
    )


def _slot_or_none(values: list[Any] | None, bounds: Bounds) -> Slot | None:
    return None if values is None else _slot(values, bounds)


def _slot(values: list[Any], bounds: Bounds) -> Slot:
    name, shape, offset, step, scale, zero_point, dtype = values
    slot = Slot(
        name=_text(name),
        shape=tuple(_whole(size, 1, bounds.arena) for size in shape[:_MOST_AXES]),
        offset=_whole(offset, 0, bounds.arena),
        step=_whole(step, 0, bounds.steps - 1),
        scale=_number(scale),
        zero_point=_whole(zero_point, -128, 127),
        dtype=_TYPES[dtype],
    )
    if len(shape) > _MOST_AXES or slot.offset + slot.nbytes > bounds.arena:
        raise InputError(f"tensor {slot.name!r} ends beyond the activations")
    return slot


def _log_mel(values: list[Any] | None, slots: Mapping[str, Any]) -> LogMel | None:
    if values is None:
        return None
    name, (frames, bands), hop_length, frame_length = values
    sizes = [_whole(size, 1, _MOST_SAMPLES) for size in (frames, bands, hop_length, frame_length)]
    if slots[name][-1] != "float32" or math.prod(slots[name][1]) != frames * bands:
        raise InputError(f"{frames} frames of {bands} bands are not tensor {name!r}")
    return LogMel(_text(name), (sizes[0], sizes[1]), sizes[2], sizes[3])


def _record(head: dict[str, Any]) -> HeadRecord:
    labels = _texts(head["labels"], math.prod(head["scores"][1]))
    threshold, calibration = head["score_threshold"], head["calibration"]
    return HeadRecord(
        name=_text(head["name"]),
        labels=labels,
        audioset_ids=_texts(head["audioset_ids"], len(labels)),
        named_by=NamedBy(head["named_by"]),
        translations={
            locale: names if isinstance(names, str) else _texts(names, len(labels))
            for locale, names in head["translations"].items()
        },
        calibration=None if calibration is None else _calibration(calibration, len(labels)),
        score_threshold=None if threshold is None else _number(threshold),
    )


def _calibration(values: list[Any], classes: int) -> Calibration:
    parameters, transformation, default_score = values
    calibration = Calibration(np.array(parameters, np.float64), ScoreTransformation[transformation], default_score)
    if calibration.classes != classes:
        raise InputError(f"a calibration of {calibration.classes} classes for {classes}")
    return calibration


def _provenance(values: dict[str, Any]) -> Provenance:
    from yamjit.provenance import Provenance
    from yamjit.training_clips import TrainingClips

    clips, baked, unchanged = values["clips"], values["baked"], values["unchanged"]
    return Provenance(
        version=_text(values["version"]),
        base=_text(values["base"]),
        base_sha256=_text(values["base_sha256"]),
        clips=_whole(clips, 0, 2**63),
        date=_text(values["date"]),
        baked=tuple(_whole(index, 0, 2**63) for index in baked),
        unchanged=unchanged is True,
        digests=TrainingClips.from_bytes(binascii.a2b_base64(values["digests"])),
    )


def _texts(values: list[Any], count: int) -> tuple[str, ...]:
    if type(values) is not list or len(values) != count:
        raise InputError(f"{count} texts are expected")
    return tuple(map(_text, values))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise InputError(f"a text is expected, found {type(value).__name__}")
    return value


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise InputError(f"a whole number from {least} to {most} is expected")
    return value


def _number(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise InputError("a finite number is expected")
    return value
