"""Kinds of options: with a value, with one of a few words, repeated, or a flag; help texts end with the default."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

#: Most words that the usage lists as the values of an option.
_MOST_IN_USAGE = 4

__all__ = ["add_choice", "add_flag", "add_repeated", "add_value"]


def add_value(
    parser: Any, flag: str, unit: str, kind: Callable[[str], Any], text: str, default: Any = None, **more: Any
) -> None:
    """Add an option with a value, which is shown as `unit`; `flag` may be several, with spaces between them."""
    parser.add_argument(
        *flag.split(), metavar=unit, type=kind, default=default, help=_with_default(text, default), **more
    )


def add_choice(
    parser: Any, flag: str, words: Sequence[str], text: str, default: str | None = None, **more: Any
) -> None:
    """Add an option whose value is one of a few words; many words are listed in the help, not in the usage."""
    if len(words) > _MOST_IN_USAGE:
        what, bracket, otherwise = text.partition(" (default")
        text = f"{what}: {', '.join(words)}{bracket}{otherwise}"
        more["metavar"] = flag.lstrip("-").upper()
    parser.add_argument(flag, choices=words, default=default, help=_with_default(text, default), **more)


def add_repeated(parser: Any, flag: str, unit: str, kind: Callable[[str], Any], text: str) -> argparse.Action:
    """Add an option that may be given several times: a list of values."""
    action: argparse.Action = parser.add_argument(
        flag, metavar=unit, type=kind, action="append", default=[], help=f"{text}; may be repeated"
    )
    return action


def add_flag(parser: Any, flag: str, text: str) -> None:
    """Add an option without a value; `flag` as in `add_value`."""
    parser.add_argument(*flag.split(), action="store_true", help=text)


def _with_default(text: str, default: Any) -> str:
    if default is None:
        return text
    return f"{text} (default: {default:g})" if isinstance(default, float) else f"{text} (default: {default})"
