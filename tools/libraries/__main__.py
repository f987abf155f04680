"""Build libraries of the kernels' machine code ahead of time.

::

    python -m tools.libraries [PLATFORM ...] [-o FOLDER]

Writes for each platform its shared and its static library, and for all of them ``manifest.json``, which says what
they were built from and what they are, and ``platforms.tar.xz``, which holds them. The same sources and tools give the
same bytes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.libraries.bitcode import functions, make_bitcode
from tools.libraries.building import build_apart
from tools.libraries.kit import write_kit, write_manifest
from tools.libraries.platforms import PLATFORMS, Platform
from yamjit.errors import YamjitError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.libraries", description="Build libraries ahead of time.")
    parser.add_argument("platform", nargs="*", help=f"of {', '.join(PLATFORMS)} (default: all)")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/libraries"), metavar="FOLDER")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.platform if name not in PLATFORMS]:
        parser.error(f"there is no platform {', '.join(unknown)}; there are {', '.join(PLATFORMS)}")
    platforms = [PLATFORMS[name] for name in dict.fromkeys(options.platform) or PLATFORMS]
    folder: Path = options.output.resolve()
    try:
        cache = folder.parent / "bitcode"
        make_bitcode(dict.fromkeys(function for platform in platforms for function in functions(platform)), cache)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for line in pool.map(lambda platform: _built(platform, cache, folder / platform.name), platforms):
                print(line, flush=True)
        files = [f"{platform.name}/{name}" for platform in platforms for name in platform.files]
        kit = write_kit(folder, files)
        write_manifest(folder, files)
        print(f"{kit.name}: {kit.stat().st_size:,} bytes")
    except YamjitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _built(platform: Platform, cache: Path, folder: Path) -> str:
    start = time.perf_counter()
    build_apart(platform, cache, folder)
    sizes = ", ".join(f"{name} {(folder / name).stat().st_size:,}" for name in platform.files)
    return f"{platform.name}: {sizes} bytes, {time.perf_counter() - start:.1f} s"


if __name__ == "__main__":
    sys.exit(main())
