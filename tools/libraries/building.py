"""From bitcode to the libraries of a platform: object files by LLVM, the C sources and the linker by Zig.

::

    python -m tools.libraries.building PLATFORM BITCODE FOLDER
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.libraries.bitcode import MODULES, functions, run_apart
from tools.libraries.platforms import PLATFORMS, STATIC, Platform
from yamjit.errors import YamjitError
from yamjit.kernels.machine_code.sources import C_SOURCES, sources_digest
from yamjit.kernels.vectors.target import TARGETS

__all__ = ["build", "build_apart", "kernels"]

_PACKAGE = Path(__file__).resolve().parents[2] / "src" / "yamjit"

#: What only a shared library needs: a program that links the static one has a C library.
_SHARED_ONLY = ("freestanding.o",)

#: With "-s" objects hold nothing for debuggers; with "-g0" those of Windows have the names of temporary files.
_C_OPTIONS = (
    "-std=c11", "-O2", "-s", "-ffreestanding", "-fvisibility=hidden", "-fno-sanitize=all", "-fno-stack-protector",
    "-fno-unwind-tables", "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra", "-Werror",
)  # fmt: skip

#: The stack comes first in memory, so that what overruns it leaves the memory and ends the call.
_MODULE_OPTIONS = (
    "--no-entry", "--import-memory", "--strip-all", "--compress-relocations", "-O2", "--stack-first",
    "-z", f"stack-size={2**16}",
)  # fmt: skip


def kernels(platform: Platform, cache: Path) -> dict[str, bytes]:
    """Return the object files of a platform's kernels, by their symbols, from the bitcode in a cache."""
    from tools.libraries.shrinking import smaller
    from yamjit.kernels.machine_code.objects import emit_object

    exported = {function: name for module in platform.modules for name, function in MODULES[module].items()}
    found = {}
    for function in functions(platform):
        code, target = function.kept_in(cache).read_bytes(), TARGETS[function.lowering]
        if platform.modules:
            code = smaller(code, target, platform.triple)
        name = exported.get(function, function.symbol)
        found[function.symbol] = emit_object(code, target, platform.triple, {function.symbol: name})
    return found


def build_apart(platform: Platform, cache: Path, folder: Path) -> None:
    """Write the libraries or modules of a platform, of the bitcode in a cache, into a folder.

    It has a process of its own: once LLVM has made modules of WebAssembly, it makes other code of the same bitcode.
    """
    run_apart("tools.libraries.building", platform.name, str(cache), str(folder))


def build(platform: Platform, kernels: Mapping[str, bytes], folder: Path) -> None:
    """Write the libraries or modules of a platform, with its kernels, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        place = Path(work)
        # Names are relative and short: object files, and so static libraries, hold them.
        for symbol, code in kernels.items():
            (place / f"{symbol}.o").write_bytes(code)
        if platform.modules:
            _link_modules(platform, place)
        else:
            _link_libraries(platform, [f"{symbol}.o" for symbol in kernels], place)
        for name in platform.files:
            shutil.copyfile(place / name, folder / name)


def _link_libraries(platform: Platform, kernels: Sequence[str], place: Path) -> None:
    objects = [*kernels, *_compiled_c(platform, place)]
    members = [name for name in objects if name not in _SHARED_ONLY]
    _zig(place, "ar", f"--format={_archive(platform)}", "rcsD", STATIC, *members)
    if platform.shared is not None:
        options = ("-shared", "-nostdlib", "-s", *platform.options)
        _zig(place, "cc", "-target", platform.zig, *options, "-o", platform.shared, *objects)


def _link_modules(platform: Platform, place: Path) -> None:
    """Link modules that import nothing but their memory."""
    for name in platform.modules:
        exports = (f"--export={symbol}" for symbol in (*MODULES[name], "__heap_base"))
        objects = (f"{function.symbol}.o" for function in MODULES[name].values())
        _zig(place, "wasm-ld", *_MODULE_OPTIONS, *exports, "-o", name, *objects)


def _compiled_c(platform: Platform, place: Path) -> list[str]:
    (place / "build.h").write_text(_settings(platform), encoding="utf-8", newline="\n")
    pic = () if "windows" in platform.zig else ("-fPIC",)
    names = []
    for name in C_SOURCES:
        shutil.copyfile(_PACKAGE / name, place / Path(name).name)
    for source in sorted(place.glob("*.c")):
        names.append(f"{source.stem}.o")
        _zig(place, "cc", "-target", platform.zig, *_C_OPTIONS, *pic, "-c", source.name, "-o", names[-1])
    return names


def _settings(platform: Platform) -> str:
    """Return what C is told of a platform, as ``dispatch.c`` describes it."""
    symbols = [name.replace("-", "_") for name in platform.lowerings]
    lowerings = " ".join(f'X({symbol}, "{name}")' for symbol, name in zip(symbols, platform.lowerings, strict=True))
    return (
        f'#define YAMJIT_SOURCES "{sources_digest()}"\n'
        f'#define YAMJIT_FAMILY "{platform.family}"\n'
        f"#define YAMJIT_LOWERINGS(X) {lowerings}\n"
        f"#define YAMJIT_LAST(X) X({symbols[-1]})\n"
    )


def _archive(platform: Platform) -> str:
    return "darwin" if "apple" in platform.triple else "gnu"


def _zig(place: Path, *arguments: str) -> None:
    environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(place / "zig"), "LC_ALL": "C", "SOURCE_DATE_EPOCH": "0"}
    command = [sys.executable, "-m", "ziglang", *arguments]
    run = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise YamjitError(f"zig {' '.join(arguments)}: {run.stderr.strip()}")


if __name__ == "__main__":
    _platform, _cache, _folder = PLATFORMS[sys.argv[1]], Path(sys.argv[2]), Path(sys.argv[3])
    build(_platform, kernels(_platform, _cache), _folder)
