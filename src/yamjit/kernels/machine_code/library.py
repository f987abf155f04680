"""How kernels are compiled: one set of flags for all of them, in one place.

No ``parallel`` (Numba's threading layers are not safe under both fork and threads), no ``fastmath`` (a float32
division must round as IEEE says); bounds are checked where ``NUMBA_BOUNDSCHECK=1`` asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import llvmlite.binding as llvm
import numba
from llvmlite import ir

from yamjit.kernels.machine_code.native import ArgumentTypes, ObjectCode

__all__ = ["compile_object", "follows_environment", "jit"]

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])

_NUMBA_TYPES = {int: numba.int64, float: numba.float64}

#: What Numba's code for arrays names but, where nothing is allocated, never calls.
_DESTRUCTOR = "NRT_MemInfo_call_dtor"

#: How the names begin that only Python and Numba's runtime have.
_RUNTIMES = ("NRT_", "Py", "_Py", "numba_")


def jit(kernel: _Kernel) -> _Kernel:
    """Compile `kernel` when it is first called; with ``NUMBA_DISABLE_JIT=1`` it stays a Python function."""
    compiled: _Kernel = numba.njit(nogil=True, error_model="numpy")(kernel)
    return compiled


def follows_environment() -> bool:
    """Return whether Numba compiles as the environment says: nobody has changed ``numba.config`` since."""
    config = numba.config
    environment = {name: os.environ.get(f"NUMBA_{name}") or "" for name in ("CPU_NAME", "CPU_FEATURES", "BOUNDSCHECK")}
    return (
        (config.CPU_NAME or "") == environment["CPU_NAME"]
        and (config.CPU_FEATURES or "") == environment["CPU_FEATURES"]
        and bool(config.BOUNDSCHECK) == (environment["BOUNDSCHECK"] not in ("", "0"))
    )


def compile_object(function: Callable[..., None], name: str, arguments: ArgumentTypes) -> tuple[ObjectCode, bool]:
    """Compile a function, and all kernels that it calls, to an object file of its own.

    Parameters
    ----------
    function : callable
        Takes integers and floats, returns None.
    name : str
        Of the C function in the object file.
    arguments : tuple of type

    Returns
    -------
    code : ObjectCode
    is_free : bool
        Whether the code also runs where there is neither Python nor Numba. It does if the kernels neither allocate
        nor know Python objects, and Numba optimises, as it does by default.
    """
    signature = numba.void(*(_NUMBA_TYPES[argument] for argument in arguments))
    options = {"nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    result = numba.njit(signature, **options)(function).overloads[signature.args]
    _, _, bitcode = result.library.serialize_using_bitcode()
    module = llvm.parse_bitcode(bitcode)
    module.link_in(llvm.parse_assembly(_c_function(result, name)))
    if [need for need in _needs(module) if need.startswith(_RUNTIMES)] == [_DESTRUCTOR]:
        module.link_in(llvm.parse_assembly(_no_destructor()))
    _hide_all_but(name, module)
    module.verify()
    needs = _needs(module)
    is_free = not result.library.has_dynamic_globals and not any(need.startswith(_RUNTIMES) for need in needs)
    return ObjectCode(_machine(result).emit_object(module), needs), is_free


def _needs(module: Any) -> tuple[str, ...]:
    """Return the names of functions and variables that a module refers to and does not hold."""
    names = (symbol.name for symbol in (*module.functions, *module.global_variables) if symbol.is_declaration)
    return tuple(sorted(name for name in names if not name.startswith("llvm.")))


def _c_function(result: Any, name: str) -> str:
    """Return an LLVM module with a C function that calls Numba's."""
    context, description = result.target_context, result.fndesc
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    module.data_layout = str(context.target_data)
    convention, types = context.call_conv, description.argtypes
    inner_type = convention.get_function_type(description.restype, types)
    inner = ir.Function(module, inner_type, description.llvm_func_name)
    outer_type = ir.FunctionType(ir.IntType(32), [context.get_value_type(argument) for argument in types])
    outer = ir.Function(module, outer_type, name)
    builder = ir.IRBuilder(outer.append_basic_block())
    status, _ = convention.call_function(builder, inner, description.restype, types, outer.args)
    builder.ret(status.code)
    return str(module)


def _no_destructor() -> str:
    """Return an LLVM module with a destructor that does nothing: what was never allocated is never destroyed."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()]), _DESTRUCTOR)
    ir.IRBuilder(function.append_basic_block()).ret_void()
    return str(module)


def _hide_all_but(name: str, module: Any) -> None:
    """Let nothing of a module be seen from outside but one function; this also ends the tentative definitions."""
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name != name and not symbol.name.startswith("llvm."):
            symbol.linkage = "internal"


def _machine(result: Any) -> Any:
    """Return LLVM's description of the processor that Numba compiled for, as Numba itself describes it."""
    triple, processor, features = result.target_context.codegen().magic_tuple()
    target = llvm.Target.from_triple(triple)
    return target.create_target_machine(
        cpu=processor,
        features=features,
        opt=int(numba.config.OPT),
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )
