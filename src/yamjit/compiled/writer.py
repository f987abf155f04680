"""CompiledModel -> plan file, for either family of processors and on any machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from yamjit.compiled.description import describe
from yamjit.compiled.record import CompiledModel
from yamjit.errors import ModelError
from yamjit.heads import HeadRecord
from yamjit.kernels.log_mel.packing import make_tables
from yamjit.kernels.log_mel.tables import Field as TableField
from yamjit.kernels.log_mel.tables import is_transformed
from yamjit.kernels.memory import Packer
from yamjit.kernels.plan_file.layout import FAMILIES, FORMAT_VERSION, HEADER_BYTES, MAGIC, Field, HeadField
from yamjit.kernels.plan_file.xxh64 import xxh64
from yamjit.kernels.prepared.preparation import prepare
from yamjit.kernels.program import Program
from yamjit.kernels.vectors.target import TARGETS
from yamjit.kernels.workspace import PreparedProgram
from yamjit.plan.plan import Head, Plan

__all__ = ["has_plan_file", "plan_file_bytes"]

_Fields: TypeAlias = dict[Field, int]

#: Most steps that `yamjit.kernels.plan_file.check` takes.
_MOST_STEPS = 2**12

#: A target of each family; all of one family have their constants packed alike.
_TARGETS = {"x86": TARGETS["plain"], "arm": TARGETS["neon"], "wasm": TARGETS["wasm"]}


def has_plan_file(plan: Plan) -> bool:
    """Return whether a plan can be written as a plan file, see `plan_file_bytes`."""
    return _why_not(plan) is None


def _why_not(plan: Plan) -> str | None:
    """Return why a plan cannot be written as a plan file, if it cannot."""
    if not plan.heads:
        return "it has no output of scores"
    if len(plan.program.steps) > _MOST_STEPS:
        return f"its network has {len(plan.program.steps)} steps; a plan file takes {_MOST_STEPS}"
    if plan.front_end is not None and not is_transformed(plan.front_end):
        length = plan.front_end.n_fft
        return f"its front end transforms {length} samples a frame; a plan file takes powers of two from 8 on"
    return None


def plan_file_bytes(
    model: CompiledModel, family: str, sha256: str, digest: Callable[[memoryview], int] = xxh64
) -> bytes:
    """Return a model as a plan file, the same bytes on every machine.

    Parameters
    ----------
    model : CompiledModel
        As `compile_model` returns it.
    family : {"x86", "arm", "wasm"}
        Family of the processors that the file is for.
    sha256 : str
        SHA-256 of the model's file, in hexadecimal.
    digest : callable, optional
        What computes XXH64: the entry of a library is a thousand times as fast.

    Raises
    ------
    ModelError
        If the model's front end is not one that the kernel computes.
    """
    plan, program = model.plan, model.plan.program
    if reason := _why_not(plan):
        raise ModelError(reason)
    if isinstance(program, PreparedProgram):
        raise ModelError("the plan is of a plan file; one that was compiled from the model's graph is accepted")
    file = Packer()
    header = np.zeros(HEADER_BYTES // 8, np.int64)
    file.add(header)
    fields = {Field.MAGIC: MAGIC, Field.VERSION: FORMAT_VERSION, Field.FAMILY: FAMILIES.index(family)}
    fields |= _add_program(file, program, family)
    fields |= _add_front_end(file, plan)
    fields |= _add_heads(file, model) | _patch_and_embedding(plan)
    fields |= _placed(file, describe(model), Field.DESCRIPTION_AT, Field.DESCRIPTION_SIZE)
    fields |= {Field.SAMPLE_RATE: model.sample_rate, Field.SIZE: file.size}
    for field, value in fields.items():
        header[field] = value
    header[Field.MODEL : Field.MODEL + 4] = np.frombuffer(bytes.fromhex(sha256), np.int64)
    block = file.block()
    block[:HEADER_BYTES].view(np.uint64)[Field.DIGEST] = digest(block[8 * Field.SIZE :].data)
    return block.tobytes()


def _placed(file: Packer, data: bytes | npt.NDArray[np.generic], at: Field, size: Field) -> _Fields:
    """Add a part, and return where it lies and how many bytes it has."""
    part = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
    return {at: file.add(part), size: part.nbytes}


def _add_program(file: Packer, program: Program, family: str) -> _Fields:
    prepared = prepare(program, _TARGETS[family])
    scratch = prepared.scratch
    return {
        Field.STEPS_AT: file.add(prepared.steps),
        Field.STEPS: len(prepared.steps),
        **_placed(file, prepared.constants, Field.CONSTANTS_AT, Field.CONSTANTS_SIZE),
        Field.ARENA: program.arena_bytes,
        Field.SCRATCH: scratch.size,
        Field.ACCUMULATORS: scratch.accumulators,
        Field.IMAGE: scratch.image,
        Field.PANEL: scratch.panel,
        Field.BORDER: scratch.border,
    }


def _add_front_end(file: Packer, plan: Plan) -> _Fields:
    constants = plan.front_end
    if constants is None:
        return {Field.WINDOW: plan.patch_shape[0], Field.HOP: 1, Field.FRAME: 1} if plan.takes_samples else {}
    tables = make_tables(constants)
    return {
        **_placed(file, tables, Field.TABLES_AT, Field.TABLES_SIZE),
        Field.LOG_MEL_SCRATCH: int(tables.view(np.int64)[TableField.SCRATCH_SIZE]),
        Field.WINDOW: constants.window_samples,
        Field.HOP: constants.hop_length,
        Field.FRAME: constants.frame_length,
    }


def _patch_and_embedding(plan: Plan) -> _Fields:
    frames, bands = (*plan.patch_shape, 1)[:2]
    found = {Field.PATCH_AT: plan.patch_offset, Field.FRAMES: frames, Field.BANDS: bands}
    if plan.embedding is not None:
        found[Field.EMBEDDING_AT] = plan.embedding.offset
        found[Field.EMBEDDING_SIZE] = int(np.prod(plan.embedding.shape))
        found[Field.EMBEDDING_BYTES] = plan.embedding.dtype.itemsize
        found[Field.EMBEDDING_SCALE] = _bits(plan.embedding.scale)
        found[Field.EMBEDDING_ZERO_POINT] = plan.embedding.zero_point
    return found


def _bits(value: float) -> int:
    """Return the bits of a float64 as an integer."""
    return int(np.float64(value).view(np.int64))


# -- Heads ------------------------------------------------------------------------------------------------------


def _add_heads(file: Packer, model: CompiledModel) -> _Fields:
    text = _Text()
    records = np.zeros((len(model.heads), len(HeadField)), np.int64)
    for row, head, record in zip(records, model.plan.heads, model.heads, strict=True):
        for field, value in _head(file, text, head, record).items():
            row[field] = value
    return {
        Field.HEADS_AT: file.add(records),
        Field.HEADS: len(records),
        **_placed(file, bytes(text.content), Field.TEXT_AT, Field.TEXT_SIZE),
    }


def _head(file: Packer, text: _Text, head: Head, record: HeadRecord) -> Mapping[HeadField, int]:
    values = _values(head, record) if head.scores.dtype == np.int8 else None
    return {
        HeadField.NAME_AT: text.add(record.name),
        HeadField.CLASSES: len(record.labels),
        HeadField.LABELS_AT: file.add(np.array([text.add(label) for label in record.labels], np.int64)),
        HeadField.SCORES_AT: head.scores.offset,
        HeadField.SCORES_BYTES: head.scores.dtype.itemsize,
        HeadField.VALUES_AT: 0 if values is None else file.add(values),
        HeadField.VALUES_STRIDE: 256 if values is not None and values.ndim == 2 else 0,
        HeadField.THRESHOLD: _bits(np.nan if record.score_threshold is None else record.score_threshold),
        HeadField.LOGITS_AT: head.logits.offset,
        HeadField.LOGITS_BYTES: head.logits.dtype.itemsize,
    }


def _values(head: Head, record: HeadRecord) -> npt.NDArray[np.float32]:
    """Return the score that each int8 stands for: [shape=(256,)], or [shape=(classes, 256)] if it is calibrated."""
    values = head.scores.dequantize(np.arange(-128, 128, dtype=np.int8))
    if record.calibration is None:
        return values
    return np.ascontiguousarray(record.calibration.apply(np.tile(values, (len(record.labels), 1)).T).T)


class _Text:
    """Texts one after the other, each ended by a zero byte."""

    def __init__(self) -> None:
        self.content = bytearray()

    def add(self, text: str) -> int:
        """Add a text; return where it begins. A zero byte in it becomes the mark of the unknown."""
        start = len(self.content)
        self.content += text.replace("\0", "\ufffd").encode("utf-8", "replace") + b"\0"
        return start
