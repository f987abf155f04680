"""Where everything lies in a plan file: int64, little-endian; every place in the file is a multiple of 64 bytes.

A file is a header of `HEADER_BYTES`, then its parts: the table of prepared steps, packed constants, tables of the front
end, a record for each head, places of labels, tables of scores, text, and a description that only Python reads.
`yamjit.kernels.plan_file.check` proves all of it before anything runs.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["FAMILIES", "FORMAT_VERSION", "HEADER_BYTES", "HEAD_FIELDS", "MAGIC", "Fault", "Field", "HeadField"]

#: The first eight bytes, as an integer.
MAGIC = int.from_bytes(b"\x89yamjit\n", "little", signed=True)

#: Changes with every change of this module, of the table of steps, or of how constants are packed.
FORMAT_VERSION = 5

HEADER_BYTES = 512

#: Families of processors by the number in the header. Constants for x86 are packed for products of uint8 with int8,
#: those for Arm for int8 with int8 (`yamjit.kernels.vectors.target.Target.multiplies_signed_bytes`), and those for
#: WebAssembly for the same, with other proofs of what float32 rounds (`yamjit.kernels.prepared.columns.Proof`).
FAMILIES = ("x86", "arm", "wasm")


class Field(IntEnum):
    """Integers of the header. Places (``..._AT``) are bytes from the beginning of the file, unless said otherwise."""

    MAGIC = 0
    VERSION = 1
    FAMILY = 2
    #: XXH64, with seed 0, of all bytes from `SIZE` on to the end of the file.
    DIGEST = 3
    #: Bytes of the file.
    SIZE = 4
    #: The table of prepared steps, int64 [shape=(STEPS, PREPARED_COLUMNS)].
    STEPS_AT = 5
    STEPS = 6
    CONSTANTS_AT = 7
    CONSTANTS_SIZE = 8
    #: What `yamjit.kernels.log_mel.packing.make_tables` returns; 0 and 0 where there is no front end.
    TABLES_AT = 9
    TABLES_SIZE = 10
    #: Records of heads, int64 [shape=(HEADS, HEAD_FIELDS)].
    HEADS_AT = 11
    HEADS = 12
    #: Texts in UTF-8, each ended by a zero byte; at least one.
    TEXT_AT = 13
    TEXT_SIZE = 14
    #: JSON in UTF-8, read by Python alone.
    DESCRIPTION_AT = 15
    DESCRIPTION_SIZE = 16
    #: Bytes of activations per patch.
    ARENA = 17
    #: Bytes of scratch memory, and where its parts begin in it.
    SCRATCH = 18
    ACCUMULATORS = 19
    IMAGE = 20
    PANEL = 21
    BORDER = 22
    #: Bytes of scratch memory of the front end.
    LOG_MEL_SCRATCH = 23
    #: Place of the float32 patch in the arena, in bytes per patch, and its shape; each value of a row, such as a window
    #: of samples, is a frame of one band.
    PATCH_AT = 24
    FRAMES = 25
    BANDS = 26
    #: Hz.
    SAMPLE_RATE = 27
    #: Samples of a window, of the hop from frame to frame, and of a frame: 1 and 1 where a network takes samples; 0
    #: where it takes patches and there is no front end.
    WINDOW = 28
    HOP = 29
    FRAME = 30
    #: The embedding in the arena, in bytes per patch; its size is 0 where there is none. BYTES are those of a value: 1
    #: of an int8, 4 of a float32. SCALE is the bits of a float64.
    EMBEDDING_AT = 31
    EMBEDDING_SIZE = 32
    EMBEDDING_BYTES = 33
    EMBEDDING_SCALE = 34
    EMBEDDING_ZERO_POINT = 35
    #: SHA-256 of the model that the plan was made from, four integers.
    MODEL = 36


class HeadField(IntEnum):
    """Integers of a head's record."""

    #: Place of its name, in bytes from the beginning of the text.
    NAME_AT = 0
    CLASSES = 1
    #: Places of the labels, like that of the name: int64 [shape=(CLASSES,)].
    LABELS_AT = 2
    #: Its scores in the arena, in bytes per patch.
    SCORES_AT = 3
    #: What each int8 means, calibration included, by the integer + 128: float32 [shape=(256,)] or
    #: [shape=(CLASSES, 256)]. 0 where scores are float32.
    VALUES_AT = 4
    #: Numbers from one class to the next in it: 0 where all classes share them, or 256.
    VALUES_STRIDE = 5
    #: Score below which results are to be dropped, a float64's bits; NaN where there is none.
    THRESHOLD = 6
    #: Its logits in the arena, in bytes per patch.
    LOGITS_AT = 7
    #: Bytes of a score, and of a logit: 1 of an int8, 4 of a float32.
    SCORES_BYTES = 8
    LOGITS_BYTES = 9


HEAD_FIELDS = len(HeadField)


class Fault(IntEnum):
    """What `check_plan` finds; the C library returns the same numbers."""

    NONE = 0
    #: Shorter than a header, or other first bytes.
    NOT_A_PLAN = 1
    #: Another format version.
    OTHER_VERSION = 2
    #: Made for another family of processors.
    OTHER_FAMILY = 3
    #: Cut, or longer than the header says.
    OTHER_SIZE = 4
    #: Damaged: the digest differs.
    DAMAGED = 5
    #: Does not begin at a multiple of 64 bytes in memory.
    NOT_ALIGNED = 6
    #: A place, size or number of the header is not possible.
    BAD_HEADER = 7
    #: A step would touch what is not its own.
    BAD_STEP = 8
    #: The tables of the front end would.
    BAD_TABLES = 9
    #: The record of a head would.
    BAD_HEAD = 10
