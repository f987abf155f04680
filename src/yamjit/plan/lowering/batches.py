"""Operators on several images: one image after the other, put together again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from yamjit.kernels.program import StepOp
from yamjit.plan.lowering.move import move
from yamjit.plan.lowering.step import Alias, Step, sizes, temporary
from yamjit.tflite.node import FLOAT32, INT8, Node

__all__ = ["image_by_image"]

#: Images, for each of which there are a few steps.
_MOST_IMAGES = 256

#: What a lowering returns.
_Lowered = Step | Alias | tuple[Step | Alias, ...]


def image_by_image(lowering: Callable[[Node], _Lowered]) -> Callable[[Node], _Lowered]:
    """Return the lowering of an operator on any number of images, made of that on one."""

    def lower(node: Node) -> _Lowered:
        source, output = node.input(0, INT8, FLOAT32), node.output(INT8, FLOAT32)
        if len(source.shape) != 4 or source.shape[0] == 1:
            return lowering(node)
        images, steps, done = source.shape[0], list[Step | Alias](), -1
        if images > _MOST_IMAGES:
            raise node.error(f"{images} images are more than {_MOST_IMAGES}", source)
        numbers, width = np.arange(math.prod(source.shape)).reshape(images, -1), output.nbytes // images
        for place in range(images):
            taken, made = temporary(node, 3 * place), temporary(node, 3 * place + 1)
            one = node.with_ends(
                dataclasses.replace(source, index=taken, shape=(1, *source.shape[1:])),
                dataclasses.replace(output, index=made, shape=(1, *output.shape[1:])),
            )
            step = lowering(one)
            if isinstance(step, tuple):
                raise node.error("several images are not accepted where one takes several steps", source)
            steps += [move(node, numbers[place], source.index, taken, source.shape, source.dtype), step]
            if place:
                joined = output.index if place + 1 == images else temporary(node, 3 * place + 2)
                columns = sizes((1, 1, width * place), (1, 1, width * (place + 1)))
                steps.append(Step(StepOp.JOIN, node.operator, done, joined, columns, other=made))
                made = joined
            done = made
        return tuple(steps)

    return lower
