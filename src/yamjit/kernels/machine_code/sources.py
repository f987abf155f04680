"""Sources as digests: those that a library's machine code is made from, and any others; none of them is imported."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["C_SOURCES", "entry_digest", "files_digest", "sources_digest"]

_PACKAGE = Path(__file__).resolve().parents[2]

#: The C sources of every library, and their headers, below the package's folder.
C_SOURCES = tuple(
    f"deploy/c/{name}" for name in ("dispatch.c", "dispatch.h", "freestanding.c", "rounding.c", "yamjit.c", "yamjit.h")
)

#: Modules of the entries, and what compiles them.
_ENTRIES = (
    "yamjit.kernels.steps.run",
    "yamjit.kernels.log_mel.kernel",
    "yamjit.kernels.plan_file.check",
    "yamjit.kernels.plan_file.digest",
    "yamjit.kernels.plan_file.turning",
)
_COMPILER = "yamjit.kernels.machine_code.compiler"


def sources_digest() -> str:
    """Return a digest of all sources of a library: those of the entries and those in C [hexadecimal]."""
    return files_digest([*_imported_by(*_ENTRIES, _COMPILER), *(_PACKAGE / name for name in C_SOURCES)])


def entry_digest(module: str) -> str:
    """Return a digest of all sources of the entry in a module [hexadecimal]."""
    return files_digest(_imported_by(module, _COMPILER))


def files_digest(paths: Iterable[Path], root: Path | None = None) -> str:
    """Return a digest of files of this package, or below another `root`: names and contents, in this order."""
    root, digest = root or _PACKAGE, hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)} ".encode())
        digest.update(content)
    return digest.hexdigest()


def _imported_by(*modules: str) -> list[Path]:
    """Return the files of modules, and of all modules of yamjit that these import, directly or not."""
    found: set[Path] = set()
    waiting = set(map(_file, modules))
    while waiting:
        path = waiting.pop()
        if path is not None and path not in found:
            found.add(path)
            waiting |= set(map(_file, _imported(path)))
    return sorted(found)


def _imported(path: Path) -> Iterable[str]:
    """Yield the names that a module imports: of modules, and of what may be a module in a package."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    """Return the file of a module of yamjit."""
    first, *rest = module.split(".")
    path = _PACKAGE.joinpath(*rest)
    if first != _PACKAGE.name:
        return None
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
