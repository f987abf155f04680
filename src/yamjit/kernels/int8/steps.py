"""The one function that runs a table of steps, compiled: addresses and integers in, nothing out.

It allocates nothing, raises nothing, holds no Python object and releases the GIL, so that it can also be compiled ahead
of time for a target that has neither Python nor NumPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.int8.depthwise import Image, Target
from yamjit.kernels.int8.kernel_set import VectorKernels
from yamjit.kernels.int8.matmul import Rows
from yamjit.kernels.int8.packing import BLOCK, CHUNK
from yamjit.kernels.int8.plain import (
    conv_s8,
    depthwise_s8,
    finish,
    lookup_s8,
    mean_s8,
    pointwise_s8,
    quantize_f32,
)
from yamjit.kernels.int8.preparation import PREPARED_COLUMNS, Prepared, VectorOp
from yamjit.kernels.int8.tiles import Channels
from yamjit.kernels.machine_code.library import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.program import PANEL_IMAGE_ROWS, PANEL_ROWS, SCRATCH_ROWS, Column, Requantization, StepOp, Window
from yamjit.kernels.vectors.ops import VectorOps
from yamjit.kernels.vectors.processor import compiled_target

__all__ = ["run_steps"]


#: Numba compiles a function, and all that it calls, once more for an argument that is written as a number.
_ZERO, _ONE = np.int64(0), np.int64(1)


class Memory(NamedTuple):
    """Addresses of what a step reads and writes."""

    constants: int
    arena: int
    spare: int
    accumulators: int
    image: int
    panel: int
    border: int
    capacity: int


def run_steps(
    steps: int,
    first: int,
    last: int,
    constants: int,
    arena: int,
    scratch: int,
    accumulators: int,
    image: int,
    panel: int,
    border: int,
    capacity: int,
    patches: int,
) -> None:
    """Run steps; `steps`, `constants`, `arena` and `scratch` are addresses, the next four offsets into scratch.

    The leading patchwise steps run patch after patch, so that a patch stays in the cache, if all of them run; those
    after them run all patches together, so that weights are read once.
    """
    together = first
    while together < last and _row(steps, together)[Prepared.PATCHWISE]:
        together += 1
    if first > 1 or together == last:
        together = first
    memory = Memory(
        constants, arena, scratch, scratch + accumulators, scratch + image, scratch + panel, scratch + border, capacity
    )
    for patch in range(patches):
        _run_range(steps, first, together, memory, patch, _ONE)
    _run_range(steps, together, last, memory, _ZERO, patches)


@jit
def _run_range(steps: int, first: int, last: int, memory: Memory, patch: int, patches: int) -> None:
    """Run steps over some patches, the first of which is number `patch`; both steps of a pair run as one."""
    index = first
    while index < last:
        if index + 1 < last and _row(steps, index)[Prepared.PAIRED]:
            _run_pair(_row(steps, index), _row(steps, index + 1), memory, patch, patches)
            index += 2
        else:
            _run_step(_row(steps, index), memory, patch, patches)
            index += 1


@jit
def _row(steps: int, index: int) -> Any:
    return carray(pointer(steps + index * PREPARED_COLUMNS * 8), PREPARED_COLUMNS, np.int64)


@jit
def _run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
    """Run one step over some patches, the first of which is number `patch`."""
    x, out = _input(s, memory, patch), _output(s, memory, patch)
    op = s[Column.OP]
    if op == VectorOp.POINTWISE:
        _run_pointwise(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
    elif op == VectorOp.POINTWISE_RAW:
        _run_pointwise_raw(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
    else:
        for number in range(patches):
            if op == VectorOp.DEPTHWISE:
                _run_depthwise(s, memory, x + number * _input_size(s), out + number * _output_size(s))
            elif op == VectorOp.CONV:
                _run_conv(s, memory, x + number * _input_size(s), out + number * _output_size(s))
            else:
                _run_plain_step(s, memory, x + number * _input_size(s), out + number * _output_size(s))


@jit
def _input(s: Any, memory: Memory, patch: int) -> int:
    """Return where the input of a patch lies."""
    return memory.arena + s[Column.INPUT] * memory.capacity + s[Prepared.INPUT_KEPT] * patch * _input_size(s)


@jit
def _output(s: Any, memory: Memory, patch: int) -> int:
    """Return where the output of a patch lies."""
    return memory.arena + s[Column.OUTPUT] * memory.capacity + s[Prepared.OUTPUT_KEPT] * patch * _output_size(s)


@jit
def _input_size(s: Any) -> int:
    """Return the bytes of one patch's input."""
    width = 4 if s[Column.OP] == StepOp.QUANTIZE else 1
    return s[Column.INPUT_H] * s[Column.INPUT_W] * s[Column.INPUT_C] * width


