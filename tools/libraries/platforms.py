"""Platforms as values: what a library is built for, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yamjit.kernels.machine_code.platforms import library_file

__all__ = ["PLATFORMS", "STATIC", "Platform"]

_X86, _ARM = ("avx512vnni", "avxvnni", "avx2", "plain"), ("neon-dot", "neon")
#: Tiles are asked for as Linux has it.
_X86_LINUX = ("amx", *_X86)
_ELF = ("-Wl,-soname,libyamjit.so", "-Wl,-z,defs")


@dataclass(frozen=True, slots=True)
class Platform:
    """A system and its processors.

    Parameters
    ----------
    name : str
        Its name, such as "linux-x86_64".
    family : str
        "x86", "arm" or "wasm": how constants are packed for it.
    lowerings : tuple of str
        Lowerings that its library holds, the best first, the one that runs everywhere last.
    triple : str
        Its name in LLVM.
    zig : str
        Its name in Zig.
    options : tuple of str
        What the linker is told.
    is_static : bool
        Whether a static library is the only one that can be used.
    modules : tuple of str
        File names of modules of WebAssembly, which it has in place of libraries.
    """

    name: str
    family: str
    lowerings: tuple[str, ...]
    triple: str
    zig: str
    options: tuple[str, ...] = ()
    is_static: bool = False
    modules: tuple[str, ...] = ()

    @property
    def shared(self) -> str | None:
        """File name of its shared library; None where there is none."""
        return None if self.is_static or self.modules else library_file(self.name)

    @property
    def files(self) -> tuple[str, ...]:
        """File names of its libraries, or of its modules."""
        return self.modules or (*filter(None, [self.shared]), STATIC)


#: File name of every static library.
STATIC = "libyamjit.a"

PLATFORMS: Mapping[str, Platform] = MappingProxyType(
    {
        platform.name: platform
        for platform in (
            Platform("linux-x86_64", "x86", _X86_LINUX, "x86_64-unknown-linux-gnu", "x86_64-linux-musl", _ELF),
            Platform(
                "linux-aarch64", "arm", _ARM, "aarch64-unknown-linux-gnu", "aarch64-linux-musl",
                (*_ELF, "-Wl,-z,max-page-size=65536"),
            ),
            Platform("windows-x86_64", "x86", _X86, "x86_64-pc-windows-gnu", "x86_64-windows-gnu"),
            Platform("windows-arm64", "arm", _ARM, "aarch64-pc-windows-gnu", "aarch64-windows-gnu", ("-lkernel32",)),
            Platform(
                "macos-arm64", "arm", _ARM, "arm64-apple-macosx11.0", "aarch64-macos.11.0",
                ("-Wl,-install_name,@rpath/libyamjit.dylib",),
            ),
            # macOS switches AVX-512 on when a thread first uses it, so that a program cannot ask beforehand; no Mac has
            # AVX-VNNI.
            Platform(
                "macos-x86_64", "x86", ("avx2", "plain"), "x86_64-apple-macosx11.0", "x86_64-macos.11.0",
                ("-Wl,-install_name,@rpath/libyamjit.dylib",),
            ),
            # Android loads libraries whose segments begin at multiples of 16 KB on all its devices.
            Platform(
                "android-arm64", "arm", _ARM, "aarch64-linux-android24", "aarch64-linux-musl",
                (*_ELF, "-Wl,-z,max-page-size=16384"),
            ),
            Platform("ios-arm64", "arm", _ARM, "arm64-apple-ios14.0", "aarch64-ios.14.0", is_static=True),
            # Modules for one lowering each: of programs of int8 values, and, larger, of all.
            Platform(
                "wasm", "wasm", ("wasm-relaxed", "wasm"), "wasm32-unknown-unknown", "wasm32-freestanding",
                modules=(
                    "yamjit.wasm", "yamjit-relaxed.wasm", "yamjit-family.wasm", "yamjit-family-relaxed.wasm",
                ),
            ),
        )
    }
)  # fmt: skip
