"""The directive ``command-help``: what ``yamjit --help`` and ``yamjit VERB --help`` print, a section for each verb."""

from __future__ import annotations

import contextlib
import io
import os
import re
from typing import ClassVar
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from yamjit.cli import main


def help_of(*verb: str) -> str:
    """Return what ``yamjit VERB --help`` prints in a terminal of 100 columns."""
    printed = io.StringIO()
    in_columns = mock.patch.dict(os.environ, COLUMNS="100")
    with in_columns, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*verb, "--help"])
    return printed.getvalue().strip() + "\n"


def verbs() -> list[str]:
    """Return the verbs, as ``yamjit --help`` lists them: indented by four columns under their heading."""
    found = re.findall(r"^    ([a-z]+)(?:  .*)?$", help_of(), re.MULTILINE)
    if "classify" not in found:
        raise RuntimeError("yamjit --help lists no verbs that this extension can read")
    return found


class CommandHelp(Directive):
    """Sections with the help of the command and of each of its verbs."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        """Return the help of the command, and a section per verb."""
        return [self._literal(help_of()), *map(self._section, verbs())]

    def _section(self, verb: str) -> nodes.section:
        title = f"yamjit {verb}"
        section = nodes.section(ids=[f"yamjit-{verb}"], names=[title])
        section += nodes.title(title, title)
        section += self._literal(help_of(verb))
        self.state.document.note_explicit_target(section)
        return section

    @staticmethod
    def _literal(text: str) -> nodes.literal_block:
        return nodes.literal_block(text, text, language="text", classes=["command-help"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
