"""Options such as ``--max-gap`` are not broken at their hyphens, in narrow tables too."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_FLAG = re.compile(r'<span class="pre">(--?[a-zA-Z][\w-]*)</span>')


def mark_flags(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Give the options in a page's text a class of their own, for the style sheet."""
    if "body" in context:
        context["body"] = _FLAG.sub(r'<span class="pre flag">\1</span>', context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Take part in the build."""
    app.connect("html-page-context", mark_flags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
