"""Operators on several images: one image after the other, put together again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from yamjit.kernels.program import StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, sizes, temporary
from yamjit.tflite.node import FLOAT32, INT8, Node

__all__ = ["image_by_image"]

_Lowered: TypeAlias = Step | tuple[Step | Alias, ...]

#: Images, for each of which there are a few steps.
_MOST_IMAGES = 256

#: Most tensors between the steps of an operator on one image.
_TEMPORARIES = 2**8


def image_by_image(
    lowering: Callable[[Node], Step | tuple[Step | Alias, ...]],
) -> Callable[[Node], tuple[Step | Alias, ...]]:
    """Return the lowering of an operator on any number of images, made of that on one."""

    def lower(node: Node) -> tuple[Step | Alias, ...]:
        source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
        if len(source.shape) != 4 or source.shape[0] == 1:
            return _steps(lowering(node))
        images, steps, done = source.shape[0], list[Step | Alias](), -1
        if images > _MOST_IMAGES:
            raise node.error(f"{images} images are more than {_MOST_IMAGES}", source)
        numbers = np.arange(math.prod(source.shape)).reshape(images, -1)
        for place in range(images):
            taken, made = temporary(node, 3 * place), temporary(node, 3 * place + 1)
            steps.append(move(node, numbers[place], source.index, taken, source.shape, source.dtype))
            one = node.with_ends(
                dataclasses.replace(source, index=taken, shape=(1, *source.shape[1:])),
                dataclasses.replace(output, index=made, shape=(1, *output.shape[1:])),
                3 * images + place * _TEMPORARIES,
            )
            steps += _steps(lowering(one))
            width = output.nbytes // images
            if place:
                joined = output.index if place + 1 == images else temporary(node, 3 * place + 2)
                columns = sizes((1, 1, width * place), (1, 1, width * (place + 1)))
                steps.append(Step(StepOp.JOIN, node.operator, done, joined, columns, other=made))
                made = joined
            done = made
        return tuple(steps)

    return lower


def _steps(lowered: _Lowered) -> tuple[Step | Alias, ...]:
    return lowered if isinstance(lowered, tuple) else (lowered,)
