"""References by short names: a docstring may say `Summary.top` wherever it stands, as its readers do."""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode


def resolve(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Return a reference to the one thing of that name in any module; for a field, to its class."""
    if node.get("refdomain") != "py" or app.builder is None:
        return None
    objects = env.domains.python_domain.objects
    target = node["reftarget"]
    for name in (target, target.rpartition(".")[0]):
        found = {full for full, entry in objects.items() if name and not entry.aliased and full.endswith(f".{name}")}
        if len(found) == 1:
            full = found.pop()
            entry = objects[full]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, full)
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register what is asked about references that were not found."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