@jit
def _output_size(s: Any) -> int:
    """Return the bytes of one patch's output."""
    return s[Column.OUTPUT_H] * s[Column.OUTPUT_W] * s[Column.OUTPUT_C]


@jit
def _run_pointwise(s: Any, memory: Memory, x: int, out: int, count: int) -> None:
    inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
    channels = _channels(s, memory.constants)
    for first in range(0, count, PANEL_ROWS):
        rows = _panel(s, x + first * inputs, min(PANEL_ROWS, count - first), memory.panel)
        _vector_matmul(rows, channels, outputs, out + first * outputs, memory.spare)


@jit
def _run_pointwise_raw(s: Any, memory: Memory, x: int, out: int, count: int) -> None:
    inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
    channels, requantization = _channels(s, memory.constants), _requantization(s, memory.constants)
    width = (outputs + BLOCK - 1) // BLOCK * BLOCK
    for first in range(0, count, SCRATCH_ROWS):
        rows = _panel(s, x + first * inputs, min(SCRATCH_ROWS, count - first), memory.panel)
        _vector_matmul_raw(rows, channels, outputs, memory.accumulators)
        for row in range(rows.n_rows):
            acc = carray(pointer(memory.accumulators + row * width * 4), outputs, np.int32)
            finish(acc, requantization, carray(pointer(out + (first + row) * outputs), outputs, np.int8))


@jit
def _panel(s: Any, x: int, count: int, panel: int) -> Rows:
    """Copy rows of a matrix to where they do not collide in the cache, as uint8."""
    inputs, stride, flip = s[Column.INPUT_C], s[Prepared.PANEL_STRIDE], s[Prepared.FLIP]
    if stride == inputs:
        _vector_copy_row(x, panel, count * inputs, flip)
    else:
        for row in range(count):
            _vector_copy_row(x + row * inputs, panel + row * stride, inputs, flip)
    return Rows(panel, count, stride, 1, 0, s[Prepared.QUADS])


@jit
def _run_depthwise(s: Any, memory: Memory, x: int, out: int) -> None:
    image, target = _image(s, memory, x), Target(out, s[Column.OUTPUT_C], 0)
    _filter(s, memory, image, _ZERO, s[Column.OUTPUT_H], target)


