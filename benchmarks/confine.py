"""Confines this process to fewer instruction sets than its processor has, and samples which instructions it runs.

A runtime chooses its kernels by what the CPUID instruction tells. `confine` has it told less: by CPUID faulting where
the kernel has that, else by overwriting the CPUID instructions of the runtime's libraries in memory, which objdump has
found. It is called after the libraries are loaded, and before an interpreter exists. ``confine.c`` does it; a C
compiler makes a library of that when it is wanted. Linux on x86-64 alone.

Importing this module needs nothing but Python: a contender's interpreter may have no more.
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

__all__ = ["LEVELS", "CannotConfine", "confine", "instructions_run", "times_answered"]

_EAX, _EBX, _ECX, _EDX = range(4)

#: Bits of CPUID's leaf 7 by what they announce: subleaf, register, bits.
_BITS = {
    "AMX": [(0, _EDX, (22, 24, 25)), (1, _EAX, (21,)), (1, _EDX, (8,))],
    "AVX-512": [
        (0, _EBX, (16, 17, 21, 26, 27, 28, 30, 31)),
        (0, _ECX, (1, 6, 11, 12, 14)),
        (0, _EDX, (2, 3, 8, 23)),
        (1, _EAX, (5,)),
        (1, _EDX, (19,)),  # AVX10
    ],
    "AVX-VNNI-INT8": [(1, _EDX, (4, 10))],
    "AVX-VNNI": [(1, _EAX, (4, 23)), (1, _EDX, (5,)), (0, _ECX, (8,))],  # and what came with it: IFMA, converting, GFNI
}

#: What is hidden at each level, which has the name of a lowering of yamjit's.
LEVELS = {
    "amx": (),
    "avx512vnni": ("AMX",),
    "avxvnni": ("AMX", "AVX-512", "AVX-VNNI-INT8"),
    "avx2": ("AMX", "AVX-512", "AVX-VNNI-INT8", "AVX-VNNI"),
}

#: What objdump has found, by library, its size and when it was changed.
_KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yamjit-benchmarks" / "cpuid.json"

_SOURCE = Path(__file__).with_name("confine.c")
_LONGEST, _SLOT = 15, 64  # bytes of an instruction, and from one sample to the next where they are disassembled


class CannotConfine(RuntimeError):
    """Neither way works here; the message says why."""


def confine(level: str, package: Path) -> str:
    """Hide instruction sets from a runtime whose libraries are loaded; return how that was done.

    Parameters
    ----------
    level : str
        A key of `LEVELS`.
    package : Path
        Folder of the runtime's package; its libraries that are in memory are those that ask.

    Raises
    ------
    CannotConfine
        If the machine is another one, or has neither way.
    """
    library = _library()
    bits = ((ctypes.c_uint32 * 4) * 2)()
    for name in LEVELS[level]:
        for subleaf, register, places in _BITS[name]:
            bits[subleaf][register] |= sum(1 << place for place in places)
    library.hide(bits)
    if library.confine_by_fault() == 0:
        return "CPUID faults"
    addresses = list(_cpuid_addresses(package))
    done = library.confine_by_trap((ctypes.c_size_t * len(addresses))(*addresses), len(addresses))
    if not addresses or done != len(addresses):
        raise CannotConfine(f"{done} of {len(addresses)} CPUID instructions in {package} were replaced")
    return f"{done} CPUID instructions replaced"


def times_answered() -> int:
    """Return how often CPUID was answered in the processor's place."""
    return int(_library().times_answered())


def _cpuid_addresses(package: Path) -> Iterator[int]:
    """Yield the address of every CPUID instruction in the libraries of a package that are loaded."""
    for path, base in _loaded(package).items():
        if b"\x0f\xa2" in Path(path).read_bytes():
            yield from (base + place for place in _cpuid_places(path))


def _cpuid_places(path: str) -> list[int]:
    """Return where the CPUID instructions of a library are; objdump takes some 10 s for it, so it is kept."""
    about, found = Path(path).stat(), json.loads(_KEPT.read_text()) if _KEPT.is_file() else {}
    key = f"{path}, {about.st_size} bytes, {about.st_mtime_ns}"
    if key not in found:
        if not shutil.which("objdump"):
            raise CannotConfine("CPUID does not fault here, and there is no objdump to find CPUID instructions with")
        command = ["objdump", "-d", "--no-show-raw-insn", path]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found[key] = [int(place, 16) for place in re.findall(r"^ *([0-9a-f]+):\s+cpuid\s*$", listing, re.MULTILINE)]
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        _KEPT.write_text(json.dumps(found))
    return list(found[key])


def _loaded(package: Path) -> dict[str, int]:
    """Return the libraries of a package that are in memory, and where each begins."""
    found: dict[str, int] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, offset, _, _, *path = line.split(maxsplit=5)
        if path and int(offset, 16) == 0 and Path(path[0]).is_relative_to(package.resolve()):
            found.setdefault(path[0], int(span.split("-")[0], 16))
    return found


@functools.cache
def _library() -> ctypes.CDLL:
    """Compile and load the C half."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise CannotConfine(f"only Linux on x86-64 is known how to confine, not {sys.platform} on {platform.machine()}")
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise CannotConfine("there is no C compiler (cc, gcc, clang) to compile confine.c with")
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "confine.so")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", output, str(_SOURCE)], check=True)
        return ctypes.CDLL(output)


# -- Which instructions run -------------------------------------------------------------------------------------


def instructions_run(run: Callable[[], object], seconds: float) -> Counter[tuple[str, str]]:
    """Run something again and again; return how often instructions were found running: their set, and their name.

    Every 4 ms of the processor's time, which is as often as Linux can be asked without privileges, one is looked at.
    """
    import time

    library = _library()
    if library.sample_every(4000):
        raise CannotConfine("there is no timer of the processor's time")
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        run()
    library.sample_every(0)
    first = ctypes.POINTER(ctypes.c_ubyte)()
    count = library.samples_taken(ctypes.byref(first))
    samples = [bytes(first[i * _LONGEST : (i + 1) * _LONGEST]) for i in range(count)]
    texts = _disassembled(samples)
    return Counter((_set_of(*one), one[1].split()[0]) for one in zip(samples, texts, strict=True))


def _disassembled(samples: Sequence[bytes]) -> list[str]:
    """Return the instruction that each sample begins with, as objdump writes it.

    No-operations after a sample bring the disassembler back in step before the next.
    """
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(sample.ljust(_SLOT, b"\x90") for sample in samples))
        file.flush()
        command = ["objdump", "-D", "-b", "binary", "-m", "i386:x86-64", "--no-show-raw-insn", file.name]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^ *([0-9a-f]+):\s+(.*?)\s*$", listing, re.MULTILINE)
    return [text for place, text in found if int(place, 16) % _SLOT == 0]


def _set_of(code: bytes, text: str) -> str:
    """Return the instruction set that an instruction belongs to."""
    if re.search(r"%tmm|^(ldtilecfg|tile)", text):
        return "AMX"
    if code[0] == 0x62 or re.search(r"%k[0-7]", text):  # the prefix that AVX-512 brought
        return "AVX-512"
    if "vpdp" in text:
        return "AVX-VNNI"
    return "AVX, AVX2" if "%ymm" in text else "other"
