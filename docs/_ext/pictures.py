"""Pictures of the pages: for light and for dark pages, narrower for telephones, and each a link to its full size.

A page names only ``pictures/NAME-light.png``. Where there are ``NAME-dark.png`` and, for telephones,
``NAME-narrow-light.png`` and ``NAME-narrow-dark.png``, they are shown where they fit. They are all in
``html_static_path``.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri
from sphinx.writers.html5 import HTML5Translator

__all__ = ["setup"]

FOLDER = Path(__file__).resolve().parents[1] / "pictures"

#: Width of a window up to which narrow pictures are shown.
_NARROW = "(max-width: 600px)"


def setup(app: Sphinx) -> dict[str, Any]:
    """Take the place of how images are written."""
    app.add_node(nodes.image, override=True, html=(_visit, _depart))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _visit(self: HTML5Translator, node: nodes.image) -> None:
    name = Path(node["uri"]).name
    stem, light, suffix = name.partition("-light")
    if not (FOLDER / name).exists():
        HTML5Translator.visit_image(self, node)
    elif light and (FOLDER / f"{stem}-dark{suffix}").exists():
        for scheme in ("light", "dark"):
            shown, narrow = f"{stem}-{scheme}{suffix}", f"{stem}-narrow-{scheme}{suffix}"
            _show(self, node, shown, narrow, f"picture only-{scheme}")
    else:
        _show(self, node, name, "", "picture")


def _show(self: HTML5Translator, node: nodes.image, name: str, narrow: str, classes: str) -> None:
    """Write a picture, and the narrow one if there is one."""
    place, alt = _place(self, name), escape(node.get("alt", ""), quote=True)
    source = ""
    if narrow and (FOLDER / narrow).exists():
        source = f'<source media="{_NARROW}" srcset="{_place(self, narrow)}">'
    picture = f'<picture>{source}<img src="{place}" alt="{alt}" loading="lazy"></picture>'
    self.body.append(f'<a class="{classes}" href="{place}">{picture}</a>')


def _depart(self: HTML5Translator, node: nodes.image) -> None:
    if not (FOLDER / Path(node["uri"]).name).exists():
        HTML5Translator.depart_image(self, node)


def _place(self: HTML5Translator, name: str) -> str:
    """Return where a picture is, as seen from the page."""
    page = self.builder.get_target_uri(self.builder.current_docname)
    return relative_uri(page, f"_static/{name}")
