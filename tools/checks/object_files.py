"""Entries as object files for any machine, and what is in such a file."""

from __future__ import annotations

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import numpy.typing as npt

from tools.libraries.bitcode import Function, make_bitcode
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.objects import emit_object
from yamjit.kernels.vectors.target import Target

__all__ = ["BITCODE", "compiled", "instructions", "undefined"]

#: Where ``python -m tools.libraries`` keeps what it compiles.
BITCODE = Path(__file__).resolve().parents[2] / "build" / "bitcode"


@functools.cache
def compiled(entry: Entry, target: Target) -> bytes:
    """Return an entry as an object file for a target, made of the bitcode that the libraries are made of.

    Raises
    ------
    YamjitError
        If it cannot be compiled, or would need Python or Numba to run.
    """
    function = Function(entry, target.name)
    make_bitcode([function], BITCODE)
    return emit_object(function.kept_in(BITCODE).read_bytes(), target, target.triple)


# -- What is in an object file ----------------------------------------------------------------------------------

#: Bits of the words or bytes that tell an instruction, and their value: for 64-bit Arm (words) and x86 (bytes).
_FORMS: dict[str, tuple[tuple[tuple[int, int], ...], ...]] = {
    "sdot": (((0xFFE0FC00, 0x4E809400),), ((0xFFC0F400, 0x4F80E000),)),
    "smull": (((0xBF20FC00, 0x0E20C000),),),
    "fmla": (((0xBFA0FC00, 0x0E20CC00),), ((0xBF80F400, 0x0F801000),)),
    "vpdpbusd": (((0xFF, 0x62), (0x07, 0x02), (0x87, 0x05), (0, 0), (0xFF, 0x50)),),
    "vpmaddwd": (((0xFF, 0xC5), (0x07, 0x05), (0xFF, 0xF5)), ((0xFF, 0xC4), (0x1F, 0x01), (0x07, 0x05), (0xFF, 0xF5))),
}
_OF_ARM = ("sdot", "smull", "fmla")


def instructions(code: bytes) -> Counter[str]:
    """Count the instructions that tell a lowering by."""
    is_arm = int.from_bytes(code[18:20], "little") == 183  # ELF's number of the machine
    text = b"".join(section.data() for section in llvm.ObjectFileRef.from_data(code).sections() if section.is_text())
    units = np.frombuffer(text, "<u4" if is_arm else np.uint8)
    return Counter(
        {name: sum(_count(units, form) for form in _FORMS[name]) for name in _FORMS if (name in _OF_ARM) == is_arm}
    )


def _count(units: npt.NDArray[Any], form: tuple[tuple[int, int], ...]) -> int:
    """Count the places where units in a row have the bits of a form."""
    found = np.ones(max(0, units.size - len(form) + 1), np.bool_)
    for index, (mask, value) in enumerate(form):
        found &= units[index : index + found.size] & mask == value
    return int(np.count_nonzero(found))


def undefined(code: bytes) -> set[str]:
    """Return the symbols that an object file of ELF's format refers to and does not hold."""
    sections = {section.name(): section.data() for section in llvm.ObjectFileRef.from_data(code).sections()}
    symbol = np.dtype([("name", "<u4"), ("kind", "<u2"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")])
    symbols: npt.NDArray[Any] = np.frombuffer(sections[b".symtab"], symbol)
    starts = symbols["name"][(symbols["section"] == 0) & (symbols["name"] > 0)]
    return {sections[b".strtab"][start:].split(b"\0", 1)[0].decode() for start in starts}
