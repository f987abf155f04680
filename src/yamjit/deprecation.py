"""Names and arguments of version 0.1 that have been replaced: they work for one release more, and warn. Internal."""

from __future__ import annotations

import functools
import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from yamjit.errors import InputError

__all__ = ["moved", "renamed", "retired", "warn", "warn_caller", "without_influence"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def warn(old: str, new: str) -> None:
    """Warn the caller of this package that `old` is deprecated in favour of `new`."""
    warn_caller(f"{old} is deprecated; use {new}", DeprecationWarning)


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn the caller of this package, with the line of the program that called it."""
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "yamjit":
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, category, stacklevel=depth)


def retired(
    names: Mapping[str, str],
    convert: Callable[[tuple[Any, ...], dict[str, Any]], Mapping[str, Any]],
    call: Callable[..., Any] | None = None,
) -> Callable[[_Function], _Function]:
    """Let a function still take keywords that its signature no longer has: `names`, and what replaces each.

    `convert` makes today's keywords of the positional arguments and the old keywords; with them, `call` is called in
    place of the function if it is given.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def accepting(*args: Any, **given: Any) -> Any:
            if names.keys().isdisjoint(given):
                return function(*args, **given)
            old = {name: given.pop(name) for name in names if name in given}
            for name in old:
                warn(f"{name}=", names[name])
            new = convert(args, old)
            for name in new:
                if name in given:
                    raise InputError(f"{name} and {', '.join(old)} are given; {name} alone is accepted")
            return (call or function)(*args, **given, **new)

        return cast("_Function", accepting)

    return decorate


def renamed(old: str, new: str) -> Callable[[_Function], _Function]:
    """Let a function still take an argument by its old name."""
    return retired({old: f"{new}="}, lambda _, given: {new: given[old]})


def without_influence(*names: str) -> Callable[[_Function], _Function]:
    """Let a method still take keywords that never changed what it returns."""
    return retired(dict.fromkeys(names, "the call without it"), lambda *_: {})


def moved(module: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for `module`, which still answers for names that are now defined in others, `homes`."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warn(f"{module}.{name}", f"{homes[name]}.{name}")
        return getattr(importlib.import_module(homes[name]), name)

    return find