@jit
def _run_pair(s: Any, after: Any, memory: Memory, patch: int, patches: int) -> None:
    """Run a depthwise step and the pointwise step after it: what passes between them stays in the first cache."""
    height, width = s[Column.OUTPUT_H], s[Column.OUTPUT_W]
    outputs, positions = after[Column.OUTPUT_C], height * width
    x, out = _input(s, memory, patch), _output(after, memory, patch)
    channels, stride = _channels(after, memory.constants), after[Prepared.PANEL_STRIDE]
    panel = Target(memory.panel, stride, after[Prepared.FLIP])
    if positions > PANEL_ROWS:
        for number in range(patches):
            image = _image(s, memory, x + number * _input_size(s))
            for start in range(0, height, PANEL_IMAGE_ROWS):
                stop = min(start + PANEL_IMAGE_ROWS, height)
                _filter(s, memory, image, start, stop, panel)
                rows = Rows(panel.out, (stop - start) * width, stride, 1, 0, after[Prepared.QUADS])
                at = out + (number * positions + start * width) * outputs
                _vector_matmul(rows, channels, outputs, at, memory.spare)
        return
    images = PANEL_ROWS // positions
    for first in range(0, patches, images):
        here = min(images, patches - first)
        for number in range(here):
            image = _image(s, memory, x + (first + number) * _input_size(s))
            beside = Target(panel.out + number * positions * stride, stride, panel.flip)
            _filter(s, memory, image, _ZERO, height, beside)
        rows = Rows(panel.out, here * positions, stride, 1, 0, after[Prepared.QUADS])
        _vector_matmul(rows, channels, outputs, out + first * positions * outputs, memory.spare)


@jit
def _filter(s: Any, memory: Memory, image: Image, start: int, stop: int, target: Target) -> None:
    channels = _channels(s, memory.constants)
    _vector_depthwise(image, channels, start, stop, s[Column.OUTPUT_W], target, memory.spare)


@jit
def _image(s: Any, memory: Memory, x: int) -> Image:
    """Return an image as depthwise kernels want it: with its border where a column is no whole chunk."""
    height, width, channels, flip = s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C], s[Prepared.FLIP]
    stride, top, left = s[Column.STRIDE_H], s[Column.PAD_TOP], s[Column.PAD_LEFT]
    if channels < CHUNK:
        _pad(s, x, memory.image)
        x, height, width, flip = memory.image, s[Prepared.IMAGE_H], s[Prepared.IMAGE_W], 0
    else:
        _fill(memory.border, width * channels, s[Column.INPUT_ZERO_POINT])
    return Image(x, height, width, channels, stride, top, left, memory.border, flip)


@jit
def _run_conv(s: Any, memory: Memory, x: int, out: int) -> None:
    """Give the image its border, and multiply what each output position sees, a row of them at a time."""
    _pad(s, x, memory.image)
    row_bytes = s[Prepared.IMAGE_W] * s[Column.INPUT_C]
    count, outputs = s[Column.OUTPUT_W], s[Column.OUTPUT_C]
    stride = s[Column.STRIDE_W] * s[Column.INPUT_C]
    channels = _channels(s, memory.constants)
    for oy in range(s[Column.OUTPUT_H]):
        at = memory.image + oy * s[Column.STRIDE_H] * row_bytes
        rows = Rows(at, count, stride, s[Prepared.GROUPS], row_bytes, s[Prepared.QUADS])
        _vector_matmul(rows, channels, outputs, out + oy * count * outputs, memory.spare)


@jit
def _channels(s: Any, constants: int) -> Channels:
    return Channels(
        constants + s[Prepared.WEIGHTS],
        constants + s[Prepared.BIAS],
        constants + s[Prepared.MULTIPLIER],
        constants + s[Prepared.OFFSET],
        constants + s[Prepared.SHIFT],
        constants + s[Prepared.SCALE],
        constants + s[Prepared.REAL_OFFSET],
        constants + s[Prepared.PROVEN],
    )


@jit
def _pad(s: Any, x: int, image: int) -> None:
    """Copy an image and give it a border of its zero point, as uint8."""
    height, width, channels = s[Prepared.IMAGE_H], s[Prepared.IMAGE_W], s[Column.INPUT_C]
    flip, row_bytes = s[Prepared.FLIP], width * channels
    fill = s[Column.INPUT_ZERO_POINT] ^ (flip & 255)
    before, inside = s[Column.PAD_LEFT] * channels, s[Column.INPUT_W] * channels
    for y in range(height):
        target, iy = image + y * row_bytes, y - s[Column.PAD_TOP]
        if 0 <= iy < s[Column.INPUT_H]:
            _fill(target, before, fill)
            _vector_copy_row(x + iy * inside, target + before, inside, flip)
            _fill(target + before + inside, row_bytes - before - inside, fill)
        else:
            _fill(target, row_bytes, fill)


