"""AVX-VNNI without a processor that has it: the instructions of lowering "avxvnni" in the encoding of AVX-512.

AVX-VNNI is one instruction of AVX-512 VNNI, ``vpdpbusd``, in an older encoding (VEX, not EVEX); what it computes is the
same. So the lowering is written as assembly, of the bitcode that libraries are made of. Assembled as it stands and
linked, it is the library for linux-x86_64 that was built, byte for byte: the assembly is what is shipped. Assembled
with every ``{vex}`` as ``{evex}``, it runs where there is AVX-512 VNNI. It is linked in the place of the lowering
"avx512vnni", for which `dispatch.c` asks for what it needs; ``YAMJIT_LIBRARY=FILE YAMJIT_LOWERING=avx512vnni`` runs it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from tools.checks.object_files import BITCODE
from tools.libraries.bitcode import OF_ALL, Function, functions, make_bitcode
from tools.libraries.building import build, kernels
from tools.libraries.platforms import PLATFORMS
from yamjit.errors import YamjitError
from yamjit.kernels.machine_code.objects import linkable
from yamjit.kernels.vectors.target import TARGETS, Target

__all__ = ["PLATFORM", "STANDS_FOR", "THROUGH", "write_library"]

PLATFORM = PLATFORMS["linux-x86_64"]

#: The lowering that is run, and the one whose place in a library its code takes.
STANDS_FOR, THROUGH = "avxvnni", "avx512vnni"

_SHARED = str(PLATFORM.shared)


def write_library(built: Path, file: Path) -> int:
    """Write the library that runs the lowering; return how many instructions have the other encoding.

    Raises
    ------
    YamjitError
        If the assembly is not that of the library in the folder `built`.
    """
    make_bitcode(functions(PLATFORM), BITCODE)
    as_shipped = kernels(PLATFORM, BITCODE)
    in_evex, count = dict(as_shipped), 0
    for entry in OF_ALL:
        shipped, other = Function(entry, STANDS_FOR), Function(entry, THROUGH)
        text = _assembly(shipped)
        as_shipped[shipped.symbol] = _assembled(text, TARGETS[STANDS_FOR])
        count += text.count("{vex}")
        text = text.replace("{vex}", "{evex}").replace(shipped.symbol, other.symbol)
        in_evex[other.symbol] = _assembled(text, TARGETS[THROUGH])
    with tempfile.TemporaryDirectory() as work:
        build(PLATFORM, as_shipped, Path(work))
        if (Path(work) / _SHARED).read_bytes() != (built / PLATFORM.name / _SHARED).read_bytes():
            raise YamjitError(f"{built / PLATFORM.name / _SHARED} is not what the assembly of these sources gives")
        build(PLATFORM, in_evex, Path(work))
        shutil.copyfile(Path(work) / _SHARED, file)
    return count


def _assembly(function: Function) -> str:
    machine = linkable(TARGETS[function.lowering], PLATFORM.triple)
    module = llvm.parse_bitcode(function.kept_in(BITCODE).read_bytes())
    module.triple, module.data_layout = PLATFORM.triple, str(machine.target_data)
    text: str = machine.emit_assembly(module)
    return text


def _assembled(text: str, target: Target) -> bytes:
    """Return the object file of assembly, which LLVM takes as a part of a module."""
    llvm.initialize_native_asmparser()
    machine: Any = linkable(target, PLATFORM.triple)
    quoted = "".join(f"\\{byte:02x}" for byte in text.encode())
    module = llvm.parse_assembly(f'target triple = "{PLATFORM.triple}"\nmodule asm "{quoted}"\n')
    module.data_layout = str(machine.target_data)
    code: bytes = machine.emit_object(module)
    return code
