"""What the files of libraries are to be: what they need, what they show, how they lie in memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.libraries.bitcode import MODULES
from tools.libraries.platforms import Platform

__all__ = ["faults", "module_faults", "traces"]

#: What a library of Windows for Arm asks the system; all others ask nobody.
_IMPORTS = {"windows-arm64": {"IsProcessorFeaturePresent"}}

#: Numbers of a module's sections.
_IMPORTS_OF_A_MODULE, _EXPORTS_OF_A_MODULE = 2, 7

#: Bytes of a page on devices that a platform stands for.
_PAGES = {"linux-x86_64": 4096, "linux-aarch64": 65536, "android-arm64": 16384}


#: What would tell where a library was built: beginnings of paths, also of this user and checkout; names of processors.
_TRACES = (
    *("/home/", "/tmp/", "znver", "icelake", "sapphire"),
    *(f"{place}{os.sep}" for place in (Path.home(), tempfile.gettempdir(), Path(__file__).parents[2])),
)

#: Names that Zig's linker gives to the beginning of a library for macOS.
_OF_THE_LINKER = {"_mh_dylib_header", "__dso_handle"}


def faults(path: Path, platform: Platform) -> Iterator[str]:
    """Yield what is wrong with a shared library.

    Parameters
    ----------
    path : Path
    platform : Platform
        What it was built for.
    """
    import lief

    lief.logging.disable()  # it tells of empty parts
    binary: Any = lief.parse(path)
    if binary is None:
        yield "its format is not known"
        return
    shown = set(_shown(binary)) - _OF_THE_LINKER
    if strange := sorted(name for name in shown if not name.startswith("yamjit_")):
        yield f"it shows {', '.join(strange)}"
    if hidden := sorted({"yamjit_entry", "yamjit_open", "yamjit_stream_push"} - shown):
        yield f"it does not show {', '.join(hidden)}"
    yield from traces(path)
    kind = {lief.ELF.Binary: _elf, lief.PE.Binary: _pe, lief.MachO.Binary: _macho}[type(binary)]
    yield from kind(binary, platform)


def module_faults(path: Path) -> Iterator[str]:
    """Yield what is wrong with a module of WebAssembly."""
    sections, content = {}, path.read_bytes()
    if content[:8] != b"\0asm\1\0\0\0":
        yield f"{path.name} is no module"
        return
    at = 8
    while at < len(content):
        size, start = _number(content, at + 1)
        sections[content[at]], at = content[start : start + size], start + size
    if (imports := sections.get(_IMPORTS_OF_A_MODULE, b"")[:13]) != b"\1\3env\6memory\2":
        yield f"{path.name} imports something else than env.memory: {imports!r}"
    names = {*MODULES[path.name], "__heap_base"}
    if (shown := set(_exported(sections.get(_EXPORTS_OF_A_MODULE, b"\0")))) != names:
        yield f"{path.name} exports {', '.join(sorted(shown))}"
    yield from traces(path)


def _exported(section: bytes) -> Iterator[str]:
    count, at = _number(section, 0)
    for _ in range(count):
        size, at = _number(section, at)
        yield section[at : at + size].decode()
        _, at = _number(section, at + size + 1)


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Return an integer of a module, and where the next thing begins."""
    value = shift = 0
    while content[at] & 0x80:
        value |= (content[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | content[at] << shift, at + 1


def traces(path: Path) -> Iterator[str]:
    """Yield what a library of any kind tells of where it was built."""
    content = path.read_bytes()
    if text := sorted({text for text in _TRACES if text.encode() in content}):
        yield f"{path.name} tells where it was built: {', '.join(text)}"


def _shown(binary: Any) -> Iterator[str]:
    """Yield the names of what a library shows, as C has them."""
    if hasattr(binary, "dyld_info"):
        yield from (export.symbol.name.removeprefix("_") for export in binary.dyld_info.exports)
    elif hasattr(binary, "exported_symbols"):
        yield from (symbol.name for symbol in binary.exported_symbols)
    else:
        yield from (function.name for function in binary.exported_functions)


def _elf(binary: Any, platform: Platform) -> Iterator[str]:
    if binary.libraries:
        yield f"it needs {', '.join(binary.libraries)}"
    if undefined := [symbol.name for symbol in binary.imported_symbols]:
        yield f"it lacks {', '.join(undefined)}"
    page = _PAGES[platform.name]
    for segment in binary.segments:
        if segment.type.name == "LOAD" and segment.alignment < page:
            yield f"a segment is aligned to {segment.alignment} bytes, and pages have {page}"
        if segment.type.name == "GNU_STACK" and int(segment.flags) & 1:
            yield "its stack can be executed"


def _pe(binary: Any, platform: Platform) -> Iterator[str]:
    imported = {function.name for function in binary.imported_functions}
    if imported != _IMPORTS.get(platform.name, set()):
        yield f"it needs {', '.join(sorted(imported)) or 'nothing'}"


def _macho(binary: Any, platform: Platform) -> Iterator[str]:
    # dyld's own helper is named in every library.
    if lacking := [symbol.name for symbol in binary.imported_symbols if symbol.name != "dyld_stub_binder"]:
        yield f"it lacks {', '.join(lacking)}"
    if list(binary.build_version.minos)[:2] != [11, 0]:
        yield f"it is for macOS {binary.build_version.minos} or later"
    if platform.name == "macos-arm64" and not binary.has_code_signature:
        yield "it is not signed, and macOS for Arm loads none that is not"
