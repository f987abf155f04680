"""The package of JavaScript as browsers load it: the modules of ``deploy/web`` as one, without what only people read.

::

    npm install --global esbuild@0.28.2
    python -m tools.web_package

Writes ``deploy/package``, which is kept in the repository, so that an export needs no tool; ``made_of.json`` says what
it was made of, and a test holds that against the sources.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

from yamjit.writing import write_whole

__all__ = ["FILES", "MADE_OF", "PACKAGE", "digests", "main"]

_DEPLOY = Path(__file__).resolve().parents[1] / "src" / "yamjit" / "deploy"
_SOURCES = _DEPLOY / "web"

#: What is written.
PACKAGE = _DEPLOY / "package"

#: What says of which sources.
MADE_OF = PACKAGE / "made_of.json"

#: The package itself, and what a browser loads into other threads: that imports the package, or nothing.
FILES = ("yamjit.js", "worker.js", "worklet.js")

_VERSION = "0.28.2"
_OPTIONS = ("--minify", "--format=esm", "--target=es2022", "--log-level=warning")


def main() -> int:
    """Write the package; returns the exit status."""
    program = shutil.which("esbuild")
    found = program and subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip()
    if found != _VERSION:
        print(
            f"error: needs esbuild {_VERSION}, found {found}: npm install --global esbuild@{_VERSION}", file=sys.stderr
        )
        return 1
    for name in FILES:
        bundled = ("--bundle", "--external:node:fs/promises") if name == FILES[0] else ()
        made = subprocess.run([program, _SOURCES / name, *bundled, *_OPTIONS], stdout=subprocess.PIPE)
        if made.returncode:
            return 1
        write_whole(PACKAGE / name, made.stdout)
    write_whole(MADE_OF, (json.dumps(digests(), indent=1) + "\n").encode())
    return 0


def digests() -> dict[str, str]:
    """Return the SHA-256 of all sources, and of what was made of them."""
    files = [*sorted(_SOURCES.glob("*.js")), *(PACKAGE / name for name in FILES)]
    return {path.relative_to(_DEPLOY).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    sys.exit(main())
