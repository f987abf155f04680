"""One-operator problems of the integer network: inputs, parameters, and the answer by `reference.ops`.

A problem holds arrays and scales, as a model file does; `answer` prepares the integers and runs the loops.
`reference.cases` has many. `save` and `load` keep problems and expected answers in one small ``.npz``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reference import arithmetic, ops

__all__ = [
    "PROBLEMS",
    "ConvProblem",
    "FullyConnectedProblem",
    "LogisticProblem",
    "MaxPoolProblem",
    "MeanProblem",
    "Problem",
    "QuantizeProblem",
    "load",
    "save",
]

Int8 = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class ConvProblem:
    """A convolution; `depthwise` says which, and with it the layout of `filter` (see `reference.ops`)."""

    name: str
    depthwise: bool
    input: Int8
    filter: Int8
    bias: npt.NDArray[np.int32] | None
    input_scale: np.float32
    input_zero_point: int
    filter_scale: npt.NDArray[np.float32]  # one, or one per output channel
    output_scale: np.float32
    output_zero_point: int
    activation: str = "NONE"
    padding: str = "SAME"
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return int(self.filter.shape[3 if self.depthwise else 0])

    def multipliers(self) -> tuple[list[int], list[int]]:
        """Return the multiplier and the shift of every output channel, equations (3) and (5)."""
        scales = np.broadcast_to(self.filter_scale, self.channels)
        pairs = [
            arithmetic.quantize_multiplier(
                arithmetic.effective_scale(float(self.input_scale), float(scale), float(self.output_scale))
            )
            for scale in scales
        ]
        return [multiplier for multiplier, _ in pairs], [shift for _, shift in pairs]

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        multiplier, shift = self.multipliers()
        low, high = arithmetic.activation_range(self.activation, float(self.output_scale), self.output_zero_point)
        loops = ops.depthwise_conv_2d_s8 if self.depthwise else ops.conv_2d_s8
        return loops(
            self.input,
            self.filter,
            self.bias,
            input_offset=-self.input_zero_point,
            output_offset=self.output_zero_point,
            output_multiplier=multiplier,
            output_shift=shift,
            quantized_activation_min=low,
            quantized_activation_max=high,
            padding=self.padding,
            stride=self.stride,
            dilation=self.dilation,
        )


@dataclass(frozen=True, eq=False)
class FullyConnectedProblem:
    """A fully connected layer."""

    name: str
    input: Int8
    filter: Int8
    bias: npt.NDArray[np.int32] | None
    input_scale: np.float32
    input_zero_point: int
    filter_scale: npt.NDArray[np.float32]  # one, or one per unit
    filter_zero_point: int  # 0 where there is one scale per unit
    output_scale: np.float32
    output_zero_point: int
    activation: str = "NONE"

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        low, high = arithmetic.activation_range(self.activation, float(self.output_scale), self.output_zero_point)
        scales = np.broadcast_to(self.filter_scale, self.filter.shape[0])
        return ops.fully_connected_s8(
            self.input,
            self.filter,
            self.bias,
            input_offset=-self.input_zero_point,
            filter_offset=-self.filter_zero_point,
            output_offset=self.output_zero_point,
            effective_output_scale=[
                arithmetic.effective_scale(float(self.input_scale), float(scale), float(self.output_scale))
                for scale in scales
            ],
            quantized_activation_min=low,
            quantized_activation_max=high,
        )


@dataclass(frozen=True, eq=False)
class MeanProblem:
    """A mean over height and width that keeps the axes."""

    name: str
    input: Int8
    input_scale: np.float32
    input_zero_point: int
    output_scale: np.float32
    output_zero_point: int

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        count = self.input.shape[1] * self.input.shape[2]
        multiplier, shift = arithmetic.mean_multiplier(float(self.input_scale), float(self.output_scale), count)
        return ops.mean_s8(
            self.input,
            input_zero_point=self.input_zero_point,
            output_offset=self.output_zero_point,
            output_multiplier=multiplier,
            output_shift=shift,
        )


@dataclass(frozen=True, eq=False)
class MaxPoolProblem:
    """The greatest values in the windows of an image; input and output are quantized alike."""

    name: str
    input: Int8
    filter_size: tuple[int, int]
    scale: np.float32
    zero_point: int
    activation: str = "NONE"
    padding: str = "SAME"
    stride: tuple[int, int] = (1, 1)

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        low, high = arithmetic.activation_range(self.activation, float(self.scale), self.zero_point)
        return ops.max_pool_2d_s8(
            self.input,
            filter_size=self.filter_size,
            quantized_activation_min=low,
            quantized_activation_max=high,
            padding=self.padding,
            stride=self.stride,
        )


@dataclass(frozen=True, eq=False)
class LogisticProblem:
    """A logistic; the output scale is 1/256."""

    name: str
    input: Int8
    input_scale: np.float32
    input_zero_point: int
    output_zero_point: int = -128

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        table = arithmetic.logistic_table(float(self.input_scale), self.input_zero_point, self.output_zero_point)
        return ops.logistic_s8(self.input, table)


@dataclass(frozen=True, eq=False)
class QuantizeProblem:
    """A quantization of float32 values."""

    name: str
    input: npt.NDArray[np.float32]
    scale: np.float32
    zero_point: int

    def answer(self) -> Int8:
        """Return the output, by the loops."""
        return ops.quantize_s8(self.input, float(self.scale), self.zero_point)


Problem = ConvProblem | FullyConnectedProblem | MaxPoolProblem | MeanProblem | LogisticProblem | QuantizeProblem

#: Kind of problem by the name of its file.
PROBLEMS: Mapping[str, type[Problem]] = {
    "conv": ConvProblem,
    "fully_connected": FullyConnectedProblem,
    "max_pool": MaxPoolProblem,
    "mean": MeanProblem,
    "logistic": LogisticProblem,
    "quantize": QuantizeProblem,
}


# On disk: the values of a field, of all problems one after the other, and the shape of each.


def save(path: Path, problems: Sequence[Problem], expected: Sequence[Int8], origin: str) -> None:
    """Write problems of one kind and the answers of `origin` (runtime, version, kernels) to an ``.npz``."""
    columns: dict[str, Any] = {"origin": np.array(origin)}
    names = [field.name for field in dataclasses.fields(problems[0])]
    for name in names:
        columns.update(_pack(name, [getattr(problem, name) for problem in problems]))
    columns.update(_pack("expected", list(expected)))
    np.savez_compressed(path, **columns)


def load(path: Path) -> tuple[list[tuple[Problem, Int8]], str]:
    """Return the problems and answers that `save` wrote, and their origin.

    The file's name says the kind: that of `PROBLEMS`.
    """
    kind = PROBLEMS[path.stem]
    with np.load(path) as columns:
        fields = {field.name: _unpack(columns, field.name) for field in dataclasses.fields(kind)}
        expected = _unpack(columns, "expected")
        origin = str(columns["origin"])
    rows = [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]
    return [(kind(**row), answer) for row, answer in zip(rows, expected, strict=True)], origin


def _pack(name: str, values: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
    """Concatenate; a missing value has -1 dimensions."""
    arrays = [None if value is None else np.asarray(value) for value in values]
    present = [array for array in arrays if array is not None]
    shapes = [[-1] if array is None else [array.ndim, *array.shape] for array in arrays]
    return {
        name: np.concatenate([array.reshape(-1) for array in present]),
        f"{name}.shape": np.array([size for shape in shapes for size in shape], np.int32),
    }


def _unpack(columns: Mapping[str, npt.NDArray[Any]], name: str) -> list[Any]:
    flat, shapes = columns[name], [int(size) for size in columns[f"{name}.shape"]]
    values: list[Any] = []
    taken = at = 0
    while at < len(shapes):
        rank = shapes[at]
        shape = shapes[at + 1 : at + 1 + max(rank, 0)]
        at += 1 + max(rank, 0)
        if rank < 0:
            values.append(None)
            continue
        size = int(np.prod(shape, dtype=np.int64))
        values.append(_plain(flat[taken : taken + size].reshape(shape)))
        taken += size
    return values


def _plain(value: npt.NDArray[Any]) -> Any:
    """Return scalars as such, and the pair of a stride as a tuple."""
    if value.ndim == 0:
        return value[()] if value.dtype.kind == "f" else value.item()
    return tuple(value.tolist()) if value.dtype == np.int64 else value
