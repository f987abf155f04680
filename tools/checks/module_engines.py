"""Engines that modules of WebAssembly are proven in, and what their relaxed dot products compute."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from yamjit.kernels.vectors.target import TARGETS, Target

__all__ = ["ENGINES", "Engine", "unsigned"]

_HERE = Path(__file__).parent


class Engine(NamedTuple):
    """An engine: its title, the command that starts its harness, what that needs, and Debian's or PyPI's name of it."""

    title: str
    runner: tuple[str | Path, ...]
    package: str

    def missing(self) -> str:
        """Return what is not installed, and how to install it; empty if nothing is missing."""
        if self.title == "Wasmtime":
            return "" if importlib.util.find_spec("wasmtime") else f"Wasmtime not found: pip install {self.package}"
        return "" if shutil.which(str(self.runner[0])) else f"{self.runner[0]} not found: {self.package}"

    def relaxed_dot(self) -> str:
        """Return what relaxed dot products compute, as ``relaxed_dot.mjs`` says it."""
        return "signed" if self.title == "Wasmtime" else _asked(self.runner[0])

    def refuses(self, lowering: str) -> str:
        """Return why a lowering is not run; empty if it is."""
        found = self.relaxed_dot()
        exact = lowering != "wasm-relaxed" or found in ("signed", "unsigned")
        return "" if exact else f"does not run {lowering}: relaxed dot products are {found} here"

    def target(self, lowering: str) -> Target:
        """Return the target of a lowering, as this engine has it."""
        turned = lowering == "wasm-relaxed" and self.relaxed_dot() == "unsigned"
        return unsigned(TARGETS[lowering]) if turned else TARGETS[lowering]

    def harness(self, module: Path) -> list[str | Path]:
        """Return the command that runs calls of a module."""
        return [*self.runner, module]


ENGINES = (
    Engine("Node", ("node", _HERE / "module_harness.mjs"), "apt-get install nodejs"),
    Engine("Wasmtime", (sys.executable, _HERE / "module_harness.py"), "wasmtime"),
)


def unsigned(target: Target) -> Target:
    """Return a target whose inputs are multiplied as uint8, as a turned plan has them."""
    return dataclasses.replace(target, multiplies_signed_bytes=False)


@functools.cache
def _asked(node: str | Path) -> str:
    return subprocess.run([node, _HERE / "relaxed_dot.mjs"], capture_output=True, text=True, check=True).stdout.strip()
