"""What accompanies libraries: a manifest, and one archive of all of them."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tools.libraries.tools import versions
from yamjit.kernels.machine_code.platforms import KIT, MANIFEST
from yamjit.kernels.machine_code.sources import sources_digest
from yamjit.writing import write_whole

__all__ = ["write_kit", "write_manifest"]


def write_manifest(folder: Path, files: Iterable[str]) -> Path:
    """Write what the files in a folder, libraries and kit, were built from, and what they are."""
    contents = {name: (folder / name).read_bytes() for name in files}
    manifest = {
        "sources": sources_digest(),
        "tools": versions(),
        "files": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in sorted(contents.items())
        },
    }
    path = folder / MANIFEST
    write_whole(path, (json.dumps(manifest, indent=1) + "\n").encode())
    return path


def write_kit(folder: Path, files: Iterable[str]) -> Path:
    """Write an archive of files in a folder, which tells nothing of who wrote it or when."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(files):
            data = (folder / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    path = folder / KIT
    write_whole(path, lzma.compress(content.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    return path
