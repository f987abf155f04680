"""Object files for linkers, of LLVM's bitcode: of any system, by LLVM alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import llvmlite.binding as llvm

from yamjit.kernels.vectors.target import Target

__all__ = ["emit_object", "linkable"]


def linkable(target: Target, triple: str) -> Any:
    """Return what LLVM generates code for a linker with, for a target's processor in the system of a triple."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    kind = llvm.Target.from_triple(triple)
    # A module of WebAssembly has its memory to itself; elsewhere code is position-independent.
    reloc = "static" if kind.name == "wasm32" else "pic"
    model = {"opt": 3, "reloc": reloc, "codemodel": "default"}
    return kind.create_target_machine(cpu=target.cpu, features=target.features, **model)


def emit_object(bitcode: bytes, target: Target, triple: str, renamed: Mapping[str, str] | None = None) -> bytes:
    """Return an object file, of the format of a triple's system, of bitcode that was made for a target.

    Kernels know of numbers and memory alone, so the system only settles how functions are called and how files look.
    Functions that are `renamed` have another name in the file.
    """
    machine = linkable(target, triple)
    module = llvm.parse_bitcode(bitcode)
    module.triple, module.data_layout = triple, str(machine.target_data)
    for name, other in (renamed or {}).items():
        module.get_function(name).name = other
    module.verify()
    code: bytes = machine.emit_object(module)
    return code
