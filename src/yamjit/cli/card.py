"""The card of a packaged model as text: what it is, its classes, how it was trained, how good it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from yamjit.text import printable

__all__ = ["card_lines"]

_WIDTH = 110


def card_lines(card: Mapping[str, Any], *, full: bool) -> Iterator[str]:
    """Yield the lines of a card, an empty one before each section; unless `full`, what it is good for alone."""
    yield from map(printable, _lines(card, full))


def _lines(card: Mapping[str, Any], full: bool) -> Iterator[str]:
    yield from _section("what it is", card["description"], card["limits"])
    if full:
        training = card["training"]
        yield from _section("how it was trained", training["how"], f"again: {training['command']}")
        yield from _classes(card)
    yield from _real(card["real_recordings"])


def _section(title: str, *texts: str) -> Iterator[str]:
    yield ""
    yield title
    for text in texts:
        yield from textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _classes(card: Mapping[str, Any]) -> Iterator[str]:
    held_out, known = card["held_out"], card["classes"]
    yield from _section(f"average precision of its {len(known)} classes, on synthetic sounds held out", held_out["how"])
    yield f"  {card['mean_average_precision']:.3f}  mean, over {held_out['windows']:,} windows"
    for one in known:
        yield f"  {one['average_precision']:.3f}  {one['label']}"


def _real(real: Mapping[str, Any]) -> Iterator[str]:
    yield from _section("on real recordings", real["note"])
    yield "     mean score       among the first 3"
    yield "  starter  YAMNet     starter  YAMNet   of"
    for row in real["classes"]:
        means = f"{row['starter_mean_score']:9.3f}{row['yamnet_mean_score']:8.3f}"
        counts = f"{row['starter_in_top_3']:12}{row['yamnet_in_top_3']:8}{row['clips']:5}"
        yield f"{means}{counts}  {row['label']} ({row['source']})"
