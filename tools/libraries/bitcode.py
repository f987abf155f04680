"""The kernels as LLVM's bitcode, a process for each lowering; kept below a digest of all that it is made from.

::

    python -m tools.libraries.bitcode LOWERING FOLDER
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.libraries.packages import versions
from yamjit.errors import YamjitError
from yamjit.kernels.int8.compiled import RUN_STEPS
from yamjit.kernels.log_mel.compiled import LOG_MEL
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.sources import kernels_digest
from yamjit.kernels.vectors.target import TARGETS

__all__ = ["ENTRIES", "bitcode", "symbol"]

_ROOT = Path(__file__).resolve().parents[2]

#: Functions that every lowering has.
ENTRIES = (RUN_STEPS, LOG_MEL)


def symbol(entry: Entry, lowering: str) -> str:
    """Return what an entry of a lowering is called in a library."""
    return f"yamjit_{entry.name}_{lowering.replace('-', '_')}"


def bitcode(lowerings: Iterable[str], cache: Path) -> dict[str, Path]:
    """Compile lowerings that are not in the cache yet; returns the folder of each, with a file for each symbol."""
    made_from = (versions(), kernels_digest(), [symbol(entry, "") for entry in ENTRIES])
    key = hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]
    folders = {lowering: cache / key / lowering for lowering in lowerings}
    wanted = [lowering for lowering, folder in folders.items() if not folder.is_dir()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(lambda lowering: _compiled_apart(lowering, folders[lowering]), wanted):
            print(line, flush=True)
    return folders


def _compiled_apart(lowering: str, folder: Path) -> str:
    """Compile a lowering in a process of its own, which nothing but its arguments tells what to do."""
    start = time.perf_counter()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTHON", "YAMJIT_"))}
    environment = {**kept, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "tools.libraries.bitcode", lowering, str(folder)]
    run = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise YamjitError(f"{lowering} cannot be compiled: {run.stderr.strip()}")
    return f"{lowering}: compiled in {time.perf_counter() - start:.0f} s"


def _compile(lowering: str, folder: Path) -> None:
    from yamjit.kernels.machine_code.compiler import compile_bitcode

    half = folder.with_name(f".{folder.name}-{os.getpid()}")
    half.mkdir(parents=True)
    for entry in ENTRIES:
        name = symbol(entry, lowering)
        (half / f"{name}.bc").write_bytes(compile_bitcode(entry, TARGETS[lowering], name))
    half.rename(folder)


if __name__ == "__main__":
    _compile(sys.argv[1], Path(sys.argv[2]))
