"""What can be asked for in the query of a request, and how a query is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Verb", "Word"]


@dataclass(frozen=True)
class Word:
    """A word of a query.

    Parameters
    ----------
    name : str
    text : str
        What it means.
    unit : str
        What its value is, empty for a word without one.
    choices : sequence of str, optional
        Values that there are.
    repeated : bool
        Whether it may be given several times.
    """

    name: str
    text: str
    unit: str = ""
    choices: Sequence[str] | None = None
    repeated: bool = False


@dataclass(frozen=True)
class Verb:
    """A verb of the command line that is asked over a network.

    Parameters
    ----------
    path : str
    text : str
        What it does.
    words : sequence of Word
    read : callable
        Returns what the words and values of a query ask for; an `InputError` refuses others.
    content_types : sequence of str
        Types of the answers' content.
    """

    path: str
    text: str
    words: Sequence[Word]
    read: Callable[[Sequence[tuple[str, str]]], Any]
    content_types: Sequence[str] = ()
