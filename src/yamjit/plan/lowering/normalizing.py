"""Operators of float32 that are made of others: L2_NORMALIZATION, LOG_SOFTMAX, SQUARED_DIFFERENCE, ABS, NEG, SQUARE."""

from __future__ import annotations

import math

import numpy as np

from yamjit.kernels.program import StepOp
from yamjit.plan.lowering.binary import binary
from yamjit.plan.lowering.chain import Chain
from yamjit.plan.lowering.step import Alias, Step
from yamjit.tflite.graph import Op
from yamjit.tflite.node import FLOAT32, Node

__all__ = ["l2_normalization", "log_softmax", "sign_or_square", "squared_difference"]

#: Least length that L2_NORMALIZATION divides by.
_LEAST_LENGTH = np.array([1e-6], np.float32)


def sign_or_square(node: Node) -> tuple[Step | Alias, ...]:
    """Lower an ABS, NEG or SQUARE."""
    source = node.input(0, FLOAT32)
    chain, size = Chain(node), math.prod(source.shape)
    if node.operator.op == Op.SQUARE:
        chain.of_two(StepOp.MUL, source.index, source.index, size)
        return chain.finish()
    turned = chain.of_two(StepOp.MUL, source.index, np.array([-1], np.float32), size)
    if node.operator.op == Op.ABS:
        greater = chain.of_two(StepOp.MAXIMUM, source.index, turned, size)
        chain.of_two(StepOp.ADD, greater, np.zeros(1, np.float32), size)  # never -0
    return chain.finish()


def squared_difference(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a SQUARED_DIFFERENCE."""
    chain = Chain(node, binary(node))
    difference = chain.unnamed()
    chain.of_two(StepOp.MUL, difference, difference, math.prod(node.outputs[0].shape))
    return chain.finish()


def l2_normalization(node: Node) -> tuple[Step | Alias, ...]:
    """Lower an L2_NORMALIZATION: rows divided by their length, which is at least a number."""
    source = node.input(0, FLOAT32)
    chain, size, count = Chain(node), math.prod(source.shape), source.shape[-1]
    rows = size // count
    squares = chain.of_two(StepOp.MUL, source.index, source.index, size)
    lengths = chain.of_one(StepOp.SQRT, chain.sum(squares, rows, count), rows)
    lengths = chain.of_two(StepOp.MAXIMUM, lengths, _LEAST_LENGTH, rows)
    chain.of_two(StepOp.DIV, source.index, chain.repeat(lengths, rows, count), size)
    return chain.finish()


def log_softmax(node: Node) -> tuple[Step | Alias, ...]:
    """Lower a LOG_SOFTMAX: ``x - max - log(sum(exp(x - max)))`` along the last axis."""
    source = node.input(0, FLOAT32)
    chain, size, count = Chain(node), math.prod(source.shape), source.shape[-1]
    rows = size // count
    greatest = chain.repeat(chain.greatest(source.index, rows, count, 1), rows, count)
    below = chain.of_two(StepOp.SUB, source.index, greatest, size)
    total = chain.sum(chain.of_one(StepOp.EXP, below, size), rows, count)
    logarithms = chain.repeat(chain.of_one(StepOp.LOG, total, rows), rows, count)
    chain.of_two(StepOp.SUB, below, logarithms, size)
    return chain.finish()
