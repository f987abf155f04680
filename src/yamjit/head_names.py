"""Names that tell a model's outputs apart, and by which they are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from yamjit import checks
from yamjit.errors import InputError
from yamjit.suggestions import did_you_mean, with_hint
from yamjit.text import folded, plural

__all__ = ["choose_heads", "describe_heads", "told_apart"]


def told_apart(names: Sequence[str]) -> list[str]:
    """Return different names for several outputs: those given, with an index where two are alike."""
    if len(names) < 2:
        return list(names)
    found: dict[str, str] = {}
    for index, given in enumerate(names):
        name = given.strip() or f"output {index}"
        while folded(name) in found:
            name = f"{name} {index}"
        found[folded(name)] = name
    return list(found.values())


class _Head(Protocol):
    """What `HeadInfo` and `yamjit.classification.HeadResult` have in common."""

    @property
    def name(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


_AnyHead = TypeVar("_AnyHead", bound=_Head)


def choose_heads(heads: Sequence[_AnyHead], wanted: str | int | None) -> tuple[_AnyHead, ...]:
    """Return the chosen head, or all heads for None.

    A head is named exactly, else in any case, or by its index among the model's outputs, also as digits; negative
    indices count from the last. Raises `InputError`, which lists the heads, if there is no such head.
    """
    if wanted is None:
        return tuple(heads)
    if isinstance(wanted, str):
        name = wanted.strip()
        found = [head for head in heads if head.name == name]
        found = found or [head for head in heads if folded(head.name) == folded(name)]
    else:
        name, found = checks.shown(checks.index(wanted)), []
    found = found or [head for place, head in enumerate(heads, -len(heads)) if name in (str(head.index), str(place))]
    if found:
        return (found[0],)
    shown = name if name.removeprefix("-").isdecimal() else checks.shown(wanted)
    like = did_you_mean(name, [head.name for head in heads])
    raise InputError(with_hint(f"no output {shown}; the model has {len(heads)}: {describe_heads(heads)}", like))


def describe_heads(heads: Sequence[_Head]) -> str:
    """Return index, name and number of classes of each head for messages."""
    return ", ".join(f"{head.index} {head.name!r} ({plural(len(head.labels), 'class')})" for head in heads)
