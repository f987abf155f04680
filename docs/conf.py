"""Sphinx: how the pages of this folder become a site. ``python -m sphinx -W -n docs docs/_build``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_ext"))
sys.path.append(str(HERE.parent / "src"))
# Help is set like the pages, whatever terminal the build runs in.
os.environ.update(COLUMNS="100", NO_COLOR="1")

from numpydoc import xref  # noqa: E402

from yamjit import __all__, __version__  # noqa: E402

project = "yamjit"
author = "The yamjit developers"
project_copyright = author
release = version = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "command_help", "flags", "pictures", "short_names"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
highlight_language = "text"

# In docstrings, `name` is a thing of this package or a parameter.
default_role = "py:obj"
autodoc_member_order = "bysource"
# The docstrings give types, shapes and units; signatures need not say them once more.
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_attributes_as_param_list = True
# Types are words; those that are classes with a page lead there.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
xref.DEFAULT_LINKS.clear()  # Python's own types: their pages are elsewhere, and a build asks nothing of the network
_RECORDS = "AudioSource AudioSetClass Categories FrontEnd Graph HeadInfo HeadOutput HeadResult"
_RECORDS += " ListedClass Network NetworkOutput Patches Plan Quantized ResolvedModel Slot"
numpydoc_xref_aliases = {name: f".{name}" for name in (*__all__, *_RECORDS.split()) if name[0].isupper()}
smartquotes = False

nitpick_ignore_regex = [
    ("py:obj", "[a-z_0-9]+"),  # parameters
    ("py:class", r"collections\.abc\..*"),
    ("py:obj", r"yamjit\..*|[A-Z_]+"),  # what is inside, and has no page
]

html_theme = "furo"
html_title = f"yamjit {release}"
html_static_path = ["_static", "pictures"]
html_css_files = ["yamjit.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
