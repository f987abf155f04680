"""The examples of the pages in ``docs/``: run, and compared with what the pages say they print.

``python -m tools.doc_examples [PAGE...]`` writes what they print into the pages; ``tests/house/test_docs.py`` compares.

Blocks of Python and of shell commands are run from top to bottom of a page, in a folder with the example recordings,
on the starter model. The blocks of a page share their files and names. What a block prints follows it, indented, after
``<!-- output -->``; without that it is not looked at. A block after ``<!-- not run: REASON -->`` is not run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yamjit

__all__ = ["PAGES", "Example", "examples_of", "run_page", "surroundings"]

ROOT = Path(__file__).resolve().parents[1]

#: Pages with examples. Those of the Task Library's page have a test of their own.
PAGES = tuple(
    page
    for page in sorted((ROOT / "docs").glob("*.md"))
    if "```" in page.read_text(encoding="utf-8") and page.name != "coming_from_task_library.md"
)

_EXAMPLE = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n\n)?"
    r"^```(?P<language>python|sh)\n(?P<code>.*?)^```\n"
    r"(?P<output>(?:(?!```|^#).)*?^<!-- output -->\n(?P<says>\n(?:(?:    [^\n]*)?\n)*)?)?",
    re.MULTILINE | re.DOTALL,
)
_MARK = "<!-- output -->\n"
_PATIENCE_S = 300


@dataclass(frozen=True)
class Example:
    """A block of a page.

    Parameters
    ----------
    language : {"python", "sh"}
    code : str
    says : str or None
        What the page says it prints; None if it says nothing.
    not_run : str or None
        Why it is not run.
    end : int
        Where in the page its output is to be written.
    stop : int
        Where in the page the output ends that is there.
    """

    language: str
    code: str
    says: str | None
    not_run: str | None
    end: int
    stop: int


def examples_of(text: str) -> list[Example]:
    """Return the blocks of a page, in their order."""
    return [_example(match) for match in _EXAMPLE.finditer(text)]


def _example(match: re.Match[str]) -> Example:
    shown = match["output"] is not None
    mark = match.start("output") + match["output"].index(_MARK) + len(_MARK) if shown else match.end()
    says = _plain(match["says"] or "") if shown else None
    return Example(match["language"], match["code"], says, match["reason"], mark, match.end())


def _plain(output: str) -> str:
    """Return output without empty lines around it, margin, and spaces at the ends of lines."""
    lines = textwrap.dedent(output).strip("\n").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def run_page(text: str) -> Iterator[tuple[Example, str]]:
    """Run the blocks of a page, and yield each with what it prints; a block that fails raises."""
    with surroundings():
        names: dict[str, Any] = {"__name__": "example"}
        for example in examples_of(text):
            if example.not_run is None:
                run = _run_python if example.language == "python" else _run_commands
                yield example, _plain(run(example.code, names))


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Go to a new folder with the recordings, where ``yamjit`` is this one, and its model the starter."""
    with tempfile.TemporaryDirectory() as name, _at_home(Path(name)):
        yield


@contextlib.contextmanager
def _at_home(folder: Path) -> Iterator[None]:
    shutil.copytree(ROOT / "examples", folder / "examples")
    command = folder / ".bin" / "yamjit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m yamjit "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    changes = {
        "YAMJIT_MODEL": "starter",
        "PATH": _before("PATH", command.parent, Path(sys.executable).parent),
        "PYTHONPATH": _before("PYTHONPATH", Path(yamjit.__file__).parents[1], ROOT),
        "COLUMNS": "100",
    }
    before, where = os.environ.copy(), Path.cwd()
    os.environ.update(changes)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)


def _before(variable: str, *folders: Path) -> str:
    """Return a list of folders that begins with these."""
    return os.pathsep.join(filter(None, (*map(str, folders), os.environ.get(variable))))


def _run_python(code: str, names: dict[str, Any]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "example", "exec"), names)
    return printed.getvalue()


def _run_commands(code: str, _names: dict[str, Any]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode} of\n{code}{done.stderr}")
    return done.stdout


def rewritten(text: str) -> str:
    """Return a page with what its examples print now."""
    for example, printed in reversed(list(run_page(text))):
        if example.says is not None:
            output = f"\n{textwrap.indent(printed, '    ')}\n\n" if printed else "\n"
            text = text[: example.end] + output + text[example.stop :]
    return text.rstrip("\n") + "\n"


def main() -> None:
    """Write what the examples print into the pages."""
    for page in [Path(name) for name in sys.argv[1:]] or PAGES:
        text = page.read_text(encoding="utf-8")
        new = rewritten(text)
        print(f"{page.name}: {'as it was' if new == text else 'written'}")
        page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
