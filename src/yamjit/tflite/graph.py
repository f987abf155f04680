"""The records that a model file is read into: frozen, plain NumPy, independent of the file.

A `Graph` is the portable form of a model. `yamjit.tflite.reader` makes one from bytes,
`yamjit.tflite.writer` makes bytes from one, `yamjit.plan` compiles one to a plan that runs.
Names are those of the TFLite schema.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from yamjit.reprs import brief_repr
from yamjit.tflite.metadata import Metadata

__all__ = [
    "ANY",
    "TENSOR_TYPES",
    "Activation",
    "Arithmetic",
    "Graph",
    "Op",
    "Operator",
    "Options",
    "Padding",
    "Quantization",
    "Tensor",
]

#: Size of a dimension that is not fixed, in a graph that is made or read, and not folded yet.
ANY = -1

#: Types of tensors; no other type is read.
TENSOR_TYPES: tuple[np.dtype[np.generic], ...] = tuple(map(np.dtype, ("float32", "int32", "complex64", "int8")))

#: All operators of TFLite's schema by their ``BuiltinOperator`` codes, and at last custom ones, which have a name in a
#: file and no code; those that are read have a record in `yamjit.tflite.operators`.
Op = enum.IntEnum(
    "Op",
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION
    LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH
    CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE
    BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM
    ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE
    TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK
    LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD
    RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N
    GATHER_ND COS WHERE RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS HASHTABLE
    HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE READ_VARIABLE
    ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL GELU
    DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
    STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
    STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
    STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
    STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
    STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT STABLEHLO_DYNAMIC_SLICE
    STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW
    STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR
    REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
    AUDIO_SPECTROGRAM MFCC
    """,
    start=0,
)


class Padding(enum.IntEnum):
    """How a window treats the border of an image."""

    SAME = 0
    VALID = 1


class Activation(enum.IntEnum):
    """The activation fused into an operator."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3


class Arithmetic(enum.Enum):
    """Which of TFLite's kernel sets a model's floats are computed like; int8 arithmetic is the same in both."""

    #: ``BUILTIN_REF``.
    REFERENCE = "reference"
    #: The built-in kernels without delegates: the only ones that some models can be loaded with.
    OPTIMISED = "optimised"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an operator: a frozen record with the name of its table in the schema."""


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Quantization:
    """Affine quantization: ``real = scale * (quantized - zero_point)``, both [shape=(1,) or (channels,)].

    Scales are finite, positive, normal; `dimension` is the axis of the channels where there is more than one scale.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    dimension: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is one scale per channel rather than one in all."""
        return self.scale.size > 1


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tensor:
    """A tensor: a constant if it has `data`, otherwise a value that an operator or the caller fills.

    `index` is its position in `Graph.tensors`; `shape` has sizes > 0, and is ``()`` for a scalar; `dtype` is one of
    `TENSOR_TYPES`; `data` is read-only.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None
    data: npt.NDArray[np.generic] | None = None

    @property
    def nbytes(self) -> int:
        """Size of its values, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        name = self.name if len(self.name) <= 80 else f"{self.name[:38]}...{self.name[-38:]}"
        return f"tensor {self.index} {name!r}"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator: inputs and outputs are tensor indices; -1 is an optional input left out."""

    index: int
    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    version: int = 1

    def __str__(self) -> str:
        return f"operator {self.index} {self.op.name}"


@brief_repr
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Graph:
    """A whole model: operators in execution order over tensors.

    Parameters
    ----------
    tensors : tuple of Tensor
    operators : tuple of Operator
    inputs, outputs : tuple of int
        Tensor indices.
    description : str
        The converter's description.
    metadata : Metadata or None
        What the TFLite metadata tables say, see `yamjit.tflite.metadata`.
    files : mapping of str to bytes
        Associated files: the zip appended to the model.
    arithmetic : Arithmetic
        The kernel set whose floats are equalled: the reference, unless that lacks an operator, or the file, which
        yamjit wrote from such a one, says so.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str = ""
    metadata: Metadata | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    arithmetic: Arithmetic = Arithmetic.REFERENCE

    def tensor(self, name: str) -> Tensor:
        """Return the tensor called `name`.

        Raises
        ------
        KeyError
            If there is none, or more than one.
        """
        found = [tensor for tensor in self.tensors if tensor.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} tensors are called {name!r}")
        return found[0]
