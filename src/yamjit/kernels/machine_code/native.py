"""Machine code without Numba: object files, put into this process by LLVM's linker and called through ctypes.

Loading what was compiled before takes milliseconds and needs neither Numba nor a compilation.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import llvmlite
import llvmlite.binding as llvm

from yamjit.kernels.machine_code.entry import ArgumentTypes
from yamjit.kernels.vectors.processor import host_target

__all__ = ["ObjectCode", "load", "processor"]

_C_TYPES: dict[type, Any] = {int: ctypes.c_int64, float: ctypes.c_double}


class ObjectCode(NamedTuple):
    """An object file with one C function ``int32 name(...)``, which returns 0 if all went well."""

    #: Content of the file, in the format of the system that it is compiled for.
    code: bytes
    #: Names of functions and variables that the code refers to and does not hold.
    needs: tuple[str, ...] = ()
    #: Whether the code also runs where there is neither Python nor Numba. It does if the kernels neither allocate nor
    #: know Python objects, and Numba optimises, as it does by default.
    is_free: bool = True

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` reads."""
        return " ".join(self.needs).encode() + b"\0" + self.code

    @classmethod
    def from_bytes(cls, data: bytes) -> ObjectCode:
        """Return what `to_bytes` wrote."""
        needs, _, code = data.partition(b"\0")
        return cls(code, tuple(needs.decode().split()))


def processor() -> str:
    """Return everything that tells which machine code runs here, what the system grants included, and LLVM's version."""
    try:
        features = llvm.get_host_cpu_features().flatten()
    except RuntimeError:  # an architecture that LLVM cannot ask
        features = ""
    named = f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {features}"
    return f"{named} {host_target().name} llvmlite {llvmlite.__version__}"


def load(compiled: ObjectCode, name: str, arguments: ArgumentTypes) -> Callable[..., int]:
    """Put compiled code into this process, for as long as it lives; the caller vouches for the code.

    Raises `RuntimeError` if the code needs something that this process lacks.
    """
    missing = [need for need in compiled.needs if not llvm.address_of_symbol(need)]
    if missing:
        # Found by LLVM, this would end the process.
        raise RuntimeError(f"{name} needs {', '.join(missing)}")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(compiled.code))
    engine.finalize_object()
    address = engine.get_function_address(name)
    if not address:
        raise RuntimeError(f"there is no function {name} in the object file")
    # Without an owner the code stays, even while the interpreter ends: a daemon thread may still be in it.
    engine.detach()
    return ctypes.CFUNCTYPE(ctypes.c_int32, *(_C_TYPES[argument] for argument in arguments))(address)
