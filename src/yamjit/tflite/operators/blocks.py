"""Operators that exchange places for batches or channels: SPACE_TO_BATCH_ND, SPACE_TO_DEPTH, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

from yamjit.tflite.graph import Op, Options, Tensor
from yamjit.tflite.node import FLOAT32, INT8, INT32, Inferred, Node
from yamjit.tflite.operators.record import Record
from yamjit.tflite.operators.windows import image
from yamjit.tflite.schema import table

__all__ = [
    "BATCH_TO_SPACE_ND",
    "DEPTH_TO_SPACE",
    "SPACE_TO_BATCH_ND",
    "SPACE_TO_DEPTH",
    "BlockOptions",
    "DepthToSpaceOptions",
    "SpaceToDepthOptions",
]


@dataclass(frozen=True, slots=True)
class BlockOptions(Options):
    """Height and width of a block."""

    block_size: int = 1


@dataclass(frozen=True, slots=True)
class SpaceToDepthOptions(BlockOptions):
    """Options of ``SPACE_TO_DEPTH``."""


@dataclass(frozen=True, slots=True)
class DepthToSpaceOptions(BlockOptions):
    """Options of ``DEPTH_TO_SPACE``."""


def _blocks(node: Node) -> tuple[Tensor, list[int], list[list[int]]]:
    """Return the input, the size of a block for each axis after the first, and its padding, or what is cut off."""
    node.check_arity(3)
    source, sizes, borders = node.input(0, FLOAT32, INT8), node.integers(1), node.constant(2, INT32)
    node.check_same_quantization(source, node.outputs[0])
    if not 1 <= len(sizes) < len(source.shape) or min(sizes) < 1:
        raise node.error(f"blocks {sizes} do not go with shape {source.shape}", node.inputs[1])
    if borders.shape != (len(sizes), 2) or borders.min() < 0:
        raise node.error(f"borders of shape {borders.shape} should be ({len(sizes)}, 2) numbers >= 0", node.inputs[2])
    return source, sizes, borders.tolist()


def _space_to_batch(node: Node) -> Inferred:
    source, sizes, borders = _blocks(node)
    batch, shape = source.shape[0], list(source.shape[1:])
    for axis, (block, border) in enumerate(zip(sizes, borders, strict=True)):
        whole = shape[axis] + sum(border)
        if whole % block:
            raise node.error(f"{whole} values are not a multiple of the block {block}", source)
        shape[axis], batch = whole // block, batch * block
    return Inferred((batch, *shape))


def _batch_to_space(node: Node) -> Inferred:
    source, sizes, borders = _blocks(node)
    batch, shape = source.shape[0], list(source.shape[1:])
    for axis, (block, border) in enumerate(zip(sizes, borders, strict=True)):
        left = shape[axis] * block - sum(border)
        if batch % block or left < 1:
            raise node.error(f"shape {source.shape} is not of blocks {sizes}", source)
        shape[axis], batch = left, batch // block
    return Inferred((batch, *shape))


def _block(node: Node) -> tuple[tuple[int, int, int, int], int]:
    node.check_arity(1)
    source, block = node.input(0, FLOAT32, INT8), node.options(BlockOptions).block_size
    node.check_same_quantization(source, node.outputs[0])
    if block < 1:
        raise node.error(f"block size {block} should be at least 1")
    return image(node, source), block


def _space_to_depth(node: Node) -> Inferred:
    (batch, height, width, channels), block = _block(node)
    if height % block or width % block:
        raise node.error(f"an image {height} by {width} is not of blocks of {block}", node.inputs[0])
    return Inferred((batch, height // block, width // block, channels * block * block))


def _depth_to_space(node: Node) -> Inferred:
    (batch, height, width, channels), block = _block(node)
    if channels % (block * block):
        raise node.error(f"{channels} channels are not of blocks of {block}", node.inputs[0])
    return Inferred((batch, height * block, width * block, channels // (block * block)))


SPACE_TO_BATCH_ND = Record(
    Op.SPACE_TO_BATCH_ND, versions=4, contract=_space_to_batch, code=25, table=table("SpaceToBatchNDOptions")
)

BATCH_TO_SPACE_ND = Record(
    Op.BATCH_TO_SPACE_ND, versions=4, contract=_batch_to_space, code=24, table=table("BatchToSpaceNDOptions")
)

SPACE_TO_DEPTH = Record(
    Op.SPACE_TO_DEPTH,
    versions=2,
    contract=_space_to_depth,
    code=19,
    table=table("SpaceToDepthOptions", "block_size:int"),
    options=SpaceToDepthOptions,
)

DEPTH_TO_SPACE = Record(
    Op.DEPTH_TO_SPACE,
    versions=2,
    contract=_depth_to_space,
    code=94,
    table=table("DepthToSpaceOptions", "block_size:int"),
    options=DepthToSpaceOptions,
)
