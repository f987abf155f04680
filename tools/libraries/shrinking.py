"""Bitcode of WebAssembly made smaller: Numba optimizes functions before it is known who calls them, and with what."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from yamjit.kernels.machine_code.objects import linkable
from yamjit.kernels.vectors.target import Target

__all__ = ["smaller"]

#: Attributes of functions. Those with a frame of their own, for registers that are spilled, are functions like all
#: others where the engine keeps the registers.
_ATTRIBUTES = re.compile(r"^attributes #\d+ = \{.*\boptsize\b.*$", re.MULTILINE)
_OF_A_FRAME = re.compile(r" (noinline|alignstack=\d+)\b")

#: How often all passes run: the second time, arguments that are constant everywhere are gone.
_ROUNDS = 2


def smaller(bitcode: bytes, target: Target, triple: str) -> bytes:
    """Return bitcode of which one function is seen from outside, as what does the same in fewer bytes."""
    machine = linkable(target, triple)
    text = str(llvm.parse_bitcode(bitcode))
    module = llvm.parse_assembly(_ATTRIBUTES.sub(lambda line: _OF_A_FRAME.sub("", line[0]), text))
    module.triple, module.data_layout = triple, str(machine.target_data)
    for _ in range(_ROUNDS):
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_unrolling = options.loop_interleaving = False
        options.loop_vectorization = options.slp_vectorization = False  # loops are vectors already
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    code: bytes = module.as_bitcode()
    return code
