"""What `print` shows of objects that hold arrays and long lists: a line or a few, and no more."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["Several", "brief_repr", "shown_briefly"]

_Class = TypeVar("_Class", bound=type)
_Item = TypeVar("_Item")

#: Most characters of a value among others.
_MOST = 120

#: Most results that are shown, a line each.
_MOST_LINES = 6


class Several(tuple[_Item, ...]):
    """A tuple of results, which shows the first of many, a line each, and how many there are."""

    __slots__ = ()

    def __repr__(self) -> str:
        if len(self) <= _MOST_LINES:
            return tuple.__repr__(self)
        shown = "".join(f"{one!r},\n " for one in self[: _MOST_LINES - 1])
        return f"({shown}... {len(self)} in all)"


def brief_repr(kind: _Class, most: int = _MOST) -> _Class:
    """Give a dataclass or a named tuple a repr in which values of more than about `most` characters are shortened.

    It is the usual one where all values are short. Arrays are shown by type and shape.
    """
    is_tuple = issubclass(kind, tuple)
    names = kind._fields if is_tuple else [one.name for one in dataclasses.fields(kind) if one.repr]  # type: ignore[attr-defined]

    def __repr__(self: Any) -> str:  # noqa: N807 - it becomes that
        values = (f"{name}={shown_briefly(getattr(self, name), most)}" for name in names)
        return f"{type(self).__name__}({', '.join(values)})"

    kind.__repr__ = __repr__  # type: ignore[assignment]
    return kind


def shown_briefly(value: Any, most: int = _MOST) -> str:
    """Return the repr of a value, in one line of at most about `most` characters."""
    kind, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if kind is not None and shape:
        return f"<{kind} {shape}>"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return _joined("{}", (f"{key!r}: {shown_briefly(one, most // 2)}" for key, one in value.items()), value, most)
    if type(value) in (tuple, list, set, frozenset):
        brackets = "()" if isinstance(value, tuple) else "[]" if isinstance(value, list) else "{}"
        return _joined(brackets, (shown_briefly(one, most // 2) for one in value), value, most)
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}..."
    if isinstance(value, os.PathLike):
        return repr(os.fspath(value))
    text = repr(value)
    if len(text) <= most and "\n" not in text:
        return text
    label = getattr(value, "label", None)
    return f"{type(value).__name__}({f'label={label!r}, ' if isinstance(label, str) else ''}...)"


def _joined(brackets: str, parts: Iterable[str], value: Any, most: int) -> str:
    """Return the parts that fit, and how many there are if that is not all."""
    found: list[str] = []
    length = 0
    for part in parts:
        length += len(part) + 2
        if length > most and found:
            return f"{brackets[0]}{', '.join(found)}, ... {len(value)} in all{brackets[1]}"
        found.append(part)
    comma = "," if brackets == "()" and len(found) == 1 else ""
    return f"{brackets[0]}{', '.join(found)}{comma}{brackets[1]}"
