"""The kernels as object files for other machines, and what is in such a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from yamjit.kernels.int8.compiled import RUN_STEPS
from yamjit.kernels.log_mel.compiled import LOG_MEL
from yamjit.kernels.vectors.target import Target

__all__ = ["ENTRIES", "compile_for", "inspect", "instructions", "undefined"]

#: All functions at which compiled code is entered.
ENTRIES = (RUN_STEPS, LOG_MEL)

#: What the C library has on every system.
_LIBRARY = {"memcpy", "memmove", "memset"}


def compile_for(targets: Iterable[Target], folder: Path) -> dict[Target, Path]:
    """Compile all entries for targets; returns the folder of each target's object files.

    Raises
    ------
    RuntimeError
        If the code needs what is not in every C library.
    """
    from yamjit.kernels.machine_code.library import compile_object

    places = {target: folder / target.cpu for target in targets}
    for target, place in places.items():
        place.mkdir()
        for entry in ENTRIES:
            code = compile_object(entry, target)
            if foreign := set(code.needs) - _LIBRARY:
                raise RuntimeError(f"{entry.name} for {target.cpu} needs {', '.join(sorted(foreign))}")
            (place / f"{entry.name}.o").write_bytes(code.code)
    return places


# -- What is in an object file ----------------------------------------------------------------------------------

#: Bits that tell an instruction of 64-bit Arm, and their value.
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
