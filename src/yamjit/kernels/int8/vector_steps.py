"""Steps of int8 values over any number of patches: by vector kernels, and by plain loops where there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import carray

from yamjit.kernels.int8.depthwise import Destination, Image
from yamjit.kernels.int8.kernel_set import KernelSet
from yamjit.kernels.int8.matmul import Rows, fill_bytes
from yamjit.kernels.int8.plain import finish
from yamjit.kernels.int8.plain_steps import run_plain_step
from yamjit.kernels.machine_code.jit import jit
from yamjit.kernels.machine_code.pointer import pointer
from yamjit.kernels.prepared.columns import Prepared, VectorOp
from yamjit.kernels.prepared.packing import BLOCK, CHUNK
from yamjit.kernels.prepared.table import (
    Memory,
    channels_of,
    input_of,
    input_size,
    output_of,
    output_size,
    requantization_of,
)
from yamjit.kernels.program import PANEL_IMAGE_ROWS, PANEL_ROWS, SCRATCH_ROWS, Column

__all__ = ["Int8Steps", "make_int8_steps"]

#: Numba compiles a function, and all that it calls, once more for an argument that is written as a number.
_ZERO = np.int64(0)


class Int8Steps(NamedTuple):
    """Jitted functions that run steps over patches, the first of which is number `patch`.

    ``run_step(s, memory, patch, patches)`` runs one, ``run_pair(s, after, memory, patch, patches)`` two that make a
    pair.
    """

    run_step: Any
    run_pair: Any


def make_int8_steps(kernels: KernelSet) -> Int8Steps:
    """Make the functions from the kernels of a target."""
    pad, filter_rows = _make_pad(kernels), _make_filter(kernels)
    image_of = _make_image(pad)
    return Int8Steps(
        _make_run_step(kernels, pad, image_of, filter_rows), _make_run_pair(kernels, image_of, filter_rows)
    )


def _make_run_step(kernels: KernelSet, pad: Any, image_of: Any, filter_rows: Any) -> Any:
    run_pointwise, run_pointwise_raw = _make_run_pointwise(kernels)
    run_conv = _make_run_conv(kernels, pad)

    @jit
    def run_step(s: Any, memory: Memory, patch: int, patches: int) -> None:
        x, out = input_of(s, memory, patch), output_of(s, memory, patch)
        op = s[Column.OP]
        if op == VectorOp.POINTWISE:
            run_pointwise(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
        elif op == VectorOp.POINTWISE_RAW:
            run_pointwise_raw(s, memory, x, out, patches * s[Column.INPUT_H] * s[Column.INPUT_W])
        else:
            for number in range(patches):
                if op == VectorOp.DEPTHWISE:
                    run_depthwise(s, memory, x + number * input_size(s), out + number * output_size(s))
                elif op == VectorOp.CONV:
                    run_conv(s, memory, x + number * input_size(s), out + number * output_size(s))
                else:
                    run_plain_step(s, memory, x + number * input_size(s), out + number * output_size(s))

    @jit
    def run_depthwise(s: Any, memory: Memory, x: int, out: int) -> None:
        image, destination = image_of(s, memory, x), Destination(out, s[Column.OUTPUT_C], 0)
        filter_rows(s, memory, image, _ZERO, s[Column.OUTPUT_H], destination)

    return run_step


def _make_run_pointwise(kernels: KernelSet) -> tuple[Any, Any]:
    """Make ``run_pointwise(s, memory, x, out, count)``, for `count` rows of a matrix, and the same by raw sums."""
    matmul, matmul_raw, copy_row = kernels.matmul, kernels.matmul_raw, kernels.copy_row

    @jit
    def run_pointwise(s: Any, memory: Memory, x: int, out: int, count: int) -> None:
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        channels = channels_of(s, memory.constants)
        for first in range(0, count, PANEL_ROWS):
            rows = panel_of(s, x + first * inputs, min(PANEL_ROWS, count - first), memory.panel)
            matmul(rows, channels, outputs, out + first * outputs, memory.spare)

    @jit
    def run_pointwise_raw(s: Any, memory: Memory, x: int, out: int, count: int) -> None:
        inputs, outputs = s[Column.INPUT_C], s[Column.OUTPUT_C]
        channels, requantization = channels_of(s, memory.constants), requantization_of(s, memory.constants)
        width = (outputs + BLOCK - 1) // BLOCK * BLOCK
        for first in range(0, count, SCRATCH_ROWS):
            rows = panel_of(s, x + first * inputs, min(SCRATCH_ROWS, count - first), memory.panel)
            matmul_raw(rows, channels, outputs, memory.accumulators, memory.spare)
            for row in range(rows.n_rows):
                acc = carray(pointer(memory.accumulators + row * width * 4), outputs, np.int32)
                finish(acc, requantization, carray(pointer(out + (first + row) * outputs), outputs, np.int8))

    @jit
    def panel_of(s: Any, x: int, count: int, panel: int) -> Rows:
        """Copy rows of a matrix to where they do not collide in the cache, with the bits turned that vectors want."""
        inputs, stride, flip = s[Column.INPUT_C], s[Prepared.PANEL_STRIDE], s[Prepared.FLIP]
        if stride == inputs:
            copy_row(x, panel, count * inputs, flip)
        else:
            for row in range(count):
                copy_row(x + row * inputs, panel + row * stride, inputs, flip)
        return Rows(panel, count, stride, 1, 0, s[Prepared.QUADS])

    return run_pointwise, run_pointwise_raw


def _make_run_pair(kernels: KernelSet, image_of: Any, filter_rows: Any) -> Any:
    """Make ``run_pair(s, after, memory, patch, patches)``: a depthwise step and the pointwise step after it.

    What passes between them is a panel, which stays in the first cache.
    """
    matmul = kernels.matmul

    @jit
    def run_pair(s: Any, after: Any, memory: Memory, patch: int, patches: int) -> None:
        height, width = s[Column.OUTPUT_H], s[Column.OUTPUT_W]
        outputs, positions = after[Column.OUTPUT_C], height * width
        x, out = input_of(s, memory, patch), output_of(after, memory, patch)
        channels, stride = channels_of(after, memory.constants), after[Prepared.PANEL_STRIDE]
        panel = Destination(memory.panel, stride, after[Prepared.FLIP])
        if positions > PANEL_ROWS:
            for number in range(patches):
                image = image_of(s, memory, x + number * input_size(s))
                for start in range(0, height, PANEL_IMAGE_ROWS):
                    stop = min(start + PANEL_IMAGE_ROWS, height)
                    filter_rows(s, memory, image, start, stop, panel)
                    rows = Rows(panel.out, (stop - start) * width, stride, 1, 0, after[Prepared.QUADS])
                    at = out + (number * positions + start * width) * outputs
                    matmul(rows, channels, outputs, at, memory.spare)
            return
        images = PANEL_ROWS // positions
        for first in range(0, patches, images):
            here = min(images, patches - first)
            for number in range(here):
                image = image_of(s, memory, x + (first + number) * input_size(s))
                beside = Destination(panel.out + number * positions * stride, stride, panel.flip)
                filter_rows(s, memory, image, _ZERO, height, beside)
            rows = Rows(panel.out, here * positions, stride, 1, 0, after[Prepared.QUADS])
            matmul(rows, channels, outputs, out + first * positions * outputs, memory.spare)

    return run_pair


def _make_filter(kernels: KernelSet) -> Any:
    """Make ``filter_rows(s, memory, image, start, stop, destination)``: some output rows of a depthwise step."""
    depthwise = kernels.depthwise

    @jit
    def filter_rows(s: Any, memory: Memory, image: Image, start: int, stop: int, destination: Destination) -> None:
        channels = channels_of(s, memory.constants)
        depthwise(image, channels, start, stop, s[Column.OUTPUT_W], destination, memory.spare)

    return filter_rows


def _make_image(pad: Any) -> Any:
    """Make ``image_of(s, memory, x)``: an image with its border where a column is not a whole chunk."""

    @jit
    def image_of(s: Any, memory: Memory, x: int) -> Image:
        height, width, channels, flip = s[Column.INPUT_H], s[Column.INPUT_W], s[Column.INPUT_C], s[Prepared.FLIP]
        stride, top, left = s[Column.STRIDE_H], s[Column.PAD_TOP], s[Column.PAD_LEFT]
        if channels < CHUNK:
            pad(s, x, memory.image)
            x, height, width, flip = memory.image, s[Prepared.IMAGE_H], s[Prepared.IMAGE_W], 0
        else:
            fill_bytes(memory.border, width * channels, s[Column.INPUT_ZERO_POINT])
        return Image(x, height, width, channels, stride, top, left, memory.border, flip)

    return image_of


def _make_run_conv(kernels: KernelSet, pad: Any) -> Any:
    """Make ``run_conv(s, memory, x, out)``: what each output position sees is multiplied, a row of them at a time."""
    matmul = kernels.matmul

    @jit
    def run_conv(s: Any, memory: Memory, x: int, out: int) -> None:
        pad(s, x, memory.image)
        row_bytes = s[Prepared.IMAGE_W] * s[Column.INPUT_C]
        count, outputs = s[Column.OUTPUT_W], s[Column.OUTPUT_C]
        stride = s[Column.STRIDE_W] * s[Column.INPUT_C]
        channels = channels_of(s, memory.constants)
        for oy in range(s[Column.OUTPUT_H]):
            at = memory.image + oy * s[Column.STRIDE_H] * row_bytes
            rows = Rows(at, count, stride, s[Prepared.GROUPS], row_bytes, s[Prepared.QUADS])
            matmul(rows, channels, outputs, out + oy * count * outputs, memory.spare)

    return run_conv


def _make_pad(kernels: KernelSet) -> Any:
    """Make ``pad(s, x, image)``: an image copied with a border of its zero point, as uint8 where vectors want that."""
    copy_row = kernels.copy_row

    @jit
    def pad(s: Any, x: int, image: int) -> None:
        height, width, channels = s[Prepared.IMAGE_H], s[Prepared.IMAGE_W], s[Column.INPUT_C]
        flip, row_bytes = s[Prepared.FLIP], width * channels
        fill = s[Column.INPUT_ZERO_POINT] ^ (flip & 255)
        before, inside = s[Column.PAD_LEFT] * channels, s[Column.INPUT_W] * channels
        for y in range(height):
            at, iy = image + y * row_bytes, y - s[Column.PAD_TOP]
            if 0 <= iy < s[Column.INPUT_H]:
                fill_bytes(at, before, fill)
                copy_row(x + iy * inside, at + before, inside, flip)
                fill_bytes(at + before + inside, row_bytes - before - inside, fill)
            else:
                fill_bytes(at, row_bytes, fill)

    return pad