@jit
def _fill(target: int, count: int, value: int) -> None:
    memory = carray(pointer(target), count, np.uint8)
    for i in range(count):
        memory[i] = value & 255


_vector_kernels = VectorKernels(VectorOps(compiled_target()))
_vector_matmul, _vector_matmul_raw = _vector_kernels.matmul, _vector_kernels.matmul_raw
_vector_depthwise, _vector_copy_row = _vector_kernels.depthwise, _vector_kernels.copy_row


@jit
def _run_plain_step(s: Any, memory: Memory, x_address: int, out_address: int) -> None:
    """Run one step that has no vector kernel over one patch."""
    acc = carray(pointer(memory.accumulators), s[Column.OUTPUT_C], np.int32)
    constants = memory.constants
    input_shape = (s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C])
    output_shape = (s[Column.OUTPUT_H], s[Column.OUTPUT_W], s[Column.OUTPUT_C])
    input_size = input_shape[0] * input_shape[1] * input_shape[2]
    output_size = output_shape[0] * output_shape[1] * output_shape[2]
    weights, x, out = pointer(constants + s[Column.WEIGHTS]), pointer(x_address), pointer(out_address)
    op = s[Column.OP]
    if op == StepOp.QUANTIZE:
        scale = carray(weights, 1, np.float32)[0]
        quantize_f32(
            carray(x, input_size, np.float32),
            scale,
            s[Column.OUTPUT_ZERO_POINT],
            carray(out, output_size, np.int8),
        )
    elif op == StepOp.LOOKUP:
        lookup_s8(carray(x, input_size, np.int8), carray(weights, 256, np.int8), carray(out, output_size, np.int8))
    elif op == StepOp.MEAN:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        mean_s8(
            carray(x, positions, np.int8),
            _requantization(s, constants),
            acc,
            carray(out, output_shape[2], np.int8),
        )
    elif op == StepOp.POINTWISE:
        positions = (input_shape[0] * input_shape[1], input_shape[2])
        pointwise_s8(
            carray(x, positions, np.int8),
            carray(weights, (input_shape[2], output_shape[2]), np.int8),
            _requantization(s, constants),
            acc,
            carray(out, (positions[0], output_shape[2]), np.int8),
        )
    elif op == StepOp.DEPTHWISE:
        depthwise_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], output_shape[2]), np.int8),
            _window(s),
            _requantization(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )
    elif op == StepOp.CONV:
        conv_s8(
            carray(x, input_shape, np.int8),
            carray(weights, (s[Column.KERNEL_H], s[Column.KERNEL_W], input_shape[2], output_shape[2]), np.int8),
            _window(s),
            _requantization(s, constants),
            acc,
            carray(out, output_shape, np.int8),
        )


@jit
def _window(s: Any) -> Window:
    return Window(
        s[Column.STRIDE_H],
        s[Column.STRIDE_W],
        s[Column.PAD_TOP],
        s[Column.PAD_LEFT],
        s[Column.INPUT_ZERO_POINT],
    )


@jit
def _requantization(s: Any, constants: int) -> Requantization:
    channels = s[Column.OUTPUT_C]
    return Requantization(
        carray(pointer(constants + s[Column.BIAS]), channels, np.int32),
        carray(pointer(constants + s[Column.MULTIPLIER]), channels, np.int32),
        carray(pointer(constants + s[Column.SHIFT]), channels, np.int32),
        carray(pointer(constants + s[Column.OFFSET]), channels, np.int64),
        carray(pointer(constants + s[Column.SCALE]), channels, np.float64),
        s[Column.OUTPUT_ZERO_POINT],
        s[Column.ACTIVATION_MIN],
        s[Column.ACTIVATION_MAX],
        s[Column.ROUNDING],
    )
