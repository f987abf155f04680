"""Numba as a compiler for any target, in this process.

Numba compiles for its own "cpu" target: this process's. It lets others be added ("target extension"), each with its
registers of types and of code, and so every foreign target gets one: all that "cpu" knows, but a code generator that
optimises for the foreign machine and puts nothing into memory.

Kernels are decorated once, for "cpu", and call each other by global names. So where a foreign function names a
kernel, the foreign typing context answers with its twin: the same Python function, compiled for the same target as the
caller. That happens where Numba asks for the type of a global value, the one place that all calls go through.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numba
from numba.core import codegen, cpu, descriptors, dispatcher, target_extension, typing
from numba.core.registry import CPUDispatcher, cpu_target
from numba.core.runtime import nrtdynmod, rtsys

from yamjit.kernels.machine_code.objects import linkable
from yamjit.kernels.vectors.target import Target

__all__ = ["add_target"]

_lock = threading.Lock()


def add_target(target: Target) -> str:
    """Make a target known to Numba; return what ``numba.njit`` takes as ``_target``."""
    with _lock:
        return _add_target(target)


@functools.cache
def _add_target(target: Target) -> str:
    name = repr(target)
    # The first context that compiles anything gets Numba's runtime into memory: it has to be this process's.
    rtsys.initialize(cpu_target.target_context)
    kind = type(name, (target_extension.CPU,), {})
    target_extension.target_registry[name] = kind
    typing_context = _Typing()
    target_context = _Context(typing_context, name, target)
    description = _Description(name, typing_context, target_context)
    typing_context.dispatcher = type("ForeignDispatcher", (_Dispatcher,), {"targetdescr": description})
    target_extension.dispatcher_registry[kind] = typing_context.dispatcher
    target_extension.jit_registry[kind] = functools.partial(numba.jit, _target=name)
    return name


class _Codegen(codegen.CPUCodegen):  # type: ignore[misc]
    """Generates code that is never run here."""

    _library_class = codegen.AOTCodeLibrary

    def __init__(self, target: Target) -> None:
        self._target = target
        super().__init__(target.name)

    def _init(self, llvm_module: Any) -> None:
        self._tm = linkable(self._target, self._target.triple)
        self._tm_features = self._target.features
        self._target_data = self._tm.target_data
        self._data_layout = str(self._target_data)
        self._loopvect, self._opt_level = False, 0  # as Numba has them for the pass before its full optimisation

    def _create_empty_module(self, name: str) -> Any:
        module = super()._create_empty_module(name)
        module.triple = self._target.triple
        return module

    def _add_module(self, module: Any) -> None:
        pass

    def magic_tuple(self) -> tuple[str, str, str]:
        return self._target.triple, self._target.cpu, self._target.features


class _Context(cpu.CPUContext):  # type: ignore[misc]
    """What Numba lowers functions with."""

    def __init__(self, typing_context: _Typing, name: str, target: Target) -> None:
        self._target = target
        super().__init__(typing_context, name)

    def init(self) -> None:
        self.is32bit = False
        self._internal_codegen = _Codegen(self._target)

    @functools.cached_property
    def _runtime(self) -> Any:
        """Numba's own functions, which code for arrays names, in the foreign machine's code."""
        module, library = nrtdynmod.create_nrt_module(self)
        library.add_ir_module(module)
        library.finalize()
        return library

    def post_lowering(self, mod: Any, library: Any) -> None:
        if self._target.is_sent:
            for function in mod.functions:
                if not function.is_declaration:
                    function.attributes.add("optsize")
        library.add_linking_library(self._runtime)

    def get_executable(self, library: Any, fndesc: Any, env: Any) -> object:
        """Return what stands for the function that is not in memory."""
        library._ensure_finalized()
        return object()


class _Typing(typing.Context):  # type: ignore[misc]
    """What Numba finds types with."""

    dispatcher: type[_Dispatcher]

    def __init__(self) -> None:
        self._twins: dict[Any, _Dispatcher] = {}
        super().__init__()

    def resolve_value_type(self, val: Any) -> Any:
        if isinstance(val, CPUDispatcher):
            if val not in self._twins:
                self._twins[val] = self.dispatcher(val.py_func, dict(val.locals), dict(val.targetoptions))
            val = self._twins[val]
        return super().resolve_value_type(val)


class _Dispatcher(dispatcher.Dispatcher):
    """A jitted function that is compiled and never called."""

    def add_overload(self, cres: Any) -> None:
        self.overloads[tuple(cres.signature.args)] = cres


class _Description(descriptors.TargetDescriptor):  # type: ignore[misc]
    options = cpu.CPUTargetOptions
    typing_context: Any = None
    target_context: Any = None

    def __init__(self, name: str, typing_context: _Typing, target_context: _Context) -> None:
        super().__init__(name)
        self.typing_context, self.target_context = typing_context, target_context
