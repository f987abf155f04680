"""Entries as LLVM's bitcode, each compiled in a process of its own and kept below a digest of what it is made from.

::

    python -m tools.libraries.bitcode ENTRY LOWERING FILE
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tools.libraries.platforms import Platform
from tools.libraries.tools import versions
from yamjit.errors import YamjitError
from yamjit.kernels.log_mel.compiled import LOG_MEL
from yamjit.kernels.machine_code.entry import Entry
from yamjit.kernels.machine_code.sources import entry_digest
from yamjit.kernels.plan_file.entries import CHECK_PLAN, DIGEST, TURN
from yamjit.kernels.steps.compiled import RUN_INT8_STEPS, RUN_STEPS
from yamjit.kernels.vectors.target import TARGETS
from yamjit.writing import write_whole

__all__ = ["MODULES", "OF_ALL", "OF_THE_LAST", "Function", "functions", "make_bitcode", "run_apart"]

_ROOT = Path(__file__).resolve().parents[2]

#: Entries that every lowering has, and those that only the last one of a library has, for all.
OF_ALL, OF_THE_LAST = (RUN_STEPS, LOG_MEL), (CHECK_PLAN, DIGEST)


class Function(NamedTuple):
    """An entry of a lowering."""

    entry: Entry
    lowering: str

    @property
    def symbol(self) -> str:
        """What it is called in a library."""
        return f"yamjit_{self.entry.name}_{self.lowering.replace('-', '_')}"

    def kept_in(self, cache: Path) -> Path:
        """Return where its bitcode is kept."""
        made_from = (versions(), entry_digest(self.entry.module), self.symbol)
        return cache / f"{self.symbol}-{hashlib.sha256(repr(made_from).encode()).hexdigest()[:16]}.bc"


def _module(lowering: str, run_steps: Entry) -> Mapping[str, Function]:
    entries = {"run_steps": run_steps, "log_mel": LOG_MEL, "digest": DIGEST}
    if lowering == "wasm-relaxed":
        entries["turn"] = TURN
    return MappingProxyType({name: Function(entry, lowering) for name, entry in entries.items()})


#: Modules of WebAssembly by the names of their files: functions by the names under which they are exported.
MODULES: Mapping[str, Mapping[str, Function]] = MappingProxyType(
    {
        "yamjit.wasm": _module("wasm", RUN_INT8_STEPS),
        "yamjit-relaxed.wasm": _module("wasm-relaxed", RUN_INT8_STEPS),
        "yamjit-family.wasm": _module("wasm", RUN_STEPS),
        "yamjit-family-relaxed.wasm": _module("wasm-relaxed", RUN_STEPS),
    }
)


def functions(platform: Platform) -> tuple[Function, ...]:
    """Return what the libraries for a platform hold, or its modules."""
    if platform.modules:
        return tuple(dict.fromkeys(function for name in platform.modules for function in MODULES[name].values()))
    of_all = (Function(entry, lowering) for lowering in platform.lowerings for entry in OF_ALL)
    return (*of_all, *(Function(entry, platform.lowerings[-1]) for entry in OF_THE_LAST))


def make_bitcode(wanted: Iterable[Function], cache: Path) -> None:
    """Compile what is not in the cache, as many at once as there are processors; says how long each has taken."""
    cache.mkdir(parents=True, exist_ok=True)
    # Paths are made here: CPython 3.11 may fail where several threads parse sources.
    places = [(function, function.kept_in(cache)) for function in wanted]
    missing = [(function, path) for function, path in places if not path.exists()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for line in pool.map(lambda one: _compiled_apart(*one), missing):
            print(line, flush=True)


def _compiled_apart(function: Function, path: Path) -> str:
    start = time.perf_counter()
    run_apart("tools.libraries.bitcode", function.entry.name, function.lowering, str(path))
    return f"{function.symbol}: compiled in {time.perf_counter() - start:.0f} s"


def run_apart(module: str, *arguments: str) -> None:
    """Run a module in a process whose result depends on its arguments alone, not on what LLVM has done before."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "PYTHON", "YAMJIT_"))}
    environment = {**kept, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", module, *arguments]
    run = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise YamjitError(f"{' '.join((module, *arguments))} failed: {run.stderr.strip()}")


def _compile(name: str, lowering: str, path: Path) -> None:
    from yamjit.kernels.machine_code.compiler import compile_bitcode

    entry = next(entry for entry in (*OF_ALL, *OF_THE_LAST, RUN_INT8_STEPS, TURN) if entry.name == name)
    write_whole(path, compile_bitcode(entry, TARGETS[lowering], Function(entry, lowering).symbol))


if __name__ == "__main__":
    _compile(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
