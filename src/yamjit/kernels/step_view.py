"""One row of a program's table, with typed views on what it names, as NumPy's kernels take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from yamjit.kernels.program import Column, Program, Window
from yamjit.kernels.workspace import Workspace

__all__ = ["StepView"]


class StepView:
    """A step, which is run for some patches."""

    def __init__(self, program: Program, workspace: Workspace, patches: int, row: npt.NDArray[np.int64]) -> None:
        self._constants = program.constants
        self._workspace = workspace
        self._patches = patches
        self._row = row

    def __getitem__(self, column: str) -> int:
        return int(self._row[Column[column]])

    def sizes(self, which: str) -> tuple[int, int, int]:
        """Return (height, width, channels) of ``"INPUT"`` or ``"OUTPUT"``."""
        return self[f"{which}_H"], self[f"{which}_W"], self[f"{which}_C"]

    def constant(self, column: str, shape: tuple[int, ...], dtype: npt.DTypeLike = np.int8) -> npt.NDArray[Any]:
        """Return a constant."""
        return np.ndarray(shape, dtype, self._constants, self[column])

    def tensor(self, column: str, shape: tuple[int, ...], dtype: npt.DTypeLike = np.int8) -> npt.NDArray[Any]:
        """Return a tensor [shape=(patches, *shape)]."""
        return self._workspace.tensor(self[column], self._patches, shape, dtype)

    def image(self, which: str, dtype: npt.DTypeLike = np.int8) -> npt.NDArray[Any]:
        """Return ``"INPUT"`` or ``"OUTPUT"`` [shape=(patches, height, width, channels)]."""
        return self.tensor(which, self.sizes(which), dtype)

    def window(self) -> Window:
        """Return how a convolution walks over its input."""
        return Window(self["STRIDE_H"], self["STRIDE_W"], self["PAD_TOP"], self["PAD_LEFT"], self["INPUT_ZERO_POINT"])
