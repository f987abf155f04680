"""The manifest of a folder of results: the settings they were made with, and the inputs they were made of."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from yamjit.disk import describe, is_remote, read_limited
from yamjit.errors import InputError, LimitError
from yamjit.runs.naming import MANIFEST
from yamjit.runs.whole import whole_file

__all__ = ["Manifest"]

#: Key of the inputs, beside those of the settings.
_INPUTS = "inputs"

_MOST_BYTES = 2**26


class Manifest:
    """The settings and inputs of a folder of results; `roots` numbers the inputs, folders without links.

    The folder is `called` something in messages.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], called: str) -> None:
        self.path = folder / MANIFEST
        self._called = called
        self.roots: dict[str, int] = {}
        # As they are read from the file: tuples are lists, and so on.
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))

    def is_there(self) -> bool:
        """Return whether the folder has a manifest, perhaps a damaged one."""
        return os.path.lexists(self.path)

    def go_on(self) -> None:
        """Take over the inputs of an earlier run; settings that differ or cannot be read are an `InputError`."""
        try:
            found = json.loads(read_limited(self.path, _MOST_BYTES, what="a list of settings"))
        except (InputError, LimitError, ValueError, RecursionError) as error:
            raise self._refusal(describe(error)) from error
        roots = found.pop(_INPUTS, []) if isinstance(found, dict) else None
        if not (isinstance(roots, list) and all(isinstance(root, str) for root in roots)):
            raise self._refusal("it is not a JSON object with the names of inputs")
        self._check(found)
        for root in roots:
            self.roots.setdefault(self._absolute(root), len(self.roots))

    def add_roots(self, roots: Iterable[str]) -> None:
        """Take inputs, and write them down if any is new."""
        before = len(self.roots)
        for root in roots:
            self.roots.setdefault(root, len(self.roots))
        if len(self.roots) > before:
            self.write()

    def write(self) -> None:
        """Write everything down; what cannot be written is an `OutputError`."""
        known = {**self._settings, _INPUTS: [self.name_of(root) for root in self.roots]}
        with whole_file(self.path) as file:
            file.write((json.dumps(known, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode())

    def name_of(self, root: str) -> str:
        """Return how an input is written down: relative to the results if one contains the other.

        Both can then be moved together.
        """
        if is_remote(root):
            return root
        try:
            is_apart = os.path.commonpath([root, self._here]) not in (root, self._here)
        except ValueError:  # two drives
            is_apart = True
        return root if is_apart else Path(os.path.relpath(root, self._here)).as_posix()

    @functools.cached_property
    def _here(self) -> str:
        return os.path.realpath(self.path.parent)

    def _absolute(self, name: str) -> str:
        return name if is_remote(name) else os.path.normpath(os.path.join(self._here, name))  # noqa: PTH118

    def _check(self, found: dict[str, Any]) -> None:
        there, now, missing = _flat(found), _flat(self._settings), object()
        if there.get("verb") != now.get("verb"):  # all else differs then, and says nothing
            raise InputError(
                f"{self._called} has results of yamjit {there.get('verb')}, not of yamjit "
                f"{now.get('verb')}: choose another folder, or use --overwrite"
            )
        differences = [
            f"{name} {there.get(name)!r} there, {now.get(name)!r} now"
            for name in sorted(there.keys() | now.keys())
            if there.get(name, missing) != now.get(name, missing)
        ]
        if differences:
            raise InputError(
                f"{self._called} has results of other settings ({'; '.join(differences)}): "
                "choose another folder, or use --overwrite"
            )

    def _refusal(self, reason: str) -> InputError:
        return InputError(f"{str(self.path)!r}: is not a list of settings: {reason}; --overwrite replaces the results")


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those in groups beside the others, as ``group.name``."""
    groups = {name: value if isinstance(value, dict) else {"": value} for name, value in settings.items()}
    return {f"{group}.{name}" if name else group: value for group, own in groups.items() for name, value in own.items()}
