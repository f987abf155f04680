"""Addresses as WebAssembly's instructions take them: sums of a number and a constant, which is part of the instruction.

Kernels add integers and make addresses of the sums. LLVM cannot tell that such a sum stays below 2**32, and adds the
constant apart, before every load and store. No address of a kernel passes the end of memory, which code that is
generated from here on may rely on: an address that would do so ends the call.
"""

from __future__ import annotations

import re

__all__ = ["with_offsets"]

_SUM = re.compile(r"^  (%\S+) = add (?:nuw |nsw )*i32 (%\S+), (\d+)$", re.MULTILINE)
_ADDRESS = re.compile(r"^  (%\S+) = inttoptr i32 (%\S+) to ptr$", re.MULTILINE)


def with_offsets(assembly: str) -> str:
    """Return LLVM's text of a module in which addresses that are sums with constants are told as such."""
    return re.sub(r"^define .*?^}$", _with_offsets, assembly, flags=re.MULTILINE | re.DOTALL)


def _with_offsets(function: re.Match[str]) -> str:
    sums = {name: (base, offset) for name, base, offset in _SUM.findall(function[0])}

    def told(line: re.Match[str]) -> str:
        name, number = line.groups()
        if number not in sums:
            return line[0]
        base, offset = sums[number]
        # Names may be in quotation marks.
        at = f'{name[:-1]}.base"' if name.endswith('"') else f"{name}.base"
        pointer = f"  {at} = inttoptr i32 {base} to ptr\n"
        return f"{pointer}  {name} = getelementptr inbounds nuw i8, ptr {at}, i32 {offset}"

    return _ADDRESS.sub(told, function[0])
