"""JavaScript that tests run in Node, with the package of this checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

__all__ = ["PACKAGE", "Node", "find_node"]

#: The package, without the modules that it loads.
PACKAGE = Path(__file__).resolve().parents[2] / "src" / "yamjit" / "deploy" / "web"

#: Least version of Node.
_LEAST = 18

#: What every script begins with: `yamjit`; `given`, the arguments; `answer`, which ends it; files of float32;
#: what was made and what was said of it, of which one is null.
_PREAMBLE = """
import { readFileSync, writeFileSync } from "node:fs";
import * as yamjit from PACKAGE;
const given = JSON.parse(readFileSync(0, "utf8"));
const answer = (value) => process.stdout.write(JSON.stringify(value));
const floats = (path) => new Float32Array(new Uint8Array(readFileSync(path)).buffer);
const bytesOf = (part) => new Uint8Array(part.slice().buffer);
const write = (path, parts) => writeFileSync(path, Buffer.concat(parts.map(bytesOf)));
const told = (error) => [null, `${error.name}: ${error.message}`];
const message = (work) => { try { return [work(), null]; } catch (error) { return told(error); } };
const messageOf = async (work) => { try { return [await work(), null]; } catch (error) { return told(error); } };
"""


def find_node() -> str:
    """Return the program, or skip the test."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node (node)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < _LEAST:
        pytest.skip(f"needs Node {_LEAST}, found {version}")
    return program


class Node:
    """Runs scripts, each in a process of its own, with files in a folder."""

    def __init__(self, folder: Path, package: Path = PACKAGE) -> None:
        self._program = find_node()
        self._preamble = _PREAMBLE.replace("PACKAGE", json.dumps((package / "yamjit.js").as_uri()))
        self.folder, self.package = folder, package
        #: Address of the folder with the modules, if there are any.
        self.kernels = f"{package.as_uri()}/"

    def __call__(self, code: str, given: Any = None, timeout: float = 120) -> Any:
        """Run a script, which calls `answer` once; return what it answers."""
        command = [self._program, "--input-type=module", "--eval", self._preamble + code]
        done = subprocess.run(
            command, input=json.dumps(given), capture_output=True, text=True, encoding="utf-8", timeout=timeout,
            cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def file(self, name: str, content: bytes | npt.NDArray[np.generic]) -> str:
        """Write a file; return its path."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.tobytes())
        return str(path)

    def floats(self, name: str) -> npt.NDArray[np.float32]:
        """Return what a script has written."""
        return np.fromfile(self.folder / name, np.float32)
