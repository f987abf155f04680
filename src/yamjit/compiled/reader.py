"""Plan file -> CompiledModel: mapped, proven, and run where it lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from yamjit.compiled.description import Bounds, Description, read_description
from yamjit.compiled.record import CompiledModel
from yamjit.errors import ModelError
from yamjit.kernels.log_mel.constants import FrontEndConstants
from yamjit.kernels.log_mel.tables import read_tables
from yamjit.kernels.plan_file.layout import HEAD_FIELDS, HEADER_BYTES, Fault, Field, HeadField
from yamjit.kernels.program import Column, StepOp
from yamjit.kernels.workspace import PREPARED_COLUMNS, PreparedProgram, ScratchLayout
from yamjit.plan.plan import Head, LogMel, Plan, Slot
from yamjit.spec import DEFAULT_LIMITS, SAMPLE_RATES

__all__ = ["read_plan_file"]

Bytes = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

#: What is said of each fault.
_FAULTS: Mapping[int, str] = {
    Fault.NOT_A_PLAN: "is not a plan file",
    Fault.OTHER_VERSION: "has another format",
    Fault.OTHER_FAMILY: "is for other processors",
    Fault.OTHER_SIZE: "is cut, or longer than it says",
    Fault.DAMAGED: "is damaged: its digest differs",
    Fault.NOT_ALIGNED: "does not begin at a multiple of 64 bytes in memory",
    Fault.BAD_HEADER: "has an impossible header",
    Fault.BAD_STEP: "has an impossible step",
    Fault.BAD_TABLES: "has impossible tables of the front end",
    Fault.BAD_HEAD: "has an impossible output",
}


def read_plan_file(memory: Bytes, sha256: str, check: Callable[[int, int, int], object]) -> CompiledModel:
    """Return what a plan file holds, as views of it; it is proven first, and nothing runs that is not.

    Parameters
    ----------
    memory : np.ndarray [shape=(size,), uint8]
        The file, from a multiple of 64 bytes on. It must not change any more.
    sha256 : str
        SHA-256 of the model's file, in hexadecimal.
    check : callable
        `check_plan` of the library that is to run it.

    Raises
    ------
    ModelError
        If it is not a plan file of this model for that library, or one whose numbers contradict each other.
    """
    found = np.zeros(4, np.int64)
    check(memory.ctypes.data, memory.size, found.ctypes.data)
    if found[0] != Fault.NONE:
        fault, number, field, value = found.tolist()
        what = _FAULTS.get(fault, "is refused")
        raise ModelError(f"the plan file {what} (fault {fault}: number {number}, field {field}, value {value})")
    header = memory[:HEADER_BYTES].view(np.int64)
    if header[Field.MODEL : Field.MODEL + 4].tobytes().hex() != sha256:
        raise ModelError("the plan file was made from another model")
    return _Reader(memory, header).model()


class _Reader:
    """A plan file of which the library has proven all that kernels read."""

    def __init__(self, memory: Bytes, header: Int64) -> None:
        self._memory = memory
        self._header = header

    def model(self) -> CompiledModel:
        arena, scratch = self[Field.ARENA], self[Field.SCRATCH]
        if max(arena, scratch) > DEFAULT_LIMITS.arena_bytes:
            raise ModelError(f"the plan file asks for {arena} and {scratch} bytes of memory")
        description = read_description(
            self._part(Field.DESCRIPTION_AT, self[Field.DESCRIPTION_SIZE]).tobytes(), Bounds(arena, self[Field.STEPS])
        )
        self._agree(description)
        plan = Plan(
            program=self._program(),
            front_end=self._front_end(),
            patch_shape=self._patch_shape(),
            patch_offset=self[Field.PATCH_AT],
            quantized_patch=description.quantized_patch,
            embedding=description.embedding,
            heads=description.heads,
            slots=description.slots,
            log_mel=description.log_mel,
        )
        return CompiledModel(
            plan, self[Field.SAMPLE_RATE], description.records, description.name, description.provenance
        )

    def __getitem__(self, field: Field) -> int:
        return int(self._header[field])

    def _part(self, at: Field, size: int) -> Bytes:
        return self._memory[self[at] : self[at] + size]

    def _program(self) -> PreparedProgram:
        steps = self._part(Field.STEPS_AT, 8 * PREPARED_COLUMNS * self[Field.STEPS]).view(np.int64)
        scratch = ScratchLayout(
            spare=0,
            accumulators=self[Field.ACCUMULATORS],
            image=self[Field.IMAGE],
            panel=self[Field.PANEL],
            border=self[Field.BORDER],
            size=self[Field.SCRATCH],
        )
        return PreparedProgram(
            steps.reshape(-1, PREPARED_COLUMNS),
            self._part(Field.CONSTANTS_AT, self[Field.CONSTANTS_SIZE]),
            scratch,
            self[Field.ARENA],
        )

    def _patch_shape(self) -> tuple[int, ...]:
        """Return the shape of a patch; rows of samples, or of an embedding, have no bands."""
        frames, bands = self[Field.FRAMES], self[Field.BANDS]
        return (frames,) if bands == 1 and not self[Field.TABLES_SIZE] else (frames, bands)

    @property
    def _takes_samples(self) -> bool:
        """Whether the network takes samples as they are."""
        return self[Field.WINDOW] > 0 and not self[Field.TABLES_SIZE]

    def _front_end(self) -> FrontEndConstants | None:
        if not self[Field.TABLES_SIZE]:
            return None
        tables = self._part(Field.TABLES_AT, self[Field.TABLES_SIZE])
        try:
            constants = read_tables(tables, self[Field.WINDOW])
            found = (constants.n_frames, len(constants.mel_basis), constants.hop_length, constants.frame_length)
        except (ValueError, ZeroDivisionError) as error:
            raise ModelError(f"the tables of the front end in the plan file make no sense: {error}") from error
        if found != (self[Field.FRAMES], self[Field.BANDS], self[Field.HOP], self[Field.FRAME]):
            raise ModelError("the tables of the front end in the plan file are those of another one")
        return constants

    def _agree(self, description: Description) -> None:
        """Check the description against the numbers that the library has proven."""
        embedding, patch = description.embedding, description.quantized_patch
        size = 0 if embedding is None else embedding.nbytes
        quantizes = self._program().steps[0, Column.OP] == StepOp.QUANTIZE
        records = self._part(Field.HEADS_AT, 8 * HEAD_FIELDS * self[Field.HEADS]).view(np.int64)
        agrees = (
            self[Field.SAMPLE_RATE] in SAMPLE_RATES
            and (patch is not None) == quantizes
            and (patch is None or _is_patch(patch, self[Field.FRAMES] * self[Field.BANDS]))
            and (description.log_mel is None or self._cuts(description.log_mel))
            and size == self[Field.EMBEDDING_SIZE] * self[Field.EMBEDDING_BYTES]
            and (embedding is None or embedding.offset == self[Field.EMBEDDING_AT])
            and len(description.heads) == self[Field.HEADS]
            and all(map(_is_head, records.reshape(-1, HEAD_FIELDS).tolist(), description.heads))
        )
        if not agrees:
            raise ModelError("the description in the plan file is that of another one")

    def _cuts(self, log_mel: LogMel) -> bool:
        """Return whether windows of samples are cut into the frames of a spectrogram."""
        n_frames, hop, frame = log_mel.shape[0], log_mel.hop_length, log_mel.frame_length
        return self._takes_samples and n_frames == 1 + (self[Field.WINDOW] - frame) // hop


def _is_patch(slot: Slot, size: int) -> bool:
    return (slot.step, slot.nbytes, math.prod(slot.shape)) == (0, size, size)


def _is_head(record: list[int], head: Head) -> bool:
    classes = record[HeadField.CLASSES]
    scores = (classes, record[HeadField.SCORES_AT], record[HeadField.SCORES_BYTES])
    logits = (classes, record[HeadField.LOGITS_AT], record[HeadField.LOGITS_BYTES])
    found = [(math.prod(slot.shape), slot.offset, slot.dtype.itemsize) for slot in (head.scores, head.logits)]
    return found == [scores, logits]
