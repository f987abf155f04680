"""Compile the kernels for another processor, as Numba would there: ``python -m tools.checks.cross_compile NAME DIR``.

Numba only ever compiles for the process that it runs in. Here it is told that this process is one of Linux on 64-bit
Arm, and nothing that it compiles is put into memory. That takes a process of its own: `compile_for` starts it.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

__all__ = ["PROCESSORS", "compile_for", "inspect", "instructions", "undefined"]

_TRIPLE = "aarch64-unknown-linux-gnu"

#: The features that LLVM 22 finds on Linux, which are all that Numba hears of: dot products are not among them.
PROCESSORS = {
    "cortex-a76": "+fp-armv8,+sha2,+lse,+neon,+crc,+aes,-sve,-rand",  # Raspberry Pi 5
    "cortex-a72": "+fp-armv8,+neon,+crc,-lse,-sve,-rand",  # Raspberry Pi 4
}

#: What the C library has on every system.
_LIBRARY = {"memcpy", "memmove", "memset"}


def compile_for(processors: Iterable[str], folder: Path) -> dict[str, Path]:
    """Compile all entries, for all processors at once; returns the folder of each processor's object files.

    Raises
    ------
    RuntimeError
        If the code cannot be compiled, or needs what is not in every C library.
    """
    places = {processor: folder / processor for processor in processors}
    running = []
    for processor, place in places.items():
        place.mkdir()
        command = [sys.executable, "-m", "tools.checks.cross_compile", processor, str(place)]
        running.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    for process in running:
        _, log = process.communicate()
        if process.returncode:
            raise RuntimeError(log)
    for place in places.values():
        if foreign := set().union(*(undefined(file.read_bytes()) for file in place.glob("*.o"))) - _LIBRARY:
            raise RuntimeError(f"the code for {place.name} needs {', '.join(sorted(foreign))}")
    return places


# -- What is in an object file ----------------------------------------------------------------------------------

#: Bits that tell an instruction, and their value.
_INSTRUCTIONS = {
    "sdot": ((0xFFE0FC00, 0x4E809400), (0xFFC0F400, 0x4F80E000)),
    "smull": ((0xBF20FC00, 0x0E20C000),),
    "fmla": ((0xBFA0FC00, 0x0E20CC00), (0xBF80F400, 0x0F801000)),
}


def instructions(code: bytes) -> Counter[str]:
    """Count the instructions that tell a lowering by."""
    words = np.concatenate(
        [np.frombuffer(s.data(), "<u4") for s in llvm.ObjectFileRef.from_data(code).sections() if s.is_text()]
    )
    return Counter(
        {
            name: sum(int(np.count_nonzero(words & mask == value)) for mask, value in forms)
            for name, forms in _INSTRUCTIONS.items()
        }
    )


def undefined(code: bytes) -> set[str]:
    """Return the symbols that an object file of ELF's format refers to and does not hold."""
    sections = {section.name(): section.data() for section in llvm.ObjectFileRef.from_data(code).sections()}
    symbol = np.dtype([("name", "<u4"), ("kind", "<u2"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")])
    symbols: npt.NDArray[Any] = np.frombuffer(sections[b".symtab"], symbol)
    starts = symbols["name"][(symbols["section"] == 0) & (symbols["name"] > 0)]
    return {sections[b".strtab"][start:].split(b"\0", 1)[0].decode() for start in starts}


def inspect(folder: Path) -> str:
    """Return in a line what the object files of a folder hold."""
    files = [file.read_bytes() for file in folder.glob("*.o")]
    counts = sum((instructions(file) for file in files), Counter[str]())
    listed = ", ".join(f"{counts[name]} {name}" for name in _INSTRUCTIONS)
    return f"{listed}; calls {', '.join(sorted(set().union(*map(undefined, files)))) or 'nothing'} from outside"


# -- The process that compiles ----------------------------------------------------------------------------------


class _NoMemory:
    """Stands for the memory that compiled code is put into: it says that everything is there."""

    def add_module(self, module: Any) -> None:
        pass

    def finalize_object(self) -> None:
        pass

    def is_symbol_defined(self, name: str) -> bool:
        return True

    def get_function_address(self, name: str) -> int:
        return 1


def _pretend(processor: str) -> None:
    """Have Numba compile for a processor from now on; nothing that it compiles may be called."""
    import platform

    from numba import config
    from numba.core import codegen

    class Codegen(codegen.JITCPUCodegen):  # type: ignore[misc]
        def _init(self, llvm_module: Any) -> None:
            options: dict[str, Any] = {"opt": config.OPT}
            self._tm_features = self._customize_tm_features()
            self._customize_tm_options(options)
            options["reloc"] = "default"
            self._tm = llvm.Target.from_triple(_TRIPLE).create_target_machine(**options)
            self._engine = _NoMemory()
            self._target_data = self._tm.target_data
            self._data_layout = str(self._target_data)
            self._loopvect, self._opt_level = False, 0

        def set_env(self, env_name: str, env: Any) -> None:
            pass

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    config.CPU_NAME, config.CPU_FEATURES = processor, PROCESSORS[processor]
    platform.machine = lambda: "aarch64"
    llvm.get_process_triple = lambda: _TRIPLE
    codegen.JITCPUCodegen = Codegen


def _compile_entries(folder: Path) -> None:
    """Write an object file of each entry."""
    from yamjit.kernels.int8.steps import run_steps
    from yamjit.kernels.log_mel.kernel import log_mel
    from yamjit.kernels.machine_code.library import compile_object

    for name, function, count in (("run_steps", run_steps, 12), ("log_mel", log_mel, 5)):
        code, is_free = compile_object(function, name, (int,) * count)
        if not is_free:
            raise SystemExit(f"{name} needs {', '.join(code.needs)}")
        (folder / f"{name}.o").write_bytes(code.code)


if __name__ == "__main__":
    _pretend(sys.argv[1])
    _compile_entries(Path(sys.argv[2]))
