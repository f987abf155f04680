"""Build wheels: for each platform one that holds its library, and the pure one.

::

    python -m tools.wheels [PLATFORM ... | pure | all] [-o FOLDER]

By default the one for this platform. Libraries are taken from ``build/libraries``, where ``python -m tools.libraries``
leaves them; the build backend (``hatch_build.py``) refuses those that were made from other sources. The same libraries
give the same bytes.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from yamjit.kernels.machine_code.platforms import own_platform

__all__ = ["build_wheel", "main"]

_ROOT = Path(__file__).resolve().parents[1]


def build_wheel(kind: str, folder: Path, root: Path = _ROOT) -> Path:
    """Build the wheel of a platform, or the "pure" one, of a source tree; return its path.

    It needs no network. Raises `ChildProcessError`, with what the build backend says, if that refuses.
    """
    from hatch_build import VARIABLE

    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(folder.resolve())]
    told = {**os.environ, VARIABLE: kind}
    done = subprocess.run(command, cwd=root, env=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ChildProcessError(done.stderr.strip() or f"the build backend ended with status {done.returncode}")
    return folder / done.stdout.split()[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build what is asked for; returns the exit status."""
    if importlib.util.find_spec("hatchling") is None:
        print("error: hatchling is not installed; in a checkout, pip install -e '.[libraries]' does", file=sys.stderr)
        return 1
    from hatch_build import TAGS

    kinds = (*TAGS, "pure")
    parser = argparse.ArgumentParser(prog="python -m tools.wheels", description="Build wheels.")
    parser.add_argument("kind", nargs="*", default=[own_platform()], help=f"of {', '.join(kinds)}, or all")
    parser.add_argument("-o", "--output", type=Path, default=_ROOT / "dist", metavar="FOLDER")
    options = parser.parse_args(arguments)
    asked = kinds if "all" in options.kind else options.kind
    if unknown := [kind for kind in asked if kind not in kinds]:
        parser.error(f"there is no wheel for {', '.join(unknown)}; there are {', '.join(kinds)}, all")
    for kind in asked:
        try:
            wheel = build_wheel(kind, options.output)
        except ChildProcessError as error:
            print(f"error: {str(error).splitlines()[-1]}", file=sys.stderr)
            return 1
        print(f"{wheel}: {wheel.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
