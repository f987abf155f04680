"""Prove libraries that were built ahead of time: what their files are, and every bit that they compute.

::

    python -m tools.checks.libraries [FOLDER] [--platform linux-aarch64 ...] [--model FILE.tflite]
    python -m tools.checks.libraries [FOLDER] --evex FILE

``FOLDER`` is what ``python -m tools.libraries`` wrote. Every shared library is looked into (`tools.checks.binaries`).
Then each that can be run here is loaded in every way there is: by glibc's loader and musl's, for Arm by QEMU, for
Windows by Wine. The entries of each lowering are called, between guard bytes, and all memory is compared after every
call (`tools.checks.library_proof`). Where no processor has AVX-VNNI, its lowering is run in the encoding of AVX-512
(`tools.checks.evex`); ``--evex`` writes the library that does, and nothing else. Where none has AMX, its tiles are
emulated (`tools.checks.emulation`), and the shipped file runs all the same.

The exit status is 1 if a file is not as it is to be or a bit differs, or if nothing can be proven at all; and 2 if all
else is right, but something that runs a library is missing here: a program, or a processor with AVX-512 VNNI.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.synthetic import synthetic_yamnet
from tools.libraries.platforms import PLATFORMS
from yamjit.errors import YamjitError
from yamjit.tflite.writer import write_graph

__all__ = ["main"]

#: Packages of the extra "libraries" that the check imports, or what it compiles and links with.
_PACKAGES = ("numba", "llvmlite", "ziglang", "lief")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.checks.libraries", description="Prove libraries.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/libraries"), help="default: %(default)s")
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, help="default: all in the folder")
    parser.add_argument("--model", type=Path, help="the .tflite file (default: a synthetic one)")
    parser.add_argument(
        "--evex", type=Path, metavar="FILE", help="write a library that runs avxvnni by AVX-512 VNNI, and nothing else"
    )
    options = parser.parse_args(arguments)
    folder: Path = options.folder.resolve()
    names = options.platform or [name for name in PLATFORMS if (folder / name).is_dir()]
    if not names:
        return _refused(f"there is no library in {folder}; python -m tools.libraries builds them")
    if absent := [name for name in _PACKAGES if importlib.util.find_spec(name) is None]:
        return _refused(f"not installed: {', '.join(absent)}; in a checkout, pip install -e '.[libraries]' does it")
    if options.evex:
        return _write_evex(folder, options.evex)
    from tools.checks.library_proof import prove

    return prove(names, folder, options.model.read_bytes() if options.model else write_graph(synthetic_yamnet()))


def _write_evex(folder: Path, file: Path) -> int:
    from tools.checks import evex

    try:
        count = evex.write_library(folder, file)
    except YamjitError as error:
        return _refused(str(error))
    print(f"{file}: its {evex.THROUGH} is {evex.STANDS_FOR}, {count} instructions in the other encoding")
    return 0


def _refused(reason: str) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
