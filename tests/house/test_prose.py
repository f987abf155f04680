"""How the project writes: patterns of English that a native reader stumbles on stay out of code and pages."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: What is read: everything that a user or a newcomer may read, but the tests.
READ = [
    path
    for folder in ("src", "docs", "reference", "benchmarks", "tools", "starter", "examples")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md") and "_build" not in path.parts
] + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]

#: Pattern -> what to write in its place.
BANNED = {
    r"^(That|Of)\b(?! course)": "begin with a noun: 'Number of ...', 'Path of ...'",
    r"(?<![Tt]here )\b(is|are|was|were|be) no\b(?! (longer|more|less)\b)": "is not a, are not",
    r"\b[Bb]ehind\b": "after; behind is a place",
    r"\b[Ss]o (many|much|long)\b": "say how many, how much, how long",
    r"\bfor want of\b": "for lack of, without",
    r"\b[Ww]hoever\b": "anyone who, those who, or name the reader",
    r"\b[Ll]eave (it|them) away\b": "omit it",
}


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each line of prose with its number: comments and strings of Python, whole pages of Markdown."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(content.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            yield from enumerate(token.string.splitlines(), token.start[0])


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_banned_is_written(path: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}  ({advice})"
        for number, line in lines_of(path)
        for pattern, advice in BANNED.items()
        if re.search(pattern, line.strip().lstrip("#:\"'frb ").strip())
    ]
    assert not found, "\n".join(found)
