"""The records that a model file is read into: frozen, plain NumPy, independent of the file.

A `Graph` is the portable form of a model. `yamjit.tflite.reader` makes one from bytes,
`yamjit.tflite.writer` makes bytes from one, `yamjit.plan` compiles one to a plan that runs.
Names are those of the TFLite schema.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from yamjit.tflite.metadata import Metadata

__all__ = [
    "TENSOR_TYPES",
    "Activation",
    "Conv2DOptions",
    "DepthwiseConv2DOptions",
    "FullyConnectedOptions",
    "GatherOptions",
    "Graph",
    "MulOptions",
    "Op",
    "Operator",
    "Options",
    "Padding",
    "Quantization",
    "ReducerOptions",
    "ReshapeOptions",
    "SplitOptions",
    "StridedSliceOptions",
    "Tensor",
]

#: TFLite's tensor type codes and the NumPy types that hold them; no other type is read.
TENSOR_TYPES: Mapping[int, np.dtype[np.generic]] = MappingProxyType(
    {
        0: np.dtype(np.float32),
        2: np.dtype(np.int32),
        8: np.dtype(np.complex64),
        9: np.dtype(np.int8),
    }
)


class Op(enum.IntEnum):
    """The operators that are known, by TFLite's ``BuiltinOperator`` code."""

    CONV_2D = 3
    DEPTHWISE_CONV_2D = 4
    DEQUANTIZE = 6
    FULLY_CONNECTED = 9
    LOGISTIC = 14
    MUL = 18
    RESHAPE = 22
    PAD = 34
    GATHER = 36
    MEAN = 40
    STRIDED_SLICE = 45
    SPLIT = 49
    LOG = 73
    QUANTIZE = 114
    RFFT2D = 131
    COMPLEX_ABS = 135


class Padding(enum.IntEnum):
    """How a convolution treats the border."""

    SAME = 0
    VALID = 1


class Activation(enum.IntEnum):
    """The activation fused into an operator."""

    NONE = 0
    RELU = 1
    RELU_N1_TO_1 = 2
    RELU6 = 3


@dataclass(frozen=True, slots=True)
class Conv2DOptions:
    """Options of ``CONV_2D``."""

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class DepthwiseConv2DOptions:
    """Options of ``DEPTHWISE_CONV_2D``."""

    padding: Padding = Padding.SAME
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    depth_multiplier: int = 1
    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class FullyConnectedOptions:
    """Options of ``FULLY_CONNECTED``."""

    activation: Activation = Activation.NONE
    keep_num_dims: bool = False


@dataclass(frozen=True, slots=True)
class GatherOptions:
    """Options of ``GATHER``."""

    axis: int = 0
    batch_dims: int = 0


@dataclass(frozen=True, slots=True)
class MulOptions:
    """Options of ``MUL``."""

    activation: Activation = Activation.NONE


@dataclass(frozen=True, slots=True)
class ReducerOptions:
    """Options of ``MEAN``."""

    keep_dims: bool = False


@dataclass(frozen=True, slots=True)
class ReshapeOptions:
    """Options of ``RESHAPE``; used only where the operator has no shape input."""

    new_shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """Options of ``SPLIT``."""

    num_splits: int = 1


@dataclass(frozen=True, slots=True)
class StridedSliceOptions:
    """Options of ``STRIDED_SLICE``: bit masks, one bit per dimension."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


Options = (
    Conv2DOptions
    | DepthwiseConv2DOptions
    | FullyConnectedOptions
    | GatherOptions
    | MulOptions
    | ReducerOptions
    | ReshapeOptions
    | SplitOptions
    | StridedSliceOptions
)


@dataclass(frozen=True, slots=True, eq=False)
class Quantization:
    """Affine quantization: ``real = scale * (quantized - zero_point)``.

    Parameters
    ----------
    scale : np.ndarray [shape=(1,) or (channels,), float32]
        Finite, positive, normal.
    zero_point : np.ndarray [shape like `scale`, int64]
    dimension : int
        Axis of the channels where there is more than one scale.
    """

    scale: npt.NDArray[np.float32]
    zero_point: npt.NDArray[np.int64]
    dimension: int = 0

    @property
    def per_channel(self) -> bool:
        """Whether there is one scale per channel rather than one in all."""
        return self.scale.size > 1


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor: a constant if it has `data`, otherwise a value that an operator or the caller fills.

    Parameters
    ----------
    index : int
        Position in `Graph.tensors`.
    name : str
    shape : tuple of int
        All > 0; ``()`` for a scalar.
    dtype : np.dtype
        One of `TENSOR_TYPES`.
    quantization : Quantization or None
    data : np.ndarray or None
        Read-only, of `shape` and `dtype`.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    quantization: Quantization | None = None
    data: npt.NDArray[np.generic] | None = None

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


@dataclass(frozen=True, slots=True, eq=False)
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
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str = ""
    metadata: Metadata | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)

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
