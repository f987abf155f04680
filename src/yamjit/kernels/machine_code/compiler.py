"""Entries as machine code or as LLVM's bitcode, for any target, by Numba in this process."""

from __future__ import annotations

import os
from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir

from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.foreign import add_target
from yamjit.kernels.machine_code.jit import FLAGS
from yamjit.kernels.machine_code.native import ObjectCode
from yamjit.kernels.machine_code.objects import linkable
from yamjit.kernels.machine_code.offsets import with_offsets
from yamjit.kernels.vectors.processor import host_target
from yamjit.kernels.vectors.target import Target

__all__ = ["compile_bitcode", "compile_object", "follows_environment"]

_NUMBA_TYPES = {int: numba.int64, float: numba.float64}

#: What Numba's code for arrays names but, where nothing is allocated, never calls.
_DESTRUCTOR = "NRT_MemInfo_call_dtor"

#: What Numba's code names for the square root of a float32.
_ROOT = "sqrtf"

#: How the names begin that only Python and Numba's runtime have.
_RUNTIMES = ("NRT_", "Py", "_Py", "numba_")


def follows_environment() -> bool:
    """Return whether Numba compiles as the environment says: nobody has changed ``numba.config`` since."""
    config = numba.config
    environment = {name: os.environ.get(f"NUMBA_{name}") or "" for name in ("CPU_NAME", "CPU_FEATURES", "BOUNDSCHECK")}
    return (
        (config.CPU_NAME or "") == environment["CPU_NAME"]
        and (config.CPU_FEATURES or "") == environment["CPU_FEATURES"]
        and bool(config.BOUNDSCHECK) == (environment["BOUNDSCHECK"] not in ("", "0"))
    )


def compile_object(entry: Entry, target: Target) -> ObjectCode:
    """Compile an entry, and all kernels that it calls, to an object file.

    For the target of this process, `host_target`, the code is what Numba makes for its own use, to be loaded by
    `yamjit.kernels.machine_code.native`. For any other it is position-independent, for a linker or for that loader.
    """
    is_host = target == host_target()
    module, is_fixed = _optimised(entry, target, "cpu" if is_host else add_target(target), entry.name)
    needs = _needs(module)
    machine = _own_machine(target) if is_host else linkable(target, target.triple)
    return ObjectCode(machine.emit_object(module), needs, is_fixed and not _is_of_python(needs))


def compile_bitcode(entry: Entry, target: Target, symbol: str) -> bytes:
    """Compile an entry, and all kernels that it calls, to what `yamjit.kernels.machine_code.objects` makes code of.

    The function is called `symbol`, and no library shows it to others.

    Raises
    ------
    RuntimeError
        If the code would need Python or Numba to run.
    """
    module, is_fixed = _optimised(entry, target, add_target(target), symbol)
    needs = _needs(module)
    if not is_fixed or _is_of_python(needs):
        raise RuntimeError(f"{symbol} needs Python or Numba: {', '.join(needs) or 'addresses of this process'}")
    if target.argument_bits == 32:
        module = llvm.parse_assembly(with_offsets(str(module)))
    module.get_function(symbol).visibility = "hidden"
    code: bytes = module.as_bitcode()
    return code


def _optimised(entry: Entry, target: Target, numba_target: str, symbol: str) -> tuple[Any, bool]:
    """Return an LLVM module with an entry as a C function, and whether it holds no address of this process."""
    signature = numba.void(*(_NUMBA_TYPES[argument] for argument in entry.arguments))
    options = {**FLAGS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiler = numba.njit(signature, _target=numba_target, **options)
    result = compiler(entry.function(target)).overloads[signature.args]
    _, _, bitcode = result.library.serialize_using_bitcode()
    module = llvm.parse_bitcode(bitcode)
    module.link_in(llvm.parse_assembly(_c_function(result, symbol, target.argument_bits)))
    if [need for need in _needs(module) if need.startswith(_RUNTIMES)] == [_DESTRUCTOR]:
        module.link_in(llvm.parse_assembly(_no_destructor(module)))
    if _ROOT in _needs(module):
        module.link_in(llvm.parse_assembly(_square_root(module)))
    _hide_all_but(symbol, module)
    module.verify()
    return module, not result.library.has_dynamic_globals


def _is_of_python(needs: tuple[str, ...]) -> bool:
    return any(need.startswith(_RUNTIMES) for need in needs)


def _needs(module: Any) -> tuple[str, ...]:
    """Return the names of functions and variables that a module refers to and does not hold."""
    names = (symbol.name for symbol in (*module.functions, *module.global_variables) if symbol.is_declaration)
    return tuple(sorted(name for name in names if not name.startswith("llvm.")))


def _c_function(result: Any, name: str, bits: int) -> str:
    """Return an LLVM module with a C function that takes integers of as many bits and calls Numba's."""
    context, description = result.target_context, result.fndesc
    module = ir.Module()
    module.triple = context.codegen().magic_tuple()[0]
    module.data_layout = str(context.target_data)
    convention, types = context.call_conv, description.argtypes
    inner_type = convention.get_function_type(description.restype, types)
    inner = ir.Function(module, inner_type, description.llvm_func_name)
    inner_types = [context.get_value_type(argument) for argument in types]
    outer_types = [ir.IntType(bits) if kind == ir.IntType(64) else kind for kind in inner_types]
    outer = ir.Function(module, ir.FunctionType(ir.IntType(32), outer_types), name)
    builder = ir.IRBuilder(outer.append_basic_block())
    given = [
        argument if argument.type == kind else builder.zext(argument, kind)
        for argument, kind in zip(outer.args, inner_types, strict=True)
    ]
    status, _ = convention.call_function(builder, inner, description.restype, types, given)
    builder.ret(status.code)
    return str(module)


def _no_destructor(user: Any) -> str:
    """Return an LLVM module with a destructor that does nothing: what was never allocated is never destroyed."""
    module = ir.Module()
    module.triple, module.data_layout = user.triple, user.data_layout
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()]), _DESTRUCTOR)
    ir.IRBuilder(function.append_basic_block()).ret_void()
    return str(module)


def _square_root(user: Any) -> str:
    """Return an LLVM module with the C library's square root as what it is for every processor: an instruction."""
    module = ir.Module()
    module.triple, module.data_layout = user.triple, user.data_layout
    kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()])
    function = ir.Function(module, kind, _ROOT)
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(builder.call(module.declare_intrinsic("llvm.sqrt", [ir.FloatType()]), function.args))
    return str(module)


def _hide_all_but(name: str, module: Any) -> None:
    """Let nothing of a module be seen from outside but one function; this also ends the tentative definitions."""
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name != name and not symbol.name.startswith("llvm."):
            symbol.linkage = "internal"


def _own_machine(target: Target) -> Any:
    """Return what LLVM generates code for this process with, as Numba itself does."""
    kind = llvm.Target.from_triple(target.triple)
    reloc = "static" if kind.name.startswith("x86") else "default"
    model = {"opt": int(numba.config.OPT), "reloc": reloc, "codemodel": "jitdefault", "jit": True}
    return kind.create_target_machine(cpu=target.cpu, features=target.features, **model)
