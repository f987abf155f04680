"""Models in the package: chosen by name, verified, each with a card."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamjit.disk import describe
from yamjit.errors import ModelError
from yamjit.spec import PACKAGED_MODELS, KnownModel

if TYPE_CHECKING:
    from importlib.abc import Traversable  # its home in Python 3.10, for which types are checked

__all__ = ["read_card", "read_packaged"]


def read_packaged(known: KnownModel) -> tuple[bytes, Path | None]:
    """Return the file of a packaged model, verified, and its path unless the package lies in an archive."""
    file = _resource(known.file_name)
    data = _read(file)
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != known.sha256:
        raise ModelError(f"{str(file)!r}: is damaged or a different file (SHA-256 {sha256}); reinstall yamjit")
    return data, file if isinstance(file, Path) else None


def read_card(known: KnownModel | None) -> dict[str, Any] | None:
    """Return the card of a packaged model: its classes, training and scores on test data; None for other models."""
    if known is None or known not in PACKAGED_MODELS.values():
        return None
    file = _resource(Path(known.file_name).with_suffix(".json").name)
    try:
        card: dict[str, Any] = json.loads(_read(file))
    except ValueError as error:
        raise ModelError(f"{str(file)!r}: is damaged: {describe(error)}; reinstall yamjit") from error
    return card


def _resource(name: str) -> Traversable:
    from importlib.resources import files

    return files("yamjit") / "models" / name


def _read(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except (OSError, KeyError) as error:  # KeyError: from an archive
        raise ModelError(f"{str(file)!r}: cannot be read: {describe(error)}; reinstall yamjit") from error
