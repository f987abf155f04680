"""Types of the values of options: each reads the text of an argument, or says what is accepted."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from yamjit.cli.outputs import Input, Reads
from yamjit.errors import YamjitError
from yamjit.spec import MOST_THREADS
from yamjit.zones import parse_time, parse_zone

__all__ = [
    "EVERY_CLASS",
    "by_name",
    "channel",
    "channels",
    "count",
    "existing",
    "folds",
    "fraction",
    "group",
    "jobs",
    "moment",
    "named_file",
    "number",
    "overlap",
    "pair",
    "positive",
    "rate",
    "real",
    "roles",
    "seconds",
    "threads",
    "time",
    "whole",
    "zone",
]

#: In a mapping of numbers by name: all classes that it does not name.
EVERY_CLASS = "*"

#: Characters of a value in a message, at most.
_MOST_SHOWN = 80

#: A number as it is written in much of Europe.
_DECIMAL_COMMA = r"[+-]?\d*,\d+"

#: More than there is of anything; and a time that is longer than any recording.
_MOST = 2**31 - 1
_LONGEST_S = 1e9


def whole(least: int, most: int, what: str = "whole number") -> Callable[[str], int]:
    """Return a type for whole numbers between two, both accepted."""

    def read(text: str) -> int:
        value = _integer(text)
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{_shown(text)} is not a {what} from {least} to {most}")
        return value

    return read


def real(least: float, most: float, what: str = "number", *, open_ends: str = "") -> Callable[[str], float]:
    """Return a type for numbers between two; "<" and ">" in `open_ends` exclude the lower and the upper one."""
    begin = f"{'above' if '<' in open_ends else 'from'} {least:g}"
    end = f"{'below' if '>' in open_ends else 'to'} {most:g}"

    def read(text: str) -> float:
        value = _real(text)
        outside = value is None or not least <= value <= most
        if outside or ("<" in open_ends and value == least) or (">" in open_ends and value == most):
            raise argparse.ArgumentTypeError(f"{_shown(text)} is not a {what} {begin} {end}")
        return float(text)

    return read


positive = whole(1, _MOST)
threads = whole(1, MOST_THREADS, "number of threads")
jobs = whole(1, 60, "number of processes")  # what Windows can wait for
rate = whole(1000, 768_000, "sample rate in Hz")
channels = whole(1, 64, "number of channels")
seconds = real(0, _LONGEST_S, "time in seconds", open_ends="<")
existing = real(0, _LONGEST_S, "time in seconds")
number = real(-_LONGEST_S, _LONGEST_S)
fraction = real(0, 1)
overlap = real(0, 1, open_ends=">")


def count(text: str) -> int:
    """Read a number of things: at least 1, or -1 for all."""
    value = _integer(text)
    if value is None or value == 0 or not -1 <= value <= _MOST:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not a count of at least 1 (or -1 for all)")
    return value


def folds(text: str) -> int:
    """Read a number of folds, or 0 for none."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 6 or int(text) == 1:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is neither 0 nor a number of folds from 2 to 999999")
    return int(text)


def channel(text: str) -> str | int:
    """Read ``mix``, ``each`` or the number of a channel."""
    value = _integer(text)
    if text in ("mix", "each"):
        return text
    if value is None or not 0 <= value <= _MOST:
        raise argparse.ArgumentTypeError(f"{_shown(text)} is neither mix nor each nor a number from 0")
    return value


def time(text: str) -> float:
    """Read seconds, or hours, minutes and seconds with colons between them."""
    parts = [_real(part) for part in text.split(":", 3)]
    known = [part for part in parts if part is not None and 0 <= part <= _LONGEST_S]
    total = sum(part * 60**power for power, part in enumerate(reversed(known)))
    if len(parts) > 3 or len(known) < len(parts) or total > _LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"{_shown(text)} is not a time from 0 to {_LONGEST_S:g} s, such as 90, 1:30 or 0:01:30.5"
        )
    return total


def moment(text: str) -> datetime:
    """Read a date and time of ISO 8601, with or without a zone."""
    try:
        return parse_time(text)
    except YamjitError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def zone(text: str) -> str:
    """Read the name of a time zone."""
    try:
        parse_zone(text)
    except YamjitError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def group(text: str) -> tuple[str, tuple[str, ...]]:
    """Read ``NAME=CLASS;CLASS``."""
    name, equals, members = text.partition("=")
    classes = tuple(member.strip() for member in members.split(";") if member.strip())
    if not (name.strip() and equals and classes):
        raise argparse.ArgumentTypeError(f"{_shown(text)} is not a group, such as 'Yelling=Shout;Yell'")
    return name.strip(), classes


def by_name(kind: Any) -> Any:
    """Return a type for ``VALUE``, which is for every class, and ``NAME=VALUE``."""

    def read(text: str) -> tuple[str, float]:
        name, equals, value = text.rpartition("=")
        if equals and not name.strip():
            raise argparse.ArgumentTypeError(f"{_shown(text)} has no name before =")
        if not equals and _real(text) is None:
            raise argparse.ArgumentTypeError(f"{_shown(text)} is neither a number nor of the form NAME=NUMBER")
        return name.strip() or EVERY_CLASS, kind(value)

    return read


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def named_file(text: str) -> tuple[str, Input]:
    """Read ``NAME=FILE``, a file that is read."""
    name, file = pair(text)
    return name, Reads("a file of names")(file)


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _real(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _shown(text: str) -> str:
    """Return a value in quotation marks, shortened; and with a point, if it has a decimal comma."""
    point = f" (decimals have a point: {text.replace(',', '.')})" if re.fullmatch(_DECIMAL_COMMA, text) else ""
    return repr(text) + point if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]!r}..."


def roles(text: str) -> tuple[str, ...]:
    """Read what the outputs of a model are."""
    from yamjit.plan.roles import read_roles

    try:
        return tuple(role.value for role in read_roles(text.split(",")) or ())
    except YamjitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
