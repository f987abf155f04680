"""Fonts of a picture: any that are installed, for the characters that the usual one lacks."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["lacking_fonts", "use_fonts"]


def use_fonts(texts: Iterable[Text]) -> None:
    """Give texts, besides the font that they have, those that have the rest of their characters."""
    for text in texts:
        lacking = _lacking(text.get_text())
        if lacking:
            families = text.get_fontfamily()
            more = [name for name in _fonts_with(lacking)[0] if name not in families]
            text.set_fontfamily([*families, *more])


def lacking_fonts(figure: Figure) -> tuple[str, ...]:
    """Return what is to be said of characters of a figure that no installed font has: nothing, or a line."""
    from matplotlib.text import Text

    shown = {text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)}
    lacking = _lacking("".join(sorted(shown)))
    boxes = "".join(sorted(_fonts_with(lacking)[1])) if lacking else ""
    if not boxes:
        return ()
    return (f"no installed font has {boxes!r}, drawn as boxes; a font such as Noto Sans CJK can be installed",)


def _lacking(text: str) -> frozenset[str]:
    """Return the characters of a text that the usual font lacks."""
    return frozenset() if text.isascii() else frozenset(text) - _usual() - {"\n"}


@functools.cache
def _usual() -> frozenset[str]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(map(chr, get_font(findfont(FontProperties())).get_charmap()))


@functools.cache
def _fonts_with(characters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the installed fonts that together have the most of some characters, and those that none has."""
    from matplotlib.font_manager import fontManager

    rest, chosen = characters, []
    known = {entry.name: entry.fname for entry in fontManager.ttflist if entry.style == "normal"}
    has = {name: characters & _characters(path) for name, path in sorted(known.items())}
    while rest:
        best = max(has, key=lambda name: len(has[name] & rest), default="")
        if not best or not has[best] & rest:
            break
        chosen.append(best)
        rest -= has[best]
    return tuple(chosen), rest


@functools.cache
def _characters(path: str) -> frozenset[str]:
    from matplotlib.font_manager import get_font

    if "LastResort" in path or "Color" in path:  # boxes for everything; pictures in place of outlines
        return frozenset()
    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font that matplotlib cannot read
        return frozenset()
