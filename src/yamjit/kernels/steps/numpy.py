"""The network in NumPy: a program's steps, one after the other, each over all patches of a batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yamjit.errors import InputError
from yamjit.kernels.float32 import numpy as float32
from yamjit.kernels.hybrid import numpy as hybrid
from yamjit.kernels.int8 import numpy as int8
from yamjit.kernels.int8 import relatives_numpy
from yamjit.kernels.program import Column, Program, StepOp
from yamjit.kernels.spectral import numpy as spectral
from yamjit.kernels.step_view import StepView
from yamjit.kernels.workspace import OutputColumn, PreparedProgram, ResultLayout, Workspace

__all__ = ["run"]

_STEPS = {**int8.STEPS, **relatives_numpy.STEPS, **float32.STEPS, **hybrid.STEPS, **spectral.STEPS}


def run(
    program: Program | PreparedProgram,
    workspace: Workspace,
    patches: npt.NDArray[np.generic],
    layout: ResultLayout,
    results: npt.NDArray[np.int8],
    first: int,
) -> None:
    """Run the steps from `first` on over patches, see `yamjit.kernels.backends.Backend.run`.

    Raises `InputError` for a program that is prepared: its constants are packed for compiled kernels.
    """
    if isinstance(program, PreparedProgram):
        raise InputError(
            "the plan comes from a plan file, which compiled kernels run; NumPy runs that of compile_plan(model.graph)"
        )
    given = program.steps[0, Column.OUTPUT if first else Column.INPUT]
    for start in range(0, len(patches), workspace.capacity):
        batch = patches[start : start + workspace.capacity]
        n = len(batch)
        workspace.tensor(given, n, batch.shape[1:], batch.dtype)[...] = batch
        for index, row in enumerate(program.steps):
            if index >= first:
                step = StepView(program, workspace, n, row)
                _STEPS[StepOp(step["OP"])](step)
            for output, columns in zip(layout.table.tolist(), layout.columns, strict=True):
                if output[OutputColumn.STEP] == index:
                    tensor = workspace.tensor(output[OutputColumn.OFFSET], n, (output[OutputColumn.SIZE],))
                    results[start : start + n, columns] = tensor
