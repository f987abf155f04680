"""RESHAPE and SPLIT: in the integer network they only rename memory."""

from __future__ import annotations

from yamjit.plan.lowering.step import Alias
from yamjit.tflite.node import Node

__all__ = ["reshape", "split"]


def reshape(node: Node) -> Alias:
    """Lower a RESHAPE."""
    return Alias(node.operator.inputs[0], node.operator.outputs[0])


def split(node: Node) -> Alias:
    """Lower a SPLIT into one."""
    if len(node.outputs) != 1:
        raise node.error(f"a split into one is accepted, this one has {len(node.outputs)}")
    return Alias(node.operator.inputs[1], node.operator.outputs[0])
